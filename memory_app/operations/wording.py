"""Take from a message the text that search looks in."""

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from memory_app import conf
from memory_app.folding import fold
from memory_app.words import without_base64, words

# How much of a message's text is searched. A list of words ends at a megabyte on PostgreSQL, and a
# message may have four.
MAX_TEXT_BYTES: Final = 200 * conf.KB


def text_of(message: Mapping[str, Any]) -> str:
    """Return string content, text parts, names and arguments of tools, up to 200 KB."""
    kept, left = [], MAX_TEXT_BYTES
    for piece in _pieces(message):
        text = without_base64(piece)
        # No character is longer than four bytes, so most texts need not be measured.
        if 4 * len(text) > left:
            text = text.encode()[:left].decode(errors="ignore")
        kept.append(text)
        left -= len(text.encode()) + 1
        if left <= 0:
            break
    return "\n".join(kept)


def _pieces(message: Mapping[str, Any]) -> Iterator[str]:
    yield from _of_content(message.get("content"))
    if isinstance(message.get("name"), str):
        yield message["name"]
    for name, arguments in _calls(message):
        if name is not None:
            yield name
        yield from _of_arguments(arguments)


def _of_content(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield from _of_string(content)
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str) and part is not content:
            yield from _of_string(part)
        elif isinstance(part, dict):
            if isinstance(part.get("text"), str):
                yield part["text"]
            if part.get("type") == "tool_result":
                yield from _of_content(part.get("content"))


def _of_string(text: str) -> Iterator[str]:
    """Yield a text; JSON that spells its letters as numbers is read first."""
    if "\\u" in text and text.lstrip().startswith(("{", "[")):
        try:
            opened = json.loads(text)
        except (ValueError, RecursionError):
            opened = text
        for piece in _strings(opened):
            # Half of a surrogate pair, as from a text that was cut, is no character.
            yield piece if piece.isascii() else piece.encode(errors="replace").decode()
    else:
        yield text


def _strings(value: Any) -> Iterator[str]:
    """Yield the names and texts of a JSON value in their order, however deep it is."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [part for pair in reversed(one.items()) for part in reversed(pair)]
        elif isinstance(one, list):
            waiting += reversed(one)
        elif one is not None:
            yield one if isinstance(one, str) else json.dumps(one)


def _of_arguments(arguments: Any) -> Iterator[str]:
    if isinstance(arguments, str):
        yield from _of_string(arguments)
    elif arguments is not None:
        yield from _strings(arguments)


def _calls(message: Mapping[str, Any]) -> Iterator[tuple[str | None, Any]]:
    """Yield the names and the arguments of the tools that a message calls, in either spelling."""
    for call in message.get("tool_calls") or ():
        function = call.get("function")
        asked = function if isinstance(function, dict) else call
        yield _text(asked.get("name")), asked.get("arguments")
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "tool_use":
            yield _text(part.get("name")), part.get("input")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def tool_names(message: Mapping[str, Any]) -> set[str]:
    """Return the names of the tools that a message calls or whose result it is."""
    names = {name for name, _ in _calls(message) if name is not None}
    if message.get("role") == "tool" and isinstance(message.get("name"), str):
        names.add(message["name"])
    return names


def words_of(payload: str, number: int, role: str) -> set[str]:
    """Return what a message is found by: its words, its session, its role and its tools."""
    message: dict[str, Any] = json.loads(payload)
    facets = {session_facet(number), role_facet(role), *map(tool_facet, tool_names(message))}
    return words(text_of(message)) | facets


def session_facet(number: int) -> str:
    """Return what stands in the index for a session; no word begins with a full stop."""
    return f".s{number}"


def role_facet(role: str) -> str:
    """Return what stands in the index for a role."""
    return f".r{role}"


def tool_facet(name: str) -> str:
    """Return what stands in the index for a tool, whatever its name is written with."""
    return f".t{blake2b(fold(name).encode(), digest_size=6).hexdigest()}"
