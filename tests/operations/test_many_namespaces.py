"""What looks into every namespace that a person may see does so with hundreds of them."""

import pytest
from django.test import Client

from memory_app.models import AgentSession, Namespace
from memory_app.operations.branching import Bough, climb
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.finding import search_content
from memory_app.operations.indexing import index_pending
from memory_app.operations.jumping import find_targets
from memory_app.operations.rights import Person
from memory_app.operations.scanning import MessageFilter
from memory_app.operations.viewing import browse_sessions
from tests.counting import counted_statements
from tests.factories import make_caller, make_session
from tests.people import acting, signed_in

pytestmark = pytest.mark.django_db

# SQLite takes 500 selects in one statement.
MANY = 501


@pytest.fixture
def olga() -> Person:
    Namespace.objects.bulk_create(
        Namespace(name=f"ns-{number}", created_at=1) for number in range(MANY)
    )
    make_session(make_caller("zoo"), "org-1/ann", "A refund")
    return acting("olga", operator="*")


@pytest.mark.parametrize("prefix", [None, "org-1/"])
def test_sessions_are_listed(olga: Person, prefix: str | None) -> None:
    browsed = browse_sessions(person=olga, wanted=SessionFilter(prefix=prefix))
    assert [item.session.session_id for item in browsed.items] == ["org-1/ann"]


def test_a_session_is_jumped_to(olga: Person) -> None:
    assert [found.namespace for found in find_targets(person=olga, text="org").sessions] == ["zoo"]


def roots(olga: Person) -> dict[str, int]:
    counts: dict[str, int] = {}
    cursor: str | None = None
    while not counts or cursor:
        level = climb(person=olga, cursor=cursor)
        counts |= {one.prefix: one.sessions for one in level.items if isinstance(one, Bough)}
        cursor = level.next_cursor
    return counts


def test_the_tree_begins_with_all_of_them_page_by_page(olga: Person) -> None:
    counts = roots(olga)
    assert (len(counts), counts["zoo"], counts["ns-0"]) == (MANY + 1, 1, 0)


def test_content_is_searched(olga: Person) -> None:
    index_pending()
    assert search_content(person=olga, query="refund", wanted=MessageFilter()).count == 1


@pytest.mark.parametrize(
    "page",
    [
        "/overview/",
        "/sessions/",
        "/sessions/?q=org-1/",
        "/sessions/?q=tag:vip+held:no",
        "/sessions/tree/",
        "/jump/?q=org-1",
        "/subjects/",
        "/holds/",
        "/receipts/",
    ],
)
def test_a_page_takes_as_many_queries_as_for_two_of_them(page: str) -> None:
    def asked(client: Client) -> int:
        with counted_statements() as statements:
            assert client.get(page).status_code == 200
        return len(statements)

    client = signed_in("vera", viewer="*")
    make_session(make_caller("ant"), "org-1/ann", "A refund")
    make_session(make_caller("zoo"), "org-1/ann", "A refund")
    few = asked(client)
    Namespace.objects.bulk_create(
        Namespace(name=f"ns-{number}", created_at=1) for number in range(MANY)
    )
    assert asked(client) <= few


def test_the_tree_counts_no_session_that_is_being_purged(olga: Person) -> None:
    zoo = make_caller("zoo")
    make_session(zoo, "org-1/bob", "A refund")
    AgentSession.objects.filter(session_id="org-1/ann").update(ended_at=1, purge_receipt="rct_1")
    assert roots(olga)["zoo"] == 1
