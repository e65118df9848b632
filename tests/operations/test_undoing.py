"""What a person did to sessions can be undone for an hour, and puts back what was."""

import pytest

from memory_app.errors import Forbidden, Invalid
from memory_app.models import HoldKind
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import DAY, HOUR, SECOND, process_clock
from memory_app.operations import holding_chosen, intervening, previewing, undoing
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.holding import NewHold, list_holds, place_hold
from memory_app.operations.intervening import Chosen
from memory_app.operations.keys import Caller
from memory_app.operations.policies import PolicyChange, set_policy
from memory_app.operations.reading import Which
from memory_app.operations.rights import Person, Right
from memory_app.operations.sessions import get_session
from tests.factories import begin_session, make_caller, make_session, say_more
from tests.people import acting

pytestmark = pytest.mark.django_db

NOW = process_clock()


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def petra(agent: Caller) -> Person:
    return acting("petra", privacy_officer="support")


def begin(agent: Caller, session_id: str = "chat-1") -> SessionSnapshot:
    made = make_session(agent, session_id, now=NOW).session
    assert made is not None
    return made


def look(agent: Caller, session: SessionSnapshot, now: int = NOW) -> SessionSnapshot:
    return get_session(caller=agent, which=Which("", session.uid), now=now).session


def named(*sessions: SessionSnapshot) -> Chosen:
    return Chosen(uids=[session.uid for session in sessions])


def expire(person: Person, chosen: Chosen, now: int = NOW) -> str:
    done = intervening.expire_sessions(person=person, chosen=chosen, now=now)
    assert done.undo is not None
    return done.undo


def extend(person: Person, chosen: Chosen, now: int = NOW) -> str:
    done = intervening.extend_sessions(person=person, chosen=chosen, extend_by=90 * DAY, now=now)
    assert done.undo is not None
    return done.undo


@pytest.mark.parametrize("act", [expire, extend])
def test_a_lifetime_is_put_back_exactly(agent: Caller, petra: Person, act: object) -> None:
    before = [begin(agent, "a"), begin(agent, "b")]
    undo = act(petra, named(*before))  # type: ignore[operator]
    assert look(agent, before[0]) != before[0]
    undone = undoing.undo_lifetimes(person=petra, undo=undo, now=NOW + SECOND)
    assert (undone.done, undone.left) == (2, {})
    assert [look(agent, one) for one in before] == before


def test_what_was_restored_is_expired_again_from_now_on(agent: Caller, petra: Person) -> None:
    session = begin(agent)
    expire(petra, named(session))
    later = NOW + HOUR
    done = intervening.restore_sessions(person=petra, chosen=named(session), now=later)
    assert done.undo is not None
    undoing.undo_lifetimes(person=petra, undo=done.undo, now=later + SECOND)
    assert look(agent, session).expires_at == later + SECOND


def test_what_others_changed_since_then_stays(agent: Caller, petra: Person) -> None:
    session, other = begin(agent, "a"), begin(agent, "b")
    undo = extend(petra, named(session, other))
    expire(acting("olga", operator="support"), named(session), NOW + SECOND)
    undone = undoing.undo_lifetimes(person=petra, undo=undo, now=NOW + 2 * SECOND)
    assert (undone.done, undone.left) == (1, {"changed meanwhile": 1})
    assert look(agent, session).expires_at == NOW + SECOND


def test_what_an_agent_added_since_then_still_prolongs(agent: Caller, petra: Person) -> None:
    session = begin(agent)
    undo = extend(petra, named(session))
    said = say_more(agent, "chat-1", NOW + HOUR // 2).session
    assert said is not None
    assert said.expires_at == NOW + 90 * DAY, "the extension reaches further"
    assert undoing.undo_lifetimes(person=petra, undo=undo, now=NOW + HOUR - 1).done == 1
    assert look(agent, session).expires_at == NOW + HOUR // 2 + 30 * DAY


def test_a_policy_that_changed_since_then_holds_for_what_lives_again(
    agent: Caller, petra: Person
) -> None:
    session = begin(agent)
    undo = expire(petra, named(session))
    shorter = PolicyChange(namespace="support", idle_for=2 * DAY, max_age=3 * DAY, grace=DAY)
    set_policy(change=shorter, confirmed=True, now=NOW + SECOND)
    assert undoing.undo_lifetimes(person=petra, undo=undo, now=NOW + 2 * SECOND).done == 1
    again = look(agent, session, NOW + 2 * SECOND)
    assert again.expires_at == NOW + 2 * DAY
    assert again.purge_after == NOW + 3 * DAY


def test_an_expiry_is_not_undone_under_a_session_that_began_meanwhile(
    agent: Caller, petra: Person
) -> None:
    session = begin(agent)
    undo = expire(petra, named(session))
    say_more(agent, "chat-1", NOW + SECOND)
    undone = undoing.undo_lifetimes(person=petra, undo=undo, now=NOW + 2 * SECOND)
    assert (undone.done, undone.left) == (0, {"changed meanwhile": 1})


def test_it_is_undone_once_within_an_hour_and_by_whoever_did_it(
    agent: Caller, petra: Person
) -> None:
    session = begin(agent)
    undo = extend(petra, named(session))
    paul = acting("paul", privacy_officer="support")
    for person, now in ((paul, NOW), (petra, NOW + HOUR + SECOND)):
        with pytest.raises(Invalid, match="undone already"):
            undoing.undo_lifetimes(person=person, undo=undo, now=now)
    undoing.undo_lifetimes(person=petra, undo=undo, now=NOW + SECOND)
    with pytest.raises(Invalid, match="undone already"):
        undoing.undo_lifetimes(person=petra, undo=undo, now=NOW + 2 * SECOND)


def test_whoever_lost_the_right_undoes_nothing(agent: Caller, petra: Person) -> None:
    session = begin(agent)
    undo = extend(petra, named(session))
    viewer = Person(petra.id, petra.username, {"support": frozenset({"viewer"})})
    with pytest.raises(Forbidden):
        undoing.undo_lifetimes(person=viewer, undo=undo, now=NOW)
    assert look(agent, session) != session


def test_a_set_goes_on_standing_for_its_sessions_after_an_act(agent: Caller, petra: Person) -> None:
    for name in "abc":
        begin(agent, name)
    wanted = SessionFilter(status="active")
    fixed = previewing.preview(actor=petra, namespace="support", wanted=wanted, now=NOW)
    chosen = Chosen(token=fixed.token)
    expire(petra, chosen)
    done = intervening.restore_sessions(person=petra, chosen=chosen, now=NOW + SECOND)
    assert (len(done.done), done.left) == (3, {})
    expire(petra, chosen, NOW + 2 * SECOND)
    receipt = previewing.execute(
        actor=petra, token=fixed.token, reason="Over", now=NOW + 3 * SECOND
    )
    assert receipt.counts["sessions"] == 3


def test_more_than_can_be_waited_for_is_refused(
    agent: Caller, petra: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervening, "MAX_CHANGED", 1)
    for name in "ab":
        begin(agent, name)
    fixed = previewing.preview(
        actor=petra, namespace="support", wanted=SessionFilter(), right=Right.EXPIRE
    )
    with pytest.raises(Invalid, match="these are 2; narrow the filter"):
        intervening.expire_sessions(person=petra, chosen=Chosen(token=fixed.token))


def hold(person: Person, chosen: Chosen, matter: str = "Miller") -> holding_chosen.HeldChosen:
    return holding_chosen.hold_sessions(
        person=person, chosen=chosen, matter=matter, reason="Asked by counsel"
    )


def active(person: Person) -> list[tuple[str, str]]:
    return sorted((one.target, one.matter) for one in list_holds(person=person).items)


def test_chosen_sessions_are_held_for_a_matter_once(agent: Caller, petra: Person) -> None:
    both = [begin(agent, "a"), begin(agent, "b")]
    assert hold(petra, named(both[0])).done == 1
    again = hold(petra, named(*both))
    assert (again.done, again.left) == (1, {"held for this matter already": 1})
    assert hold(petra, named(both[0]), "Smith").done == 1
    assert active(petra) == [("a", "Miller"), ("a", "Smith"), ("b", "Miller")]
    assert look(agent, both[0]).held


def test_sessions_of_one_id_have_one_hold(agent: Caller, petra: Person) -> None:
    ended = begin(agent, "a")
    expire(petra, named(ended))
    say_more(agent, "a", NOW + SECOND)
    live = get_session(caller=agent, which=Which("a", None), now=NOW + SECOND).session
    assert hold(petra, named(ended, live)).done == 2
    assert active(petra) == [("a", "Miller")]


def test_only_the_holds_on_the_sessions_themselves_are_released(
    agent: Caller, petra: Person
) -> None:
    a, b, c = begin(agent, "org-1/a"), begin(agent, "b"), begin(agent, "c")
    hold(petra, named(b))
    prefix = NewHold(
        namespace="support", kind=HoldKind.PREFIX, target="org-1/", matter="M", reason="R"
    )
    place_hold(hold=prefix, person=petra)
    done = holding_chosen.release_sessions(person=petra, chosen=named(a, b, c), reason="Settled")
    assert done.done == 1
    assert done.left == {"held with a prefix or a data subject": 1, "not held": 1}
    assert active(petra) == [("org-1/", "M")]


def test_holding_and_letting_go_are_undone(agent: Caller, petra: Person) -> None:
    session = begin(agent, "a")
    held = hold(petra, named(session))
    assert held.undo is not None
    released = holding_chosen.release_sessions(person=petra, chosen=named(session), reason="Over")
    assert released.undo is not None
    assert active(petra) == []
    assert holding_chosen.undo_holds(person=petra, undo=released.undo).done == 1
    assert active(petra) == [("a", "Miller")]
    undone = holding_chosen.undo_holds(person=petra, undo=held.undo)
    assert (undone.done, undone.left) == (0, {"changed meanwhile": 1})
    again = hold(petra, named(session), "Smith")
    assert again.undo is not None
    assert holding_chosen.undo_holds(person=petra, undo=again.undo).done == 1
    assert active(petra) == [("a", "Miller")]


def test_all_holds_that_a_session_was_let_go_of_come_back(agent: Caller, petra: Person) -> None:
    session = begin(agent, "a")
    hold(petra, named(session))
    hold(petra, named(session), "Smith")
    released = holding_chosen.release_sessions(person=petra, chosen=named(session), reason="Over")
    assert (released.done, active(petra)) == (1, [])
    assert released.undo is not None
    assert holding_chosen.undo_holds(person=petra, undo=released.undo).done == 1
    assert sorted(active(petra)) == [("a", "Miller"), ("a", "Smith")]


def test_operators_neither_hold_nor_let_go(agent: Caller, petra: Person) -> None:
    session = begin(agent, "a")
    olga = acting("olga", operator="support")
    with pytest.raises(Forbidden, match="Privacy officer"):
        hold(olga, named(session))
    hold(petra, named(session))
    with pytest.raises(Forbidden, match="Privacy officer"):
        holding_chosen.release_sessions(person=olga, chosen=named(session), reason="Over")
    assert active(petra) == [("a", "Miller")]


def test_sessions_of_others_count_as_gone(agent: Caller, petra: Person) -> None:
    theirs = make_session(make_caller("claims"), "theirs").session
    assert theirs is not None
    assert hold(petra, named(begin(agent, "a"), theirs)).left == {"gone": 1}


def test_without_a_matter_or_a_reason_nothing_is_held(agent: Caller, petra: Person) -> None:
    chosen = named(begin(agent, "a"))
    for matter, reason in (("", "R"), ("M", " "), ("M\x00", "R"), ("M" * 201, "R")):
        with pytest.raises(Invalid):
            holding_chosen.hold_sessions(person=petra, chosen=chosen, matter=matter, reason=reason)
    assert active(petra) == []


def test_too_many_are_not_held_one_by_one(
    agent: Caller, petra: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding_chosen, "MAX_CHOSEN", 1)
    for name in "ab":
        begin_session(agent, name)
    fixed = previewing.preview(actor=petra, namespace="support", wanted=SessionFilter())
    with pytest.raises(Invalid, match="a hold on a prefix"):
        hold(petra, Chosen(token=fixed.token))
