"""Message search: words in the content of all namespaces that a person may read.

What is typed travels by POST and is kept apart, so that the address of a result, which can be gone
back to and reloaded, holds none of it.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from memory_app import conf
from memory_app.console import inquiries, page
from memory_app.console.inquiries import Inquiry
from memory_app.errors import Forbidden, Invalid, NotFound, ReasonNeeded
from memory_app.operations import finding, keeping
from memory_app.operations.receiving import ROLES
from memory_app.operations.rights import Person
from memory_app.operations.searching import understand
from memory_app.operations.wording import MAX_TEXT_BYTES


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the form; take what is asked for and go to its results."""
    person: Person = request.person  # type: ignore[attr-defined]
    if request.method != "POST":
        return _show(request, Inquiry())
    try:
        asked = _read(request)
    except Invalid as problem:
        return _misread(request, problem)
    token = keeping.keep_search(person=person, asked=asked.written())
    url = reverse("console:searched", args=[token])
    if not page.wants_fragment(request):
        return page.redirect(request, url)
    try:
        return _results(request, asked, token, push=url)
    except ReasonNeeded:
        # Asked for at the address of the results, to come back to them.
        return page.redirect(request, url)


def _read(request: HttpRequest) -> Inquiry:
    asked = inquiries.read(request.POST)
    asked.wanted()
    if len(asked.q) > conf.MAX_QUERY:
        raise Invalid.at(("q",), f"a search has at most {conf.MAX_QUERY} characters")
    if not understand(asked.q).terms:
        raise Invalid.at(("q",), "type a word to look for")
    return asked


@require_GET
def results(request: HttpRequest, token: str) -> HttpResponse:
    """Show the results of a search that is kept, as they are now."""
    person: Person = request.person  # type: ignore[attr-defined]
    try:
        asked = inquiries.read(keeping.read_search(person=person, token=token))
    except NotFound:
        return _show(request, Inquiry(), gone="over", status=404)
    except Forbidden:
        return _show(request, Inquiry(), gone="foreign", status=403)
    if not asked.q:
        # What is kept so is a filter of the list of sessions.
        return _show(request, Inquiry(), gone="over", status=404)
    return _results(request, asked, token)


def _results(
    request: HttpRequest, asked: Inquiry, token: str, push: str | None = None
) -> HttpResponse:
    cursor = request.GET.get("cursor", "")
    found = finding.search_content(
        person=request.person,  # type: ignore[attr-defined]
        query=asked.q,
        wanted=asked.wanted(),
        namespace=asked.namespace or None,
        sort=asked.sort,
        cursor=cursor or None,
    )
    here = reverse("console:searched", args=[token])
    more: dict[str, Any] = {
        "found": found,
        "here": here,
        "cursor": cursor,
        "following": f"{here}?cursor={found.next_cursor}" if found.next_cursor else "",
        "milliseconds": max(1, round(found.seconds * 1000)),
        "narrowed": asked.narrowed(),
    }
    push = push or (f"{here}?cursor={cursor}" if cursor else here)
    return _show(request, asked, push=push, **more)


def _misread(request: HttpRequest, problem: Invalid) -> HttpResponse:
    """Say under the form what cannot be read; what was typed stays, and so do the results."""
    typed = {name: request.POST.get(name, "") for name in Inquiry.__dataclass_fields__}
    return page.render(
        request,
        page="console/search/index.html",
        fragment="console/sessions/_problem.html",
        context=_context(request, typed) | {"problem": problem.faults[0].detail},
        status=422,
        retarget="#problem",
    )


def _show(
    request: HttpRequest, asked: Inquiry, *, status: int = 200, push: str | None = None, **more: Any
) -> HttpResponse:
    return page.render(
        request,
        page="console/search/index.html",
        fragment="console/search/_answer.html",
        context=_context(request, asked) | more,
        status=status,
        push=push,
    )


def _context(request: HttpRequest, asked: object) -> dict[str, Any]:
    person: Person = request.person  # type: ignore[attr-defined]
    scope = finding.search_scope(person=person)
    return {
        "asked": asked,
        "scope": scope,
        "names": [place.name for place in scope.places],
        "roles": ROLES,
        "statuses": inquiries.STATUSES,
        "sorts": inquiries.SORTS,
        "text_limit": MAX_TEXT_BYTES,
    }
