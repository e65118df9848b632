"""purges/: remove many sessions; see what it would be, then do that and nothing else."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from memory_app.api import schemas
from memory_app.api.answers import answer, moment_text
from memory_app.api.auth import caller_of
from memory_app.operations import requesting
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.requesting import PurgeView

router = Router(tags=["purges"])

_MOMENTS = (
    "created_after",
    "created_before",
    "active_after",
    "active_before",
    "expires_after",
    "expires_before",
)


@router.post("/preview", response=schemas.PreviewOut)
def preview(request: HttpRequest, body: schemas.PreviewIn) -> HttpResponse:
    """Fix a set of sessions and show its numbers; nothing is removed.

    The filter has the names of `sessions/list`; one that names no part of the namespace is refused,
    and `{"status": "any", "everything": true}` is all of it. The token is good for one
    `purges/execute` by the same key within an hour.
    """
    sent = body.filter
    everything = bool(sent.everything)
    wanted = SessionFilter(
        prefix=sent.prefix,
        user_id=sent.user_id,
        status=sent.status or ("any" if everything else "active"),
        tags=tuple(sent.tags or ()),
        metadata=sent.metadata,
        held=sent.held,
        **{name: getattr(sent, name) for name in _MOMENTS},
    )
    shown = requesting.preview_purge(
        caller=caller_of(request), wanted=wanted, everything=everything
    )
    return answer(
        json.dumps(
            {
                "token": shown.token,
                "sessions": shown.sessions,
                "messages": shown.messages,
                "bytes": shown.bytes,
                "held": shown.held,
                "oldest": moment_text(shown.oldest),
                "newest": moment_text(shown.newest),
                "filter": _said(wanted, everything),
            },
            ensure_ascii=False,
        )
    )


def _said(wanted: SessionFilter, everything: bool) -> dict[str, Any]:
    """Return the filter as it was understood."""
    if everything:
        return {"status": wanted.status, "prefix": None, "everything": True}
    fields: dict[str, Any] = {name: getattr(wanted, name) for name in SessionFilter.__slots__}
    fields |= {name: moment_text(fields[name]) for name in _MOMENTS}
    return {name: value for name, value in fields.items() if value not in (None, ())}


@router.post("/execute", response={200: schemas.OnePurgeOut, 202: schemas.OnePurgeOut})
def execute(request: HttpRequest, body: schemas.ExecuteIn) -> HttpResponse:
    """Purge the sessions of a preview that are still as they were shown, and not held.

    They are closed at every door at once. A small set is removed within this call; 202 says that
    cleanup does it or goes on with it: see `purges/get`.
    """
    purge = requesting.execute_purge(
        caller=caller_of(request), token=body.token, reason=body.reason
    )
    return _one(purge, 200 if purge.state == "done" else 202)


@router.get("/get", response=schemas.OnePurgeOut)
def get(request: HttpRequest, query: Query[schemas.PurgeIn]) -> HttpResponse:
    """Tell how far a purge is."""
    return _one(requesting.get_purge(caller=caller_of(request), purge=query.id))


@router.post("/cancel", response=schemas.OnePurgeOut)
def cancel(request: HttpRequest, body: schemas.PurgeIn) -> HttpResponse:
    """Cancel a purge that is `queued`: its sessions are put back.

    One that has started goes on; the answer tells by its `state` what became of it.
    """
    return _one(requesting.cancel_purge(caller=caller_of(request), purge=body.id))


def _one(purge: PurgeView, status: int = 200) -> HttpResponse:
    shown: dict[str, Any] = {
        "id": purge.id,
        "state": purge.state,
        "done": purge.done,
        "total": purge.total,
    }
    if purge.receipt_id is not None:
        shown["receipt_id"] = purge.receipt_id
    return answer(json.dumps({"purge": shown}), status)
