"""memory/list with max_tokens: the newest messages that fit, and never half of a tool call."""

from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api

CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}, {"id": "c2"}]}
MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "What is the weather in Rome and Oslo?"},
    {**CALL, "id": "call"},
    {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    {"role": "tool", "tool_call_id": "c2", "content": "snow"},
    {"role": "assistant", "content": "Sunny in Rome, snow in Oslo."},
    {"role": "user", "content": "Thanks!"},
]


@pytest.fixture
def tokens(api: Api) -> list[int]:
    """Return the tokens of the messages of the session `chat`."""
    api.post("memory/add_list", session_id="chat", events=[{"message": m} for m in MESSAGES])
    items = api.get("memory/list", session_id="chat").json()["items"]
    return [item["tokens"] for item in items]


def ask(api: Api, **query: Any) -> tuple[list[int], dict[str, Any]]:
    answer = api.get("memory/list", session_id="chat", **query).json()
    assert answer["tokens"] == sum(item["tokens"] for item in answer["items"])
    assert answer["estimator"] == "json-bytes/4"
    assert answer["total"] == len(MESSAGES)
    more = {key: answer[key] for key in answer if key.startswith("next")}
    assert answer["truncated"] == bool(more)
    return [item["seq"] for item in answer["items"]], more


def test_the_estimate_is_a_quarter_of_the_bytes_rounded_up(api: Api) -> None:
    for number, content in enumerate(("", "a", "ab", "abc", "天气", "🙂")):
        payload = f'{{"id":"{number}","role":"user","content":"{content}"}}'
        api.post("memory/add", f'{{"message":{payload}}}')
        item = api.get("memory/get", id=str(number)).json()["item"]
        assert item["tokens"] == -(-len(payload.encode()) // 4)


def test_without_max_tokens_no_estimator_is_named(api: Api, tokens: list[int]) -> None:
    answer = api.get("memory/list", session_id="chat").json()
    assert "tokens" not in answer
    assert "estimator" not in answer


def test_the_newest_that_fit_are_kept(api: Api, tokens: list[int]) -> None:
    assert ask(api, max_tokens=sum(tokens)) == ([1, 2, 3, 4, 5, 6], {})
    assert ask(api, max_tokens=sum(tokens) - 1) == ([2, 3, 4, 5, 6], {"next_before_seq": 2})
    assert ask(api, max_tokens=sum(tokens[1:])) == ([2, 3, 4, 5, 6], {"next_before_seq": 2})
    # One token too few for the call with both results: all three are left out.
    assert ask(api, max_tokens=sum(tokens[1:]) - 1) == ([5, 6], {"next_before_seq": 5})
    assert ask(api, max_tokens=tokens[5]) == ([6], {"next_before_seq": 6})
    assert ask(api, max_tokens=tokens[5] - 1) == ([], {"next_before_seq": 7})
    assert ask(api, max_tokens=0) == ([], {"next_before_seq": 7})
    assert ask(api, max_tokens=2**63 - 1) == ([1, 2, 3, 4, 5, 6], {})


def test_max_tokens_comes_after_order_offset_and_limit(api: Api, tokens: list[int]) -> None:
    plenty = sum(tokens)
    assert ask(api, max_tokens=plenty, order="desc") == ([6, 5, 4, 3, 2, 1], {})
    little = tokens[4] + tokens[5]
    assert ask(api, max_tokens=little, order="desc") == ([6, 5], {"next_before_seq": 5})
    assert ask(api, max_tokens=plenty, last=2) == ([5, 6], {"next_before_seq": 5})
    assert ask(api, max_tokens=tokens[5], last=2) == ([6], {"next_before_seq": 6})
    assert ask(api, max_tokens=plenty, limit=5) == ([1, 2, 3, 4, 5], {"next_after_seq": 5})
    assert ask(api, max_tokens=tokens[4], limit=5) == (
        [5],
        {"next_after_seq": 5, "next_before_seq": 5},
    )
    assert ask(api, max_tokens=plenty, offset=4) == ([5, 6], {})
    assert ask(api, max_tokens=plenty, offset=1, limit=4) == ([2, 3, 4, 5], {"next_after_seq": 5})
    assert ask(api, max_tokens=plenty, offset=9) == ([], {})
    assert ask(api, max_tokens=plenty, limit=0) == ([], {"next_after_seq": 0})
    assert ask(api, max_tokens=plenty, order="desc", offset=4) == ([2, 1], {})


def test_filters_come_before_max_tokens(api: Api, tokens: list[int]) -> None:
    plenty = sum(tokens)
    assert ask(api, max_tokens=plenty, role="assistant") == ([2, 5], {})
    assert ask(api, max_tokens=tokens[4], role="assistant") == ([5], {"next_before_seq": 5})
    # Who asks for results alone gets them alone.
    assert ask(api, max_tokens=plenty, role="tool") == ([3, 4], {})
    assert ask(api, max_tokens=tokens[3], role="tool") == ([4], {"next_before_seq": 4})
    assert ask(api, max_tokens=plenty, after_seq=2, before_seq=5) == ([3, 4], {})
    assert ask(api, max_tokens=plenty, role="user", limit=1, offset=1) == ([6], {})


def test_a_redacted_message_counts_as_it_is_now(api: Api, tokens: list[int]) -> None:
    api.post("memory/update", session_id="chat", id="call", content="x" * 4_000)
    answer = api.get("memory/list", session_id="chat").json()
    assert answer["items"][1]["tokens"] > 1_000
    assert answer["session"]["token_count"] == sum(item["tokens"] for item in answer["items"])
    assert ask(api, max_tokens=sum(tokens)) == ([5, 6], {"next_before_seq": 5})


def test_max_tokens_of_nothing_is_nothing(api: Api) -> None:
    answer = api.get("memory/list", session_id="nobody", max_tokens=10).json()
    assert answer == {
        "items": [],
        "total": 0,
        "session": None,
        "truncated": False,
        "tokens": 0,
        "estimator": "json-bytes/4",
    }
    assert_refused(api.get("memory/list", max_tokens="1.5"), "invalid", ["query", "max_tokens"])
