"""The lines of an import file: one session each, checked before anything of it is stored.

docs/format.md is the format in words.
"""

import hashlib
import hmac
import io
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, NamedTuple

from memory_app import conf, moments
from memory_app.errors import Invalid, Location
from memory_app.moments import NEVER
from memory_app.operations.receiving import (
    IncomingMessage,
    SessionChange,
    check_session_id,
    check_user_id,
    receive_change,
    receive_message,
    with_id,
)
from memory_app.strict_json import Keep, Verbatim, decode, encode, members
from memory_app.strict_stream import ObjectStream

# What stands beside the fields of a message and is not part of it. A message that has such a field
# of its own is wrapped: {"message": …, "state": …}.
BESIDE_A_MESSAGE: Final = frozenset({"state", "seq", "created_at"})

# Lines up to this are read at once, and their messages stored together.
_SHORT: Final = 4 * conf.MB
_OF_A_SESSION: Final = ("title", "tags", "metadata", "state")
_MEMBERS: Final = frozenset(
    {*_OF_A_SESSION, "session_id", "user_id", "messages"}
    | {"created_at", "expires_at", "expires_because"}
)
_BECAUSE: Final = ("idle", "max_age", "explicit", "operator")


class Line(NamedTuple):
    """One line of a file, with its number from 1; None where the file cannot be read on."""

    number: int
    text: IO[bytes] | None


class LineItem(NamedTuple):
    """One message of a line, where it was and since when."""

    event: IncomingMessage
    seq: int | None
    kept_at: int | None  # created_at, else the message's own timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """A session as a line has it. `items` is None for a long line: `read_items` has them."""

    session_id: str
    user_id: str | None
    change: SessionChange
    created_at: int | None
    expires_at: int | None
    expires_because: str
    first_at: int | None
    last_at: int | None
    size: int
    items: list[LineItem] | None


def split_lines(source: IO[bytes]) -> Iterator[Line]:
    """Yield the lines that hold something; a long one is kept in a file, not in memory."""
    number = 0
    while True:
        number += 1
        try:
            text = _read_line(source)
        except (OSError, EOFError, zlib.error):
            yield Line(number, None)
            return
        if text is None:
            return
        if text.read(1):
            text.seek(0)
            yield Line(number, text)


def _read_line(source: IO[bytes]) -> IO[bytes] | None:
    """Return the next line, empty when it is blank; None at the end."""
    piece = source.readline(_SHORT)
    if not piece:
        return None
    if len(piece) < _SHORT or piece.endswith(b"\n"):
        return io.BytesIO(piece.strip())
    # The file is unlinked from the start, and is in the folder that holds the content anyway.
    spool = tempfile.TemporaryFile(dir=conf.data_dir())  # noqa: SIM115 - the caller reads it
    while piece:
        spool.write(piece)
        piece = b"" if piece.endswith(b"\n") else source.readline(_SHORT)
    spool.seek(0)
    return spool


def read_session(text: IO[bytes]) -> SessionLine:
    """Read and check a whole line. Raises Invalid and TooLarge, which name no content."""
    stream = _stream(text)
    items: list[LineItem] | None = []
    first_at = last_at = None
    size = last_seq = 0
    for index, item in enumerate(_items(stream)):
        if item.seq is not None and item.seq <= last_seq:
            raise Invalid.at(("messages", index, "seq"), "a seq is greater than the one before it")
        last_seq = item.seq or last_seq + 1
        if item.kept_at is not None:
            first_at = item.kept_at if first_at is None else min(first_at, item.kept_at)
            last_at = max(last_at or 0, item.kept_at)
        size += item.event.size_bytes
        if items is not None:
            items.append(item)
            if len(items) > conf.MAX_BATCH or size > _SHORT:
                items = None
    found = stream.members
    if not found.keys() <= _MEMBERS:
        raise Invalid.at((), "the line has a member that the format does not know")
    if type(found.get("messages")) is not int:
        raise Invalid.at(("messages",), "a session has a list of messages, which may be empty")
    return SessionLine(
        **_read_members(found), first_at=first_at, last_at=last_at, size=size, items=items
    )


def read_items(text: IO[bytes]) -> Iterator[LineItem]:
    """Read the messages of a line that `read_session` has checked, one by one."""
    text.seek(0)
    return _items(_stream(text))


def _stream(text: IO[bytes]) -> ObjectStream:
    return ObjectStream(text, "messages", {"metadata": Keep, "state": Keep})


def _read_members(found: dict[str, Any]) -> dict[str, Any]:
    session_id = found.get("session_id")
    if not isinstance(session_id, str):
        raise Invalid.at(("session_id",), "a session id is a text")
    because = found.get("expires_because") or "explicit"
    if because not in _BECAUSE:
        raise Invalid.at(("expires_because",), f"it is one of {', '.join(_BECAUSE)}")
    return {
        "session_id": check_session_id(session_id, ("session_id",)),
        "user_id": check_user_id(found.get("user_id"), ("user_id",)),
        "change": receive_change(
            {name: found[name] for name in _OF_A_SESSION if name in found}, ()
        ),
        "created_at": _moment(found.get("created_at"), ("created_at",)),
        "expires_at": _moment(found.get("expires_at"), ("expires_at",)),
        "expires_because": because,
    }


def _moment(value: Any, loc: Location) -> int | None:
    if value is None:
        return None
    try:
        moment = moments.from_rfc3339(value)
    except (ValueError, TypeError):
        raise Invalid.at(loc, "a time is RFC 3339 with a zone, as a text") from None
    return None if moment >= NEVER else moment


def _items(stream: ObjectStream) -> Iterator[LineItem]:
    return (_receive_item(item, index) for index, item in enumerate(stream))


def _receive_item(item: Verbatim, index: int) -> LineItem:
    loc = ("messages", index)
    if not isinstance(item.value, dict):
        raise Invalid.at(loc, "a message is an object with a role")
    message, beside = _take_apart(item, loc)
    seq = beside["seq"].value if "seq" in beside else None
    if seq is not None and not (type(seq) is int and 1 <= seq <= conf.MAX_SEQ):
        raise Invalid.at((*loc, "seq"), f"a seq is a whole number from 1 to {conf.MAX_SEQ}")
    created_at = beside["created_at"].value if "created_at" in beside else None
    kept_at = _moment(created_at, (*loc, "created_at"))
    if isinstance(message, Verbatim) and isinstance(message.value, dict):
        message = _named(message, index)
    event = receive_message(message, beside.get("state"), loc, (*loc, "state"))
    return LineItem(event, seq, event.occurred_at if kept_at is None else kept_at)


def _take_apart(item: Verbatim, loc: Location) -> tuple[Any, dict[str, Verbatim]]:
    """Return a message, and what stands beside it. A message has a role, a wrapping has none."""
    value: dict[str, Any] = item.value
    if "role" not in value:
        parts = dict(members(item.text))
        message = parts.pop("message", None)
        if not parts.keys() <= BESIDE_A_MESSAGE:
            raise Invalid.at(loc, "a message has a role; {message, state, seq, created_at} has not")
        return message, parts
    if value.keys().isdisjoint(BESIDE_A_MESSAGE):
        return _not_too_deep(item, loc), {}
    parts = dict(members(item.text))
    beside = {name: parts.pop(name) for name in BESIDE_A_MESSAGE & parts.keys()}
    text = ",".join(f"{encode(key)}:{part.text}" for key, part in parts.items())
    message = Verbatim({key: part.value for key, part in parts.items()}, "{" + text + "}")
    return _not_too_deep(message, loc), beside


def _not_too_deep(message: Verbatim, loc: Location) -> Verbatim:
    """Refuse a message that is one level too deep for a body of the API, where it is not alone."""
    text = message.text
    if text.count("{") + text.count("[") >= conf.MAX_DEPTH:
        decode(f"[{text}]", loc=loc)
    return message


def _named(message: Verbatim, index: int) -> Verbatim:
    """Give a message without an id one that is the same each time the line is imported."""
    if message.value.get("id") is not None:
        return message
    secret = f"import:{index}:{conf.secret_key()}".encode()
    digest = hmac.new(secret, message.text.encode(), hashlib.sha256).hexdigest()
    message_id = f"msg_{digest[:24]}"
    return Verbatim({**message.value, "id": message_id}, with_id(message, message_id))
