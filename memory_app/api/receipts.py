"""receipts/: what was removed, by whom, when and why; never what it said."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from memory_app.api import schemas
from memory_app.api.answers import answer, quote, receipt_json
from memory_app.api.auth import caller_of
from memory_app.operations import proving

router = Router(tags=["receipts"])


@router.get("/get", response=schemas.OneReceiptOut)
def get(request: HttpRequest, query: Query[schemas.ReceiptIn]) -> HttpResponse:
    """Return one receipt. Until `purged_at` is there, its purge is still going on."""
    receipt = proving.get_receipt(caller=caller_of(request), receipt=query.id)
    return answer(f'{{"receipt":{receipt_json(receipt)}}}')


@router.get("/list", response=schemas.ReceiptsOut)
def list_(request: HttpRequest, query: Query[schemas.ListReceiptsIn]) -> HttpResponse:
    """List receipts, the newest first, also those that cover a session or a user you know.

    Receipts hold no ids in clear: they are found by a keyed digest of the id you send.
    """
    page = proving.list_receipts(
        caller=caller_of(request),
        session_id=query.session_id,
        user_id=query.user_id,
        kind=query.kind,
        limit=query.limit,
        cursor=query.cursor,
    )
    cursor = quote(page.next_cursor) if page.next_cursor else "null"
    return answer(f'{{"items":[{",".join(map(receipt_json, page.items))}],"next_cursor":{cursor}}}')
