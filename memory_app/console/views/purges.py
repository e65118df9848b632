"""Purges: what would go, the words that confirm it, how far one is, and cancelling it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from memory_app.console import filters, page
from memory_app.console.confirming import asks_again
from memory_app.console.faults import sentence
from memory_app.console.paging import pages
from memory_app.errors import Invalid, PreviewStale
from memory_app.operations import previewing, tracking
from memory_app.operations.intervening import Chosen
from memory_app.operations.previewing import PreviewView
from memory_app.operations.rights import Person, Right

# How long a request works on a purge; cleanup goes on with what is then left.
_SECONDS = 8.0
# How many of the sessions that are held are named.
_NAMED = 5


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the purges that were asked for in the namespaces the person may see."""
    person: Person = request.person  # type: ignore[attr-defined]
    state, namespace = request.GET.get("state", ""), request.GET.get("namespace", "")
    cursor = request.GET.get("cursor", "")
    found = tracking.list_purges(
        person=person, state=state, namespace=namespace, cursor=cursor or None
    )
    asked = {name: value for name, value in (("state", state), ("namespace", namespace)) if value}
    context = {
        "found": found,
        "state": state,
        "namespace": namespace,
        "states": tracking.STATES,
        "pages": pages("purges", asked, paged=cursor, following={"cursor": found.next_cursor}),
        "here": urlencode({**asked, "cursor": cursor} if cursor else asked),
        "runs": any(one.state == "running" for one in found.items),
        "may_purge": person.may_anywhere(Right.PURGE),
    }
    return page.render(
        request,
        page="console/purges/index.html",
        fragment="console/purges/_results.html",
        context=context,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest) -> HttpResponse:
    """Take a filter, fix the sessions that match it, and go on to where that is confirmed."""
    person: Person = request.person  # type: ignore[attr-defined]
    given = request.POST if request.method == "POST" else request.GET
    problem: Invalid | None = None
    if request.method == "POST":
        try:
            preview = tracking.preview_filter(
                person=person,
                namespace=given.get("namespace", ""),
                wanted=filters.read(given, person, keeping_content=True).wanted(),
                everything=given.get("everything") == "yes",
            )
        except Invalid as refusal:
            problem = refusal
        else:
            return page.redirect(request, reverse("console:purge", args=[preview.token]))
    context = {
        "given": given,
        "faults": {"q": sentence(problem.detail)} if problem else {},
        "namespaces": tracking.purgeable(person=person),
        "statuses": filters.STATUS_LABELS,
        "spans": filters.SPANS,
    }
    return page.render(
        request,
        page="console/purges/begin.html",
        context=context,
        status=422 if problem else 200,
    )


@require_GET
def detail(request: HttpRequest, purge: str) -> HttpResponse:
    """Show how far a purge is; the page asks again until it is done."""
    shown = tracking.show_purge(person=request.person, purge=purge)  # type: ignore[attr-defined]
    return page.render(
        request,
        page="console/purges/detail.html",
        fragment="console/purges/_progress.html",
        context={"purge": shown},
    )


@require_POST
def cancel(request: HttpRequest, purge: str) -> HttpResponse:
    """Cancel a purge that has not started, and say what became of it."""
    left = tracking.cancel_queued(person=request.person, purge=purge)  # type: ignore[attr-defined]
    if left.state == "cancelled":
        messages.success(
            request,
            "The purge is cancelled. Its sessions are back as they were, and nothing was removed.",
        )
    else:
        messages.warning(
            request,
            f"It could not be cancelled: it has started, {left.done:,} of {left.total:,} sessions"
            " are done.",
        )
    return page.redirect(request, reverse("console:purge_progress", args=[purge]))


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


@asks_again
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
        asked = tracking.execute_preview(
            person=person, token=token, reason=reason, seconds=_SECONDS
        )
    except PreviewStale:
        messages.warning(
            request,
            "This confirmation was used already, is older than an hour, or is not yours. Nothing"
            " was removed by it now. Select the sessions again.",
        )
        return page.redirect(request, reverse("console:sessions"))
    if asked.state == "done" and asked.receipt is not None:
        return page.redirect(request, reverse("console:receipt", args=[asked.receipt.id]))
    return page.redirect(request, reverse("console:purge_progress", args=[asked.id]))


def phrase(preview: PreviewView) -> str:
    """Return what a person types to confirm a purge."""
    return f"purge {preview.going:,}"


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
    person: Person = request.person  # type: ignore[attr-defined]
    spared = previewing.find_spared(actor=person, preview=preview)
    context = {
        "preview": preview,
        "going_messages": max(0, preview.messages - sum(one.messages for one in spared)),
        "going_bytes": max(0, preview.bytes - sum(one.bytes for one in spared)),
        "spared": spared[:_NAMED],
        "phrase": phrase(preview),
        "words": filters.words(preview.wanted, preview.namespace, preview.sessions),
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
