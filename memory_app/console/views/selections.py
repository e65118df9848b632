"""What is done to the sessions that are selected in the list, or to the one whose page is open."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST

from memory_app import moments
from memory_app.console import filters, page, times
from memory_app.console.filters import Asked
from memory_app.console.views import downloads, purges, sessions
from memory_app.errors import Invalid
from memory_app.moments import DAY
from memory_app.operations import (
    holding_chosen,
    intervening,
    previewing,
    undoing,
)
from memory_app.operations.intervening import Chosen
from memory_app.operations.previewing import PreviewView
from memory_app.operations.rights import Person, Right
from memory_app.operations.undoing import Undone

_UID: Final = re.compile(r"[0-9a-f]{32}")
_TOKEN: Final = re.compile(r"prv_[0-9a-f]{32}")
_EXTENSIONS: Final[Mapping[str, int]] = {"extend-7d": 7, "extend-30d": 30, "extend-90d": 90}


@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Do to the selected sessions what the button says, and go back to where it was pressed."""
    asked = _asked(request)
    do = request.POST.get("do", "")
    if do == "select-all":
        return _back(request, asked, _select_all(request, asked))
    if do == "clear":
        return _back(request, asked)
    if do == "undo":
        _undo(request)
        return _back(request, asked, _selected(request))
    chosen = _chosen(request)
    if not chosen.uids and chosen.token is None:
        messages.warning(request, "No session is selected.")
        return _back(request, asked)
    if do in _ASK:
        return _ASK[do](request, chosen)
    _intervene(request, do, chosen)
    return _back(request, asked, _selected(request))


def _asked(request: HttpRequest) -> Asked:
    """Return the list that is open: its own forms say so, a notification by where it is."""
    query = request.POST.get("query")
    if query is None:
        path, _, query = request.POST.get("back", "").partition("?")
        query = query if path == reverse("console:sessions") else ""
    return filters.read(QueryDict(query), request.person)  # type: ignore[attr-defined]


def _chosen(request: HttpRequest) -> Chosen:
    token = request.POST.get("set", "")
    uids = [uid for uid in request.POST.getlist("sel") if _UID.fullmatch(uid)]
    return Chosen(token=token) if _TOKEN.fullmatch(token) else Chosen(uids=uids)


def _selected(request: HttpRequest) -> PreviewView | None:
    """Return the set of all that matched: what can be undone leaves the selection alone."""
    in_page = QueryDict(request.POST.get("back", "").partition("?")[2]).get("set", "")
    return sessions.fixed_set(request, request.POST.get("set", "") or in_page)


def _select_all(request: HttpRequest, asked: Asked) -> PreviewView:
    return previewing.preview(
        actor=request.person,  # type: ignore[attr-defined]
        namespace=request.POST.get("whole", ""),
        wanted=asked.wanted(),
        right=Right.EXPIRE,
    )


def _intervene(request: HttpRequest, do: str, chosen: Chosen) -> None:
    person: Person = request.person  # type: ignore[attr-defined]
    if do == "expire":
        done = intervening.expire_sessions(person=person, chosen=chosen)
        said = "expired. Agents no longer see {it}; the content is kept for the grace period."
    elif do == "restore":
        done = intervening.restore_sessions(person=person, chosen=chosen)
        said = "restored. The idle time and the maximum age of {it} count anew from now."
    elif do in _EXTENSIONS:
        by = _EXTENSIONS[do] * DAY
        done = intervening.extend_sessions(person=person, chosen=chosen, extend_by=by)
        until = times.local(moments.process_clock() + by)
        said = f"extended, at least to {until.day} {until:%B %Y}."
    else:
        raise Invalid("this page knows no such act")
    _tell(request, len(done.done), said, done.left, done.undo)


def _tell(
    request: HttpRequest, number: int, said: str, left: Mapping[str, int], undo: str | None = None
) -> None:
    """Say how many were done, and why others were not; offer to undo it."""
    if number:
        noun, it = ("session", "it") if number == 1 else ("sessions", "them")
        messages.success(
            request,
            f"{number:,} {noun} {said.format(it=it)}",
            extra_tags=f"undo {undo}" if undo else "",
        )
    for reason, count in left.items():
        messages.warning(
            request, f"{count:,} left as {'it was' if count == 1 else 'they were'}: {reason}."
        )


def _undo(request: HttpRequest) -> None:
    person: Person = request.person  # type: ignore[attr-defined]
    undo = request.POST.get("undo", "")
    kind, _, token = undo.rpartition(":")
    work: Callable[..., Undone] = (
        holding_chosen.undo_holds if kind == "holds" else undoing.undo_lifetimes
    )
    try:
        done = work(person=person, undo=token)
    except Invalid as problem:
        messages.warning(request, f"Nothing was undone: {problem.detail}.")
        return
    _tell(request, done.done, _UNDONE[done.act], done.left)


_UNDONE: Final[Mapping[str, str]] = {
    Right.EXPIRE: "as before, and not expired.",
    Right.EXTEND: "as before, and not extended.",
    Right.RESTORE: "expired again, from now on.",
    holding_chosen.PLACED: "let go again. Nothing of {it} is purged for 24 hours.",
    holding_chosen.RELEASED: "held again.",
}


def _ask_hold(request: HttpRequest, chosen: Chosen) -> HttpResponse:
    return _holding(request, chosen, "hold")


def _ask_release(request: HttpRequest, chosen: Chosen) -> HttpResponse:
    return _holding(request, chosen, "release")


@require_POST
def hold(request: HttpRequest) -> HttpResponse:
    """Hold the selected sessions, or release their holds, once matter and reason are given."""
    person: Person = request.person  # type: ignore[attr-defined]
    chosen, do = _chosen(request), request.POST.get("do", "")
    reason = request.POST.get("reason", "")
    try:
        if do == "release":
            done = holding_chosen.release_sessions(person=person, chosen=chosen, reason=reason)
            said = "let go. Nothing of {it} is purged for 24 hours."
        else:
            matter = request.POST.get("matter", "")
            done = holding_chosen.hold_sessions(
                person=person, chosen=chosen, matter=matter, reason=reason
            )
            said = "held. Nothing of {it} is removed or overwritten until the hold is released."
    except Invalid as problem:
        return _holding(request, chosen, do, problem)
    _tell(request, done.done, said, done.left, done.undo and f"holds:{done.undo}")
    return _back(request, _asked(request), _selected(request), "console/sessions/_done.html")


def _holding(
    request: HttpRequest, chosen: Chosen, do: str, problem: Invalid | None = None
) -> HttpResponse:
    """Ask for the matter and the reason of a hold, or for the reason of a release."""
    number = len(chosen.uids)
    if chosen.token is not None:
        number = previewing.read_preview(
            actor=request.person,  # type: ignore[attr-defined]
            token=chosen.token,
            right=Right.HOLD,
        ).sessions
    field = problem.faults[0].loc[-1] if problem and problem.faults else ""
    context = {
        "do": "release" if do == "release" else "hold",
        "chosen": chosen,
        "number": number,
        "most": previewing.MAX_CHOSEN,
        "given": request.POST,
        "problem": problem.detail if problem else "",
        "field": field,
        "query": request.POST.get("query", ""),
        "back": page.safe_path(request, request.POST.get("back", "")),
    }
    return page.render(
        request,
        page="console/sessions/hold.html",
        fragment="console/sessions/_hold.html",
        context=context,
        status=422 if problem else 200,
    )


# What is asked about before it is done.
_ASK: Final[Mapping[str, Callable[[HttpRequest, Chosen], HttpResponse]]] = {
    "purge": purges.ask,
    "hold": _ask_hold,
    "release": _ask_release,
    "export": downloads.ask,
}


def _back(
    request: HttpRequest,
    asked: Asked,
    chosen: PreviewView | None = None,
    fragment: str = "console/sessions/_answer.html",
) -> HttpResponse:
    """Show the list again as it is now, or go back to the page where the button was."""
    back = page.safe_path(request, request.POST.get("back", ""))
    in_list = back.partition("?")[0] in ("", reverse("console:sessions"))
    if page.wants_fragment(request) and in_list:
        return sessions.show(request, asked, chosen, fragment, with_count=True)
    return page.redirect(request, back or sessions.url(asked, page=True, chosen=chosen))
