"""The hierarchy that session ids make: namespaces, then one level of ids after another."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from memory_app.console import page
from memory_app.console.filters import Asked
from memory_app.console.tokens import Token
from memory_app.operations import branching
from memory_app.operations.branching import Bough, Leaf
from memory_app.operations.rights import Person


class Step(NamedTuple):
    """A level above the one that is shown; without an address it is this one."""

    label: str
    url: str = ""


class Row(NamedTuple):
    """A child of the level: its own part of the id, where it leads, and what is in it."""

    label: str
    url: str
    is_branch: bool
    total: int
    capped: bool = False
    list_url: str = ""


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the children of a prefix, or the namespaces when none is named."""
    person: Person = request.person  # type: ignore[attr-defined]
    level = branching.climb(
        person=person,
        namespace=request.GET.get("namespace", ""),
        prefix=request.GET.get("prefix", ""),
        cursor=request.GET.get("cursor") or None,
    )
    namespace, prefix = level.namespace, level.prefix
    context: dict[str, Any] = {
        "namespace": namespace,
        "prefix": prefix,
        "rows": [_row(namespace, prefix, item) for item in level.items],
        "paged": bool(request.GET.get("cursor")),
        "first_url": url(namespace, prefix),
        "steps": list(_steps(namespace, prefix, several=level.several)),
    }
    if level.next_cursor:
        context["next_url"] = url(namespace, prefix, cursor=level.next_cursor)
    if namespace:
        context["list_url"] = list_url(namespace, prefix)
    return page.render(
        request,
        page="console/sessions/tree.html",
        fragment="console/sessions/_tree.html",
        context=context,
        push=request.get_full_path(),
    )


def list_url(namespace: str, prefix: str) -> str:
    """Return where the active sessions of a branch are listed."""
    tokens = [Token("prefix", prefix)] if prefix else []
    asked = Asked(tokens=tokens, namespace=namespace, status="active")
    return f"{reverse('console:sessions')}?{asked.query()}"


def url(namespace: str, prefix: str = "", **more: str) -> str:
    """Return where a level is shown."""
    given = {"namespace": namespace, "prefix": prefix, **more}
    query = urlencode({name: value for name, value in given.items() if value})
    return reverse("console:tree") + (f"?{query}" if query else "")


def level_of(prefix: str) -> str:
    """Return the level that a prefix is in: what follows its last separator is a beginning only."""
    return prefix[: prefix.rfind(branching.SEPARATOR) + 1]


def _list(asked: Asked, prefix: str) -> str:
    query = asked.under(prefix).query()
    return reverse("console:sessions") + (f"?{query}" if query else "")


def steps_of(asked: Asked) -> list[Step]:
    """Return the levels above the prefix that a list is filtered by, each as a list of its own."""
    above = levels(asked.prefix)
    if len(above) < 2:
        return []
    steps = [Step("Any id", _list(asked, ""))]
    steps += [Step(_last_part(level), _list(asked, level)) for level in above[:-1]]
    return [*steps, Step(_last_part(above[-1]))]


def _row(namespace: str, prefix: str, item: Bough | Leaf) -> Row:
    if isinstance(item, Leaf):
        label = item.session_id[len(prefix) :] or item.session_id
        return Row(label, reverse("console:session", args=[item.uid]), False, item.messages)
    if not namespace:
        name = item.prefix
        return Row(name, url(name), True, item.sessions, item.capped, list_url(name, ""))
    return Row(
        item.prefix[len(prefix) :],
        url(namespace, item.prefix),
        True,
        item.sessions,
        item.capped,
        list_url(namespace, item.prefix),
    )


def _steps(namespace: str, prefix: str, *, several: bool) -> Iterator[Step]:
    """Yield the levels from the namespaces down to the one that is shown."""
    if several:
        yield Step("All namespaces", reverse("console:tree") if namespace else "")
    if namespace:
        yield Step(namespace, url(namespace) if prefix else "")
    for level in levels(prefix):
        shown = level == prefix
        yield Step(_last_part(level), "" if shown else url(namespace, level))


def levels(prefix: str) -> list[str]:
    """Return the prefixes that a prefix lies in, from the shortest to itself."""
    ends = [place + 1 for place, one in enumerate(prefix) if one == branching.SEPARATOR]
    return [prefix[:end] for end in ends if end < len(prefix)] + ([prefix] if prefix else [])


def _last_part(level: str) -> str:
    kept = level[:-1].rpartition(branching.SEPARATOR)[2]
    return kept + level[-1:]
