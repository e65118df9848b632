"""Saved views: the lists that people come back to, as tabs above the list and on a page."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from memory_app.console import filters, page
from memory_app.console.faults import faults_of
from memory_app.console.filters import Asked
from memory_app.errors import Invalid
from memory_app.operations import saving
from memory_app.operations.rights import Person, Right
from memory_app.operations.saving import ViewOfSessions


class Tab(NamedTuple):
    """A view above the list; `whose` names the person who shares it."""

    label: str
    query: str
    current: bool
    whose: str = ""


# Everybody has these: canonical queries, as Asked writes them.
BUILT_IN: Final = (
    ("Expiring next", "status=active&time=ends-24h&sort=expires_at"),
    ("Expired", "status=expired"),
    ("On hold", "q=held%3Ayes"),
    ("Largest", "sort=-size_bytes"),
)


def tabs(asked: Asked, views: Sequence[ViewOfSessions]) -> list[Tab]:
    """Return the views of a person, and which of them is the list that is asked for."""
    here = asked.query()
    found = [Tab("All", asked.all, here == asked.all)]
    found += [Tab(label, query, here == query) for label, query in BUILT_IN]
    found += [
        Tab(view.name, view.query, here == view.query, "" if view.is_mine else view.owner)
        for view in views
    ]
    return found


def obstacle(asked: Asked) -> str:
    """Say why a list is not offered for saving, or nothing; `saving` has the rule."""
    if asked.query() in ("", asked.all):
        return "Filter or sort the list, then save it here as a view."
    try:
        saving.check_kept(asked.wanted())
    except Invalid as problem:
        return f"{problem.detail[0].upper()}{problem.detail[1:]}."
    return ""


def first_query(request: HttpRequest) -> str:
    """Return the query with which the person's list begins, or nothing for all."""
    person: Person = request.person  # type: ignore[attr-defined]
    first = next((one.query for one in saving.list_views(person=person) if one.is_first), "")
    namespace = filters.read(QueryDict(first), person).namespace
    # Nobody begins with a refusal because a role was taken from them.
    return first if not namespace or person.may(Right.VIEW, namespace) else ""


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the person's views and those shared with them; save, rename, remove, begin with one."""
    if request.method != "POST":
        return _show(request)
    person: Person = request.person  # type: ignore[attr-defined]
    view, name = request.POST.get("view", ""), request.POST.get("name", "")
    do = request.POST.get("do", "")
    try:
        if do == "save":
            return _save(request, person, name)
        if do == "rename":
            renamed = saving.rename_view(person=person, view=view, name=name)
            messages.success(request, f"The view is now called {renamed.name}.")
        elif do == "delete":
            gone = saving.delete_view(person=person, view=view)
            messages.success(request, f"The view {gone.name} is removed. No session was touched.")
        elif do in ("begin", "begin-with-all"):
            saving.begin_with(person=person, view=view if do == "begin" else None)
            messages.success(request, "Your list of sessions begins so from now on.")
        else:
            raise Invalid("this page knows no such act")
    except Invalid as problem:
        return _show(request, problem)
    return page.redirect(request, reverse("console:views"))


def _save(request: HttpRequest, person: Person, name: str) -> HttpResponse:
    asked = filters.read(QueryDict(request.POST.get("query", "")), person)
    saved = saving.save_view(
        person=person,
        name=name,
        query=asked.query(),
        wanted=asked.wanted(),
        namespace=asked.namespace or None,
        shared="shared" in request.POST,
    )
    if "first" in request.POST:
        saving.begin_with(person=person, view=saved.id)
    shared = f", shared with all who may view {saved.shared_in}" if saved.shared_in else ""
    messages.success(request, f"The view {saved.name} is saved{shared}.")
    return page.redirect(request, f"{reverse('console:sessions')}?{saved.query}")


def _show(request: HttpRequest, problem: Invalid | None = None) -> HttpResponse:
    person: Person = request.person  # type: ignore[attr-defined]
    views = saving.list_views(person=person)
    rows: list[dict[str, Any]] = [{"view": view, "words": _words(view, person)} for view in views]
    given = request.POST
    query, saving_anew = given.get("query", ""), given.get("do") == "save"
    context = {
        "rows": rows,
        "begins_with_all": not any(view.is_first for view in views),
        "problem": problem.detail if problem else "",
        "faults": faults_of(problem, ("name",)) if problem and saving_anew else {},
        "given": given,
        # What could not be saved is asked for once more.
        "saving": saving_anew,
        "asked": filters.read(QueryDict(query), person),
    }
    return page.render(
        request,
        page="console/sessions/views.html",
        context=context,
        status=422 if problem else 200,
    )


def _words(view: ViewOfSessions, person: Person) -> list[str]:
    """Say what a view asks for."""
    asked = filters.read(QueryDict(view.query), person)
    said = [f"{chip.words} {chip.value}".strip() for chip in asked.chips()]
    return [*said, filters.order_words(asked.sort)]
