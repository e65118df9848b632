"""memory/search: words of any script, in the live sessions of one namespace."""

from typing import Any

import pytest

from memory_app.models import AgentSession, SearchDocument, SearchPending
from memory_app.operations.indexing import index_pending
from tests.conftest import Api
from tests.factories import make_key
from tests.refusals import at, refused

pytestmark = pytest.mark.django_db


def search(api: Api, query: str, **more: Any) -> list[str]:
    """Return the contents of what is found."""
    return [item["message"]["content"] for item in answer(api, query, **more)["items"]]


def answer(api: Api, query: str, **more: Any) -> dict[str, Any]:
    index_pending()
    response = api.get("memory/search", query=query, **more)
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    assert api.post("memory/search", query=query, **more).json() == found
    return found


def test_words_are_found_in_any_order_and_all_of_them_must_be_there(api: Api) -> None:
    api.add("a", "The refund of Ann was late")
    api.add("b", "A refund for Bob")
    assert search(api, "ann refund") == ["The refund of Ann was late"]
    assert search(api, "refund") == ["A refund for Bob", "The refund of Ann was late"]
    assert search(api, "refund carol") == []


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("Über die Straße", "uber strasse"),
        ("Crème brûlée", "CREME BRULEE"),
        ("Ærø kommune", "aero"),
        ("我想退款，谢谢", "退款"),
        ("我想退款，谢谢", "退"),
        ("東京都に行きたい", "京都"),
        ("東京都に行きたい", "東京都"),
        ("환불을 받고 싶어요", "환불"),
        ("สวัสดีครับ ผมต้องการเงินคืน", "เงินคืน"),
        ("أريد اِسترداد أموالي", "استرداد"),
        ("שלום עולם", "עולם"),
        ("Thanks 👍🏽 so much", "👍"),
        ("Call get_user_details first", "get_user_details"),
        ("Call get_user_details first", "user"),
        ("Call getUserDetails first", "details"),
        ("Write to ann@example.com", "ann@example.com"),
        ("नमस्ते दुनिया", "नमस्ते"),
        ("Ｆｕｌｌ width", "full"),
    ],
)
def test_every_script_is_found(api: Api, content: str, query: str) -> None:
    api.add("a", content)
    api.add("b", "Something else entirely")
    assert search(api, query) == [content]


def test_phrases_beginnings_and_exclusions_mean_what_they_say(api: Api) -> None:
    texts = ["a red car", "the car is red", "a redder cart", "red wine"]
    for number, text in enumerate(texts):
        api.add(f"s-{number}", text)
    assert search(api, '"red car"') == ["a red car"]
    assert search(api, "red*") == texts[::-1]
    assert search(api, "red -car") == ["red wine"]
    assert search(api, 'red -"red car"') == ["red wine", "the car is red"]
    assert search(api, "red -car*") == ["red wine"]


def test_a_query_that_only_leaves_out_is_refused(api: Api) -> None:
    api.add("a", "a blue car")
    for query in ("-red", '-"red car" -blue*'):
        refusal = refused(api.get("memory/search", query=query), "invalid")
        assert at(refusal) == [["query", "query"]]
        assert "name a word that must be there" in refusal["detail"]


def test_a_chain_of_characters_is_found_only_where_it_stands_together(api: Api) -> None:
    api.add("a", "京都と東京")
    assert search(api, "東京都") == []
    assert search(api, "東京 京都") == ["京都と東京"]


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "*",
        "-",
        '"" -""',
        "AND",
        "a AND (b",
        "NEAR(a b)",
        "a:b",
        "^a",
        "'; DROP",
        "{a}",
        "\\",
        "!",
        "a & | b",
    ],
)
def test_no_query_is_an_error(api: Api, query: str) -> None:
    api.add("a", "Hello")
    assert search(api, query) == []


def test_text_parts_and_tools_are_searched_and_files_are_not(api: Api) -> None:
    call = {"id": "c", "function": {"name": "find_orders", "arguments": '{"city": "K\\u00f6ln"}'}}
    parts = [
        {"type": "text", "text": "inside a part"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,secretpicture"}},
    ]
    api.add("a", parts, tool_calls=[call])
    api.add("b", f"see data:image/png;base64,{'abcd' * 90} here")
    for query in ("inside", "find_orders", "orders", "koln"):
        assert search(api, query) == [parts], query
    assert search(api, "secretpicture") == []
    assert search(api, "abcd*") == []
    assert len(search(api, "see here")) == 1


def test_the_first_200_kb_are_searched_and_the_answer_says_so(api: Api) -> None:
    api.add("a", "first " + "filler " * 40_000 + "beyond")
    assert len(search(api, "first")) == 1
    assert search(api, "beyond") == []
    assert answer(api, "first")["text_limit"] == 200 * 1024


def test_a_message_of_four_megabytes_of_different_words_is_stored_and_found(api: Api) -> None:
    text = "".join(chr(0x4E00 + n % 20_000) for n in range(0, 1_300_000 * 7, 7))
    api.add("a", text)
    assert search(api, text[:3]) == [text]


def test_only_live_sessions_are_searched(api: Api) -> None:
    for name in ("live", "expired", "deleted"):
        api.add(name, f"word in {name}")
    assert len(search(api, "word")) == 3
    api.post("sessions/expire", session_id="expired")
    api.post("sessions/delete", session_id="deleted")
    assert search(api, "word") == ["word in live"]
    AgentSession.objects.filter(session_id="live").update(purge_receipt="rct_1")
    assert search(api, "word") == []


def test_what_is_removed_or_overwritten_is_found_no_more_at_once(api: Api) -> None:
    for number in range(1, 5):
        api.add("a", f"secret {number}", id=f"m-{number}")
    index_pending()
    api.post("memory/update", session_id="a", id="m-1", content="redacted text")
    assert search(api, "secret") == ["secret 4", "secret 3", "secret 2"]
    assert search(api, "redacted") == ["redacted text"]
    api.post("memory/delete", session_id="a", id="m-2")
    api.post("memory/pop", session_id="a")
    assert search(api, "secret") == ["secret 3"]
    api.post("memory/clear", session_id="a")
    assert search(api, "secret") == search(api, "redacted") == []
    assert SearchDocument.objects.count() == SearchPending.objects.count() == 0


def test_what_is_removed_before_it_was_indexed_is_never_indexed(api: Api) -> None:
    events = [
        {"message": {"id": f"m-{n}", "role": "user", "content": f"secret {n}"}} for n in range(5)
    ]
    api.post("memory/add_list", session_id="a", events=events)
    api.post("memory/delete", session_id="a", id="m-1")
    api.post("memory/update", session_id="a", id="m-2", content="redacted")
    assert search(api, "secret") == ["secret 4", "secret 3", "secret 0"]
    api.post("sessions/delete", session_id="a")
    assert search(api, "secret") == []
    assert SearchDocument.objects.count() == SearchPending.objects.count() == 0


def test_an_overwritten_message_keeps_its_age(api: Api) -> None:
    api.add("a", "word one", id="m-1")
    api.add("a", "word two")
    index_pending()
    api.post("memory/update", session_id="a", id="m-1", content="word three")
    assert search(api, "word") == ["word two", "word three"]


def test_a_copy_is_searched_too(api: Api) -> None:
    api.add("a", "word")
    api.post("sessions/fork", session_id="a", new_session_id="b")
    found = answer(api, "word")["items"]
    assert [item["session_id"] for item in found] == ["b", "a"]


def test_another_namespace_is_never_searched(api: Api) -> None:
    billing = Api(make_key("billing"))
    billing.add("a", "word of billing")
    api.add("a", "word of support")
    assert search(api, "word") == ["word of support"]
    assert search(billing, "word") == ["word of billing"]
    assert search(api, "billing") == []


def test_filters_leave_what_they_name(api: Api) -> None:
    api.post("memory/add", session_id="org-1/a", user_id="ann", message=said("word 1"))
    api.post("memory/add", session_id="org-1/b", user_id="bob", message=said("word 2", "assistant"))
    old = said("word 3") | {"timestamp": "2020-01-01T00:00:00Z"}
    api.post("memory/add", session_id="org-2/c", user_id="ann", message=old)
    assert search(api, "word", user_id="ann") == ["word 3", "word 1"]
    assert search(api, "word", prefix="org-1/") == ["word 2", "word 1"]
    assert search(api, "word", prefix="org-1/", user_id="ann") == ["word 1"]
    assert search(api, "word", role="assistant") == ["word 2"]
    assert search(api, "word", before="2020-06-01T00:00:00Z") == ["word 3"]
    assert search(api, "word", after="2020-01-01T00:00:00Z", before="2020-01-01T00:00:00Z") == []
    assert search(api, "word", after="2020-06-01T00:00:00Z") == ["word 2", "word 1"]
    assert search(api, "word", user_id="carol") == []


def said(content: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": content}


def test_every_page_goes_on_where_the_last_one_ended(api: Api) -> None:
    for number in range(7):
        api.add(f"s-{number}", f"word {number}")
    for sort in ("newest", "best"):
        found, cursor = [], {}
        for _ in range(4):
            page = answer(api, "word", limit=2, sort=sort, **cursor)
            found += [item["message"]["content"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert found == [f"word {number}" for number in range(6, -1, -1)], sort
    refused(api.get("memory/search", query="other", **cursor_of(api)), "invalid")


def cursor_of(api: Api) -> dict[str, str]:
    return {"cursor": answer(api, "word", limit=2)["next_cursor"]}


def test_best_first_ranks_by_how_often_the_words_occur(api: Api) -> None:
    api.add("a", "refund refund refund")
    api.add("b", "a refund " + "among a good many other words that say nothing of it " * 3)
    api.add("c", "one refund")
    best = answer(api, "refund", sort="best")["items"]
    assert [item["session_id"] for item in best] == ["a", "c", "b"]
    scores = [item["score"] for item in best]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] < scores[0] <= 100


def test_a_snippet_shows_where_and_marks_what(api: Api) -> None:
    api.add("a", "Bla " * 100 + "the Übergröße was " + "bla " * 100)
    item = answer(api, "ubergrosse")["items"][0]
    marked = [item["snippet"][start:end] for start, end in item["marks"]]
    assert marked == ["Übergröße"]
    assert len(item["snippet"]) < 250
    api.add("b", "他说我想要退款，谢谢")
    item = answer(api, "想要退款")["items"][0]
    assert [item["snippet"][start:end] for start, end in item["marks"]] == ["想要退款"]


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"query": " "}, "query"),
        ({"query": "a" * 501}, "query"),
        ({"query": "a", "sort": "oldest"}, "sort"),
        ({"query": "a", "limit": 101}, "limit"),
        ({"query": "a", "role": "nobody"}, "role"),
        ({"query": "a", "prefix": ""}, "prefix"),
        ({"query": "a", "cursor": "x"}, "cursor"),
        ({"query": "a", "session_id": "b"}, "session_id"),
    ],
)
def test_what_is_wrong_is_named(api: Api, arguments: dict[str, Any], place: str) -> None:
    assert at(refused(api.get("memory/search", **arguments), "invalid")) == [["query", place]]


def test_a_search_needs_the_scope_read(db: None) -> None:
    refused(Api(make_key(scopes=("write",))).get("memory/search", query="a"), "forbidden")


# What tools answer when they cut a text in the middle of an emoji.
CUT = '{"text": "\\ud83d refund", "\\udc00": ["late \\ud83d\\ude00"]}'


def test_a_text_that_spells_half_a_character_is_found_and_stops_nothing(api: Api) -> None:
    call = {"id": "c", "function": {"name": "look", "arguments": CUT}}
    api.add("a", CUT)
    api.add("b", None, role="assistant", tool_calls=[call])
    api.add("c", "A refund that was late")
    assert search(api, "refund late") == ["A refund that was late", None, CUT]
    assert search(api, "😀") == [None, CUT]
