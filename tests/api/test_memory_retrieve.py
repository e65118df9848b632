"""memory/retrieve: messages of one session that contain a text, ignoring case, best first."""

from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api


def contents(api: Api, query: str, **more: Any) -> list[Any]:
    answer = api.get("memory/retrieve", session_id="chat", query=query, **more).json()
    assert answer["session"]["session_id"] == "chat"
    return [item["message"].get("content") for item in answer["items"]]


def add(api: Api, *texts: Any) -> None:
    events = [{"message": {"role": "user", "content": text}} for text in texts]
    assert api.post("memory/add_list", session_id="chat", events=events).status_code == 201


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("Where is my REFUND?", "refund"),
        ("where is my refund?", "REFUND"),
        ("Die Straße ist gesperrt", "STRASSE"),
        ("DIE STRASSE", "straße"),
        ("İstanbul", "i̇stanbul"),
        ("ΟΔΥΣΣΕΎΣ", "οδυσσεύς"),
        ("ПРИВЕТ, мир", "привет, МИР"),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "ｆＵＬＬ"),
        ("ﬁnance", "FINANCE"),
        ("Éclair", "éCLAIR"),
        ("我想退款,谢谢", "退款"),
        ("こんにちは世界", "世界"),
        ("환불해 주세요", "환불"),
        ("أريد استرداد المال", "استرداد"),
        ("ขอเงินคืน", "เงิน"),
        ("one 👩‍👩‍👧 family", "👩‍👩‍👧"),
        ("100% _sure_ \\ 'quoted' \"twice\"", "100% _SURE_ \\ 'Q"),
        ("a\n\tb", "A\n\tB"),
        ("  spaces  ", " spaces "),
        ("%", "%"),
        ("[a-z]*", "[A-Z]*"),
    ],
)
def test_a_text_is_found_literally_whatever_its_case_and_script(
    api: Api, content: str, query: str
) -> None:
    add(api, "something else", content)
    assert contents(api, query) == [content]


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("Éclair", "Eclair"),  # no accents are folded
        ("é", "e\u0301"),  # no other normalisation
        ("refund", "re fund"),
        ("refund", "r%d"),
        ("refund", "r_fund"),
        ("refund", ".*"),
        ("a b", "a  b"),
    ],
)
def test_nothing_but_case_is_folded(api: Api, content: str, query: str) -> None:
    add(api, content)
    assert contents(api, query) == []


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "A Refund, please"}],
        [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "my refund"}],
        ["my refund"],
        {"type": "text", "text": "refund"},
    ],
)
def test_text_parts_are_looked_into(api: Api, content: Any) -> None:
    add(api, content)
    assert contents(api, "refund") == [content]


def test_only_the_content_is_looked_into(api: Api) -> None:
    message = {
        "id": "refund",
        "role": "assistant",
        "name": "refund",
        "content": [{"type": "image_url", "image_url": {"url": "refund"}}, {"type": "text"}, 5],
        "tool_calls": [{"id": "refund", "function": {"name": "refund", "arguments": "refund"}}],
        "refund": "refund",
    }
    api.post("memory/add", session_id="chat", message=message, state={"refund": "refund"})
    for content in ({"role": "user"}, {"role": "user", "content": None}):
        api.post("memory/add", session_id="chat", message=content)
    assert contents(api, "refund") == []
    assert contents(api, "role") == []


def test_a_match_does_not_reach_over_two_parts(api: Api) -> None:
    add(api, [{"type": "text", "text": "re"}, {"type": "text", "text": "fund"}])
    for query in ("refund", "re\nfund", "re fund"):
        assert contents(api, query) == []


def test_the_best_match_comes_first_and_equal_ones_in_their_order(api: Api) -> None:
    add(
        api,
        "I would like a refund",  # late, and a small part
        "refund my order",  # at the beginning
        "Refund",  # equal
        "refund my order",
        [{"type": "text", "text": "no"}, {"type": "text", "text": "REFUND"}],
    )
    answer = api.get("memory/retrieve", session_id="chat", query="refund").json()
    assert [item["seq"] for item in answer["items"]] == [3, 5, 2, 4, 1]
    scores = [item["score"] for item in answer["items"]]
    assert scores[:2] == [100, 100]
    assert scores[2] == scores[3] == pytest.approx(80 + 20 * 6 / 15)
    assert scores[4] == pytest.approx(80 - 20 * 15 / 21 + 20 * 6 / 21, abs=1e-3)
    assert set(answer["items"][0]) == {
        "id",
        "seq",
        "message",
        "state",
        "created_at",
        "tokens",
        "score",
    }


def test_limit_and_offset_page_through_the_matches_and_total_counts_them(api: Api) -> None:
    add(api, *[f"refund {number}" for number in range(25)], "other")
    found = api.get("memory/retrieve", session_id="chat", query="refund").json()
    assert (len(found["items"]), found["total"]) == (20, 25)
    assert contents(api, "refund", limit=0) == []
    assert contents(api, "refund", limit=2, offset=23) == ["refund 23", "refund 24"]
    assert contents(api, "refund", offset=25) == contents(api, "refund", offset=2**62) == []
    assert len(contents(api, "refund", limit=1_000)) == 25
    paged = [contents(api, "refund", limit=1, offset=n)[0] for n in range(25)]
    assert paged == contents(api, "refund", limit=1_000)


def test_a_body_asks_the_same_as_a_query(api: Api) -> None:
    add(api, "refund", "no refund", "else")
    for query in ({"query": "refund"}, {"query": "REFUND", "limit": 1, "offset": 1}):
        got = api.get("memory/retrieve", session_id="chat", **query)
        posted = api.post("memory/retrieve", session_id="chat", **query)
        assert (posted.status_code, posted.content) == (got.status_code, got.content)


def test_removed_and_redacted_texts_are_not_found(api: Api) -> None:
    for number in range(3):
        api.add("chat", "a refund", id=str(number))
    api.post("memory/delete", session_id="chat", id="0")
    api.post("memory/update", session_id="chat", id="1", content="[redacted]")
    answer = api.get("memory/retrieve", session_id="chat", query="refund").json()
    assert [item["id"] for item in answer["items"]] == ["2"]


def test_an_unknown_session_has_no_matches(api: Api) -> None:
    answer = api.get("memory/retrieve", session_id="nobody", query="x").json()
    assert answer == {"items": [], "total": 0, "session": None}


@pytest.mark.parametrize("query", ["", " ", "\t\n", "\u3000\u00a0", "x" * 501])
def test_a_query_has_1_to_500_characters_and_is_not_blank(api: Api, query: str) -> None:
    response = api.get("memory/retrieve", query=query)
    assert_refused(response, "invalid", ["query", "query"])
    assert_refused(api.post("memory/retrieve", query=query), "invalid", ["body", "query"])


def test_a_query_of_500_characters_is_taken(api: Api) -> None:
    add(api, "ﬄ" * 500)
    assert contents(api, "FFL" * 166) == ["ﬄ" * 500]
    assert contents(api, "ﬄ" * 500) == ["ﬄ" * 500]


@pytest.mark.parametrize(
    ("name", "value"), [("limit", 1_001), ("limit", -1), ("offset", -1), ("offset", 2**62 + 1)]
)
def test_a_wrong_number_is_refused(api: Api, name: str, value: int) -> None:
    response = api.get("memory/retrieve", query="x", **{name: value})
    assert_refused(response, "invalid", ["query", name])
    response = api.post("memory/retrieve", query="x", **{name: value})
    assert_refused(response, "invalid", ["body", name])


@pytest.mark.parametrize("value", ["5", 5.0, True, None, []])
def test_a_number_in_a_body_is_a_number(api: Api, value: Any) -> None:
    for name in ("limit", "offset"):
        response = api.post("memory/retrieve", query="x", **{name: value})
        assert_refused(response, "invalid", ["body", name])
