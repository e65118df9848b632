"""subjects/: the person that sessions are about; what there is, take it out, erase it."""

import json
import tempfile
from typing import Final

from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Query, Router

from memory_app import conf
from memory_app.api import schemas
from memory_app.api.answers import answer, moment_text, receipt_json
from memory_app.api.auth import caller_of
from memory_app.operations import subjects
from memory_app.operations.receiving import check_length

router = Router(tags=["subjects"])

_IN_MEMORY: Final = 4 * conf.MB
# How long a call works on an erasure; cleanup goes on with what is then left.
_SECONDS: Final = 30.0


@router.get("/get", response=schemas.SubjectOut)
def get(request: HttpRequest, query: Query[schemas.SubjectIn]) -> HttpResponse:
    """Count what there is about a person; zeros when nothing is."""
    subject = subjects.get_subject(
        caller=caller_of(request), user_id=check_length(query.user_id, _IN_QUERY, "a user id")
    )
    return answer(
        json.dumps(
            {
                "user_id": subject.user_id,
                "sessions": subject.sessions,
                "messages": subject.messages,
                "bytes": subject.bytes,
                "held": subject.held,
                "first_at": moment_text(subject.first_at),
                "last_at": moment_text(subject.last_at),
            },
            ensure_ascii=False,
        )
    )


_IN_QUERY: Final = ("query", "user_id")
_JSON_LINES: Final = {
    "responses": {
        200: {
            "description": "One session a line",
            "content": {"application/jsonl": {"schema": {"type": "string"}}},
        }
    }
}


@router.get("/export", openapi_extra=_JSON_LINES)
def export(request: HttpRequest, query: Query[schemas.SubjectIn]) -> FileResponse:
    """Stream all sessions about a person as JSON Lines, one session a line.

    Expired sessions that are not purged yet are among them. `manage.py import_sessions` reads the
    lines again.
    """
    caller = caller_of(request)
    # Read whole before it is sent: a slow reader must not keep a transaction open, and a refusal
    # must not come in the middle.
    file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - the response closes it
        _IN_MEMORY, dir=str(conf.data_dir())
    )
    subjects.export_subject(
        caller=caller,
        user_id=check_length(query.user_id, _IN_QUERY, "a user id"),
        write=lambda text: file.write(text.encode()),
    )
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename="subject.jsonl", content_type="application/jsonl"
    )


@router.post("/erase", response=schemas.OneReceiptOut)
def erase(request: HttpRequest, body: schemas.EraseIn) -> HttpResponse:
    """Purge all sessions about a person in this namespace, at once, and return the receipt.

    Parts under legal hold are closed at every door and removed after the release. Nothing found
    has a receipt as well. Until `purged_at` is there, cleanup is still at it.
    """
    caller = caller_of(request)
    receipt = subjects.erase_subject(
        actor=caller,
        namespace=caller.namespace,
        user_id=check_length(body.user_id, ("body", "user_id"), "a user id"),
        reason=body.reason,
        seconds=_SECONDS,
    )
    return answer(f'{{"receipt":{receipt_json(receipt)}}}')
