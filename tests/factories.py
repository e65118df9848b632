"""Make what tests need, through the operations that the product itself uses."""

import json
from typing import Any

from memory_app.operations.keys import Caller, create_key, verify_key
from memory_app.operations.receiving import IncomingMessage, receive_change, receive_message
from memory_app.operations.recording import Recorded, Recording, add_events
from memory_app.operations.sessions import SessionAt, create_session
from memory_app.strict_json import Keep, decode

ALL_SCOPES = ("read", "write", "purge")


def make_key(namespace: str = "support", scopes: tuple[str, ...] = ALL_SCOPES) -> str:
    """Make a namespace and return a key to it."""
    return create_key(namespace=namespace, scopes=scopes)


def make_caller(namespace: str = "support", scopes: tuple[str, ...] = ALL_SCOPES) -> Caller:
    """Return the caller that a new key authenticates."""
    return verify_key(make_key(namespace, scopes))


def make_event(content: Any = "Hello", *, state: Any = None, **message: Any) -> IncomingMessage:
    """Return a message as an operation takes it."""
    body = {"message": {"role": "user", "content": content, **message}, "state": state}
    read = decode(json.dumps(body), {"message": Keep, "state": Keep})
    return receive_message(read["message"], read["state"], ("body", "message"))


def make_session(
    caller: Caller, session_id: str = "chat-1", *contents: Any, now: int | None = None
) -> Recorded:
    """Begin a session with these messages."""
    events = [make_event(content, id=f"m-{n}") for n, content in enumerate(contents or ["Hi"], 1)]
    return add_events(
        caller=caller,
        recording=Recording(session_id=session_id, events=events, batch=True),
        now=now,
    )


def say_more(caller: Caller, session_id: str, now: int | None = None) -> Recorded:
    """Append one more message to a session."""
    recording = Recording(session_id=session_id, events=[make_event("And more")])
    return add_events(caller=caller, recording=recording, now=now)


def begin_session(
    caller: Caller,
    session_id: str | None = None,
    *,
    expires_at: int | None = None,
    now: int | None = None,
    **fields: Any,
) -> SessionAt:
    """Begin a session without messages, with these fields of sessions/create."""
    body = decode(json.dumps(fields), {"metadata": Keep, "state": Keep})
    return create_session(
        caller=caller,
        session_id=session_id,
        change=receive_change(body, ("body",)),
        expires_at=expires_at,
        now=now,
    )
