"""Fit messages into a number of tokens, a tool call never without its results."""

from collections.abc import Iterator
from typing import Any

from memory_app.models.snapshot import Event


def fit_tokens(events: list[Event], most: int) -> list[Event]:
    """Return the newest of these events that fit, a tool call together with its results.

    Groups are taken from the newest backwards until one does not fit.
    """
    kept: list[Event] = []
    total = 0
    for group in reversed(tool_groups(events)):
        total += sum(event.tokens for event in group)
        if total > most:
            break
        kept = group + kept
    return kept


def tool_groups(events: list[Event]) -> list[list[Event]]:
    """Split events, in order, where no tool call is separated from a result of it.

    A result may come late, with other messages in between: those belong to the group too.
    """
    last_use = _last_uses(events)
    groups: list[list[Event]] = []
    end = -1
    for index, event in enumerate(events):
        if index > end:
            groups.append([])
        end = max(end, last_use[index])
        groups[-1].append(event)
    return groups


def _last_uses(events: list[Event]) -> list[int]:
    """Return, for each event, the place of the last result of a call that it makes.

    A result belongs to the last call of its id before it; one without a call stands alone.
    """
    last_use = list(range(len(events)))
    callers: dict[str, int] = {}
    for index, event in enumerate(events):
        # Most messages are seen to have nothing to do with tools without being parsed.
        if "tool_" not in event.payload and "\\u" not in event.payload:
            continue
        message = event.message()
        for call in _answered(message):
            if call in callers:
                last_use[callers[call]] = index
        callers.update(dict.fromkeys(_called(message), index))
    return last_use


def _called(message: dict[str, Any]) -> Iterator[str]:
    """Return the ids of the calls that a message makes, in OpenAI's shape or in Anthropic's."""
    calls = [*(message.get("tool_calls") or ()), *_parts(message, "tool_use")]
    return (call["id"] for call in calls if isinstance(call.get("id"), str))


def _answered(message: dict[str, Any]) -> Iterator[str]:
    """Return the ids of the calls whose results a message is or holds."""
    if isinstance(message.get("tool_call_id"), str):
        yield message["tool_call_id"]
    for part in _parts(message, "tool_result"):
        if isinstance(part.get("tool_use_id"), str):
            yield part["tool_use_id"]


def _parts(message: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    content = message.get("content")
    if not isinstance(content, list):
        return []
    return [part for part in content if isinstance(part, dict) and part.get("type") == kind]
