"""One strict reader for every JSON text that comes in, on any door.

RFC 8259 with the ambiguities closed, so that both databases store the same thing and a caller's
next reader sees what ours saw: no duplicate keys, no lone surrogates, no NUL, no NaN or infinity,
no integer beyond 64 bits, no invalid UTF-8, at most 64 levels. Parts named by a shape come with the
very text that was received, which is what gets stored.
"""

import json
import re
from typing import Any, Final, NamedTuple

from memory_app.conf import MAX_DEPTH
from memory_app.errors import Invalid, Location

_WHITESPACE: Final = re.compile(r"[ \t\n\r]*")
# A key without escapes, its colon and the space around: nearly every key there is.
_PLAIN_KEY: Final = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
_MARK: Final = re.compile(r"[ \t\n\r]*([,}\]])[ \t\n\r]*")
_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1
_INT_DIGITS: Final = 20
# What a NUL or half a surrogate pair is spelled with in a text that was valid UTF-8.
_ESCAPES: Final = ("\\u0000", "\\ud", "\\uD")


class Verbatim(NamedTuple):
    """A JSON value together with the text it was read from."""

    value: Any
    text: str


class SpelledFloat(float):
    """A float that remembers its spelling, so that 1.10 is written back as 1.10."""

    spelling: str


class Keep:
    """Marks, in a shape, a value whose text is kept."""


Shape = type[Keep] | dict[str, Any] | list[Any] | None


class _Refused(ValueError):
    """Raised inside the parser, whose callbacks do not know where they are."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Refused("an object names a key twice")
    return result


def _integer(spelling: str) -> int:
    if len(spelling) <= _INT_DIGITS:
        value = int(spelling)
        if _INT_MIN <= value <= _INT_MAX:
            return value
    raise _Refused("an integer needs more than 64 bits; send it as a string")


def _float(spelling: str) -> SpelledFloat:
    value = SpelledFloat(spelling)
    if value in (float("inf"), float("-inf")):
        raise _Refused("a number is too large for a double; send it as a string")
    value.spelling = spelling
    return value


def _constant(name: str) -> float:
    raise _Refused(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def decode(raw: bytes | str, shape: Shape = None, *, loc: Location = ("body",)) -> Any:
    """Read one JSON text.

    `shape` mirrors the value: where it says `Keep`, the result holds a `Verbatim` instead of the
    plain value; dictionaries and one-element lists in it lead there. A value that does not have the
    shape is returned plain, for the caller to refuse. Raises Invalid, never naming any content.
    """
    try:
        text = raw if isinstance(raw, str) else str(raw, "utf-8")
        value, end = _read(text, _skip(text, 0), shape, 1)
        if _skip(text, end) != len(text):
            raise _Refused(f"there is more text after the value, at character {end}")
        if isinstance(raw, str) or any(escape in text for escape in _ESCAPES):
            _check_strings(value)
        return value
    except (ValueError, RecursionError) as problem:
        raise refusal(problem, loc) from None


def refusal(problem: ValueError | RecursionError, loc: Location) -> Invalid:
    """Return what `decode` raises for a problem that reading met; it never names any content."""
    if isinstance(problem, UnicodeDecodeError):
        detail = f"the text is not valid UTF-8, at byte {problem.start}"
    elif isinstance(problem, json.JSONDecodeError):
        detail = f"the text is not JSON: {problem.msg.lower()}, at character {problem.pos}"
    elif isinstance(problem, _Refused):
        detail = str(problem)
    elif isinstance(problem, RecursionError):
        detail = f"the value is nested more than {MAX_DEPTH} levels deep"
    else:
        raise problem
    return Invalid.at(loc, detail)


def read_value(text: str, at: int, shape: Shape, depth: int) -> tuple[Any, int]:
    """Read the value at a position, as deep as `depth` in what it is part of; return its end too.

    Raises what `refusal` takes.
    """
    value, end = _read(text, at, shape, depth)
    if any(text.find(escape, at, end) >= 0 for escape in _ESCAPES):
        _check_strings(value)
    return value, end


def _skip(text: str, at: int) -> int:
    return _WHITESPACE.match(text, at).end()  # type: ignore[union-attr]


def _read(text: str, at: int, shape: Shape, depth: int) -> tuple[Any, int]:
    """Read the value at a position; return it and where it ends."""
    if isinstance(shape, dict) and text[at : at + 1] == "{":
        return _read_object(text, at + 1, shape, depth)
    if isinstance(shape, list) and text[at : at + 1] == "[":
        return _read_array(text, at + 1, shape[0], depth)
    value, end = _DECODER.raw_decode(text, at)
    # Brackets are counted before anything is walked: nearly every value has fewer than the limit.
    if text.count("{", at, end) + text.count("[", at, end) > MAX_DEPTH - depth + 1:
        _check_depth(value, depth)
    return (Verbatim(value, text[at:end]) if shape is Keep else value), end


def _read_object(
    text: str, at: int, shape: dict[str, Any], depth: int
) -> tuple[dict[str, Any], int]:
    result: dict[str, Any] = {}
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        return result, at + 1
    while True:
        key, at = _read_key(text, at)
        if key in result:
            raise _Refused("an object names a key twice")
        result[key], at = _read(text, at, shape.get(key), depth + 1)
        mark, at = _read_mark(text, at, "}")
        if mark == "}":
            return result, at


def _read_array(text: str, at: int, shape: Shape, depth: int) -> tuple[list[Any], int]:
    result: list[Any] = []
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return result, at + 1
    while True:
        value, at = _read(text, at, shape, depth + 1)
        result.append(value)
        mark, at = _read_mark(text, at, "]")
        if mark == "]":
            return result, at


def _read_key(text: str, at: int) -> tuple[str, int]:
    """Read a member's name and its colon; return the name and where the value begins."""
    plain = _PLAIN_KEY.match(text, at)
    if plain is not None:
        return plain[1], plain.end()
    if text[at : at + 1] != '"':
        raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
    key, at = _DECODER.raw_decode(text, at)
    at = _skip(text, at)
    if text[at : at + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
    return key, _skip(text, at + 1)


def _read_mark(text: str, at: int, closing: str) -> tuple[str, int]:
    """Read what follows a value: a comma and the space after it, or the closing bracket."""
    mark = _MARK.match(text, at)
    if mark is None or mark[1] not in ("," + closing):
        raise json.JSONDecodeError("Expecting ',' delimiter", text, _skip(text, at))
    return (mark[1], mark.end()) if mark[1] == "," else (closing, mark.end(1))


def _check_depth(value: Any, depth: int) -> None:
    stack = [(value, depth)]
    while stack:
        item, level = stack.pop()
        if isinstance(item, dict | list):
            if level > MAX_DEPTH:
                raise _Refused(f"the value is nested more than {MAX_DEPTH} levels deep")
            parts = item.values() if isinstance(item, dict) else item
            stack.extend((part, level + 1) for part in parts)


def _check_strings(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Verbatim):
            stack.append(item.value)
        elif isinstance(item, str):
            check_text(item)
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def check_text(text: str) -> None:
    """Refuse text that one of the databases cannot store. Raises ValueError."""
    if "\x00" in text:
        raise _Refused("a text holds the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Refused("a text holds half of a surrogate pair") from None


def members(text: str) -> list[tuple[str, Verbatim]]:
    """Return the members of an object that `decode` has read before, each with its text."""
    at = _skip(text, _skip(text, 0) + 1)
    result = []
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        value, end = _DECODER.raw_decode(text, start)
        result.append((key, Verbatim(value, text[start:end])))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return result


def same(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal: types count, key order and float spelling do not."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, list):
        return (
            isinstance(other, list)
            and len(one) == len(other)
            and all(same(left, right) for left, right in zip(one, other, strict=True))
        )
    return type(one) is type(other) and bool(one == other)


def encode(value: Any) -> str:
    """Write a value that `decode` returned, numbers as they were spelled."""
    if isinstance(value, SpelledFloat):
        return value.spelling
    if isinstance(value, dict):
        members = (f"{encode(key)}:{encode(part)}" for key, part in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encode, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def canonical(value: Any) -> str:
    """Write a value so that two texts are equal exactly when `same` says the values are."""
    if isinstance(value, dict):
        members = (f"{encode(key)}:{canonical(value[key])}" for key in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value + 0.0 if isinstance(value, float) else value, ensure_ascii=False)


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
