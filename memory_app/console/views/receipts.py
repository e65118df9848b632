"""Receipts: proof of what was removed, the newest first, or by an id that one knows."""

from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from memory_app.console import page
from memory_app.models import ReceiptKind
from memory_app.operations import proving


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the receipts of the namespaces that the person may see."""
    known_id, kind = request.GET.get("id", "").strip(), request.GET.get("kind", "")
    found = proving.browse_receipts(
        person=request.person,  # type: ignore[attr-defined]
        known_id=known_id,
        kind=kind,
        cursor=request.GET.get("cursor") or None,
    )
    asked = {name: value for name, value in (("id", known_id), ("kind", kind)) if value}
    context = {
        "found": found,
        "known_id": known_id,
        "kind": kind,
        "kinds": ReceiptKind.choices,
        "query": urlencode(asked),
        "following": urlencode({**asked, "cursor": found.next_cursor or ""}),
        "paged": bool(request.GET.get("cursor")),
    }
    return page.render(request, page="console/receipts/index.html", context=context)


@require_GET
def detail(request: HttpRequest, receipt: str) -> HttpResponse:
    """Show one receipt."""
    shown = proving.show_receipt(person=request.person, receipt=receipt)  # type: ignore[attr-defined]
    context = {"receipt": shown, "kind": ReceiptKind(shown.kind).label}
    return page.render(
        request,
        page="console/receipts/detail.html",
        fragment="console/receipts/_receipt.html",
        context=context,
    )
