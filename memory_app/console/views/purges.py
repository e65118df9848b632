"""Purges: what would go, the words that confirm it, and the receipt."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from memory_app.console import filters, page
from memory_app.errors import Invalid, PreviewStale
from memory_app.operations import previewing
from memory_app.operations.intervening import Chosen
from memory_app.operations.previewing import PreviewView

# How long a request works on a purge; cleanup goes on with what is then left.
_SECONDS = 8.0


def ask(request: HttpRequest, chosen: Chosen) -> HttpResponse:
    """Fix the chosen sessions and ask whether they are to be purged."""
    person = request.person  # type: ignore[attr-defined]
    if chosen.token is not None:
        preview = previewing.read_preview(actor=person, token=chosen.token)
    else:
        preview = previewing.preview(actor=person, uids=chosen.uids)
    if page.wants_fragment(request):
        return _form(request, preview)
    return page.redirect(request, reverse("console:purge", args=[preview.token]))


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a purge would remove, and carry it out once that is confirmed in words."""
    person = request.person  # type: ignore[attr-defined]
    try:
        preview = previewing.read_preview(actor=person, token=token)
        if request.method != "POST":
            return _form(request, preview)
        typed, reason = request.POST.get("typed", ""), request.POST.get("reason", "")
        problems = _problems(preview, typed, reason)
        if problems:
            return _form(request, preview, problems)
        receipt = previewing.execute(actor=person, token=token, reason=reason, seconds=_SECONDS)
    except PreviewStale:
        messages.warning(
            request,
            "This confirmation was used already, is older than an hour, or is not yours. Nothing"
            " was removed by it now. Select the sessions again.",
        )
        return page.redirect(request, reverse("console:sessions"))
    return page.redirect(request, reverse("console:receipt", args=[receipt.id]))


def phrase(preview: PreviewView) -> str:
    """Return what a person types to confirm a purge."""
    return f"purge {preview.sessions:,}"


def _problems(preview: PreviewView, typed: str, reason: str) -> dict[str, str]:
    problems = {}
    said = " ".join(typed.split()).casefold()
    if said not in (phrase(preview), phrase(preview).replace(",", "")):
        problems["typed"] = f"Type “{phrase(preview)}” to confirm."
    try:
        previewing.check_reason(reason)
    except Invalid as problem:
        problems["reason"] = f"{problem.detail[0].upper()}{problem.detail[1:]}."
    return problems


def _form(
    request: HttpRequest, preview: PreviewView, problems: dict[str, str] | None = None
) -> HttpResponse:
    context = {
        "preview": preview,
        "phrase": phrase(preview),
        "words": filters.words(preview.wanted, preview.namespace),
        "problems": problems or {},
        "typed": request.POST.get("typed", ""),
        "reason": request.POST.get("reason", ""),
    }
    return page.render(
        request,
        page="console/purges/confirm.html",
        fragment="console/purges/_confirm.html",
        context=context,
        status=422 if problems else 200,
    )
