"""When a session is past its time: the moment, the reasons, expire and extend."""

from typing import Any

import pytest

from memory_app import moments
from memory_app.models import AgentSession, OnExpired, RetentionPolicy
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import DAY, HOUR, SECOND
from memory_app.operations.browsing import SessionFilter, list_sessions
from memory_app.operations.keys import Caller, verify_key
from memory_app.operations.reading import ListQuery, Which, list_messages
from memory_app.operations.sessions import expire_session, extend_session, get_session
from tests.conftest import Api
from tests.factories import begin_session, make_session
from tests.refusals import at, refused

NOW = moments.process_clock()
IDLE = 30 * DAY
MAX_AGE = 365 * DAY


@pytest.fixture
def caller(api: Api) -> Caller:
    return verify_key(api.key)


def time(moment: int) -> str:
    return moments.to_rfc3339(moment)


def session_at(caller: Caller, now: int) -> SessionSnapshot:
    return get_session(caller=caller, which=Which("chat"), now=now).session


def test_a_session_expires_at_that_very_microsecond(caller: Caller) -> None:
    make_session(caller, "chat", "Hello", now=NOW)

    def seen(now: int) -> tuple[str, int, set[str]]:
        listed = list_messages(caller=caller, which=Which("chat"), query=ListQuery(), now=now)
        active = list_sessions(caller=caller, wanted=SessionFilter(), now=now)
        expired = list_sessions(caller=caller, wanted=SessionFilter(status="expired"), now=now)
        assert len(active.items) + len(expired.items) == 1
        assert bool(active.items) == bool(listed.items)
        return (
            session_at(caller, now).status(now),
            len(listed.items),
            {session.status(now) for session in (*active.items, *expired.items)},
        )

    assert seen(NOW + IDLE - 1) == ("active", 1, {"active"})
    assert seen(NOW + IDLE) == ("expired", 0, {"expired"})


def test_an_add_at_that_microsecond_begins_another_session(caller: Caller) -> None:
    first = make_session(caller, "chat", "Hello", now=NOW).session
    assert first is not None
    second = make_session(caller, "chat", "Hello", now=NOW + IDLE).session
    assert second is not None
    assert second.uid != first.uid
    assert (second.revision, second.message_count, second.last_seq) == (first.revision + 1, 1, 1)
    old = get_session(caller=caller, which=Which("", first.uid), now=NOW + IDLE).session
    assert (old.ended_at, old.status(NOW + IDLE)) == (NOW + IDLE, "expired")


def test_an_add_one_microsecond_earlier_prolongs_the_session(caller: Caller) -> None:
    first = make_session(caller, "chat", "Hello", now=NOW).session
    second = make_session(caller, "chat", "Hello", "Again", now=NOW + IDLE - 1).session
    assert first is not None
    assert second is not None
    assert second.uid == first.uid
    assert second.expires_at == NOW + IDLE - 1 + IDLE


def test_an_id_has_one_live_session_through_many_restarts(api: Api, caller: Caller) -> None:
    uids = set()
    for number in range(4):
        begin_session(caller, "chat", now=NOW - (4 - number) * (IDLE + DAY))
    items = api.get("sessions/list", status="any").json()["items"]
    uids = {item["uid"] for item in items}
    assert len(uids) == 4
    assert AgentSession.objects.filter(ended_at=None).count() == 1
    assert sorted(item["revision"] for item in items) == [1, 2, 3, 4]


def test_the_revision_goes_on_from_the_predecessor(api: Api, caller: Caller) -> None:
    make_session(caller, "chat", "One", now=NOW - 2 * IDLE)
    make_session(caller, "chat", "One", "Two", now=NOW - 2 * IDLE + DAY)
    stub = api.get("sessions/get", session_id="chat").json()["session"]
    assert (stub["status"], stub["revision"]) == ("expired", 2)
    call = {"session_id": "chat", "message": {"role": "user", "content": "New"}}
    conflict = refused(api.post("memory/add", expected_revision=2, **call), "revision_conflict")
    assert conflict["revision"] == 0
    added = api.post("memory/add", expected_revision=0, **call)
    assert added.json()["session"]["revision"] == 3


@pytest.mark.parametrize(
    ("policy", "explicit", "reason", "expires"),
    [
        ({}, None, "idle", IDLE),
        ({"idle_for": 400 * DAY}, None, "max_age", MAX_AGE),
        ({}, 5 * DAY, "explicit", 5 * DAY),
        ({}, 50 * DAY, "idle", IDLE),
        ({"idle_for": 5 * DAY, "max_age": 5 * DAY}, None, "max_age", 5 * DAY),
    ],
)
def test_the_earliest_limit_counts_and_is_named(
    caller: Caller, policy: dict[str, int], explicit: int | None, reason: str, expires: int
) -> None:
    if policy:
        RetentionPolicy.objects.update(**policy)
    begin_session(caller, "chat", expires_at=explicit and NOW + explicit, now=NOW)
    session = session_at(caller, NOW)
    assert (session.expires_because, session.expires_at) == (reason, NOW + expires)
    assert session.purge_after == NOW + expires + 7 * DAY


def test_reads_removals_and_duplicates_do_not_prolong(api: Api, caller: Caller) -> None:
    make_session(caller, "chat", "One", "Two", "Three", now=NOW - DAY)
    before = api.get("sessions/get", session_id="chat").json()["session"]["expires_at"]
    api.get("memory/list", session_id="chat")
    api.get("memory/count", session_id="chat")
    api.get("sessions/list")
    api.add("chat", "One", id="m-1")
    api.post("memory/update", session_id="chat", id="m-1", content="Other")
    api.post("memory/delete", session_id="chat", id="m-1")
    api.post("memory/pop", session_id="chat")
    api.post("memory/clear", session_id="chat")
    after = api.get("sessions/get", session_id="chat").json()["session"]
    assert (after["message_count"], after["expires_at"]) == (0, before)


def test_expire_ends_a_sessions_time_at_once(api: Api) -> None:
    api.add("chat", "Hello")
    response = api.post("sessions/expire", session_id="chat")
    assert response.status_code == 200
    session = response.json()["session"]
    assert (session["status"], session["expires_because"]) == ("expired", "explicit")
    assert session["revision"] == 1
    assert session["ended_at"] is None
    expires = moments.from_rfc3339(session["expires_at"])
    assert NOW <= expires <= moments.process_clock()
    assert session["purge_after"] == time(expires + 7 * DAY)
    assert api.get("memory/count", session_id="chat").json() == {"count": 0}
    assert api.get("sessions/list").json()["items"] == []
    listed = api.get("memory/list", session_id="chat").json()
    assert (listed["items"], listed["session"]["status"]) == ([], "expired")


def test_expire_does_not_raise_the_revision_or_the_activity(caller: Caller) -> None:
    begun = begin_session(caller, "chat", now=NOW).session
    ended = expire_session(caller=caller, session_id="chat", now=NOW + DAY).session
    assert (ended.revision, ended.last_activity_at) == (begun.revision, begun.last_activity_at)
    assert (ended.expires_at, ended.purge_after) == (NOW + DAY, NOW + 8 * DAY)


def test_extend_moves_the_idle_limit_to_at_least_that(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat", now=NOW)
    later = extend_session(
        caller=caller, session_id="chat", expires_at=NOW + 60 * DAY, now=NOW + DAY
    ).session
    assert (later.expires_at, later.expires_because) == (NOW + 60 * DAY, "idle")
    assert (later.revision, later.last_activity_at) == (1, NOW)
    sooner = extend_session(
        caller=caller, session_id="chat", expires_at=NOW + 2 * DAY, now=NOW + DAY
    ).session
    assert sooner.expires_at == NOW + 60 * DAY
    added = make_session(caller, "chat", "Hello", now=NOW + 40 * DAY).session
    assert added is not None
    assert added.expires_at == NOW + 70 * DAY
    assert make_session(caller, "chat", "Hello", now=NOW + 70 * DAY).session != added


def test_an_append_does_not_take_back_an_extension(caller: Caller) -> None:
    begin_session(caller, "chat", now=NOW)
    extend_session(caller=caller, session_id="chat", expires_at=NOW + 60 * DAY, now=NOW)
    added = make_session(caller, "chat", "Hello", now=NOW + DAY).session
    assert added is not None
    assert added.expires_at == NOW + 60 * DAY


def test_extend_drops_an_earlier_explicit_end_and_keeps_a_later_one(caller: Caller) -> None:
    begin_session(caller, "chat", expires_at=NOW + DAY, now=NOW)
    session = extend_session(
        caller=caller, session_id="chat", expires_at=NOW + 2 * DAY, now=NOW
    ).session
    assert (session.expires_at, session.expires_because) == (NOW + IDLE, "idle")
    begin_session(caller, "other", expires_at=NOW + 3 * DAY, now=NOW)
    session = extend_session(
        caller=caller, session_id="other", expires_at=NOW + 2 * DAY, now=NOW
    ).session
    assert (session.expires_at, session.expires_because) == (NOW + 3 * DAY, "explicit")


def test_extend_beyond_the_maximum_age_names_the_latest(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat", now=NOW - 10 * DAY)
    wanted = {"session_id": "chat", "expires_at": time(NOW + 355 * DAY + 1)}
    problem = refused(api.post("sessions/extend", **wanted), "invalid")
    assert at(problem) == [["body", "expires_at"]]
    assert problem["latest"] == time(NOW + 355 * DAY)
    response = api.post("sessions/extend", session_id="chat", expires_at=problem["latest"])
    session = response.json()["session"]
    assert (session["expires_at"], session["expires_because"]) == (problem["latest"], "max_age")


@pytest.mark.parametrize("moment", [time(NOW - SECOND), "soon", None, "2030-01-01T00:00:00"])
def test_extend_needs_a_moment_in_the_future(api: Api, caller: Caller, moment: Any) -> None:
    begin_session(caller, "chat", now=NOW - HOUR)
    problem = refused(api.post("sessions/extend", session_id="chat", expires_at=moment), "invalid")
    assert at(problem) == [["body", "expires_at"]]
    refused(api.post("sessions/extend", session_id="chat"), "invalid")


@pytest.mark.parametrize("on_expired", OnExpired.values)
@pytest.mark.parametrize("operation", ["sessions/expire", "sessions/extend"])
def test_what_is_unknown_or_past_its_time_is_not_found(
    api: Api, caller: Caller, operation: str, on_expired: str
) -> None:
    begin_session(caller, "over", now=NOW - IDLE)
    RetentionPolicy.objects.update(on_expired=on_expired)
    more = {"expires_at": time(NOW + DAY)} if operation == "sessions/extend" else {}
    for session_id in ("nobody", "over"):
        refused(api.post(operation, session_id=session_id, **more), "not_found")
    stub = api.get("sessions/get", session_id="over").json()["session"]
    assert (stub["status"], stub["expires_at"]) == ("expired", time(NOW))


@pytest.mark.parametrize("on_expired", OnExpired.values)
def test_the_stub_of_an_expired_session_is_shown_under_every_policy(
    api: Api, caller: Caller, on_expired: str
) -> None:
    begun = begin_session(caller, "over", title="T", metadata={"a": 1}, now=NOW - IDLE).session
    RetentionPolicy.objects.update(on_expired=on_expired)
    for which in ({"session_id": "over"}, {"uid": begun.uid}):
        response = api.get("sessions/get", **which)
        assert response.status_code == 200
        assert response.json() == {
            "session": {
                "uid": begun.uid,
                "session_id": "over",
                "status": "expired",
                "revision": 1,
                "created_at": time(NOW - IDLE),
                "last_activity_at": time(NOW - IDLE),
                "expires_at": time(NOW),
                "expires_because": "idle",
                "purge_after": time(NOW + 7 * DAY),
            }
        }


def test_the_policy_with_the_longest_prefix_decides(api: Api, caller: Caller) -> None:
    root = RetentionPolicy.objects.get()
    for prefix, days in (("org-1/", 10), ("org-1/team-2/", 5), ("org-1/team-22/", 6)):
        RetentionPolicy.objects.create(namespace=root.namespace, prefix=prefix, idle_for=days * DAY)

    def idle_days(session_id: str) -> int:
        session = begin_session(caller, session_id, now=NOW).session
        return (session.expires_at - NOW) // DAY

    assert idle_days("org-2/ann") == 30
    assert idle_days("ORG-1/ann") == 30
    assert idle_days("org-1/ann") == 10
    assert idle_days("org-1/team-2/ann") == 5
    assert idle_days("org-1/team-2") == 10
    assert idle_days("org-1/team-22/ann") == 6
