"""Open the JSON of messages for people: what a transcript shows of one, and each value in it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from memory_app import conf


def shown_texts(message: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of a message that a transcript shows and so can mark."""
    yield from leaves(open_json(message.get("content")))
    for call in message.get("tool_calls") or ():
        yield call_name(call)
        yield from leaves(open_json(call_arguments(call)))
    if isinstance(message.get("name"), str):
        yield message["name"]


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
