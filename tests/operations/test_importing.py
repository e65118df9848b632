"""An import keeps what a file holds, once, whatever happens in between."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from memory_app import conf
from memory_app.errors import Unavailable
from memory_app.moments import DAY, HOUR, NEVER, SECOND, from_rfc3339, to_rfc3339
from memory_app.operations import importing, merging
from memory_app.operations.reading import ListQuery, Which, list_messages
from memory_app.operations.session_lines import Line, split_lines
from tests.conftest import Api
from tests.factories import make_caller, make_key
from tests.imports import Import, message, run_export, run_import, session, text

pytestmark = pytest.mark.django_db

NOW = from_rfc3339("2026-03-01T12:00:00Z")


def listed(api: Api, session_id: str) -> dict[str, Any]:
    response = api.get("memory/list", session_id=session_id)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = json.loads(response.content)
    return answer


def test_a_session_begins_with_everything_its_line_says(api: Api) -> None:
    whole = {
        "user_id": "ann",
        "title": "Two parcels",
        "tags": ["vip", "late"],
        "metadata": {"channel": "web", "n": 1},
        "state": {"step": 2},
    }
    assert run_import(session("a/b", message(1), **whole)).begun == 1
    found = listed(api, "a/b")["session"]
    assert {name: found[name] for name in whole} == whole
    assert (found["status"], found["message_count"], found["revision"]) == ("active", 1, 1)
    page = json.loads(api.get("sessions/list", tags="vip", metadata='{"n": 1}').content)
    assert [one["session_id"] for one in page["items"]] == ["a/b"]


def test_a_session_without_messages_begins_too(api: Api) -> None:
    run_import(session("empty"))
    answer = json.loads(api.get("sessions/get", session_id="empty").content)
    assert answer["session"]["message_count"] == 0


def test_messages_are_kept_as_they_were_written(api: Api) -> None:
    raw = '{"id":"m-1","role":"tool", "z": 1.10, "content":null ,"a":[1E5,-0.0],"x":"\\u00e9"}'
    run_import(f'{{"session_id":"s","messages":[{raw}, {raw.replace("m-1", "m-2")}]}}'.encode())
    assert raw in api.get("memory/list", session_id="s").content.decode()


def test_a_field_state_is_the_events_and_a_wrapped_one_the_messages_own(api: Api) -> None:
    flat = {**message(1), "state": {"step": 1}}
    wrapped = {"message": {**message(2), "state": "mine", "seq": "mine too"}, "state": {"step": 2}}
    run_import(session("s", flat, wrapped))
    first, second = listed(api, "s")["items"]
    assert (first["message"], first["state"]) == (message(1), {"step": 1})
    assert (second["message"], second["state"]) == (wrapped["message"], wrapped["state"])


def test_places_are_kept_where_messages_were_removed_between_them(api: Api) -> None:
    run_import(session("s", message(1), {**message(2), "seq": 7}, message(3)))
    assert [item["seq"] for item in listed(api, "s")["items"]] == [1, 7, 8]
    assert api.add("s")["seq"] == 9


def test_a_live_session_gets_what_it_has_not_and_keeps_its_own(api: Api) -> None:
    api.add("s", "Hello", id="m-1")
    api.post("sessions/update", session_id="s", title="Newer", tags=["a"], state={"step": 9})
    done = run_import(
        session("s", message(1), message(2), title="Older", tags=["b"], state={"step": 1})
    )
    assert (done.begun, done.messages, done.duplicates) == (0, 1, 1)
    answer = listed(api, "s")
    assert [item["id"] for item in answer["items"]] == ["m-1", "m-2"]
    found = answer["session"]
    assert (found["title"], found["tags"], found["state"]) == ("Newer", ["a"], {"step": 9})


def test_another_user_is_refused_and_the_rest_goes_on(api: Api) -> None:
    run_import(session("s", message(1), user_id="ann"))
    one = Import()
    done = one.run(session("s", message(2), user_id="ben"), session("t", message(1)))
    assert (done.refused, done.sessions) == (1, 1)
    assert [number for number, _ in one.reports] == [1]
    assert listed(api, "s")["total"] == 1


@pytest.mark.parametrize("times", [{}, {"keep_times": True}])
def test_an_import_that_is_run_again_stores_nothing(times: dict[str, Any]) -> None:
    old = {"timestamp": "2020-01-01T00:00:00Z"}
    lines = [
        session("s", message(1, **old), message(1, "Other", **old), message(1, "Third", **old)),
        session("t", {"role": "user", "content": "no id"}, {"role": "user", "content": "no id"}),
    ]
    first = run_import(*lines, **times)
    assert (first.messages, first.repeated, first.duplicates) == (5, 2, 0)
    before = run_export()
    second = run_import(*lines, **times)
    assert (second.begun, second.messages, second.duplicates, second.repeated) == (0, 0, 5, 0)
    assert run_export() == before


def test_a_repeated_id_with_another_body_is_kept_unchanged_and_reported(api: Api) -> None:
    long = "x" * conf.MAX_ID
    one = Import()
    one.run(
        session(
            "s",
            message(1, "first"),
            message(1, "second"),
            message(1, "first"),
            {**message(1), "id": long},
            {**message(2), "id": long},
            {**message(1), "id": long, "content": "more"},
        )
    )
    items = listed(api, "s")["items"]
    assert [item["id"] for item in items] == ["m-1", "m-1~2", long, f"{long[:-2]}~2"]
    assert items[1]["message"] == message(1, "second")
    assert [detail.split(":")[0] for _, detail in one.reports] == ["messages.1", "messages.5"]


def test_what_the_file_says_of_times_counts_only_when_asked(api: Api) -> None:
    old = to_rfc3339(NOW - 5 * DAY)
    line = session("s", message(1, timestamp=old), created_at=old, expires_at=to_rfc3339(NOW + DAY))
    run_import(line, now=NOW)
    run_import(line, namespace="kept", keep_times=True, now=NOW)
    now_dated, kept = run_export(now=NOW)[0], run_export("kept", now=NOW)[0]
    assert from_rfc3339(now_dated["created_at"]) == NOW
    assert (from_rfc3339(now_dated["expires_at"]), now_dated["expires_because"]) == (
        NOW + 30 * DAY,
        "idle",
    )
    assert from_rfc3339(kept["created_at"]) == NOW - 5 * DAY
    assert (from_rfc3339(kept["expires_at"]), kept["expires_because"]) == (NOW + DAY, "explicit")


def test_messages_keep_their_times_when_asked() -> None:
    line = session(
        "s",
        message(1),
        message(2, timestamp=to_rfc3339(NOW - HOUR)),
        {**message(3), "created_at": to_rfc3339(NOW - SECOND)},
        message(4, timestamp=to_rfc3339(NOW + DAY)),
        created_at=to_rfc3339(NOW - DAY),
    )
    run_import(line, keep_times=True, now=NOW)
    found = list_messages(caller=make_caller(), which=Which("s"), query=ListQuery(), now=NOW)
    assert [item.created_at for item in found.items] == [
        NOW - DAY,
        NOW - HOUR,
        NOW - SECOND,
        NOW,
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"created_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "2001-01-01T00:00:00Z", "expires_because": "idle"},
        {"expires_at": "2001-01-01T00:00:00Z", "expires_because": "max_age"},
        {"created_at": "9000-01-01T00:00:00Z", "expires_at": "9000-01-01T00:00:00Z"},
    ],
)
@pytest.mark.parametrize("keep_times", [True, False])
def test_no_limit_ends_in_the_past_or_beyond_the_policy(
    api: Api, more: dict[str, Any], keep_times: bool
) -> None:
    old = message(1, timestamp="2001-01-01T00:00:00Z")
    run_import(session("s", old, **more), keep_times=keep_times, now=NOW)
    found = run_export(now=NOW)[0]
    assert NOW <= from_rfc3339(found["expires_at"]) <= NOW + 365 * DAY
    stub = json.loads(api.get("sessions/get", session_id="s").content)["session"]
    assert from_rfc3339(stub["purge_after"]) >= NOW + 7 * DAY


def test_a_session_past_its_time_arrives_expired_when_times_are_kept(api: Api) -> None:
    lines = [session("s", message(1, timestamp="2001-01-01T00:00:00Z"))]
    run_import(*lines, keep_times=True)
    assert listed(api, "s")["session"]["status"] == "expired"
    assert listed(api, "s")["items"] == []
    done = run_import(
        session("s", *(message(n, timestamp="2001-01-01T00:00:00Z") for n in (1, 2))),
        keep_times=True,
    )
    assert (done.begun, done.messages, done.duplicates) == (0, 1, 1)
    assert listed(api, "s")["session"]["status"] == "expired"


def test_under_an_expired_id_a_line_dated_now_begins_anew(api: Api) -> None:
    api.add("s", "Old")
    api.post("sessions/expire", session_id="s")
    assert run_import(session("s", message(1, "New"))).begun == 1
    assert [item["message"]["content"] for item in listed(api, "s")["items"]] == ["New"]


def test_a_reason_that_never_comes_is_no_limit() -> None:
    line = session("s", message(1), expires_at=to_rfc3339(NEVER))
    run_import(line, keep_times=True, now=NOW)
    assert from_rfc3339(run_export(now=NOW)[0]["expires_at"]) == NOW + 30 * DAY


def test_two_namespaces_know_nothing_of_each_other(api: Api) -> None:
    run_import(session("s", message(1, "ours")))
    run_import(session("s", message(1, "theirs")), namespace="other")
    other = Api(make_key("other"))
    assert listed(api, "s")["items"][0]["message"]["content"] == "ours"
    assert listed(other, "s")["items"][0]["message"]["content"] == "theirs"
    assert [line["messages"][0]["content"] for line in run_export("other")] == ["theirs"]


CANARY = "canary-7f3a"
HOSTILE = {
    "not JSON": b'{"session_id": "canary-7f3a", ',
    "not UTF-8": b'{"session_id": "canary-7f3a\xff", "messages": []}',
    "a list": b'["canary-7f3a"]',
    "no session id": session(None, message(1, CANARY)),  # type: ignore[arg-type]
    "an empty session id": session("", message(1, CANARY)),
    "a control character in the id": session(f"{CANARY}\x07", message(1)),
    "no messages": {"session_id": CANARY},
    "messages that are none": {"session_id": CANARY, "messages": {"id": 1}},
    "an unknown member": session("s", message(1), **{CANARY: 1}),
    "a message that is a text": session("s", CANARY),
    "no role": session("s", {"content": CANARY}),
    "an unknown role": session("s", message(1, role=CANARY)),
    "a wrapping with more": session("s", {"message": message(1), CANARY: 1}),
    "a state that is a text": session("s", {**message(1), "state": CANARY}),
    "a place that goes back": session("s", {**message(1), "seq": 2}, {**message(2), "seq": 2}),
    "a place that is true": session("s", {**message(1), "seq": True}),
    "a time without a zone": session("s", message(1, timestamp="2026-01-01T00:00:00")),
    "an expiry that is a number": session("s", expires_at=1),
    "a reason that is unknown": session("s", expires_because=CANARY),
    "half a surrogate pair": b'{"session_id": "s", "messages": [{"role": "user", "content": "\\ud800canary-7f3a"}]}',  # noqa: E501
    "a NUL": b'{"session_id": "s", "messages": [{"role": "user", "content": "\\u0000canary-7f3a"}]}',  # noqa: E501
    "NaN": b'{"session_id": "s", "messages": [{"role": "user", "content": [NaN]}]}',
    "a key twice": b'{"session_id": "s", "messages": [{"role": "user", "a": 1, "a": 2}]}',
    "65 bits": b'{"session_id": "s", "messages": [{"role": "user", "n": 18446744073709551616}]}',
    "too deep": session("s", message(1, json.loads("[" * 63 + "]" * 63))),
    "far too deep": b'{"session_id": "s", "messages": ' + b"[" * 100_000,
    "an id of 513": session("s", {**message(1), "id": "x" * 513}),
    "a title of 201": session("s", title="x" * 201),
    "too large": session("s", message(1, "x" * (4 * conf.MB))),
}


@pytest.mark.parametrize("why", HOSTILE)
def test_a_faulty_line_is_named_without_its_content_and_stores_nothing(api: Api, why: str) -> None:
    good = session("good", message(1))
    one = Import()
    done = one.run(good, HOSTILE[why], b"", session("also good", message(1)))
    assert (done.refused, done.sessions, done.messages) == (1, 2, 2), one.reports
    assert [number for number, _ in one.reports] == [2]
    assert CANARY not in one.reports[0][1]
    assert [line["session_id"] for line in run_export()] == ["good", "also good"]


def test_a_message_as_deep_as_the_api_takes_is_imported(api: Api) -> None:
    deep = message(1, json.loads("[" * 62 + "]" * 62), state="own")
    response = api.post("memory/add", session_id="s", message=deep)
    assert response.status_code == 201, response.content
    run_import(*run_export(), namespace="other")
    assert run_export("other")[0]["messages"] == run_export()[0]["messages"]


class Interrupted(Exception):
    """The process ends."""


def conversation(count: int, size: int = 10) -> Iterator[dict[str, Any]]:
    return (message(number, "x" * size) for number in range(count))


def test_an_import_interrupted_between_lines_goes_on_when_run_again() -> None:
    sessions = [session(f"s-{n}", *conversation(n % 7), tags=[f"t{n}"]) for n in range(300)]

    def until_interrupted() -> Iterator[Line]:
        for line in split_lines(io.BytesIO(text(sessions))):
            if line.number == 280:
                raise Interrupted
            yield line

    with pytest.raises(Interrupted):
        Import().run(lines=until_interrupted())
    some = len(run_export())
    assert 0 < some < 280
    done = run_import(*sessions)
    assert (done.sessions, done.begun) == (300, 300 - some)
    assert [(line["session_id"], line["messages"], line["tags"]) for line in run_export()] == [
        (one["session_id"], one["messages"], one["tags"]) for one in sessions
    ]


@pytest.mark.parametrize("times", [{}, {"keep_times": True}])
def test_an_import_interrupted_within_a_long_line_goes_on_when_run_again(
    monkeypatch: pytest.MonkeyPatch, times: dict[str, Any]
) -> None:
    old = {"created_at": "2001-01-01T00:00:00Z"}
    line = session("long", *conversation(2_500), **old, state={"step": 1})
    store, calls = merging.store_placed, []

    def store_once(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise Interrupted
        return store(*arguments, **options)

    monkeypatch.setattr(merging, "store_placed", store_once)
    with pytest.raises(Interrupted):
        Import().run(line, **times)
    assert len(run_export()[0]["messages"]) == 1_000
    done = run_import(line, **times)
    assert (done.begun, done.messages, done.duplicates) == (0, 1_500, 1_000)
    exported = run_export()[0]
    assert [one["id"] for one in exported["messages"]] == [one["id"] for one in line["messages"]]
    assert exported["state"] == line["state"]


def test_a_long_line_is_stored_as_one_of_one_time() -> None:
    line = session("long", *conversation(2_100))
    run_import(line)
    assert run_export()[0]["messages"] == line["messages"]


def test_others_in_the_way_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    merge, calls = importing.merge, []

    def busy_once(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise Unavailable("busy")
        return merge(*arguments)

    monkeypatch.setattr(importing, "merge", busy_once)
    monkeypatch.setattr(importing, "_SECONDS_BETWEEN", 0)
    assert run_import(session("s", message(1))).messages == 1
    assert len(calls) == 2


def test_a_file_that_is_cut_off_is_reported_and_what_came_before_is_kept() -> None:
    class CutOff(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(-1)
            if not line:
                raise EOFError
            return line

    one = Import()
    done = one.run(lines=split_lines(CutOff(text([session("s", message(1))]))))
    assert (done.messages, done.refused) == (1, 1)
    assert [number for number, _ in one.reports] == [2]
