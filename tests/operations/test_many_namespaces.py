"""What looks into every namespace that a person may see does so with hundreds of them."""

import pytest

from memory_app.models import Namespace
from memory_app.operations.branching import count_roots
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.finding import search_content
from memory_app.operations.indexing import index_pending
from memory_app.operations.jumping import find_targets
from memory_app.operations.rights import Person
from memory_app.operations.scanning import MessageFilter
from memory_app.operations.viewing import browse_sessions
from tests.factories import make_caller, make_session
from tests.people import acting

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


def test_the_tree_begins_with_all_of_them(olga: Person) -> None:
    counts = {bough.prefix: bough.sessions for bough in count_roots(person=olga)}
    assert (len(counts), counts["zoo"], counts["ns-0"]) == (MANY + 1, 1, 0)


def test_content_is_searched(olga: Person) -> None:
    index_pending()
    assert search_content(person=olga, query="refund", wanted=MessageFilter()).count == 1
