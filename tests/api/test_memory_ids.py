"""Any text of 1 to 512 characters names a session or a message, and only that one."""

from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api

ODD = [
    "a//b",
    "/",
    "../x",
    "../../etc/passwd",
    ".",
    "%2F",
    "%00",
    "%",
    "a/b",
    "a%2Fb",
    "a+b",
    "a b",
    " a",
    "a ",
    "?",
    "?session_id=other",
    "a&uid=b#c",
    "a;b,c",
    "'; DROP TABLE message; --",
    '"quoted" \\ back',
    "null",
    "default",
    "0",
    "DEFAULT",
    "Case",
    "case",
    "e\u0301",
    "\u00e9",
    "ﬁ",
    "fi",
    "ß",
    "ss",
    "会话-一",
    "محادثة",
    "\u202eabc\u202c",
    "abc",
    "\u200b",
    "\u00a0",
    "\u2028",
    "\ufeff",
    "\ufffd",
    "\uffff",
    "\U0010ffff",
    "👩‍👩‍👧‍👦",
    "a" * 512,
    "é" * 512,
    "𝔘" * 512,
    "%s%(x)s{0}",
    "_",
    "<script>alert(1)</script>",
]


def test_odd_ids_name_sessions_that_are_all_apart(api: Api) -> None:
    for number, name in enumerate(ODD):
        answer = api.add(name, str(number))
        assert answer["seq"] == 1, name
        assert answer["session"]["session_id"] == name
    for number, name in enumerate(ODD):
        listed = api.get("memory/list", session_id=name).json()
        assert [item["message"]["content"] for item in listed["items"]] == [str(number)]
        assert listed["session"]["session_id"] == name
        assert api.get("memory/count", session_id=name).json() == {"count": 1}
        found = api.get("memory/retrieve", session_id=name, query=str(number)).json()
        assert found["total"] == 1
        assert api.post("memory/retrieve", session_id=name, query=str(number)).json() == found
    for name in ODD[::2]:
        assert api.post("memory/clear", session_id=name).json()["deleted"] == 1
    for number, name in enumerate(ODD):
        assert api.get("memory/count", session_id=name).json() == {"count": number % 2}


def test_odd_ids_name_messages_that_are_all_apart(api: Api) -> None:
    events = [
        {"message": {"id": name, "role": "user", "content": str(number)}}
        for number, name in enumerate(ODD)
    ]
    answer = api.post("memory/add_list", session_id="chat", events=events).json()
    assert [item["id"] for item in answer["items"]] == ODD
    assert not any(item["duplicate"] for item in answer["items"])
    again = api.post("memory/add_list", session_id="chat", events=events).json()
    assert all(item["duplicate"] for item in again["items"])
    for number, name in enumerate(ODD):
        item = api.get("memory/get", session_id="chat", id=name).json()["item"]
        assert (item["id"], item["seq"]) == (name, number + 1)
        updated = api.post("memory/update", session_id="chat", id=name, content=f"new {number}")
        assert updated.json()["item"]["message"]["content"] == f"new {number}"
    for number, name in enumerate(ODD):
        assert api.post("memory/delete", session_id="chat", id=name).json()["deleted"] == 1
        assert api.get("memory/count", session_id="chat").json()["count"] == len(ODD) - number - 1


@pytest.mark.parametrize(
    "control", ["\x00", "\x01", "\t", "\n", "\r", "\x1f", "\x7f", "\x80", "\x9f"]
)
def test_a_session_id_holds_no_control_character(api: Api, control: str) -> None:
    for name in (control, f"a{control}", f"{control}b"):
        loc = ["body"] if control == "\x00" else ["body", "session_id"]
        for operation, fields in (
            ("add", {"message": {"role": "user"}}),
            ("add_list", {"events": []}),
            ("update", {"id": "m", "content": "x"}),
            ("delete", {"id": "m"}),
            ("pop", {}),
            ("clear", {}),
            ("retrieve", {"query": "x"}),
        ):
            response = api.post(f"memory/{operation}", session_id=name, **fields)
            assert_refused(response, "invalid", loc)
        for operation, query in (
            ("list", {}),
            ("retrieve", {"query": "x"}),
            ("get", {"id": "m"}),
            ("count", {}),
        ):
            response = api.get(f"memory/{operation}", session_id=name, **query)
            assert_refused(response, "invalid", ["query", "session_id"])


@pytest.mark.parametrize("wrong", ["", "a" * 513, 5, True, 1.5, [], {}])
def test_a_session_id_is_a_text_of_1_to_512_characters(api: Api, wrong: Any) -> None:
    message = {"role": "user"}
    response = api.post("memory/add", session_id=wrong, message=message)
    assert_refused(response, "invalid", ["body", "session_id"])


@pytest.mark.parametrize("wrong", ["", "a" * 513, 5, True, 1.5, [], {}])
def test_a_message_id_is_a_text_of_1_to_512_characters(api: Api, wrong: Any) -> None:
    message = {"role": "user", "id": wrong}
    response = api.post("memory/add", message=message)
    assert_refused(response, "invalid", ["body", "message", "id"])
    response = api.post(
        "memory/add_list", events=[{"message": {"role": "user"}}, {"message": message}]
    )
    assert_refused(response, "invalid", ["body", "events", 1, "message", "id"])
    assert api.get("memory/list").json()["session"] is None


def test_a_message_id_may_hold_control_characters_but_nul(api: Api) -> None:
    for name in ("a\nb", "\x1f", "\x7f", "\x85"):
        assert api.add("chat", id=name)["id"] == name
        got = api.get("memory/get", session_id="chat", id=name).json()
        assert got["item"]["id"] == got["item"]["message"]["id"] == name
    assert_refused(
        api.post("memory/add", message={"role": "user", "id": "a\x00"}), "invalid", ["body"]
    )
    assert_refused(api.get("memory/get", id="a\x00"), "invalid", ["query", "id"])


def test_a_query_string_is_read_as_utf_8_whatever_a_header_says(api: Api) -> None:
    api.add("é")
    for content_type in ("application/json; charset=latin-1", "text/plain; charset=utf-16"):
        response = api.client.get(
            "/api/v1/memory/count?session_id=%C3%A9",
            headers=api.headers | {"content-type": content_type},
        )
        assert response.json() == {"count": 1}


@pytest.mark.parametrize("raw", ["%FF", "%C3", "%ED%A0%80", "%C0%AF", "a%80", "%F4%90%80%80"])
def test_a_query_string_that_is_not_utf_8_is_refused(api: Api, raw: str) -> None:
    # Read with replacement characters it would name another session than the caller meant.
    api.add("\ufffd")
    for query in (f"session_id={raw}", f"{raw}=1"):
        response = api.client.get(f"/api/v1/memory/count?{query}", headers=api.headers)
        assert_refused(response, "invalid", ["query"])
