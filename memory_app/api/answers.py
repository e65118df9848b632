"""Write answers: stored texts are joined as they are, never parsed on the way out."""

import json
from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Final

from django.http import HttpResponse

from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.moments import NEVER, to_rfc3339
from memory_app.operations.receipts import ReceiptView, receipt_fields

_JSON: Final = "application/json"

# The fastest way to write a text as JSON that the standard library has.
quote = encode_basestring


def answer(text: str, status: int = 200) -> HttpResponse:
    """Return JSON text as an answer."""
    return HttpResponse(text, status=status, content_type=_JSON)


def quote_or_null(value: str | None) -> str:
    """Write a text that may not be there."""
    return "null" if value is None else quote(value)


def boolean(value: bool) -> str:
    """Write a truth value."""
    return "true" if value else "false"


def _moment(moment: int | None) -> str:
    """Write a moment; one that never comes is null."""
    return "null" if moment is None or moment >= NEVER else f'"{to_rfc3339(moment)}"'


def moment_text(moment: int | None) -> str | None:
    """Return a moment as a text for JSON; None for one that is not there."""
    return None if moment is None else to_rfc3339(moment)


def session_json(
    session: SessionSnapshot | None, namespace: str, now: int, *, leave_out: Iterable[str] = ()
) -> str:
    """Write a session; the hot answers leave out its state and metadata."""
    if session is None:
        return "null"
    documents = ""
    if "metadata" not in leave_out:
        documents += f'"metadata":{session.metadata or "{}"},'
    if "state" not in leave_out:
        documents += f'"state":{session.state or "{}"},'
    return (
        f'{{"uid":"{session.uid}","session_id":{quote(session.session_id)},'
        f'"namespace":"{namespace}","user_id":{quote_or_null(session.user_id)},'
        f'"title":{quote_or_null(session.title)},"tags":{session.tags_text},{documents}'
        f'"status":"{session.status(now)}","revision":{session.revision},'
        f'"message_count":{session.message_count},"token_count":{session.token_count},'
        f'"size_bytes":{session.size_bytes},"held":{"true" if session.held else "false"},'
        f'"created_at":{_moment(session.created_at)},'
        f'"last_activity_at":{_moment(session.last_activity_at)},'
        f'"expires_at":{_moment(session.expires_at)},'
        f'"expires_because":{quote_or_null(session.expires_because)},'
        f'"purge_after":{_moment(session.purge_after)},"ended_at":{_moment(session.ended_at)}}}'
    )


DOCUMENTS: Final = ("metadata", "state")


def stub_json(session: SessionSnapshot, now: int) -> str:
    """Write what agents see of an expired session."""
    return (
        f'{{"uid":"{session.uid}","session_id":{quote(session.session_id)},'
        f'"status":"{session.status(now)}","revision":{session.revision},'
        f'"created_at":{_moment(session.created_at)},'
        f'"last_activity_at":{_moment(session.last_activity_at)},'
        f'"expires_at":{_moment(session.expires_at)},'
        f'"expires_because":{quote_or_null(session.expires_because)},'
        f'"purge_after":{_moment(session.purge_after)}}}'
    )


def session_or_stub(
    session: SessionSnapshot | None, expired: SessionSnapshot | None, namespace: str, now: int
) -> str:
    """Write the session, or the stub of an expired one, or null."""
    if session is None and expired is not None:
        return stub_json(expired, now)
    return session_json(session, namespace, now)


def event_json(event: Event, more: str = "") -> str:
    """Write one event, its message and state as they were received."""
    updated = "" if event.updated_at is None else f'"updated_at":{_moment(event.updated_at)},'
    return (
        f'{{"id":{quote(event.message_id)},"seq":{event.seq},"message":{event.payload},'
        f'"state":{event.state or "null"},"created_at":{_moment(event.created_at)},'
        f'{updated}"tokens":{event.tokens}{more}}}'
    )


def receipt_json(receipt: ReceiptView | None) -> str:
    """Write a receipt."""
    if receipt is None:
        return "null"
    return json.dumps(receipt_fields(receipt), ensure_ascii=False)
