"""Legal holds: what is held and why, placing and releasing."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from memory_app.console import page
from memory_app.console.filters import Token
from memory_app.errors import Invalid
from memory_app.models import HoldKind
from memory_app.moments import DAY
from memory_app.operations import holding
from memory_app.operations.holding import REVIEW_AFTER, HoldView, NewHold
from memory_app.operations.rights import Person, Right

_FIELDS: Final = ("namespace", "kind", "target", "matter", "reason", "review")
_REVIEW_DAYS: Final = REVIEW_AFTER // DAY
_MOST_DAYS: Final = 36_500
# The token of the list's filter that finds what a hold covers.
_FILTERS: Final = {HoldKind.SUBJECT: "user"}


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the holds of the namespaces that the person may see; place one."""
    if request.method != "POST":
        return _show(request)
    given = {name: request.POST.get(name, "").strip() for name in _FIELDS}
    back = page.safe_path(request, request.POST.get("back", ""))
    try:
        placed = holding.place_hold(hold=_read(given), person=request.person)  # type: ignore[attr-defined]
    except Invalid as problem:
        if not back:
            return _show(request, given, problem.detail)
        messages.error(request, f"Nothing was placed: {problem.detail}.")
        return page.redirect(request, back)
    messages.success(
        request,
        f"The hold for {placed.matter} is placed. Nothing of what it covers is removed or"
        " overwritten until it is released.",
    )
    return page.redirect(request, back or reverse("console:holds"))


def _read(given: dict[str, str]) -> NewHold:
    if given["kind"] not in HoldKind.values:
        raise Invalid("say what is held: a session, a data subject or a prefix")
    days = given["review"] or str(_REVIEW_DAYS)
    if not (days.isascii() and days.isdigit() and 1 <= int(days) <= _MOST_DAYS):
        raise Invalid(f"a hold is reviewed after 1 to {_MOST_DAYS:,} days")
    return NewHold(
        namespace=given["namespace"],
        kind=HoldKind(given["kind"]),
        target=given["target"],
        matter=given["matter"],
        reason=given["reason"],
        review_after=int(days) * DAY,
    )


def _show(
    request: HttpRequest, given: dict[str, str] | None = None, problem: str = ""
) -> HttpResponse:
    person: Person = request.person  # type: ignore[attr-defined]
    released = request.GET.get("state") == "released"
    holds = holding.list_holds(
        person=person, released=released, cursor=request.GET.get("cursor") or None
    )
    context: dict[str, Any] = {
        "holds": holds,
        "rows": [_row(hold, person, holds.now) for hold in holds.items],
        "released": released,
        "kinds": HoldKind.choices,
        "may_hold": [place.name for place in holds.places if person.may(Right.HOLD, place.name)],
        "given": given or {"review": str(_REVIEW_DAYS)},
        "problem": problem,
        "paged": bool(request.GET.get("cursor")),
        "following": urlencode({"cursor": holds.next_cursor or ""}),
    }
    status = 422 if problem else 200
    return page.render(request, page="console/holds/index.html", context=context, status=status)


def _row(hold: HoldView, person: Person, now: int) -> dict[str, Any]:
    token = Token(_FILTERS.get(HoldKind(hold.kind), "prefix"), hold.target)
    return {
        "hold": hold,
        "kind": HoldKind(hold.kind).label,
        "query": urlencode({"q": token.written(), "namespace": hold.namespace}),
        "may_release": hold.released_at is None and person.may(Right.HOLD, hold.namespace),
        "overdue": hold.review_at <= now,
    }


@require_POST
def release(request: HttpRequest, hold: str) -> HttpResponse:
    """End a hold, with a reason."""
    back = page.safe_path(request, request.POST.get("back", "")) or reverse("console:holds")
    try:
        released = holding.release_hold(
            hold_id=hold,
            reason=request.POST.get("reason", ""),
            person=request.person,  # type: ignore[attr-defined]
        )
    except Invalid as problem:
        messages.error(request, f"Nothing was released: {problem.detail}.")
    else:
        messages.success(
            request,
            f"The hold for {released.matter} is released. Nothing of what it covered is purged for"
            " 24 hours.",
        )
    return page.redirect(request, back)
