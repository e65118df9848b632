"""One session: its transcript, its lifecycle, its state and its facts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from memory_app.console import acts, filters, lifecycle, page
from memory_app.console.tokens import Token
from memory_app.console.turns import turn, turns
from memory_app.console.views.downloads import KINDS
from memory_app.errors import Invalid, NotFound, Refusal
from memory_app.moments import NEVER
from memory_app.operations import auditing, holding, revealing, tracing, viewing
from memory_app.operations.auditing import EntryFilter
from memory_app.operations.receiving import ROLES
from memory_app.operations.revealing import Passage, Transcript
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
    return _show(request, uid, Asked.read(request.GET))


@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest, uid: str) -> HttpResponse:
    """Show the part of a session that holds what is looked for, which is in no address."""
    if request.method != "POST":
        return page.redirect(request, reverse("console:session", args=[uid]))
    asked = Asked.read(request.POST, request.POST.get("find", ""))
    return _show(request, uid, asked, finding=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a transcript is asked for, and the query of the list that one came from."""

    passage: Passage
    find: str = ""
    match: int = 1
    raw: bool = False
    came_from: str | None = None

    @classmethod
    def read(cls, given: QueryDict, find: str = "") -> "Asked":
        """Read a query or a form; places that are none are left out."""
        passage = Passage(
            after=_number(given, "after"),
            before=_number(given, "before"),
            at=_number(given, "at"),
            end="end" in given,
            roles=[role for role in given.getlist("role") if role in ROLES],
        )
        return cls(
            passage=passage,
            find=find if find.strip() else "",
            match=_number(given, "match") or 1,
            raw=given.get("view") == "raw" and "plain" not in given,
            came_from=given.get("from"),
        )

    def address(self, uid: str, **more: Any) -> str:
        """Return where else in the session one may go, with the roles, the view and the list."""
        pairs: list[tuple[str, Any]] = [("role", role) for role in self.passage.roles]
        pairs += [("view", "raw")] if self.raw else []
        pairs += [] if self.came_from is None else [("from", self.came_from)]
        pairs += more.items()
        path = reverse("console:session", args=[uid])
        return f"{path}?{urlencode(pairs)}" if pairs else path


def _number(given: QueryDict, name: str) -> int | None:
    text = given.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _show(request: HttpRequest, uid: str, asked: Asked, *, finding: bool = False) -> HttpResponse:
    person: Person = request.person  # type: ignore[attr-defined]
    try:
        view = viewing.view_session(person=person, uid=uid)
    except NotFound:
        return _gone(request, uid)
    if finding:
        person.require(Right.READ_CONTENT, view.place.name)
    context = _frame(view, asked)
    if not (finding and page.wants_fragment(request)):
        context |= _facts(person, view, asked, asked.address(uid))
    here = asked.address(uid)
    if view.place.readable:
        context |= _transcript(person, uid, asked)
        found = context["transcript"].finding
        if found is not None and found.seq is not None:
            here = asked.address(uid, at=found.seq)
    context["here"] = here if finding else request.get_full_path()
    return page.render(
        request,
        page="console/sessions/detail.html",
        fragment="console/sessions/_transcript.html" if finding else None,
        context=context,
        replace=here if finding else None,
    )


def _gone(request: HttpRequest, uid: str) -> HttpResponse:
    """Say what became of a session that is no longer there. Raises NotFound."""
    person: Person = request.person  # type: ignore[attr-defined]
    removed = tracing.find_removed(person=person, uid=uid)
    context = {"removed": removed}
    return page.render(request, page="console/sessions/gone.html", context=context, status=410)


def _frame(view: SessionView, asked: Asked) -> dict[str, Any]:
    return {
        "view": view,
        "session": view.session,
        "asked": asked,
        "find": asked.find,
    }


def _facts(person: Person, view: SessionView, asked: Asked, here: str) -> dict[str, Any]:
    shown, name = view.session, view.place.name
    status = shown.status(view.now)
    holds = holding.holds_on(person=person, uid=shown.uid) if shown.held else ()
    namesakes = tracing.find_namesakes(person=person, uid=shown.uid)
    return {
        "holds": holds,
        "status": status,
        "is_ending": status == "active" and shown.expires_at - view.now < filters.HOUR * 24,
        "restorable": status == "expired" and shown.purge_after > view.now,
        "steps": lifecycle.steps(view, holds),
        "next": lifecycle.what_next(view),
        "idle": _idle(view),
        # Where only a reason is missing, the act itself asks for it.
        "may": {str(right): person.holds(right, name) for right in _RIGHTS},
        "lacks_reason": person.lacks_reason(Right.READ_CONTENT, name),
        "open_until": person.open_until.get(name),
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


def _transcript(person: Person, uid: str, asked: Asked) -> dict[str, Any]:
    problem, find = "", asked.find
    try:
        found = revealing.read_transcript(
            person=person, uid=uid, passage=asked.passage, query=find, match=asked.match
        )
    except Invalid as refusal:
        problem, find = refusal.detail, ""
        found = revealing.read_transcript(person=person, uid=uid, passage=asked.passage)
    roles = asked.passage.roles
    return {
        "transcript": found,
        "turns": turns(found) if not asked.raw else [turn(event) for event in found.events],
        "first_seq": found.events[0].seq if found.events else 0,
        "last_seq": found.events[-1].seq if found.events else 0,
        "roles": [(role, role in roles or not roles) for role in ROLES],
        "chosen_roles": len(roles) or len(ROLES),
        "find": find,
        "find_problem": problem,
        "links": _links(uid, asked, found),
    }


def _links(uid: str, asked: Asked, found: Transcript) -> dict[str, Any]:
    """Return where the controls of a transcript lead."""
    links: dict[str, Any] = {
        "first": asked.address(uid),
        "end": asked.address(uid, end=1),
        "other_view": replace(asked, raw=not asked.raw).address(uid),
        "all_roles": replace(asked, passage=Passage()).address(uid),
    }
    if found.events:
        links["earlier"] = asked.address(uid, before=found.events[0].seq)
        links["later"] = asked.address(uid, after=found.events[-1].seq)
    if found.finding and found.finding.seqs:
        number, of = found.finding.index, len(found.finding.seqs)
        links |= {"previous_match": (number - 2) % of + 1, "next_match": number % of + 1}
    return links


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
