"""Go anywhere by a word or an id: every page one may open, and what an id may mean."""

from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from memory_app.console import navigation, page
from memory_app.console.tokens import Token
from memory_app.operations import jumping
from memory_app.operations.jumping import Targets
from memory_app.operations.rights import Person, Right


class Target(NamedTuple):
    """Where one can go: what it is, its name, where it is."""

    kind: str
    label: str
    detail: str
    icon: str
    url: str


class Action(NamedTuple):
    """Something to do, on the page where it is done."""

    label: str
    icon: str
    view: str
    right: Right
    anchor: str = ""


# Each leads to where the act is prepared; none of them does anything by itself.
_ACTIONS: Final = (
    Action("Run cleanup now", "player-play", "runs", Right.PURGE),
    Action("Place a hold", "lock", "holds", Right.HOLD, "#place"),
    Action("Change a retention policy", "clock-plus", "policy", Right.MANAGE_POLICIES),
    Action("Make an API key", "key", "new_key", Right.MANAGE_KEYS),
    Action("Make a namespace", "folders", "new_namespace", Right.MANAGE_NAMESPACES),
    Action("Verify the audit log", "shield-check", "audit", Right.OVERSEE),
)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show where a text leads."""
    person: Person = request.person  # type: ignore[attr-defined]
    text = request.GET.get("q", "").strip()
    targets = [
        *_pages(person, text),
        *_of_ids(jumping.find_targets(person=person, text=text)),
        *_actions(person, text),
    ]
    return page.render(
        request,
        page="console/jump/index.html",
        fragment="console/jump/_found.html",
        context={"text": text, "targets": targets},
    )


def _pages(person: Person, text: str) -> Iterator[Target]:
    for title, links in navigation.links_for(person):
        for link in links:
            if _matches(link.label, text):
                yield Target("Page", link.label, title, link.icon, link.url)
    if _matches("Your account", text):
        yield Target("Page", "Your account", "", "user", reverse("console:account"))


def _actions(person: Person, text: str) -> Iterator[Target]:
    for action in _ACTIONS:
        url = navigation.url_of(action.view)
        if url and person.may_anywhere(action.right) and _matches(action.label, text):
            yield Target("Action", action.label, "", action.icon, url + action.anchor)


def _matches(label: str, text: str) -> bool:
    """Tell whether every word of a text begins a word of the label."""
    words = label.casefold().split()
    return all(any(word.startswith(part) for word in words) for part in text.casefold().split())


def _of_ids(found: Targets) -> Iterator[Target]:
    for session in found.sessions:
        url = reverse("console:session", args=[session.uid])
        yield Target("Session", session.session_id, session.namespace, "messages", url)
    for subject in found.subjects:
        asked = {"q": Token("user", subject.user_id).written(), "namespace": subject.namespace}
        url = f"{reverse('console:sessions')}?{urlencode(asked)}"
        yield Target("Data subject", subject.user_id, subject.namespace, "user", url)
    for receipt in found.receipts:
        url = reverse("console:receipt", args=[receipt.id])
        detail = f"{receipt.detail} in {receipt.namespace}"
        yield Target("Receipt", receipt.id, detail, "receipt", url)
    for hold in found.holds:
        url = f"{reverse('console:holds')}#row-{hold.id}"
        yield Target("Legal hold", hold.id, f"{hold.detail} in {hold.namespace}", "lock", url)
