"""One session: its transcript, its lifecycle, its state and its facts."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from memory_app import conf
from memory_app.console import acts, filters, lifecycle, page, sought
from memory_app.console.marking import NOTHING
from memory_app.console.sought import Asked, Sought
from memory_app.console.tokens import Token
from memory_app.console.turns import turn, turns
from memory_app.console.views.downloads import KINDS
from memory_app.errors import NotFound, Refusal
from memory_app.moments import NEVER
from memory_app.operations import auditing, holding, revealing, tracing, viewing
from memory_app.operations.auditing import EntryFilter
from memory_app.operations.receiving import ROLES
from memory_app.operations.revealing import Finding, Passage, Transcript
from memory_app.operations.rights import Person, Right
from memory_app.operations.tracing import MOST_NAMESAKES
from memory_app.operations.unfolding import open_value
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
# How many acts on the session its page shows.
_LAST_ACTS: Final = 6


@require_GET
def session(request: HttpRequest, uid: str) -> HttpResponse:
    """Show a session to whoever may see it, its content to whoever may read it."""
    person: Person = request.person  # type: ignore[attr-defined]
    looked_for = sought.read(person, request.GET.get("find", ""))
    return _show(request, uid, Asked.read(request.GET, looked_for))


@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest, uid: str) -> HttpResponse:
    """Take what is looked for, and show it in the session at an address that does not hold it."""
    if request.method != "POST":
        return page.redirect(request, reverse("console:session", args=[uid]))
    person: Person = request.person  # type: ignore[attr-defined]
    try:
        place = viewing.view_session(person=person, uid=uid).place
    except NotFound:
        return _gone(request, uid)
    person.require_role(Right.READ_CONTENT, place.name)
    text = request.POST.get("find", "")
    if len(text) > conf.MAX_QUERY:
        return _show(request, uid, Asked.read(request.POST, Sought(text)), refused=True)
    asked = Asked.read(request.POST, sought.keep(person, text))
    if place.readable and page.wants_fragment(request):
        return _show(request, uid, asked, is_new=True)
    # Where a reason is asked for, that is done at the address of what was found.
    return page.redirect(request, asked.address(uid))


def _show(
    request: HttpRequest, uid: str, asked: Asked, *, is_new: bool = False, refused: bool = False
) -> HttpResponse:
    """Show a session, or its transcript alone where htmx asks for a part.

    `is_new` says that it was just typed what is looked for, `refused` that it is too long.
    """
    person: Person = request.person  # type: ignore[attr-defined]
    try:
        view = viewing.view_session(person=person, uid=uid)
    except NotFound:
        return _gone(request, uid)
    in_part = page.wants_fragment(request)
    if in_part:
        person.require(Right.READ_CONTENT, view.place.name)
    context: dict[str, Any] = {
        "view": view,
        "session": view.session,
        "asked": asked,
        "needle": NOTHING if refused else asked.sought.needle,
        "refused": refused,
    }
    if not in_part:
        context |= _facts(person, view, asked, asked.address(uid))
    if view.place.readable:
        context |= _transcript(person, uid, asked, finding=not refused)
    here = request.get_full_path() if request.method == "GET" else asked.address(uid)
    return page.render(
        request,
        page="console/sessions/detail.html",
        fragment="console/sessions/_transcript.html",
        context=context | {"here": here},
        status=422 if refused else 200,
        # Stepping on to another match is no step to go back from.
        push=here if is_new else None,
        replace=here,
    )


def _gone(request: HttpRequest, uid: str) -> HttpResponse:
    """Say what became of a session that is no longer there. Raises NotFound."""
    person: Person = request.person  # type: ignore[attr-defined]
    removed = tracing.find_removed(person=person, uid=uid)
    if page.wants_fragment(request):
        # It went while somebody read it: that is a page, and no part of the one that is open.
        return page.redirect(request, reverse("console:session", args=[uid]))
    context = {"removed": removed}
    return page.render(request, page="console/sessions/gone.html", context=context, status=410)


def _facts(person: Person, view: SessionView, asked: Asked, here: str) -> dict[str, Any]:
    shown, name = view.session, view.place.name
    status = shown.status(view.now)
    holds = holding.holds_on(person=person, uid=shown.uid) if shown.held else ()
    namesakes = tracing.find_namesakes(person=person, uid=shown.uid)
    return {
        "holds": holds,
        "spared": bool(holds) or shown.purge_not_before > view.now,
        "status": status,
        "is_ending": status == "active" and shown.expires_at - view.now < filters.HOUR * 24,
        "restorable": status == "expired" and shown.purge_after > view.now,
        "steps": lifecycle.steps(view, holds),
        "next": lifecycle.what_next(view),
        "idle": _idle(view),
        # Where only a reason is missing, the act itself asks for it.
        "may": {str(right): person.holds(right, name) for right in _RIGHTS},
        "lacks_reason": person.lacks_reason(Right.READ_CONTENT, name),
        "state": None if shown.state is None else open_value(shown.state),
        "metadata": None if shown.metadata is None else open_value(shown.metadata),
        "hold_query": urlencode(
            {"namespace": name, "kind": "session", "target": shown.session_id, "back": here}
        ),
        "of_user": urlencode(
            {"q": Token("user", shown.user_id or "").written(), "namespace": name}
        ),
        "downloads": [(kind, label) for kind, (label, _, _) in KINDS.items()],
        "neighbours": _neighbours(person, shown.uid, asked.came_from),
        "history": _history(person, shown.uid),
        "namesakes": [(one, one.status(view.now)) for one in namesakes],
        "more_namesakes": len(namesakes) == MOST_NAMESAKES,
    }


def _idle(view: SessionView) -> dict[str, int] | None:
    """Return how much of the idle time is used, when there is a limit to it."""
    shown = view.session
    if shown.idle_for >= NEVER or shown.expires_at <= view.now:
        return None
    span = max(shown.expires_at - shown.last_activity_at, 1)
    return {"used": max(0, min(100, 100 * (view.now - shown.last_activity_at) // span))}


def _neighbours(person: Person, uid: str, came_from: str | None) -> viewing.Neighbours | None:
    """Return the sessions beside this one in the list that one came from, while it can be read."""
    if came_from is None:
        return None
    try:
        asked = filters.read(QueryDict(came_from), person)
        return viewing.find_neighbours(
            person=person,
            uid=uid,
            wanted=asked.wanted(),
            namespace=asked.namespace or None,
            sort=asked.sort,
        )
    except Refusal:
        return None


def _history(person: Person, uid: str) -> Sequence[dict[str, Any]] | None:
    """Return the last acts on a session that the person may see; None when they see no log."""
    if not person.may_anywhere(Right.READ_OWN_AUDIT):
        return None
    found = auditing.list_entries(
        person=person, wanted=EntryFilter(object_id=uid), limit=_LAST_ACTS
    )
    return [{"entry": one, "words": acts.words(one.act)} for one in found.items]


def _transcript(person: Person, uid: str, asked: Asked, *, finding: bool) -> dict[str, Any]:
    found = revealing.read_transcript(
        person=person,
        uid=uid,
        passage=asked.passage,
        query=asked.sought.text if finding else "",
        match=asked.match,
        as_received=asked.raw,
    )
    roles = asked.passage.roles
    return {
        "transcript": found,
        "turns": turns(found) if not asked.raw else [turn(event) for event in found.events],
        "first_seq": found.events[0].seq if found.events else 0,
        "last_seq": found.events[-1].seq if found.events else 0,
        "roles": [(role, role in roles or not roles) for role in ROLES],
        "chosen_roles": len(roles) or len(ROLES),
        "links": _links(uid, asked, found),
    }


def _links(uid: str, asked: Asked, found: Transcript) -> dict[str, Any]:
    """Return where the controls of a transcript lead."""
    finding = found.finding
    kept = {"match": finding.index} if finding and finding.index else {}
    unfound = replace(asked, sought=sought.NOTHING)
    links: dict[str, Any] = {
        "first": asked.address(uid, after=0) if finding else asked.address(uid),
        "end": asked.address(uid, end=1),
        "other_view": replace(asked, raw=not asked.raw).address(uid, **kept),
        "all_roles": replace(asked, passage=Passage()).address(uid),
        "stop": unfound.address(uid, **({"at": finding.seq} if finding and finding.seq else {})),
    }
    if found.events:
        links["earlier"] = asked.address(uid, before=found.events[0].seq)
        links["later"] = asked.address(uid, after=found.events[-1].seq)
    if finding and finding.seqs:
        before, following = _beside(finding, found)
        links["previous_match"] = asked.address(uid, match=before)
        links["next_match"] = asked.address(uid, match=following)
    return links


def _beside(finding: Finding, found: Transcript) -> tuple[int, int]:
    """Return the numbers of the matches before and after the one, or the page, that is shown."""
    of = len(finding.seqs)
    if finding.index is not None:
        return (finding.index - 2) % of + 1, finding.index % of + 1
    before = bisect_left(finding.seqs, found.events[0].seq) if found.events else 0
    return before or of, before % of + 1


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
