"""The rest of what is too large to be shown at once: a branch of a tree, the end of a text."""

import re
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from memory_app.console import page, sought
from memory_app.console.trees import Path, TreeWriter, find_branch
from memory_app.console.turns import turn
from memory_app.errors import NotFound
from memory_app.operations import revealing, viewing
from memory_app.operations.rights import Person, Right
from memory_app.operations.unfolding import Number, open_value
from memory_app.operations.viewing import Place

_PART: Final = re.compile(r"state|metadata|(?P<seq>[1-9][0-9]{0,9})\.(?:[wtc][0-9]{1,4}|s)")
_PATH: Final = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,8}){0,99}")


@require_GET
def branch(request: HttpRequest, uid: str) -> HttpResponse:
    """Show a part of a session from one place on: in its place, or as a page of its own."""
    person: Person = request.person  # type: ignore[attr-defined]
    part, path, after = _read(request)
    looked_for = sought.read(person, request.GET.get("find", ""))
    session, place, seq, value = _find_part(person, uid, part)
    try:
        value = find_branch(value, path)
    except LookupError:
        raise NotFound("there is no such part of the session") from None
    writer = TreeWriter(looked_for.branch(uid, part), looked_for.needle)
    is_text = isinstance(value, str) and not isinstance(value, Number)
    if is_text:
        shown = writer.text(value, path, after)
    elif isinstance(value, dict | list):
        shown = writer.children(value, path, after)
    else:
        shown = writer.leaf(value, path)
    context = {
        "session": session,
        "place": place,
        "seq": seq,
        "part": part,
        "shown": shown,
        "is_text": is_text,
    }
    return page.render(
        request,
        page="console/sessions/branch.html",
        fragment="console/sessions/_branch.html",
        context=context,
    )


def _read(request: HttpRequest) -> tuple[str, Path, int]:
    part, path = request.GET.get("in", ""), request.GET.get("path", "")
    after = request.GET.get("after", "0")
    is_number = after.isascii() and after.isdigit() and len(after) < 10
    if not _PART.fullmatch(part) or (path and not _PATH.fullmatch(path)) or not is_number:
        raise NotFound("there is no such part of a session")
    return part, tuple(map(int, path.split("."))) if path else (), int(after)


def _find_part(person: Person, uid: str, part: str) -> tuple[Any, Place, int | None, Any]:
    """Return the session, where it is, the place of the message if it is one's, and the value."""
    named = _PART.fullmatch(part)
    assert named is not None, "it was read"
    if named["seq"]:
        revealed = revealing.read_message(person=person, uid=uid, seq=int(named["seq"]))
        parts = turn(revealed.event).parts()
        if part not in parts:
            raise NotFound("there is no such part of the message")
        return revealed.session, revealed.place, int(named["seq"]), parts[part]
    view = viewing.view_session(person=person, uid=uid)
    person.require(Right.READ_CONTENT, view.place.name)
    text = view.session.state if part == "state" else view.session.metadata
    if text is None:
        raise NotFound("the session has none")
    return view.session, view.place, None, open_value(text)
