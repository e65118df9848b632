"""Open the JSON of messages for people: what a transcript shows of one, and each value in it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from memory_app import conf


def shown_texts(message: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of a message that a transcript shows and marks."""
    content = open_json(message.get("content"))
    yield from texts_in(content)
    for _, value in values_in(content):
        yield from leaves(value)
    yield from leaves(other_fields(message))
    for call in message.get("tool_calls") or ():
        yield call_name(call)
        yield from leaves(open_json(call_arguments(call)))
    if isinstance(message.get("name"), str):
        yield message["name"]


def texts_in(content: Any) -> Iterator[str]:
    """Yield what of a content is text to read: itself, or its text parts."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, str):
                yield part
            elif _is_text_part(part):
                yield part["text"]


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)


def values_in(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield what of a content is not text, with a word for it."""
    if isinstance(content, dict):
        yield "content", content
    elif isinstance(content, list):
        others = [part for part in content if not isinstance(part, str) and not _is_text_part(part)]
        if len(others) == len(content):
            if content:
                yield "content", content
            return
        for part in others:
            kind = part.get("type") if isinstance(part, dict) else None
            yield kind if isinstance(kind, str) else "part", part


def other_fields(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message has besides what every message may have."""
    return {key: value for key, value in message.items() if key not in _KNOWN}


_KNOWN: Final = frozenset(
    ["id", "role", "content", "timestamp", "name", "tool_calls", "tool_call_id"]
)


def call_arguments(call: Mapping[str, Any]) -> Any:
    """Return what a tool is called with: usually JSON in a text."""
    function = call.get("function")
    return function.get("arguments") if isinstance(function, dict) else call.get("arguments")


class Number(str):
    """A number of a message, as it was spelled."""


def open_message(payload: str) -> dict[str, Any]:
    """Parse a message, its numbers as they were spelled."""
    message: dict[str, Any] = open_value(payload)
    return message


def open_value(text: str) -> Any:
    """Parse any JSON value, its numbers as they were spelled."""
    return json.loads(text, parse_float=Number, parse_int=Number)


def open_json(value: Any) -> Any:
    """Return the object or list that a text spells, else the value itself."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        opened = json.loads(value, parse_float=Number, parse_int=Number, parse_constant=Number)
        if "\\ud" in value.lower():
            # Half of a surrogate pair, as from a text that was cut, cannot be sent to a browser.
            json.dumps(opened, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return value
    return opened if _is_shallow(opened) else value


def _is_shallow(value: Any) -> bool:
    """Tell whether a value is no deeper than a message may be."""
    level = [value]
    for _ in range(conf.MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def leaves(value: Any) -> Iterator[str]:
    """Yield the keys and values of a JSON value as a tree of it shows them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, bool) or value is None:
        yield json.dumps(value)
    else:
        yield str(value)


def call_name(call: Mapping[str, Any]) -> str:
    """Return the name of the tool that a call asks for."""
    function = call.get("function")
    name = function.get("name") if isinstance(function, dict) else call.get("name")
    return name if isinstance(name, str) else "tool"
