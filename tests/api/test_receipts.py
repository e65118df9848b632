"""receipts/: found by their id, or by an id that one knows; they give none away."""

from typing import Any

import pytest

from memory_app.operations.cleaning import clean_up
from tests.conftest import Api
from tests.factories import make_key
from tests.refusals import at, refused


def delete(api: Api, session_id: str) -> dict[str, Any]:
    receipt: dict[str, Any] = api.post("sessions/delete", session_id=session_id).json()["receipt"]
    return receipt


def listed(api: Api, **query: Any) -> list[str]:
    response = api.get("receipts/list", **query)
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def add_about(api: Api, session_id: str, user_id: str) -> None:
    message = {"role": "user", "content": "Hi"}
    api.post("memory/add", session_id=session_id, user_id=user_id, message=message)


def test_a_receipt_is_read_again(api: Api) -> None:
    api.add("chat")
    receipt = delete(api, "chat")
    assert api.get("receipts/get", id=receipt["id"]).json() == {"receipt": receipt}


def test_receipts_are_listed_the_newest_first_and_page_by_page(api: Api) -> None:
    ids = []
    for number in range(5):
        api.add(f"chat-{number}")
        ids.append(delete(api, f"chat-{number}")["id"])
    assert listed(api) == ids[::-1]
    met, cursor = [], {}
    for _ in range(3):
        page = api.get("receipts/list", limit=2, **cursor).json()
        met += [item["id"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
    assert page["next_cursor"] is None
    assert met == ids[::-1]


def test_a_receipt_is_found_by_the_session_and_the_user_it_covers(api: Api) -> None:
    add_about(api, "org/1", "ann")
    add_about(api, "org/2", "ann")
    add_about(api, "org/3", "bob")
    one, two, three = (delete(api, f"org/{number}")["id"] for number in (1, 2, 3))
    assert listed(api, session_id="org/1") == [one]
    assert listed(api, user_id="ann") == [two, one]
    assert listed(api, user_id="ann", session_id="org/2") == [two]
    assert listed(api, user_id="bob", session_id="org/2") == []
    assert listed(api, user_id="org/1") == listed(api, session_id="ann") == []
    assert listed(api, user_id="ANN") == listed(api, session_id="org/") == []
    assert listed(api, session_id="org/3", kind="deletion") == [three]


def test_receipts_are_told_apart_by_kind(api: Api) -> None:
    api.add("chat")
    deletion = delete(api, "chat")["id"]
    assert listed(api, kind="deletion") == [deletion]
    for kind in ("purge", "erasure", "cleanup"):
        assert listed(api, kind=kind) == []


def test_a_receipt_holds_no_id_and_no_content(api: Api) -> None:
    message = {"role": "user", "content": "canary-content"}
    api.post("memory/add", session_id="canary-session", user_id="canary-user", message=message)
    receipt = delete(api, "canary-session")
    answers = [
        api.get("receipts/get", id=receipt["id"]),
        api.get("receipts/list"),
        api.get("receipts/list", session_id="canary-session"),
    ]
    assert all("canary" not in response.content.decode() for response in answers)


def test_a_cleanup_writes_one_receipt_for_each_namespace_it_purges(api: Api) -> None:
    api.add("chat")
    now = 4 * 10**15
    clean_up(now=now)
    (cleanup,) = api.get("receipts/list", kind="cleanup", session_id="chat").json()["items"]
    assert (cleanup["actor"], cleanup["reason"]) == ("cleanup", None)
    assert cleanup["counts"]["sessions"] == 1


def test_receipts_of_another_namespace_are_not_there(api: Api) -> None:
    api.add("chat")
    receipt = delete(api, "chat")["id"]
    other = Api(make_key("billing"))
    refused(other.get("receipts/get", id=receipt), "not_found")
    assert listed(other) == listed(other, session_id="chat") == []


def test_a_cursor_belongs_to_its_list(api: Api) -> None:
    for name in ("a", "b"):
        api.add(name)
        delete(api, name)
    cursor = api.get("receipts/list", limit=1).json()["next_cursor"]
    other = Api(make_key("billing"))
    for response in (
        api.get("receipts/list", cursor=cursor, kind="deletion"),
        other.get("receipts/list", cursor=cursor),
        api.get("receipts/list", cursor="x"),
    ):
        assert at(refused(response, "invalid")) == [["query", "cursor"]]


@pytest.mark.parametrize(
    ("operation", "query", "name"),
    [
        ("receipts/get", {}, "id"),
        ("receipts/get", {"id": ""}, "id"),
        ("receipts/list", {"kind": "purged"}, "kind"),
        ("receipts/list", {"limit": "0"}, "limit"),
        ("receipts/list", {"limit": "1001"}, "limit"),
        ("receipts/list", {"session_id": ""}, "session_id"),
        ("receipts/list", {"user_id": "x" * 513}, "user_id"),
        ("receipts/list", {"since": "now"}, "since"),
    ],
)
def test_wrong_queries_are_refused_by_name(
    api: Api, operation: str, query: dict[str, str], name: str
) -> None:
    assert at(refused(api.get(operation, **query), "invalid")) == [["query", name]]
