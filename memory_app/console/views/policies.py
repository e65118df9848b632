"""Retention policies: how long sessions live, and what a change would do."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from memory_app import moments
from memory_app.console import page
from memory_app.console.faults import faults_of
from memory_app.console.paging import pages
from memory_app.errors import Invalid, InvalidPrefix
from memory_app.moments import NEVER
from memory_app.operations import foreseeing, policies
from memory_app.operations.policies import PolicyChange
from memory_app.operations.rights import Person, Right
from memory_app.operations.weighing import LIMITS, PolicyEffect, PolicyView

# Limits that may be for ever, which has to be chosen.
_ENDLESS: Final = ("idle_for", "max_age")
_FIELDS: Final = (
    *("namespace", "prefix", *LIMITS, "on_expired", "fixed"),
    *(f"{name}_never" for name in _ENDLESS),
)
# How many sessions a preview looks at while somebody types.
_LOOKED_AT: Final = 10_000
# How long a request works on a change; cleanup goes on with what is then left.
_SECONDS: Final = 5.0


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the policies of the namespaces that the person sees or manages."""
    person: Person = request.person  # type: ignore[attr-defined]
    after = (request.GET.get("after", ""), request.GET.get("after_prefix", ""))
    found = foreseeing.foresee_policies(person=person, after=after)
    namespace, prefix = found.next_after or ("", "")
    context = {
        "found": found,
        "rows": [
            {
                "outlook": one,
                "policy": one.policy,
                "may_change": person.may(Right.MANAGE_POLICIES, one.policy.namespace),
                "query": _query(one.policy),
            }
            for one in found.items
        ],
        "may_change": person.may_anywhere(Right.MANAGE_POLICIES) and bool(found.items),
        "being_applied": foreseeing.policies_being_applied(person=person),
        "pages": pages(
            "policies",
            {},
            paged=after > ("", ""),
            following={"after": namespace, "after_prefix": prefix},
        ),
    }
    return page.render(request, page="console/policies/index.html", context=context)


def _query(policy: PolicyView) -> str:
    return urlencode({"namespace": policy.namespace, "prefix": policy.prefix})


@require_GET
def applying(request: HttpRequest) -> HttpResponse:
    """Show how far changed policies are applied, for the page that waits for it."""
    if not page.wants_fragment(request):
        return page.redirect(request, reverse("console:policies"))
    left = foreseeing.policies_being_applied(person=request.person)  # type: ignore[attr-defined]
    return page.render(
        request,
        page="console/policies/index.html",
        fragment="console/policies/_applying.html",
        context={"being_applied": left, "was_applied": not left},
        aside=True,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    """Change a policy or make one: say what that would do as it is typed, then do it."""
    person: Person = request.person  # type: ignore[attr-defined]
    names = _names(person)
    if request.method != "POST":
        given = _given(request, person, names)
        return _form(request, names, given, effect=_look(person, given))
    given = {name: request.POST.get(name, "").strip() for name in _FIELDS}
    # A prefix that was proposed, taken with one press.
    given["prefix"] = request.POST.get("take", given["prefix"])
    try:
        change = _read(given)
        if request.POST.get("do") == "apply":
            return _apply(request, change, given)
        effect = policies.preview_policy(change=change, person=person, most=_LOOKED_AT)
    except Invalid as problem:
        suggestion = problem.suggestion if isinstance(problem, InvalidPrefix) else ""
        faults = faults_of(problem, _FIELDS)
        return _form(request, names, given, faults=faults, suggestion=suggestion)
    return _form(request, names, given, effect=effect)


def _names(person: Person) -> list[str]:
    """Return the namespaces whose policies the person may change. Raises Forbidden."""
    seen = {one.namespace for one in policies.list_policies(person=person)}
    names = sorted(name for name in seen if person.may(Right.MANAGE_POLICIES, name))
    if not names:
        person.require(Right.MANAGE_POLICIES, "*")
    return names


def _given(request: HttpRequest, person: Person, names: list[str]) -> dict[str, str]:
    """Return what the form begins with: the policy that is named, or what decides there now."""
    asked = request.GET.get("namespace", "")
    namespace = asked if asked in names or not names else names[0]
    prefix = request.GET.get("prefix", "")
    policy, own = policies.find_policy_of(person=person, namespace=namespace, prefix=prefix)
    given = {"namespace": namespace, "prefix": prefix, "on_expired": policy.on_expired}
    for name in LIMITS:
        value = getattr(policy, name)
        given[name] = "" if value >= NEVER else moments.to_duration(value)
        given[f"{name}_never"] = "yes" if value >= NEVER else ""
    given["fixed"] = "yes" if own and "prefix" in request.GET else ""
    return given


def _look(person: Person, given: Mapping[str, str]) -> PolicyEffect | None:
    try:
        change = _read(given)
        return policies.preview_policy(change=change, person=person, most=_LOOKED_AT)
    except Invalid:
        return None


def _read(given: Mapping[str, str]) -> PolicyChange:
    limits = {
        name: NEVER if given.get(f"{name}_never") == "yes" else _duration(name, given[name], words)
        for name, words in LIMITS.items()
    }
    return PolicyChange(
        namespace=given["namespace"],
        prefix=given["prefix"],
        on_expired=given["on_expired"],
        **limits,
    )


def _duration(name: str, text: str, words: str) -> int:
    if text == "never":
        return NEVER
    if not text:
        endless = "" if words == LIMITS["grace"] else ", or choose for ever"
        raise Invalid.at((name,), f"write the {words}, such as 30d or 12h{endless}")
    try:
        return moments.from_duration(text)
    except ValueError as problem:
        raise Invalid.at((name,), f"the {words} is {problem}") from None


def _apply(request: HttpRequest, change: PolicyChange, given: Mapping[str, str]) -> HttpResponse:
    """Change the policy; what shortens a limit is confirmed in words first."""
    person: Person = request.person  # type: ignore[attr-defined]
    phrase = f"shorten {change.namespace} {change.prefix}".rstrip()
    # All sessions are counted once for each press: of a million that takes seconds.
    glance = policies.preview_policy(change=change, person=person, most=1)
    if glance.shortens and not _typed(request, phrase):
        effect = policies.preview_policy(change=change, person=person)
        back = f"{reverse('console:policy')}?{_query(effect.after)}"
        hidden = [(name, value) for name, value in given.items() if value] + [("do", "apply")]
        return _ask(request, effect, phrase, hidden=hidden, back=back)
    done = policies.set_policy(change=change, confirmed=True, person=person, seconds=_SECONDS)
    what = "made" if done.is_new else "changed"
    _tell(request, done, f"The policy of {_scope(done.after)} is {what}.")
    return page.redirect(request, reverse("console:policies"))


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest) -> HttpResponse:
    """Remove the policy of a prefix, after saying what decides then and what that does."""
    person: Person = request.person  # type: ignore[attr-defined]
    given = request.POST if request.method == "POST" else request.GET
    namespace, prefix = given.get("namespace", ""), given.get("prefix", "")
    phrase = f"remove {prefix}"
    if request.method != "POST" or not prefix or not _typed(request, phrase):
        effect = policies.preview_removal(person=person, namespace=namespace, prefix=prefix)
        back = f"{reverse('console:policy')}?{_query(effect.before)}"
        hidden = [("namespace", namespace), ("prefix", prefix)]
        return _ask(request, effect, phrase, hidden=hidden, back=back, removes=True)
    done = policies.remove_policy(
        person=person, namespace=namespace, prefix=prefix, confirmed=True, seconds=_SECONDS
    )
    _tell(request, done, f"The policy of {_scope(done.before)} is removed.")
    return page.redirect(request, reverse("console:policies"))


def _typed(request: HttpRequest, phrase: str) -> bool:
    return " ".join(request.POST.get("typed", "").split()) == phrase


def _scope(policy: PolicyView) -> str:
    return f"{policy.namespace}, {policy.prefix}" if policy.prefix else policy.namespace


def _tell(request: HttpRequest, done: PolicyEffect, said: str) -> None:
    if done.applied:
        parts = (
            (done.would_expire, "expired"),
            (done.sooner, "expire sooner"),
            (done.later, "expire later"),
        )
        counts = ", ".join(f"{number:,} {what}" for number, what in parts if number)
        messages.success(request, said + (f" Of its live sessions {counts}." if counts else ""))
    else:
        messages.warning(
            request, f"{said} It is not applied to all sessions yet: cleanup goes on with it."
        )


def _ask(request: HttpRequest, effect: PolicyEffect, phrase: str, **more: Any) -> HttpResponse:
    """Ask for the words that confirm; a wrong phrase is said."""
    typed = request.POST.get("typed")
    context = {"effect": effect, "phrase": phrase, "typed": typed or "", "limits": _table(effect)}
    return page.render(
        request,
        page="console/policies/confirm.html",
        fragment="console/policies/_confirm.html",
        context=context | {"wrong": typed is not None} | more,
        status=422 if typed is not None else 200,
    )


def _table(effect: PolicyEffect | None) -> list[dict[str, Any]]:
    if effect is None:
        return []
    return [
        {
            "words": words,
            "before": (before := getattr(effect.before, name)),
            "after": (after := getattr(effect.after, name)),
            "change": "shorter" if after < before else "longer" if after > before else "",
        }
        for name, words in LIMITS.items()
    ]


def _never_ends(effect: PolicyEffect | None) -> bool:
    return effect is not None and min(effect.after.idle_for, effect.after.max_age) >= NEVER


def _form(
    request: HttpRequest, names: list[str], given: Mapping[str, str], **more: Any
) -> HttpResponse:
    context: dict[str, Any] = {
        "given": given,
        "names": names,
        "limits": _table(more.get("effect")),
        "never": _never_ends(more.get("effect")),
    }
    return page.render(
        request,
        page="console/policies/edit.html",
        fragment="console/policies/_effect.html",
        context=context | more,
        status=422 if more.get("faults") else 200,
        retarget="#effect",
        aside=True,
    )
