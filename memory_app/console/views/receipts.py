"""Receipts: proof of what was removed, the newest first, or by an id that one knows."""

import json
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from memory_app import conf
from memory_app.console import page, times
from memory_app.console.paging import pages
from memory_app.errors import Invalid
from memory_app.models import ReceiptKind
from memory_app.operations import proving
from memory_app.operations.proving import ReceiptFilter
from memory_app.operations.receipts import receipt_fields

_FIELDS: Final = ("id", "kind", "namespace", "since", "until")


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the receipts of the namespaces that the person may see."""
    return _list(request, "receipts")


@require_GET
def erasures(request: HttpRequest) -> HttpResponse:
    """Show the erasures of data subjects, with what a hold still keeps of them."""
    return _list(request, "erasures", ReceiptKind.ERASURE)


def _list(request: HttpRequest, view: str, only: str = "") -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip() for name in _FIELDS}
    cursor = request.GET.get("cursor", "")
    context: dict[str, Any] = {
        "view": f"console:{view}",
        "only": only,
        "asked": asked,
        "kinds": ReceiptKind.choices,
    }
    try:
        after, before = times.days(asked["since"], asked["until"])
        found = proving.browse_receipts(
            person=request.person,  # type: ignore[attr-defined]
            wanted=ReceiptFilter(
                known_id=asked["id"],
                kind=only or asked["kind"],
                namespace=asked["namespace"],
                after=after,
                before=before,
            ),
            cursor=cursor or None,
        )
    except Invalid as problem:
        context["problem"] = problem.detail
        return page.render(request, page="console/receipts/index.html", context=context, status=422)
    context |= {
        "found": found,
        "rows": [(receipt, found.restricted.get(receipt.id)) for receipt in found.items],
        "filtered": any(asked.values()),
        "pages": pages(view, asked, paged=cursor, following={"cursor": found.next_cursor}),
    }
    return page.render(request, page="console/receipts/index.html", context=context)


@require_GET
def detail(request: HttpRequest, receipt: str) -> HttpResponse:
    """Show one receipt."""
    proof = proving.show_receipt(person=request.person, receipt=receipt)  # type: ignore[attr-defined]
    context = {
        "proof": proof,
        "receipt": proof.receipt,
        "kind": ReceiptKind(proof.receipt.kind).label,
        "backup_days": conf.backup_days(),
    }
    return page.render(
        request,
        page="console/receipts/detail.html",
        fragment="console/receipts/_receipt.html",
        context=context,
    )


@require_GET
def download(request: HttpRequest, receipt: str) -> HttpResponse:
    """Send a receipt as the JSON that the API answers with."""
    proof = proving.show_receipt(person=request.person, receipt=receipt)  # type: ignore[attr-defined]
    text = json.dumps({"receipt": receipt_fields(proof.receipt)}, ensure_ascii=False, indent=2)
    response = HttpResponse(text + "\n", content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{proof.receipt.id}.json"'
    return response
