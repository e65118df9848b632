"""One session: its transcript, its lifecycle, its state and its facts."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from memory_app.console import filters, page
from memory_app.console.turns import turn, turns
from memory_app.console.views.downloads import KINDS
from memory_app.errors import Invalid, Refusal
from memory_app.moments import NEVER
from memory_app.operations import holding, revealing, viewing
from memory_app.operations.receiving import ROLES
from memory_app.operations.revealing import Passage, Transcript, open_message
from memory_app.operations.rights import Person, Right
from memory_app.operations.viewing import SessionView

_RIGHTS: Final = (
    Right.EXPIRE,
    Right.EXTEND,
    Right.RESTORE,
    Right.PURGE,
    Right.EXPORT,
    Right.READ_CONTENT,
    Right.HOLD,
)


@require_GET
def session(request: HttpRequest, uid: str) -> HttpResponse:
    """Show a session to whoever may see it, its content to whoever may read it."""
    person: Person = request.person  # type: ignore[attr-defined]
    view = viewing.view_session(person=person, uid=uid)
    context = _facts(request, person, view)
    if view.place.readable:
        context |= _transcript(request, person, uid)
    return page.render(request, page="console/sessions/detail.html", context=context)


def _facts(request: HttpRequest, person: Person, view: SessionView) -> dict[str, Any]:
    shown = view.session
    list_query = request.GET.get("list")
    return {
        "view": view,
        "holds": holding.holds_on(person=person, uid=shown.uid) if shown.held else (),
        "session": shown,
        "status": shown.status(view.now),
        "is_ending": shown.expires_at - view.now < filters.HOUR * 24,
        "superseded": shown.ended_at is not None,
        "restorable": shown.status(view.now) == "expired" and shown.purge_after > view.now,
        "idle": _idle(view),
        "may": {str(right): person.holds(right, view.place.name) for right in _RIGHTS},
        "state": None if shown.state is None else open_message(shown.state),
        "metadata": None if shown.metadata is None else open_message(shown.metadata),
        "lacks_reason": person.lacks_reason(Right.READ_CONTENT, view.place.name),
        "open_until": person.open_until.get(view.place.name),
        "downloads": [(kind, label) for kind, (label, _, _) in KINDS.items()],
        "list_query": list_query or "",
        "in_list": "list" in request.GET,
        "neighbours": _neighbours(person, shown.uid, list_query),
        "here": request.get_full_path(),
    }


def _idle(view: SessionView) -> dict[str, int] | None:
    """Return how much of the idle time is used, when there is a limit to it."""
    shown = view.session
    if shown.idle_for >= NEVER or shown.expires_at <= view.now:
        return None
    span = max(shown.expires_at - shown.last_activity_at, 1)
    return {"used": max(0, min(100, 100 * (view.now - shown.last_activity_at) // span))}


def _neighbours(person: Person, uid: str, list_query: str | None) -> viewing.Neighbours | None:
    """Return the sessions beside this one in the list that one came from, while it can be read."""
    if list_query is None:
        return None
    try:
        asked = filters.read(QueryDict(list_query))
        return viewing.find_neighbours(
            person=person,
            uid=uid,
            wanted=asked.wanted(),
            namespace=asked.namespace or None,
            sort=asked.sort,
        )
    except Refusal:
        return None


def _transcript(request: HttpRequest, person: Person, uid: str) -> dict[str, Any]:
    query = request.GET
    roles = [role for role in query.getlist("role") if role in ROLES]
    find = query.get("find", "")
    passage = Passage(
        after=_number(query, "after"),
        before=_number(query, "before"),
        at=_number(query, "at"),
        end="end" in query,
        roles=roles,
    )
    match = _number(query, "match") or 1
    problem = ""
    try:
        found = revealing.read_transcript(
            person=person, uid=uid, passage=passage, query=find, match=match
        )
    except Invalid as refusal:
        problem, find = refusal.detail, ""
        found = revealing.read_transcript(person=person, uid=uid, passage=passage)
    raw = query.get("view") == "raw"
    return {
        "transcript": found,
        "turns": turns(found),
        "first_seq": found.events[0].seq if found.events else 0,
        "last_seq": found.events[-1].seq if found.events else 0,
        "role_list": roles,
        "raw": raw,
        "roles": [(role, role in roles or not roles) for role in ROLES],
        "chosen_roles": len(roles) or len(ROLES),
        "find": find if find.strip() else "",
        "find_problem": problem,
        "links": _links(request, uid, found),
    }


def _links(request: HttpRequest, uid: str, found: Transcript) -> dict[str, str]:
    """Return where the controls of a transcript lead; each keeps the roles, the view, the list."""
    kept = [
        (name, value)
        for name in ("role", "view", "list")
        for value in request.GET.getlist(name)
        if value or name == "list"
    ]
    path = reverse("console:session", args=[uid])

    def link(**more: Any) -> str:
        pairs = [*kept, *((name, value) for name, value in more.items())]
        return f"{path}?{urlencode(pairs)}" if pairs else path

    links = {"first": link(), "end": link(end=1)}
    if found.events:
        links["earlier"] = link(before=found.events[0].seq)
        links["later"] = link(after=found.events[-1].seq)
    if found.finding and found.finding.seqs:
        number, of = found.finding.index, len(found.finding.seqs)
        links["previous_match"] = link(find=found.finding.query, match=(number - 2) % of + 1)
        links["next_match"] = link(find=found.finding.query, match=number % of + 1)
    without_view = [(name, value) for name, value in kept if name != "view"]
    links["plain"] = f"{path}?{urlencode(without_view)}" if without_view else path
    links["raw"] = f"{path}?{urlencode([*without_view, ('view', 'raw')])}"
    return links


def _number(query: QueryDict, name: str) -> int | None:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


@require_GET
def message(request: HttpRequest, uid: str, seq: int) -> HttpResponse:
    """Show one message whole: its text, and the JSON as it was received."""
    revealed = revealing.read_message(
        person=request.person,  # type: ignore[attr-defined]
        uid=uid,
        seq=seq,
    )
    context = {
        "session": revealed.session,
        "place": revealed.place,
        "turn": turn(revealed.event, whole=True),
        "event": revealed.event,
    }
    return page.render(request, page="console/sessions/message.html", context=context)
