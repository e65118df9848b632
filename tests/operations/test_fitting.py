"""Messages are cut to a number of tokens from the oldest on, calls and results staying together."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_app.models.snapshot import Event
from memory_app.operations.fitting import fit_tokens, tool_groups

TOKENS = 10


def user() -> dict[str, Any]:
    return {"role": "user", "content": "tool_call_id of c1"}


def calls(*ids: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [{"id": id_} for id_ in ids]}


def result(call: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "content": "done"}


def events(*messages: dict[str, Any]) -> list[Event]:
    return [
        Event(seq, str(seq), message["role"], json.dumps(message), None, TOKENS, 1, 0, None)
        for seq, message in enumerate(messages, 1)
    ]


def uses(*ids: str) -> dict[str, Any]:
    parts = [{"type": "tool_use", "id": id_} for id_ in ids]
    return {"role": "assistant", "content": [{"type": "text", "text": "Let me see"}, *parts]}


def outcome(*ids: str) -> dict[str, Any]:
    parts = [{"type": "tool_result", "tool_use_id": id_} for id_ in ids]
    return {"role": "user", "content": parts}


@pytest.mark.parametrize(
    ("messages", "groups"),
    [
        ([], []),
        ([user(), user()], [[1], [2]]),
        ([calls("c1"), result("c1"), user()], [[1, 2], [3]]),
        # Parallel calls, in any order of their results.
        ([calls("c1", "c2"), result("c2"), result("c1"), user()], [[1, 2, 3], [4]]),
        # A late result: what lies between cannot be left out without breaking the order.
        ([calls("c1"), user(), result("c1"), user()], [[1, 2, 3], [4]]),
        # Calls whose results interleave are one group.
        ([calls("c1"), calls("c2"), result("c1"), user(), result("c2")], [[1, 2, 3, 4, 5]]),
        # A call without a result, and a result without a call.
        ([calls("c1"), user()], [[1], [2]]),
        ([result("c9"), user()], [[1], [2]]),
        ([result("c1"), calls("c1"), user()], [[1], [2], [3]]),
        # An id used twice: each result belongs to the last call before it.
        ([calls("c1"), result("c1"), calls("c1"), result("c1")], [[1, 2], [3, 4]]),
        ([calls("c1"), calls("c1"), result("c1")], [[1], [2, 3]]),
        ([calls("c1", "c1"), result("c1"), result("c1")], [[1, 2, 3]]),
        # Two results of one call.
        ([calls("c1"), result("c1"), user(), result("c1")], [[1, 2, 3, 4]]),
        # Ids that are no ids.
        ([calls(None, 5, ""), result(None), result(""), user()], [[1, 2, 3], [4]]),
        # The shape in which results are parts of the user's next message.
        ([uses("c1", "c2"), outcome("c1", "c2"), user()], [[1, 2], [3]]),
        ([uses("c1"), outcome("c1"), uses("c2"), outcome("c2")], [[1, 2], [3, 4]]),
    ],
)
def test_a_call_and_its_results_are_one_group(
    messages: list[dict[str, Any]], groups: list[list[int]]
) -> None:
    found = tool_groups(events(*messages))
    assert [[event.seq for event in group] for group in found] == groups


def test_an_escaped_name_is_read_as_what_it_is() -> None:
    call = Event(1, "1", "assistant", r'{"tool\u005fcalls":[{"id":"c1"}]}', None, 1, 1, 0, None)
    done = Event(2, "2", "tool", r'{"tool\u005fcall_id":"c1"}', None, 1, 1, 0, None)
    assert tool_groups([call, done]) == [[call, done]]


@pytest.mark.parametrize(
    ("most", "kept"),
    [(0, []), (9, []), (10, [5]), (19, [5]), (39, [5]), (40, [2, 3, 4, 5]), (50, [1, 2, 3, 4, 5])],
)
def test_the_newest_groups_that_fit_are_kept(most: int, kept: list[int]) -> None:
    session = events(user(), calls("c1", "c2"), result("c1"), result("c2"), user())
    assert [event.seq for event in fit_tokens(session, most)] == kept


def test_a_group_that_does_not_fit_ends_it_also_when_an_older_one_would() -> None:
    session = events(user(), calls("c1"), result("c1"))
    assert fit_tokens(session, 2 * TOKENS - 1) == []


CALL_IDS = st.sampled_from(["c1", "c2", "c3"])
MESSAGES = st.lists(
    st.builds(user)
    | st.builds(lambda ids: calls(*ids), st.lists(CALL_IDS, max_size=3))
    | st.builds(result, CALL_IDS),
    max_size=12,
)


@given(MESSAGES, st.integers(0, 130))
def test_what_is_kept_is_an_end_of_the_session_that_tears_no_call_from_its_results(
    messages: list[dict[str, Any]], most: int
) -> None:
    session = events(*messages)
    kept = fit_tokens(session, most)
    assert kept == session[len(session) - len(kept) :]
    assert TOKENS * len(kept) <= most
    dropped = session[: len(session) - len(kept)]
    made = [call["id"] for event in session for call in event.message().get("tool_calls", [])]
    for event in kept:
        answered = event.message().get("tool_call_id")
        if answered is None or made.count(answered) != 1:
            continue
        caller = next(
            one
            for one in session
            if answered in [call["id"] for call in one.message().get("tool_calls", [])]
        )
        assert caller not in dropped or caller.seq > event.seq
