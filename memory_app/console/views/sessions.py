"""Sessions: the list."""

import re
from dataclasses import replace
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from memory_app.console import columns, completing, filters, navigation, page
from memory_app.console.filters import Asked
from memory_app.console.views import saved_views, tree
from memory_app.errors import Forbidden, Invalid, NotFound, PreviewStale, ReasonNeeded
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import DAY
from memory_app.operations import previewing, saving, viewing
from memory_app.operations.previewing import PreviewView
from memory_app.operations.rights import Person, Right
from memory_app.operations.viewing import Listed, Place

_TOKEN: Final = re.compile(r"prv_[0-9a-f]{32}")


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the sessions of the namespaces that the person may see.

    The filter is sent by POST, and answered at the address of its list, which holds no content.
    """
    sent = request.method == "POST"
    person: Person = request.person  # type: ignore[attr-defined]
    try:
        asked = filters.read(_given(request), person, keeping_content=sent)
        asked.wanted()
    except Invalid as problem:
        return _misread(request, problem.detail)
    except NotFound:
        return _misread(request, _OVER, status=404)
    except Forbidden:
        return _misread(request, _FOREIGN, status=403)
    if sent and not page.wants_fragment(request):
        return page.redirect(request, url(asked) if asked.query() else f"{url(asked)}?all=1")
    try:
        return _list(request, asked)
    except ReasonNeeded:
        # Asked for at the address of the list, to come back to it.
        if not sent:
            raise
        return page.redirect(request, url(asked))


_OVER: Final = "the condition about metadata was kept for an hour, which is over; type it again"
_FOREIGN: Final = (
    "this list is filtered by metadata that another person typed, which is not shown to you"
)


def _given(request: HttpRequest) -> QueryDict:
    return request.POST if request.method == "POST" else request.GET


def _list(request: HttpRequest, asked: Asked) -> HttpResponse:
    if request.method == "POST":
        return show(request, asked)
    first = "" if request.GET or page.from_htmx(request) else saved_views.first_query(request)
    if first:
        return page.redirect(request, f"{reverse('console:sessions')}?{first}")
    return show(request, asked, fixed_set(request, request.GET.get("set", "")))


def show(
    request: HttpRequest,
    asked: Asked,
    chosen: PreviewView | None = None,
    fragment: str = "console/sessions/_answer.html",
    *,
    with_count: bool = False,
) -> HttpResponse:
    """Answer with the list that is asked for, and the set of all that matched if it is selected."""
    person: Person = request.person  # type: ignore[attr-defined]
    views = saving.list_views(person=person)
    asked = replace(asked, begins_elsewhere=any(view.is_first for view in views))
    browsed = viewing.browse_sessions(
        person=person,
        wanted=asked.wanted(),
        namespace=asked.namespace or None,
        sort=asked.sort,
        cursor=asked.cursor or None,
        # Nobody waits for a page that refreshes itself, and it shall not lose its count.
        with_count=with_count or page.is_tick(request) or "count" in request.GET,
    )
    if browsed.previous_cursor is None:
        # One came back to the beginning, which has an address of its own.
        asked = replace(asked, cursor="")
    names = [place.name for place in browsed.places]
    chosen_by_person = navigation.preferences_for(request)
    context: dict[str, Any] = {
        "asked": asked,
        "suggestions": _suggestions(request),
        "tabs": saved_views.tabs(asked, views),
        "browsed": browsed,
        "rows": [_row(listed, browsed.now) for listed in browsed.items],
        "page_query": asked.query(page=True),
        "list_param": urlencode({"from": asked.query()}),
        "chips": list(asked.chips()),
        "tree_url": tree.url(asked.namespace, tree.level_of(asked.prefix)),
        "steps": tree.steps_of(asked),
        "columns": columns.heads(chosen_by_person, asked, names),
        "saveable": not saved_views.obstacle(asked),
        "unsaveable": saved_views.obstacle(asked),
        "choices": columns.choices(chosen_by_person),
        "shows_tags": "tags" in chosen_by_person.columns,
        "statuses": filters.STATUS_LABELS,
        "spans": filters.SPANS,
        "names": names,
        "chosen": chosen,
        # Said where it is not as ever.
        "order": filters.order_words(asked.sort) if asked.sort != filters.DEFAULT_SORT else "",
        "count_url": f"?{_joined(asked.query(page=True), 'count=yes')}",
        # All that match can be fixed as a set only within one namespace.
        "whole": asked.namespace or (names[0] if len(names) == 1 else ""),
        "may": _rights(person, asked.namespace),
        "here": url(asked, page=True, chosen=chosen),
        "previous": _joined(asked.query(), _cursor(browsed.previous_cursor)),
        "following": _joined(asked.query(), _cursor(browsed.next_cursor)),
    }
    here = url(asked, page=True, chosen=chosen)
    push, correct = (None, None) if page.is_tick(request) else _history(request, here)
    return page.render(
        request,
        page="console/sessions/index.html",
        fragment=fragment,
        context=context,
        push=push,
        replace=correct,
    )


@require_GET
def count(request: HttpRequest) -> HttpResponse:
    """Count the sessions of a list, for which the list itself does not wait."""
    person: Person = request.person  # type: ignore[attr-defined]
    asked = filters.read(request.GET, person)
    if not page.wants_fragment(request):
        return page.redirect(request, f"{url(asked)}{'&' if asked.query() else '?'}count=yes")
    counted = viewing.count_sessions(
        person=person,
        wanted=asked.wanted(),
        namespace=asked.namespace or None,
    )
    name = "console/sessions/_count.html"
    return page.render(request, page=name, fragment=name, context={"counted": counted})


class Row(NamedTuple):
    """A session as the list shows it."""

    session: SessionSnapshot
    place: Place
    title: str | None
    status: str
    badge: str


def _row(listed: Listed, now: int) -> Row:
    status = listed.session.status(now)
    ends_soon = status == "active" and listed.session.expires_at - now < DAY
    return Row(
        listed.session, listed.place, listed.title, status, "expiring" if ends_soon else status
    )


def _cursor(cursor: str | None) -> str:
    return f"cursor={cursor}" if cursor else ""


def _joined(*queries: str) -> str:
    return "&".join(query for query in queries if query)


def url(asked: Asked, *, page: bool = False, chosen: PreviewView | None = None) -> str:
    """Return where a list is."""
    query = _joined(asked.query(page=page), f"set={chosen.token}" if chosen else "")
    path = reverse("console:sessions")
    return f"{path}?{query}" if query else path


def _history(request: HttpRequest, url: str) -> tuple[str | None, str | None]:
    """Make a new entry in the history for a new question; typing on only corrects the last.

    After an act the same question is answered again, which is no step to go back from.
    """
    if page.open_page(request) == url:
        return None, None
    now, then = _question(page.open_page(request)), _question(url)
    was_typed, is_typed = _take_typed(now), _take_typed(then)
    return (None, url) if was_typed and is_typed and now == then else (url, None)


def _take_typed(question: dict[str, Any]) -> bool:
    """Take what was typed out of a question, and tell whether there was any."""
    return bool(question.pop("q", "") + question.pop("kept", ""))


def _question(url: str) -> dict[str, Any]:
    return QueryDict(url.partition("?")[2]).dict()


def _rights(person: Person, namespace: str) -> dict[str, bool]:
    rights = (
        Right.EXPIRE,
        Right.EXTEND,
        Right.RESTORE,
        Right.HOLD,
        Right.EXPORT,
        Right.PURGE,
        Right.READ_CONTENT,
    )
    if namespace:
        return {str(right): person.holds(right, namespace) for right in rights}
    return {str(right): person.may_anywhere(right) for right in rights}


def _suggestions(request: HttpRequest) -> list[str] | None:
    """Return how the filter box could go on, for whoever is typing in it; None for others."""
    box = _given(request).get("q")
    if box is None or not page.wants_fragment(request) or page.is_tick(request):
        return None
    person: Person = request.person  # type: ignore[attr-defined]
    return completing.complete(person, box, _given(request).get("namespace", ""))


def _misread(request: HttpRequest, problem: str, status: int = 422) -> HttpResponse:
    """Say under the filter box what cannot be read; the list stays."""
    person: Person = request.person  # type: ignore[attr-defined]
    context = {
        "asked": Asked(),
        "suggestions": _suggestions(request),
        "tabs": saved_views.tabs(Asked(), saving.list_views(person=person)),
        "typed": _given(request).get("q", ""),
        "problem": problem,
        "statuses": filters.STATUS_LABELS,
        "spans": filters.SPANS,
    }
    return page.render(
        request,
        page="console/sessions/index.html",
        fragment="console/sessions/_misread.html",
        context=context,
        # What is not swapped for its status would not be said.
        status=422 if page.wants_fragment(request) else status,
        retarget="#problem",
    )


def fixed_set(request: HttpRequest, token: str) -> PreviewView | None:
    """Return the set of all that matched, while it can be used."""
    if not _TOKEN.fullmatch(token):
        return None
    try:
        return previewing.read_preview(
            actor=request.person,  # type: ignore[attr-defined]
            token=token,
            right=Right.EXPIRE,
        )
    except PreviewStale:
        return None
