"""Retention policies: how long sessions live, and what a change would do."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from memory_app import moments
from memory_app.console import page
from memory_app.errors import Invalid
from memory_app.models import OnExpired
from memory_app.moments import NEVER
from memory_app.operations import policies
from memory_app.operations.policies import PolicyChange, PolicyView
from memory_app.operations.rights import Person, Right

_LIMITS: Final = {"idle_for": "idle time", "max_age": "maximum age", "grace": "grace period"}
_FIELDS: Final = ("namespace", "prefix", *_LIMITS, "on_expired")


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the policies of the namespaces that the person sees or manages."""
    person: Person = request.person  # type: ignore[attr-defined]
    found = policies.list_policies(person=person)
    context = {
        "rows": [
            {"policy": one, "may_change": person.may(Right.MANAGE_POLICIES, one.namespace)}
            for one in found
        ],
        "may_change": any(person.may(Right.MANAGE_POLICIES, one.namespace) for one in found),
    }
    return page.render(request, page="console/policies/index.html", context=context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    """Change a policy or make one: first say what that would do, then do it."""
    person: Person = request.person  # type: ignore[attr-defined]
    mine = [
        one
        for one in policies.list_policies(person=person)
        if person.may(Right.MANAGE_POLICIES, one.namespace)
    ]
    if not mine:
        person.require(Right.MANAGE_POLICIES, "*")
    if request.method != "POST":
        return _form(request, mine, _given(request.GET, mine))
    given = {name: request.POST.get(name, "").strip() for name in _FIELDS}
    effect = None
    try:
        change = _read(given)
        effect = policies.preview_policy(change=change, person=person)
        if request.POST.get("do") != "apply":
            return _form(request, mine, given, effect=effect)
        confirmed = request.POST.get("confirmed") == "yes"
        if effect.shortens and not confirmed:
            raise Invalid("confirm below that limits become shorter")
        policies.set_policy(change=change, confirmed=confirmed, person=person)
    except Invalid as problem:
        return _form(request, mine, given, effect=effect, problem=problem.detail)
    messages.success(request, "The policy is changed, and so are the sessions that live under it.")
    return page.redirect(request, reverse("console:policies"))


def _given(query: Mapping[str, str], mine: list[PolicyView]) -> dict[str, str]:
    """Return what the form begins with: the policy that is named, or that of the namespace."""
    named = [one for one in mine if one.namespace == query.get("namespace", "")] or mine
    exact = [one for one in named if one.prefix == query.get("prefix", "")]
    policy = (exact or named)[0]
    given = {name: str(getattr(policy, name)) for name in _FIELDS}
    return given | {name: moments.to_duration(getattr(policy, name)) for name in _LIMITS}


def _read(given: Mapping[str, str]) -> PolicyChange:
    limits = {name: _duration(given[name], words) for name, words in _LIMITS.items()}
    return PolicyChange(
        namespace=given["namespace"],
        prefix=given["prefix"],
        on_expired=given["on_expired"],
        **limits,
    )


def _duration(text: str, words: str) -> int:
    if text == "never":
        return NEVER
    try:
        return moments.from_duration(text)
    except ValueError as problem:
        raise Invalid(f"the {words} is {problem}") from None


def _form(request: HttpRequest, mine: list[PolicyView], given: Any, **more: Any) -> HttpResponse:
    names = sorted({one.namespace for one in mine})
    context = {"given": given, "names": names, "choices": OnExpired.choices} | more
    return page.render(
        request,
        page="console/policies/edit.html",
        context=context,
        status=422 if more.get("problem") else 200,
    )
