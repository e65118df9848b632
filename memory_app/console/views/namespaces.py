"""Namespaces: what is in each, making one, and what holds for all of its sessions."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from memory_app.console import page
from memory_app.console.faults import faults_of
from memory_app.console.paging import pages
from memory_app.errors import Invalid
from memory_app.operations import namespaces
from memory_app.operations.namespaces import NamespaceChange, NamespaceView
from memory_app.operations.rights import Person, Right


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the namespaces that the person manages, with what is in them."""
    person: Person = request.person  # type: ignore[attr-defined]
    after = request.GET.get("after", "")
    found = namespaces.list_namespaces(person=person, after=after)
    context = {
        "found": found,
        "pages": pages("namespaces", {}, paged=after, following={"after": found.next_after}),
        "may_make": person.may(Right.MANAGE_NAMESPACES, "*"),
        "may_see_keys": person.may_anywhere(Right.MANAGE_KEYS),
    }
    return page.render(request, page="console/namespaces/index.html", context=context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make a namespace; what it needs next is a key."""
    person: Person = request.person  # type: ignore[attr-defined]
    person.require(Right.MANAGE_NAMESPACES, "*")
    if request.method != "POST":
        return _form(request, NamespaceChange(name=""))
    change = _read(request, request.POST.get("name", "").strip())
    try:
        made = namespaces.create_namespace(person=person, change=change)
    except Invalid as problem:
        return _form(request, change, problem=problem)
    messages.success(request, f"The namespace {made.name} is made. An agent needs a key to it.")
    if not person.may(Right.MANAGE_KEYS, made.name):
        return page.redirect(request, reverse("console:namespaces"))
    query = urlencode({"namespace": made.name})
    return page.redirect(request, f"{reverse('console:new_key')}?{query}")


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, name: str) -> HttpResponse:
    """Change what holds for all sessions of a namespace; what bites is confirmed first."""
    person: Person = request.person  # type: ignore[attr-defined]
    shown = namespaces.show_namespace(person=person, name=name)
    if request.method != "POST":
        now = NamespaceChange(
            name=name,
            shares_default=shown.shares_default,
            demands_reason=shown.demands_reason,
            on_expired=shown.on_expired,
        )
        return _form(request, now, shown)
    wanted = _read(request, name)
    confirmed = request.POST.get("confirmed") == "yes"
    try:
        namespaces.change_namespace(person=person, change=wanted, confirmed=confirmed)
    except Invalid as problem:
        bites = namespaces.bites_of(shown, wanted)
        return _form(request, wanted, shown, problem=problem, bites=bites)
    messages.success(request, f"The namespace {name} is changed.")
    return page.redirect(request, reverse("console:namespaces"))


def _read(request: HttpRequest, name: str) -> NamespaceChange:
    return NamespaceChange(
        name=name,
        shares_default=request.POST.get("refuses_default") != "yes",
        demands_reason=request.POST.get("demands_reason") == "yes",
        on_expired=request.POST.get("on_expired", ""),
    )


def _form(
    request: HttpRequest,
    given: NamespaceChange,
    shown: NamespaceView | None = None,
    *,
    problem: Invalid | None = None,
    bites: Sequence[str] = (),
) -> HttpResponse:
    context: dict[str, Any] = {
        "given": given,
        "shown": shown,
        "faults": faults_of(problem, ("name", "confirmed", "on_expired")) if problem else {},
        "bites": bites,
    }
    return page.render(
        request,
        page="console/namespaces/edit.html",
        context=context,
        status=422 if problem else 200,
    )
