"""Legal holds: what is held and why, each hold alone, placing and releasing."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from memory_app.console import acts, page
from memory_app.console.faults import faults_of
from memory_app.console.paging import pages
from memory_app.console.tokens import Token
from memory_app.errors import Invalid
from memory_app.models import HoldKind
from memory_app.moments import DAY
from memory_app.operations import auditing, covering, holding
from memory_app.operations.auditing import EntryFilter
from memory_app.operations.covering import COUNT_CAP
from memory_app.operations.holding import REVIEW_AFTER, HoldView, NewHold
from memory_app.operations.rights import Person, Right

_FIELDS: Final = ("namespace", "kind", "target", "matter", "reason", "review")
_REVIEW_DAYS: Final = REVIEW_AFTER // DAY
_MOST_DAYS: Final = 36_500
# The token of the list's filter that finds what a hold covers.
_FILTERS: Final = {HoldKind.SUBJECT: "user"}


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the holds of the namespaces that the person may see."""
    person: Person = request.person  # type: ignore[attr-defined]
    released = request.GET.get("state") == "released"
    holds = holding.list_holds(
        person=person, released=released, cursor=request.GET.get("cursor") or None
    )
    covered = covering.count_covered(holds=holds.items)
    context: dict[str, Any] = {
        "holds": holds,
        "rows": [_row(hold, holds.now) | {"covered": covered[hold.id]} for hold in holds.items],
        "cap": COUNT_CAP,
        "released": released,
        "may_hold": any(person.may(Right.HOLD, place.name) for place in holds.places),
        "pages": pages(
            "holds",
            {"state": "released" if released else ""},
            paged=request.GET.get("cursor"),
            following={"cursor": holds.next_cursor},
        ),
    }
    return page.render(request, page="console/holds/index.html", context=context)


def _row(hold: HoldView, now: int) -> dict[str, Any]:
    token = Token(_FILTERS.get(HoldKind(hold.kind), "prefix"), hold.target)
    return {
        "hold": hold,
        "kind": HoldKind(hold.kind).label,
        "query": urlencode({"q": token.written(), "namespace": hold.namespace}),
        "overdue": hold.released_at is None and hold.review_at <= now,
    }


@require_GET
def detail(request: HttpRequest, hold: str) -> HttpResponse:
    """Show one hold: what it covers, why, and what was done to it."""
    return _show(request, hold)


def _show(request: HttpRequest, hold: str, problem: Invalid | None = None) -> HttpResponse:
    person: Person = request.person  # type: ignore[attr-defined]
    shown = covering.show_hold(person=person, hold_id=hold)
    may_release = person.may(Right.HOLD, shown.hold.namespace) and shown.hold.released_at is None
    context = _row(shown.hold, shown.now) | {
        "covered": shown.covered,
        "cap": COUNT_CAP,
        "may_release": may_release,
        "back": request.POST.get("back", request.GET.get("back", "")),
        "reason": request.POST.get("reason", ""),
        "faults": faults_of(problem, ("reason",)) if problem else {},
        "history": _history(person, hold),
    }
    return page.render(
        request,
        page="console/holds/detail.html",
        context=context,
        status=422 if problem else 200,
    )


def _history(person: Person, hold: str) -> list[dict[str, Any]] | None:
    if not person.may_anywhere(Right.READ_OWN_AUDIT):
        return None
    found = auditing.list_entries(person=person, wanted=EntryFilter(object_id=hold), limit=6)
    return [{"entry": one, "words": acts.words(one.act)} for one in found.items]


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Say what a hold would cover, and place it; what is given in the address begins the form."""
    person: Person = request.person  # type: ignore[attr-defined]
    sent = request.POST if request.method == "POST" else request.GET
    given = {name: sent.get(name, "").strip() for name in _FIELDS}
    given["review"] = given["review"] or str(_REVIEW_DAYS)
    back = page.safe_path(request, sent.get("back", ""))
    if request.method != "POST":
        covered = _covered(given, person) if given["target"] else None
        return _form(request, given, back, covered=covered)
    covered = None
    try:
        hold = _read(given)
        covered = covering.preview_hold(hold=hold, person=person)
        if request.POST.get("do") == "preview":
            return _form(request, given, back, covered=covered)
        placed = holding.place_hold(hold=hold, person=person)
    except Invalid as problem:
        return _form(request, given, back, covered=covered, problem=problem)
    messages.success(
        request,
        f"The hold for {placed.matter} is placed. Nothing of what it covers is removed or"
        " overwritten until it is released.",
    )
    return page.redirect(request, back or reverse("console:hold", args=[placed.id]))


def _covered(given: Mapping[str, str], person: Person) -> covering.Covered | None:
    """Return what the hold would cover that the form begins with, if that much is right."""
    try:
        hold = _read({**given, "matter": "-", "reason": "-"})
        return covering.preview_hold(hold=hold, person=person)
    except Invalid:
        return None


def _read(given: Mapping[str, str]) -> NewHold:
    if given["kind"] not in HoldKind.values:
        raise Invalid.at(("kind",), "say what is held: a session, a data subject or a prefix")
    days = given["review"]
    is_number = days.isascii() and days.isdigit() and len(days) < 10
    if not (is_number and 1 <= int(days) <= _MOST_DAYS):
        raise Invalid.at(("review",), f"a hold is reviewed after 1 to {_MOST_DAYS:,} days")
    return NewHold(
        namespace=given["namespace"],
        kind=HoldKind(given["kind"]),
        target=given["target"],
        matter=given["matter"],
        reason=given["reason"],
        review_after=int(days) * DAY,
    )


def _form(
    request: HttpRequest,
    given: Mapping[str, str],
    back: str,
    *,
    covered: covering.Covered | None = None,
    problem: Invalid | None = None,
) -> HttpResponse:
    person: Person = request.person  # type: ignore[attr-defined]
    places = holding.list_holds(person=person, limit=1).places
    names = [place.name for place in places if person.may(Right.HOLD, place.name)]
    if not names:
        person.require(Right.HOLD, "*")
    context = {
        "given": given,
        "names": names,
        "kinds": HoldKind.choices,
        "covered": covered,
        "cap": COUNT_CAP,
        "faults": faults_of(problem, _FIELDS) if problem else {},
        "back": back,
    }
    return page.render(
        request,
        page="console/holds/new.html",
        fragment="console/holds/_form.html",
        context=context,
        status=422 if problem else 200,
    )


@require_POST
def release(request: HttpRequest, hold: str) -> HttpResponse:
    """End a hold, with a reason."""
    back = page.safe_path(request, request.POST.get("back", ""))
    try:
        released = holding.release_hold(
            hold_id=hold,
            reason=request.POST.get("reason", ""),
            person=request.person,  # type: ignore[attr-defined]
        )
    except Invalid as problem:
        return _show(request, hold, problem)
    messages.success(
        request,
        f"The hold for {released.matter} is released. Nothing of what it covered is purged for"
        " 24 hours.",
    )
    return page.redirect(request, back or reverse("console:hold", args=[hold]))
