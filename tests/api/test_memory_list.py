"""memory/list: filters, then order, then offset, then limit; and what is left is said."""

from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api

ROLES = ("system", "user", "assistant", "tool", "user", "assistant", "user")


@pytest.fixture
def seven(api: Api) -> Api:
    """Return an agent with a session `chat` of seven messages."""
    events = [
        {"message": {"id": f"m-{seq}", "role": role, "content": str(seq)}}
        for seq, role in enumerate(ROLES, 1)
    ]
    api.post("memory/add_list", session_id="chat", events=events)
    return api


def ask(api: Api, **query: Any) -> tuple[list[int], dict[str, Any]]:
    """Return the places listed, and what the answer says besides."""
    answer = api.get("memory/list", session_id="chat", **query).json()
    assert answer["total"] == len(ROLES)
    assert answer["session"]["session_id"] == "chat"
    rest = {key: answer[key] for key in answer if key not in ("items", "total", "session")}
    return [item["seq"] for item in answer["items"]], rest


WHOLE: dict[str, Any] = {"truncated": False}


def after(seq: int) -> dict[str, Any]:
    return {"truncated": True, "next_after_seq": seq}


def before(seq: int) -> dict[str, Any]:
    return {"truncated": True, "next_before_seq": seq}


@pytest.mark.parametrize(
    ("query", "seqs", "rest"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7], WHOLE),
        ({"order": "asc"}, [1, 2, 3, 4, 5, 6, 7], WHOLE),
        ({"order": "desc"}, [7, 6, 5, 4, 3, 2, 1], WHOLE),
        ({"limit": 3}, [1, 2, 3], after(3)),
        ({"limit": 7}, [1, 2, 3, 4, 5, 6, 7], WHOLE),
        ({"limit": 3, "offset": 2}, [3, 4, 5], after(5)),
        ({"limit": 3, "offset": 4}, [5, 6, 7], WHOLE),
        ({"offset": 5}, [6, 7], WHOLE),
        ({"offset": 7}, [], WHOLE),
        ({"offset": 2**62}, [], WHOLE),
        ({"order": "desc", "limit": 3}, [7, 6, 5], before(5)),
        ({"order": "desc", "limit": 3, "offset": 2}, [5, 4, 3], before(3)),
        ({"order": "desc", "offset": 6}, [1], WHOLE),
        ({"last": 3}, [5, 6, 7], before(5)),
        ({"last": 7}, [1, 2, 3, 4, 5, 6, 7], WHOLE),
        ({"last": 10_000}, [1, 2, 3, 4, 5, 6, 7], WHOLE),
        ({"limit": 0}, [], after(0)),
        ({"limit": 0, "offset": 3}, [], after(3)),
        ({"limit": 0, "offset": 7}, [], WHOLE),
        ({"limit": 0, "order": "desc"}, [], before(8)),
        ({"last": 0}, [], before(8)),
        ({"role": "user"}, [2, 5, 7], WHOLE),
        ({"role": "user", "limit": 1, "offset": 1}, [5], after(5)),
        ({"role": "user", "last": 2}, [5, 7], before(5)),
        ({"role": "developer"}, [], WHOLE),
        ({"role": "developer", "last": 0}, [], WHOLE),
        ({"after_seq": 3}, [4, 5, 6, 7], WHOLE),
        ({"after_seq": 0}, [1, 2, 3, 4, 5, 6, 7], WHOLE),
        ({"after_seq": 7}, [], WHOLE),
        ({"after_seq": 2**63 - 1}, [], WHOLE),
        ({"before_seq": 3}, [1, 2], WHOLE),
        ({"before_seq": 1}, [], WHOLE),
        ({"before_seq": 0}, [], WHOLE),
        ({"before_seq": 2**63 - 1}, [1, 2, 3, 4, 5, 6, 7], WHOLE),
        ({"after_seq": 2, "before_seq": 6}, [3, 4, 5], WHOLE),
        ({"after_seq": 6, "before_seq": 2}, [], WHOLE),
        ({"after_seq": 1, "before_seq": 7, "role": "user", "last": 1}, [5], before(5)),
        ({"after_seq": 2, "limit": 2}, [3, 4], after(4)),
        ({"before_seq": 6, "order": "desc", "limit": 2}, [5, 4], before(4)),
    ],
)
def test_filters_then_order_then_offset_then_limit(
    seven: Api, query: dict[str, Any], seqs: list[int], rest: dict[str, Any]
) -> None:
    assert ask(seven, **query) == (seqs, rest)


def test_an_unknown_session_is_an_empty_list_and_is_not_begun(api: Api) -> None:
    nothing = {"items": [], "total": 0, "session": None, "truncated": False}
    for query in ({"session_id": "nobody"}, {}, {"uid": "0" * 32}, {"uid": "?"}):
        for more in ({}, {"last": 3}, {"role": "user"}):
            assert api.get("memory/list", **query, **more).json() == nothing
    for more in ({"max_tokens": 5}, {"max_tokens": 5, "limit": 1}):
        answer = api.get("memory/list", session_id="nobody", **more).json()
        assert answer | nothing == answer
    assert api.get("sessions/list").json()["items"] == []


def test_a_session_is_read_by_its_uid_too(seven: Api) -> None:
    by_id = seven.get("memory/list", session_id="chat")
    uid = by_id.json()["session"]["uid"]
    assert seven.get("memory/list", uid=uid).content == by_id.content
    assert seven.get("memory/count", uid=uid).json() == {"count": 7}
    assert seven.get("memory/get", uid=uid, id="m-3").json()["item"]["seq"] == 3
    assert seven.get("memory/retrieve", uid=uid, query="3").json()["total"] == 1
    assert seven.post("memory/retrieve", uid=uid, query="3").json()["total"] == 1
    both = {"uid": uid, "session_id": "chat"}
    assert_refused(seven.get("memory/list", **both), "invalid", ["query"])
    assert_refused(seven.post("memory/retrieve", query="3", **both), "invalid", ["body"])


@pytest.mark.parametrize("more", [{"order": "asc"}, {"order": "desc"}, {"offset": 0}, {"limit": 5}])
def test_last_excludes_order_offset_and_limit(seven: Api, more: dict[str, Any]) -> None:
    assert_refused(seven.get("memory/list", last=2, **more), "invalid", ["query"])


def test_after_timestamp_is_inclusive_and_by_the_time_of_the_message_itself(api: Api) -> None:
    times = (
        "2026-03-01T12:00:00Z",
        "2026-03-01T13:00:00+01:00",  # the same moment as the one before
        "2026-03-01T12:00:00.000001Z",
        "2026-03-01t11:59:59.999999999z",
        "2027-01-01T00:00:00-23:59",
        None,
    )
    for time in times:
        message = {"role": "user", "timestamp": time}
        assert api.post("memory/add", session_id="chat", message=message).status_code == 201

    def seqs(time: str, **more: Any) -> list[int]:
        query = {"after_timestamp": time, **more}
        items = api.get("memory/list", session_id="chat", **query).json()["items"]
        return [item["seq"] for item in items]

    assert seqs("2026-03-01T11:59:59.999999Z") == [1, 2, 3, 4, 5, 6]
    assert seqs("2026-03-01T12:00:00Z") == [1, 2, 3, 5, 6]
    assert seqs("2026-03-01T12:00:00.000001Z") == [3, 5, 6]
    assert seqs("2026-03-01T14:00:00+02:00", last=2) == [5, 6]
    # Without a time of its own a message counts by when it was stored.
    stored = api.get("memory/list", session_id="chat").json()["items"][5]["created_at"]
    assert 6 in seqs(stored)
    assert seqs("2400-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    "time",
    [
        "",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00Z",
        "2026-03-01T12:00:00 01:00",
        "2026-02-30T12:00:00Z",
        "0999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "10000-01-01T00:00:00Z",
        "２026-03-01T12:00:00Z",
        "1772366400",
        "now",
    ],
)
def test_an_unreadable_time_is_refused(api: Api, time: str) -> None:
    response = api.get("memory/list", after_timestamp=time)
    assert_refused(response, "invalid", ["query", "after_timestamp"])
    message = {"role": "user", "timestamp": time}
    assert_refused(
        api.post("memory/add", message=message), "invalid", ["body", "message", "timestamp"]
    )


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "10001"},
        {"last": "10001"},
        {"limit": "-1"},
        {"last": "-1"},
        {"offset": "-1"},
        {"offset": str(2**63)},
        {"after_seq": "-1"},
        {"before_seq": str(2**63)},
        {"max_tokens": "-1"},
        {"max_tokens": "9" * 19},
        {"limit": "1_000"},
        {"limit": " 5 "},
        {"limit": "+5"},
        {"limit": "５"},
        {"limit": "5.0"},
        {"limit": "5e0"},
        {"limit": "0x5"},
        {"limit": ""},
        {"limit": "null"},
        {"limit": "9" * 400},
        {"last": "true"},
        {"role": "User"},
        {"role": ""},
        {"role": "user,tool"},
        {"order": "ASC"},
        {"order": ""},
        {"session_id": ""},
        {"session_id": "a" * 513},
        {"session_id": "a\nb"},
        {"session_id": "a\x00b"},
        {"session_id": "a\x9fb"},
        {"uid": ""},
    ],
)
def test_a_wrong_parameter_is_refused_where_it_is(api: Api, query: dict[str, str]) -> None:
    (name, value) = next(iter(query.items()))
    problem = assert_refused(api.get("memory/list", **query), "invalid", ["query", name])
    if len(value) > 3 and name == "session_id":
        assert value not in str(problem)


def test_removed_messages_leave_gaps_that_no_paging_minds(seven: Api) -> None:
    for message_id in ("m-1", "m-4", "m-7"):
        seven.post("memory/delete", session_id="chat", id=message_id)
    answer = seven.get("memory/list", session_id="chat", limit=2).json()
    assert [item["seq"] for item in answer["items"]] == [2, 3]
    assert answer["total"] == 4
    after_seq = answer["next_after_seq"]
    answer = seven.get("memory/list", session_id="chat", limit=2, after_seq=after_seq).json()
    assert [item["seq"] for item in answer["items"]] == [5, 6]
    assert answer["truncated"] is False
