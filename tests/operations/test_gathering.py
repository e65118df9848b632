"""Data subjects are listed by their last activity, each once, whatever they are among."""

import pytest

from memory_app.errors import Forbidden, NotFound
from memory_app.models import AgentSession, HoldKind
from memory_app.moments import DAY
from memory_app.operations import gathering
from memory_app.operations.gathering import browse_subjects
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.rights import Person
from memory_app.operations.subjects import erase_subject
from tests.counting import counted_statements
from tests.factories import begin_session, make_caller, say_more
from tests.people import acting

pytestmark = pytest.mark.django_db

NOW = 1_800_000_000_000_000
MINUTE = 60_000_000


@pytest.fixture
def pam() -> Person:
    """Ann spoke last in claims, then Bob, then Ann in support; one session is about nobody."""
    support, claims = make_caller("support"), make_caller("claims")
    for number, (caller, user) in enumerate(
        [(support, "ann"), (support, "ann"), (support, None), (claims, "bob"), (claims, "ann")]
    ):
        name = f"chat-{number}"
        begin_session(caller, name, user_id=user, now=NOW + number * MINUTE)
        say_more(caller, name, now=NOW + number * MINUTE)
    return acting("pam", privacy_officer="*")


@pytest.fixture(params=["all of few", "a walk through many"])
def _few_or_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "all of few":
        monkeypatch.setattr(gathering, "MOST_KNOWN", 1)


def names(person: Person, limit: int = 50, namespace: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    while True:
        page = browse_subjects(person=person, namespace=namespace, limit=limit, cursor=cursor)
        found += [(one.user_id, one.namespace) for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.usefixtures("_few_or_many")
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_who_was_active_last_comes_first_and_each_comes_once(pam: Person, limit: int) -> None:
    assert names(pam, limit) == [("ann", "claims"), ("bob", "claims"), ("ann", "support")]
    assert names(pam, limit, "support") == [("ann", "support")]


@pytest.mark.usefixtures("_few_or_many")
def test_each_comes_with_what_is_kept(pam: Person) -> None:
    last = browse_subjects(person=pam).items[-1]
    assert (last.user_id, last.sessions, last.messages) == ("ann", 2, 2)
    assert last.bytes > 0
    assert last.last_at == NOW + MINUTE


@pytest.mark.usefixtures("_few_or_many")
def test_who_is_or_was_erased_does_not_appear_again(pam: Person) -> None:
    held = NewHold(
        namespace="claims", kind=HoldKind.SESSION, target="chat-4", matter="M", reason="R"
    )
    place_hold(hold=held)
    for namespace in ("support", "claims"):
        erase_subject(actor=pam, namespace=namespace, user_id="ann", reason="Request 118")
    assert AgentSession.objects.filter(user_id="ann").exists(), "a hold keeps it, closed"
    assert names(pam) == [("bob", "claims")]
    begin_session(make_caller("support"), "chat-9", user_id="ann", now=NOW + DAY)
    assert names(pam)[0] == ("ann", "support"), "what began after the erasure is new"


@pytest.mark.usefixtures("_few_or_many")
def test_only_namespaces_that_one_may_see_are_looked_at(pam: Person) -> None:
    assert names(acting("vera", viewer="support")) == [("ann", "support")]
    with pytest.raises(NotFound):
        names(acting("cleo", viewer="support"), namespace="claims")
    with pytest.raises(Forbidden):
        names(acting("adam", administrator="*"))


def test_one_person_with_very_many_sessions_hides_nobody(
    pam: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_KNOWN", 1)
    monkeypatch.setattr(gathering, "_LOOKED_AT", 4)
    monkeypatch.setattr(gathering, "_LEAST_LOOKED_AT", 4)
    support = make_caller("support")
    for number in range(11):
        begin_session(support, f"bot-{number}", user_id="bot", now=NOW + DAY + number)
    assert names(pam) == [
        ("bot", "support"),
        ("ann", "claims"),
        ("bob", "claims"),
        ("ann", "support"),
    ]


def test_sessions_are_counted_up_to_a_cap(pam: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_COUNTED", 1)
    capped = {one.namespace: one.capped for one in browse_subjects(person=pam).items}
    assert capped == {"support": True, "claims": False}


@pytest.mark.usefixtures("_few_or_many")
def test_many_subjects_take_as_many_queries_as_few(pam: Person) -> None:
    def asked() -> int:
        with counted_statements() as statements:
            browse_subjects(person=pam)
        return len(statements)

    few = asked()
    support = make_caller("support")
    for number in range(30):
        begin_session(support, f"more-{number}", user_id=f"user-{number}")
    assert asked() <= few
