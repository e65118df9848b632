"""Retention policies: which one decides, what a change does, and what it never does."""

from collections.abc import Callable
from typing import Any

import pytest

from memory_app import moments
from memory_app.errors import Forbidden, Invalid, InvalidPrefix, NotFound
from memory_app.models import AgentSession, AuditEntry, RetentionPolicy
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import DAY, HOUR, NEVER
from memory_app.operations import applying
from memory_app.operations.applying import finish_policies
from memory_app.operations.cleaning import clean_up
from memory_app.operations.intervening import restore_session
from memory_app.operations.keys import Caller
from memory_app.operations.policies import (
    PolicyChange,
    list_policies,
    preview_policy,
    set_policy,
)
from memory_app.operations.reading import Which
from memory_app.operations.sessions import expire_session, extend_session, get_session
from memory_app.operations.weighing import PolicyEffect
from tests.factories import begin_session, make_caller, make_session, say_more
from tests.people import acting

NOW = moments.process_clock()


@pytest.fixture
def caller(db: None) -> Caller:
    return make_caller("support")


def change(prefix: str = "", *, now: int | None = NOW, **limits: Any) -> PolicyEffect:
    asked = PolicyChange(namespace="support", prefix=prefix, **limits)
    return set_policy(change=asked, confirmed=True, now=now)


def weigh(prefix: str = "", **limits: Any) -> PolicyEffect:
    asked = PolicyChange(namespace="support", prefix=prefix, **limits)
    return preview_policy(change=asked, now=NOW)


def session(caller: Caller, session_id: str = "chat", now: int = NOW) -> SessionSnapshot:
    return get_session(caller=caller, which=Which(session_id), now=now).session


def test_a_change_is_applied_to_the_sessions_that_live(caller: Caller) -> None:
    make_session(caller, "chat", now=NOW - 2 * DAY)
    change(idle_for=5 * DAY, max_age=10 * DAY, grace=3 * DAY)
    changed = session(caller)
    assert changed.expires_at == changed.idle_until == NOW + 3 * DAY
    assert changed.max_age_until == NOW + 8 * DAY
    assert changed.purge_after == NOW + 6 * DAY
    said = say_more(caller, "chat", NOW + DAY).session
    assert said is not None
    assert said.expires_at == NOW + 6 * DAY


def test_a_session_that_begins_later_has_the_new_limits(caller: Caller) -> None:
    change(idle_for=5 * DAY, max_age=NEVER, grace=3 * DAY)
    begun = make_session(caller, "chat", now=NOW).session
    assert begun is not None
    assert (begun.expires_at, begun.max_age_until) == (NOW + 5 * DAY, NEVER)


@pytest.mark.parametrize(
    "limits",
    [
        {"idle_for": HOUR},
        {"max_age": HOUR},
        {"idle_for": HOUR, "max_age": HOUR, "grace": HOUR},
        {"idle_for": 1, "max_age": 1, "grace": 0},
    ],
)
def test_no_change_puts_an_expiry_or_a_purge_into_the_past(
    caller: Caller, limits: dict[str, int]
) -> None:
    for days in (0, 3, 20):
        make_session(caller, f"chat-{days}", now=NOW - days * DAY)
    make_session(caller, "gone", now=NOW - 33 * DAY)
    before = session(caller, "gone")
    change(**limits)
    grace = limits.get("grace", 7 * DAY)
    for days in (0, 3, 20):
        changed = session(caller, f"chat-{days}")
        assert changed.expires_at >= NOW
        assert changed.purge_after >= NOW + grace
    assert session(caller, "chat-20").status(NOW) == "expired"
    # What had expired before keeps its times.
    assert session(caller, "gone") == before
    clean_up(now=NOW + grace - 1)
    assert AgentSession.objects.filter(session_id__startswith="chat-").count() == 3


def test_lengthening_revives_nothing_that_expired(caller: Caller) -> None:
    make_session(caller, "chat", now=NOW - 31 * DAY)
    change(idle_for=NEVER, max_age=NEVER)
    assert session(caller).status(NOW) == "expired"


def test_an_extension_and_an_explicit_time_stay(caller: Caller) -> None:
    make_session(caller, "extended", now=NOW)
    extend_session(caller=caller, session_id="extended", expires_at=NOW + 50 * DAY, now=NOW)
    begin_session(caller, "explicit", expires_at=NOW + 2 * DAY, now=NOW)
    change(idle_for=5 * DAY)
    assert session(caller, "extended").expires_at == NOW + 50 * DAY
    assert session(caller, "explicit").expires_at == NOW + 2 * DAY
    change(max_age=20 * DAY)
    assert session(caller, "extended").expires_at == NOW + 20 * DAY
    assert session(caller, "extended").expires_because == "max_age"
    change(idle_for=DAY)
    assert session(caller, "explicit").expires_at == NOW + DAY


def test_the_age_of_a_restored_session_counts_from_then(caller: Caller) -> None:
    begun = make_session(caller, "chat", now=NOW - 20 * DAY).session
    assert begun is not None
    expire_session(caller=caller, session_id="chat", now=NOW - DAY)
    restore_session(uid=begun.uid, reason="Ann asked for it", now=NOW - DAY)
    change(max_age=10 * DAY)
    assert session(caller).max_age_until == NOW + 9 * DAY
    assert AgentSession.objects.get().restored_because == "Ann asked for it"


def test_the_longest_prefix_decides_by_code_points(caller: Caller) -> None:
    """`Org-1/` is another prefix than `org-1/`, also where a locale sorts them alike."""
    wanted = {
        "other": 30,
        "org-1": 30,
        "org-1/ann": 20,
        "org-1/team-2/ann": 10,
        "Org-1/ann": 5,
        "org-10/ann": 30,
        "größe_1": 4,
    }
    for session_id in wanted:
        make_session(caller, session_id, now=NOW)
    for prefix, days in (("org-1/team-2/", 10), ("org-1/", 20), ("Org-1/", 5), ("größe_", 4)):
        change(prefix, idle_for=days * DAY)
    begun_before = {name: (session(caller, name).expires_at - NOW) // DAY for name in wanted}
    assert begun_before == wanted
    for session_id in wanted:
        make_session(caller, f"{session_id}!", now=NOW)
    begun_after = {name: (session(caller, f"{name}!").expires_at - NOW) // DAY for name in wanted}
    assert begun_after == wanted
    # A change of the shorter prefix leaves what the longer one decides.
    change("org-1/", idle_for=15 * DAY)
    change(idle_for=25 * DAY)
    days = {name: (session(caller, name).expires_at - NOW) // DAY for name in wanted}
    assert days == {**wanted, "org-1/ann": 15, "other": 25, "org-1": 25, "org-10/ann": 25}


def test_another_namespace_is_left_alone(caller: Caller) -> None:
    other = make_caller("claims")
    make_session(other, "chat", now=NOW)
    change(idle_for=DAY)
    assert session(other).expires_at == NOW + 30 * DAY


def test_a_preview_says_what_would_happen_and_changes_nothing(caller: Caller) -> None:
    for days in (0, 3, 20, 31):
        make_session(caller, f"chat-{days}", now=NOW - days * DAY)
    effect = weigh(idle_for=10 * DAY, grace=8 * DAY)
    assert (effect.sessions, effect.would_expire, effect.sooner, effect.later) == (3, 1, 2, 0)
    assert effect.shortens == ["idle time"]
    longer = weigh(idle_for=60 * DAY)
    assert (longer.would_expire, longer.sooner, longer.later, longer.shortens) == (0, 0, 3, [])
    assert session(caller, "chat-0").expires_at == NOW + 30 * DAY
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY
    assert change(idle_for=10 * DAY, grace=8 * DAY) == effect
    expired = [s for s in AgentSession.objects.all() if s.expires_at <= NOW]
    assert {s.session_id for s in expired} == {"chat-20", "chat-31"}


@pytest.mark.parametrize(
    ("limits", "shorter"),
    [
        ({"idle_for": DAY}, True),
        ({"max_age": DAY}, True),
        ({"grace": DAY}, True),
        ({"idle_for": 60 * DAY, "grace": DAY}, True),
        ({"idle_for": NEVER, "max_age": NEVER, "grace": 30 * DAY}, False),
        ({"on_expired": "reject"}, False),
        ({}, False),
    ],
)
def test_what_shortens_must_be_confirmed(
    caller: Caller, limits: dict[str, Any], shorter: bool
) -> None:
    asked = PolicyChange(namespace="support", prefix="org-1/", **limits)
    if shorter:
        with pytest.raises(Invalid, match="must be confirmed"):
            set_policy(change=asked)
        assert RetentionPolicy.objects.count() == 1
    set_policy(change=asked, confirmed=shorter)
    assert RetentionPolicy.objects.count() == 2


def test_a_new_policy_begins_from_the_one_that_decided_before(caller: Caller) -> None:
    change(idle_for=3 * DAY, max_age=NEVER, on_expired="reject")
    effect = change("org-1/", grace=DAY)
    assert effect.is_new
    made = RetentionPolicy.objects.get(prefix="org-1/")
    assert (made.idle_for, made.max_age, made.grace) == (3 * DAY, NEVER, DAY)
    assert made.on_expired == "reject"


def test_a_prefix_must_end_where_a_level_ends(caller: Caller) -> None:
    with pytest.raises(InvalidPrefix) as refused:
        change("org-1", idle_for=DAY)
    assert refused.value.suggestion == "org-1/"


def test_a_change_that_was_interrupted_is_gone_on_with(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "_AT_ONCE", 2)
    for number in range(7):
        make_session(caller, f"chat-{number}", now=NOW)
    apply: Callable[..., Any] = applying._apply
    calls = 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return apply(*arguments, **named)

    monkeypatch.setattr(applying, "_apply", dying)
    with pytest.raises(KeyboardInterrupt):
        change(idle_for=5 * DAY)
    assert AgentSession.objects.filter(idle_for=5 * DAY).count() == 4
    # What begins meanwhile has the new limits already.
    begun = make_session(caller, "new", now=NOW).session
    assert begun is not None
    assert begun.idle_for == 5 * DAY
    clean_up(now=NOW)
    assert {s.expires_at for s in AgentSession.objects.all()} == {NOW + 5 * DAY}
    assert finish_policies(now=NOW) == 0


def test_only_an_administrator_changes_policies_and_those_who_see_them_are_shown(
    caller: Caller,
) -> None:
    make_caller("claims")
    asked = PolicyChange(namespace="support", idle_for=60 * DAY)
    officer = acting("olga", privacy_officer="support")
    adam = acting("adam", administrator="support")
    with pytest.raises(Forbidden):
        set_policy(change=asked, person=officer)
    set_policy(change=asked, person=adam)
    with pytest.raises(NotFound):
        set_policy(change=PolicyChange(namespace="claims", grace=DAY), person=adam)
    for person in (officer, adam):
        assert [policy.namespace for policy in list_policies(person=person)] == ["support"]
    with pytest.raises(Forbidden):
        list_policies(person=acting("nora"))
    entry = AuditEntry.objects.get(act="policy.set")
    assert (entry.actor, entry.namespace, entry.object_kind) == ("adam", "support", "policy")


def test_many_sessions_are_changed_in_small_transactions(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "_AT_ONCE", 3)
    for number in range(8):
        make_session(caller, f"chat-{number}", now=NOW)
    sizes: list[int] = []
    apply: Callable[..., Any] = applying._apply

    def counting(*arguments: Any, **named: Any) -> Any:
        done = apply(*arguments, **named)
        sizes.append(done[0])
        return done

    monkeypatch.setattr(applying, "_apply", counting)
    change(idle_for=5 * DAY)
    assert sum(sizes) == 8
    assert max(sizes) == 3
