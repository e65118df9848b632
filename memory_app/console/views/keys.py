"""API keys: who may call, the key itself once, and how an agent begins to use it."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from memory_app.conf import KEY_CACHE_SECONDS
from memory_app.console import connecting, page
from memory_app.console.confirming import asks_again
from memory_app.console.faults import faults_of
from memory_app.console.paging import pages
from memory_app.errors import Invalid
from memory_app.moments import DAY, NEVER
from memory_app.operations import granting
from memory_app.operations.granting import OVERLAPS, Granted, KeyView
from memory_app.operations.keys import DEFAULT_SCOPES
from memory_app.operations.rights import Person

# What each scope allows, in words.
SCOPES: Final[Mapping[str, tuple[str, str]]] = {
    "read": ("Read", "list, search and export sessions and their messages"),
    "write": ("Write", "add messages and sessions, change them, remove single messages"),
    "purge": ("Purge", "delete whole sessions, erase data subjects, run purges, read receipts"),
}
_LASTS: Final[Mapping[str, tuple[str, int]]] = {
    "never": ("Never", NEVER),
    "30d": ("In 30 days", 30 * DAY),
    "90d": ("In 90 days", 90 * DAY),
    "365d": ("In a year", 365 * DAY),
}


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the keys of the namespaces that the person manages."""
    person: Person = request.person  # type: ignore[attr-defined]
    namespace, ended = request.GET.get("namespace", ""), request.GET.get("state") == "ended"
    found = granting.list_keys(
        person=person,
        namespace=namespace or None,
        ended=ended,
        cursor=request.GET.get("cursor") or None,
    )
    asked = {"namespace": namespace, "state": "ended" if ended else ""}
    context = {
        "found": found,
        "namespace": namespace,
        "ended": ended,
        "in_namespace": urlencode({"namespace": namespace}) if namespace else "",
        "pages": pages(
            "keys",
            asked,
            paged=request.GET.get("cursor"),
            following={"cursor": found.next_cursor},
        ),
    }
    return page.render(request, page="console/keys/index.html", context=context)


@asks_again
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Make a key and show it on this one answer."""
    if request.method != "POST":
        chosen = {"namespace": request.GET.get("namespace", ""), "lasts": "never"}
        return _form(request, chosen, DEFAULT_SCOPES)
    given = {
        name: request.POST.get(name, "") for name in ("namespace", "label", "lasts", "rate_limit")
    }
    scopes = request.POST.getlist("scope")
    try:
        if given["lasts"] not in _LASTS:
            raise Invalid.at(("lasts",), "choose when the key ends")
        granted = granting.grant_key(
            person=request.person,  # type: ignore[attr-defined]
            namespace=given["namespace"],
            form=request.POST.get("once", ""),
            scopes=scopes,
            label=given["label"],
            lasts=_LASTS[given["lasts"]][1],
            rate_limit=_calls(given["rate_limit"].strip()),
        )
    except Invalid as problem:
        return _form(request, given, scopes, problem)
    return _issued(request, granted)


def _calls(text: str) -> int | None:
    """Read calls a minute; nothing is no limit. What is no number becomes one that is refused."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _form(
    request: HttpRequest,
    given: Mapping[str, str],
    scopes: Any,
    problem: Invalid | None = None,
) -> HttpResponse:
    person: Person = request.person  # type: ignore[attr-defined]
    context = {
        "given": given,
        "chosen": scopes,
        "faults": faults_of(problem, ("label", "scopes", "lasts", "rate_limit")) if problem else {},
        "scopes": SCOPES,
        "lasts": {name: label for name, (label, _) in _LASTS.items()},
        "names": granting.list_keys(person=person).namespaces,
        "form": secrets.token_hex(16),
    }
    return page.render(
        request,
        page="console/keys/create.html",
        fragment="console/keys/_form.html",
        context=context,
        status=422 if problem else 200,
    )


def _issued(request: HttpRequest, granted: Granted) -> HttpResponse:
    """Show a new key; a form that was sent before leads to its key, which is not shown again."""
    url = reverse("console:key", args=[granted.prefix])
    if granted.token is None:
        messages.info(request, "This form made its key before. A key is shown once, so not again.")
        return page.redirect(request, url)
    key = granting.show_key(person=request.person, prefix=granted.prefix)  # type: ignore[attr-defined]
    return page.render(
        request,
        page="console/keys/issued.html",
        fragment="console/keys/_issued.html",
        context={"token": granted.token, **_key(request, key, granted.token)},
        replace=url,
    )


def _key(request: HttpRequest, key: KeyView, token: str | None = None) -> dict[str, Any]:
    """Return what shows a key, and how to call with it."""
    base = connecting.address(request)
    text = token or connecting.placeholder(key.prefix)
    return {
        "key": key,
        "scopes": [(name, *SCOPES[name]) for name in key.scopes],
        "base": base,
        "examples": connecting.examples(base=base, key=text, scopes=key.scopes),
        "received": _received(request, key),
        "seconds": round(KEY_CACHE_SECONDS),
    }


@require_GET
def detail(request: HttpRequest, prefix: str) -> HttpResponse:
    """Show a key, how to call with it, and what can be done to it."""
    key = granting.show_key(person=request.person, prefix=prefix)  # type: ignore[attr-defined]
    context = _key(request, key) | {"overlaps": OVERLAPS, "form": secrets.token_hex(16)}
    return page.render(request, page="console/keys/detail.html", context=context)


@require_GET
def received(request: HttpRequest, prefix: str) -> HttpResponse:
    """Tell whether a first message has come in with a key."""
    key = granting.show_key(person=request.person, prefix=prefix)  # type: ignore[attr-defined]
    if not page.wants_fragment(request):
        return page.redirect(request, reverse("console:key", args=[prefix]))
    found = _received(request, key)
    if found is None:
        return page.unchanged()
    return page.render(
        request,
        page="console/keys/detail.html",
        fragment="console/keys/_received.html",
        context={"key": key, "received": found},
        aside=True,
    )


def _received(request: HttpRequest, key: KeyView) -> granting.FirstMessage | None:
    # A key that was never used has written nothing.
    if key.last_used_at is None or not key.writes:
        return None
    return granting.find_first_message(person=request.person, prefix=key.prefix)  # type: ignore[attr-defined]


@asks_again
@require_POST
def rotate(request: HttpRequest, prefix: str) -> HttpResponse:
    """Make a successor and show it on this one answer; the old key ends after the overlap."""
    overlap = request.POST.get("overlap", "")
    is_number = overlap.isascii() and overlap.isdigit() and len(overlap) < 19
    granted = granting.replace_key(
        person=request.person,  # type: ignore[attr-defined]
        prefix=prefix,
        form=request.POST.get("once", ""),
        overlap=int(overlap) if is_number else 0,
    )
    return _issued(request, granted)


@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, prefix: str) -> HttpResponse:
    """Say what stops when a key ends, and end it."""
    person: Person = request.person  # type: ignore[attr-defined]
    if request.method == "POST":
        key = granting.withdraw_key(person=person, prefix=prefix)
        messages.success(
            request,
            f"The key {key.prefix} is revoked. Calls with it are refused within"
            f" {KEY_CACHE_SECONDS:.0f} seconds.",
        )
        return page.redirect(request, reverse("console:keys"))
    key = granting.show_key(person=person, prefix=prefix)
    context = {
        "key": key,
        "scopes": [(name, *SCOPES[name]) for name in key.scopes],
        "seconds": round(KEY_CACHE_SECONDS),
    }
    return page.render(
        request,
        page="console/keys/revoke.html",
        fragment="console/keys/_revoke.html",
        context=context,
    )
