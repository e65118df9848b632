"""Overwrite a message in place: the way to redact."""

from dataclasses import dataclass
from typing import Literal

from memory_app.errors import Invalid, NotFound
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.indexing import reindex_message
from memory_app.operations.journal import file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.receiving import (
    CONTENT_RULE,
    check_message_size,
    is_content,
    receive_message,
    with_id,
)
from memory_app.operations.removing import (
    SHRINK,
    Target,
    enter_places,
    find_message,
    lock_target,
    reread,
)
from memory_app.storage import Database, engine
from memory_app.strict_json import Verbatim, decode, encode, members, same


@dataclass(frozen=True, slots=True)
class Replaced:
    """A message after its replacement."""

    item: Event
    session: SessionSnapshot
    now: int


Keeps = Literal["keep"]


def replace_message(
    *,
    caller: Caller,
    target: Target,
    message_id: str,
    message: Verbatim | None = None,
    content: Verbatim | None = None,
    replaces_content: bool = False,
    state: Verbatim | Keeps | None = "keep",
    now: int | None = None,
) -> Replaced:
    """Overwrite a message, or only its content, in place: its place and id stay.

    An equal body changes nothing. Raises NotFound, Invalid and TooLarge.
    """
    caller.require("write")
    if replaces_content:
        _check_content(content)
    else:
        receive_message(
            message, None if state == "keep" else state, ("body", "message"), ("body", "state")
        )

    def work(db: Database) -> Replaced:
        session, moment = lock_target(db, caller, target, now)
        event = find_message(db, session, message_id) if session is not None else None
        if session is None or event is None:
            raise NotFound("there is no such message")
        body = _with_content(event, content) if replaces_content else _with_old_id(event, message)
        if _is_equal(event, body, state):
            return Replaced(event, session, moment)
        _overwrite(db, caller, session, event, body, state, moment)
        fresh = find_message(db, session, message_id)
        assert fresh is not None, "it was just written"
        return Replaced(fresh, reread(db, caller, session, moment), moment)

    replaced = engine().write(work)
    file_removals()
    return replaced


def _check_content(content: Verbatim | None) -> None:
    """Refuse a content that no message could have."""
    if content is None:
        return
    if not isinstance(content, Verbatim) or not is_content(content.value):
        raise Invalid.at(("body", "content"), CONTENT_RULE)
    check_message_size(content.text)


def _with_content(event: Event, content: Verbatim | None) -> Verbatim:
    text = "null" if content is None else content.text
    parts = [
        f"{encode(key)}:{text if key == 'content' else value.text}"
        for key, value in members(event.payload)
    ]
    if not any(key == "content" for key, _ in members(event.payload)):
        parts.append(f'"content":{text}')
    joined = "{" + ",".join(parts) + "}"
    return Verbatim(decode(joined), joined)


def _with_old_id(event: Event, message: Verbatim | None) -> Verbatim:
    assert message is not None, "it was checked before the session was locked"
    given = message.value.get("id")
    if given is None:
        text = with_id(message, event.message_id)
        return Verbatim(decode(text), text)
    if given != event.message_id:
        raise Invalid.at(("body", "message", "id"), "an update keeps the id of the message")
    return message


def _is_equal(event: Event, body: Verbatim, state: Verbatim | Keeps | None) -> bool:
    if not same(decode(event.payload), body.value):
        return False
    if state == "keep":
        return True
    new = None if state is None else state.value
    return same(None if event.state is None else decode(event.state), new)


def _overwrite(
    db: Database,
    caller: Caller,
    session: SessionSnapshot,
    event: Event,
    body: Verbatim,
    state: Verbatim | Keeps | None,
    now: int,
) -> None:
    if state == "keep":
        state = None if event.state is None else Verbatim(decode(event.state), event.state)
    incoming = receive_message(body, state, ("body", "message"), ("body", "state"))
    db.run(
        "UPDATE message SET role = %s, payload = %s, state = %s, tokens = %s, size_bytes = %s,"
        " occurred_at = %s, updated_at = %s WHERE id = %s",
        (
            incoming.role,
            incoming.payload,
            incoming.state,
            incoming.tokens,
            incoming.size_bytes,
            event.created_at if incoming.occurred_at is None else incoming.occurred_at,
            now,
            event.key,
        ),
    )
    reindex_message(db, event.key, caller.namespace_id, incoming.payload, incoming.role)
    db.run(
        SHRINK,
        (
            0,
            event.tokens - incoming.tokens,
            event.size_bytes - incoming.size_bytes,
            1,
            session.number,
        ),
    )
    enter_places(db, caller, session, event.seq, event.seq, now)
