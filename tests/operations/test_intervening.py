"""What people may do to the lifetime of sessions: expire, extend, restore."""

import pytest

from memory_app.errors import Forbidden, Invalid
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import DAY, NEVER, SECOND, process_clock
from memory_app.operations import intervening, previewing
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.intervening import Chosen
from memory_app.operations.keys import Caller
from memory_app.operations.reading import Which
from memory_app.operations.rights import Person, Right
from memory_app.operations.sessions import extend_session, get_session
from tests.factories import make_caller, make_session, say_more
from tests.people import acting

pytestmark = pytest.mark.django_db

NOW = process_clock()


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Person:
    return acting("olga", operator="support")


def begin(agent: Caller, session_id: str = "chat-1", now: int = NOW) -> SessionSnapshot:
    made = make_session(agent, session_id, now=now).session
    assert made is not None
    return made


def look(agent: Caller, session: SessionSnapshot, now: int = NOW) -> SessionSnapshot:
    return get_session(caller=agent, which=Which("", session.uid), now=now).session


def one(session: SessionSnapshot) -> Chosen:
    return Chosen(uids=[session.uid])


def test_a_session_that_a_person_expires_says_so(agent: Caller, olga: Person) -> None:
    session = begin(agent)
    done = intervening.expire_sessions(person=olga, chosen=one(session), now=NOW)
    assert (done.done, done.left) == ([session.uid], {})
    now = look(agent, session)
    assert (now.status(NOW), now.expires_because) == ("expired", "operator")
    assert now.revision == session.revision


def test_a_session_is_expired_once(agent: Caller, olga: Person) -> None:
    session = begin(agent)
    intervening.expire_sessions(person=olga, chosen=one(session), now=NOW)
    again = intervening.expire_sessions(person=olga, chosen=one(session), now=NOW + SECOND)
    assert (again.done, again.left) == ([], {"expired already": 1})
    assert look(agent, session).expires_at == NOW


def test_an_extension_reaches_at_least_so_far(agent: Caller, olga: Person) -> None:
    session = begin(agent)
    intervening.extend_sessions(person=olga, chosen=one(session), extend_by=90 * DAY, now=NOW)
    assert look(agent, session).expires_at == NOW + 90 * DAY
    intervening.extend_sessions(person=olga, chosen=one(session), extend_by=7 * DAY, now=NOW)
    assert look(agent, session).expires_at == NOW + 90 * DAY


def test_nothing_is_extended_beyond_its_maximum_age(agent: Caller, olga: Person) -> None:
    session = begin(agent, now=NOW - 300 * DAY)
    # Still alive, because its agent extended it.
    extend_session(caller=agent, session_id="chat-1", expires_at=NOW + DAY, now=NOW - 280 * DAY)
    done = intervening.extend_sessions(
        person=olga, chosen=one(session), extend_by=90 * DAY, now=NOW
    )
    assert done.done == []
    assert look(agent, session).expires_at == NOW + DAY


def test_a_restored_session_counts_anew_from_now(agent: Caller, olga: Person) -> None:
    session = begin(agent, now=NOW - 31 * DAY)
    done = intervening.restore_sessions(person=olga, chosen=one(session), now=NOW)
    assert done.done == [session.uid]
    now = look(agent, session)
    assert now.status(NOW) == "active"
    assert (now.idle_until, now.max_age_until) == (NOW + 30 * DAY, NOW + 365 * DAY)
    assert (now.expires_at, now.expires_because) == (NOW + 30 * DAY, "idle")
    assert (now.explicit_until, now.last_activity_at) == (NEVER, NOW - 31 * DAY)


def test_a_session_that_a_restart_ended_is_restored_when_its_id_is_free(
    agent: Caller, olga: Person
) -> None:
    old = begin(agent, now=NOW - 31 * DAY)
    new = begin(agent, now=NOW)
    refused = intervening.restore_sessions(person=olga, chosen=one(old), now=NOW)
    assert refused.left == {"another session of this id is live": 1}
    assert look(agent, old).ended_at == NOW
    assert look(agent, new).status(NOW) == "active"


def test_nothing_is_restored_after_its_grace(agent: Caller, olga: Person) -> None:
    session = begin(agent, now=NOW - 37 * DAY)
    done = intervening.restore_sessions(person=olga, chosen=one(session), now=NOW)
    assert done.left == {"the session's grace period is over": 1}
    assert look(agent, session).status(NOW) == "expired"


def test_an_active_session_needs_no_restoring(agent: Caller, olga: Person) -> None:
    done = intervening.restore_sessions(person=olga, chosen=one(begin(agent)), now=NOW)
    assert done.left == {"the session is not expired": 1}


def test_all_that_matched_are_expired_and_nothing_that_came_later(
    agent: Caller, olga: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervening, "_AT_ONCE", 2)
    shown = [begin(agent, f"chat-{number}") for number in range(5)]
    chosen = previewing.preview(
        actor=olga,
        namespace="support",
        wanted=SessionFilter(status="any"),
        right=Right.EXPIRE,
        now=NOW,
    )
    later = begin(agent, "later")
    say_more(agent, "chat-2", NOW + SECOND)
    done = intervening.expire_sessions(
        person=olga, chosen=Chosen(token=chosen.token), now=NOW + 2 * SECOND
    )
    assert (len(done.done), done.left) == (4, {"changed meanwhile": 1})
    assert look(agent, later, NOW + 2 * SECOND).status(NOW + 2 * SECOND) == "active"
    assert look(agent, shown[0]).expires_because == "operator"


def test_sessions_of_others_look_gone(agent: Caller) -> None:
    mine, theirs = begin(agent), begin(make_caller("claims"))
    olga = acting("olga", operator="support")
    chosen = Chosen(uids=[mine.uid, theirs.uid, "0" * 32])
    done = intervening.expire_sessions(person=olga, chosen=chosen, now=NOW)
    assert (done.done, done.left) == ([mine.uid], {"gone": 2})


@pytest.mark.parametrize("act", ["expire", "extend", "restore"])
def test_a_viewer_changes_no_lifetime(agent: Caller, act: str) -> None:
    session = begin(agent)
    vera = acting("vera", viewer="support")
    acts = {
        "expire": lambda: intervening.expire_sessions(person=vera, chosen=one(session)),
        "extend": lambda: intervening.extend_sessions(
            person=vera, chosen=one(session), extend_by=DAY
        ),
        "restore": lambda: intervening.restore_sessions(person=vera, chosen=one(session)),
    }
    with pytest.raises(Forbidden, match="Operator"):
        acts[act]()
    assert look(agent, session) == session


def test_a_session_is_extended_into_the_future(agent: Caller, olga: Person) -> None:
    with pytest.raises(Invalid):
        intervening.extend_sessions(person=olga, chosen=one(begin(agent)), extend_by=0)
