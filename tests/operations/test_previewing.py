"""A purge by preview removes exactly what was shown, and its receipt adds up."""

import pytest

from memory_app.errors import Forbidden, Invalid, NotFound, PreviewStale
from memory_app.moments import DAY, SECOND, process_clock
from memory_app.operations import fixing, intervening, previewing, purging
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.intervening import Chosen
from memory_app.operations.keys import Caller
from memory_app.operations.previewing import PreviewView
from memory_app.operations.receipts import ReceiptView
from memory_app.operations.rights import Person, Right
from memory_app.storage import engine
from tests.factories import make_caller, make_session, say_more
from tests.people import acting

pytestmark = pytest.mark.django_db

EVERYTHING = SessionFilter(status="any")
NOW = process_clock()


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def petra(agent: Caller) -> Person:
    return acting("petra", privacy_officer="support")


def begin(agent: Caller, *session_ids: str, now: int = NOW) -> list[str]:
    """Begin sessions of two messages; return their uids."""
    made = [make_session(agent, name, "Hi", "I am Ann", now=now).session for name in session_ids]
    return [session.uid for session in made if session is not None]


def fix(person: Person, wanted: SessionFilter = EVERYTHING, now: int = NOW) -> PreviewView:
    return previewing.preview(actor=person, namespace="support", wanted=wanted, now=now)


def carry_out(person: Person, preview: PreviewView, now: int = NOW) -> ReceiptView:
    return previewing.execute(actor=person, token=preview.token, reason="Test data", now=now)


def count(table: str) -> int:
    row = engine().read(lambda db: db.row(f"SELECT count(*) FROM {table}"))
    return row[0] if row else -1


def test_a_preview_tells_what_would_go(agent: Caller, petra: Person) -> None:
    begin(agent, "a", now=NOW - 2 * DAY)
    begin(agent, "b", now=NOW - DAY)
    preview = fix(petra)
    assert (preview.sessions, preview.messages, preview.held) == (2, 4, 0)
    assert (preview.oldest, preview.newest) == (NOW - 2 * DAY, NOW - DAY)
    assert preview.bytes > 0
    assert preview.wanted == SessionFilter(status="any", tags=[])


def test_what_was_shown_is_purged_and_the_receipt_says_by_whom_and_why(
    agent: Caller, petra: Person
) -> None:
    begin(agent, "a", "b")
    begin(agent, "other")
    preview = fix(petra, SessionFilter(status="any", prefix="a"))
    receipt = carry_out(petra, preview)
    assert (receipt.kind, receipt.actor, receipt.reason) == ("purge", "petra", "Test data")
    assert (receipt.counts["previewed"], receipt.counts["sessions"]) == (1, 1)
    assert receipt.counts["messages"] == 2
    assert receipt.verification is not None
    assert receipt.verification["result"] == "clear"
    assert (count("agent_session"), count("message")) == (2, 4)


def test_chosen_sessions_alone_are_purged(agent: Caller, petra: Person) -> None:
    first, _, third = begin(agent, "a", "b", "c")
    preview = previewing.preview(actor=petra, uids=[first, third], now=NOW)
    assert preview.namespace == "support"
    assert carry_out(petra, preview).counts["sessions"] == 2
    assert count("agent_session") == 1


def test_what_changed_or_went_since_stays_out_and_the_sum_is_what_was_shown(
    agent: Caller, petra: Person
) -> None:
    begin(agent, "same", "written to", "extended", "deleted")
    preview = fix(petra)
    say_more(agent, "written to", NOW + SECOND)
    extended = Chosen(uids=[uid_of("extended")])
    intervening.extend_sessions(person=petra, chosen=extended, extend_by=60 * DAY, now=NOW + SECOND)
    purging.delete_session(caller=agent, session_id="deleted", now=NOW + SECOND)
    begin(agent, "begun later")

    counts = carry_out(petra, preview, NOW + 2 * SECOND).counts
    assert counts["previewed"] == 4
    assert (counts["sessions"], counts["changed"], counts["gone"]) == (1, 2, 1)
    assert counts["sessions"] + counts["held"] + counts["changed"] + counts["gone"] == 4
    assert count("agent_session") == 3


def uid_of(session_id: str) -> str:
    row = engine().read(
        lambda db: db.row("SELECT uid FROM agent_session WHERE session_id = %s", (session_id,))
    )
    assert row is not None
    return str(row[0])


def test_a_session_that_no_longer_matches_is_not_purged(agent: Caller, petra: Person) -> None:
    begin(agent, "active")
    preview = fix(petra, SessionFilter(status="active"), now=NOW + 30 * DAY - SECOND)
    counts = carry_out(petra, preview, NOW + 30 * DAY + SECOND).counts
    assert (counts["sessions"], counts["changed"]) == (0, 1)


def test_a_preview_is_used_once(agent: Caller, petra: Person) -> None:
    begin(agent, "a")
    preview = fix(petra)
    carry_out(petra, preview)
    begin(agent, "a")
    with pytest.raises(PreviewStale):
        carry_out(petra, preview)
    assert count("agent_session") == 1


def test_a_preview_is_good_for_an_hour(agent: Caller, petra: Person) -> None:
    begin(agent, "a")
    preview = fix(petra)
    with pytest.raises(PreviewStale):
        carry_out(petra, preview, NOW + previewing.VALID_FOR)
    assert count("agent_session") == 1


def test_a_preview_is_its_makers_own(agent: Caller, petra: Person) -> None:
    begin(agent, "a")
    preview = fix(petra)
    paul = acting("paul", privacy_officer="support")
    with pytest.raises(PreviewStale):
        carry_out(paul, preview)
    with pytest.raises(PreviewStale):
        previewing.read_preview(actor=paul, token=preview.token, now=NOW)


def test_a_key_previews_and_purges_too(agent: Caller) -> None:
    begin(agent, "a")
    preview = previewing.preview(actor=agent, namespace="support", wanted=EVERYTHING, now=NOW)
    receipt = previewing.execute(actor=agent, token=preview.token, reason="over", now=NOW)
    assert receipt.actor == f"key {agent.prefix}"
    assert receipt.counts["sessions"] == 1


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_purge_needs_a_reason(agent: Caller, petra: Person, reason: str) -> None:
    begin(agent, "a")
    preview = fix(petra)
    with pytest.raises(Invalid):
        previewing.execute(actor=petra, token=preview.token, reason=reason, now=NOW)
    assert carry_out(petra, preview).counts["sessions"] == 1


def test_an_operator_fixes_a_set_and_may_not_purge_it(agent: Caller) -> None:
    begin(agent, "a")
    olga = acting("olga", operator="support")
    chosen = previewing.preview(
        actor=olga, namespace="support", wanted=EVERYTHING, right=Right.EXPIRE, now=NOW
    )
    with pytest.raises(Forbidden, match="Privacy officer"):
        carry_out(olga, chosen)
    with pytest.raises(Forbidden, match="Privacy officer"):
        fix(olga)
    assert count("agent_session") == 1


def test_sessions_of_a_namespace_one_may_not_see_cannot_be_chosen(petra: Person) -> None:
    (uid,) = begin(make_caller("claims"), "a")
    with pytest.raises(NotFound):
        previewing.preview(actor=petra, uids=[uid], now=NOW)
    with pytest.raises(NotFound):
        previewing.preview(actor=petra, namespace="claims", wanted=EVERYTHING, now=NOW)
    with pytest.raises(NotFound):
        previewing.preview(actor=petra, namespace="nowhere", wanted=EVERYTHING, now=NOW)


def test_a_purge_belongs_to_one_namespace(agent: Caller) -> None:
    both = begin(agent, "a") + begin(make_caller("claims"), "b")
    pia = acting("pia", privacy_officer="*")
    with pytest.raises(Invalid, match="one namespace"):
        previewing.preview(actor=pia, uids=both, now=NOW)


def test_nothing_of_a_preview_stays_after_the_purge(agent: Caller, petra: Person) -> None:
    begin(agent, "a")
    carry_out(petra, fix(petra, SessionFilter(status="any", user_id=None)))
    assert (count("preview"), count("previewed_session")) == (0, 0)


def test_previews_that_nobody_used_go_with_the_next(agent: Caller, petra: Person) -> None:
    begin(agent, "a")
    fix(petra)
    fix(petra, now=NOW + previewing.VALID_FOR + SECOND)
    assert (count("preview"), count("previewed_session")) == (1, 1)


def test_a_purge_that_was_stopped_is_finished_by_the_next_cleanup(
    agent: Caller, petra: Person
) -> None:
    begin(agent, "a", "b")
    preview = fix(petra)
    receipt = previewing.execute(
        actor=petra, token=preview.token, reason="Test data", seconds=-1.0, now=NOW
    )
    assert receipt.purged_at is None
    assert purging.finish_purges() == 1
    assert (count("agent_session"), count("preview")) == (0, 0)


def test_the_filter_is_fixed_in_batches(
    agent: Caller, petra: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixing, "_AT_ONCE", 2)
    begin(agent, "a", "b", "c", "d", "e")
    preview = fix(petra)
    assert preview.sessions == 5
    assert carry_out(petra, preview).counts["sessions"] == 5
