"""How the states of two messages differ."""

import json
from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from memory_app.console import page
from memory_app.operations import comparing
from memory_app.operations.comparing import Difference
from memory_app.operations.unfolding import Number

# How much of a value is shown beside its path.
_LONGEST: Final = 400


@require_GET
def states(request: HttpRequest, uid: str) -> HttpResponse:
    """Show what was added, changed and removed between the states as of two messages."""
    found = comparing.compare_states(
        person=request.person,  # type: ignore[attr-defined]
        uid=uid,
        before=_seq(request, "a"),
        after=_seq(request, "b"),
    )
    context = {
        "session": found.session,
        "place": found.place,
        "found": found,
        "rows": [_row(one) for one in found.differences],
    }
    return page.render(request, page="console/sessions/states.html", context=context)


def _seq(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else None


def _row(one: Difference) -> dict[str, str]:
    return {
        "path": write_path(one.path),
        "kind": one.kind,
        "before": "" if one.kind == "added" else _cut(write_value(one.before)),
        "after": "" if one.kind == "removed" else _cut(write_value(one.after)),
    }


def write_path(path: Sequence[str | int]) -> str:
    """Write a path as one reads it: `order.items[2]."a key"`; nothing is the whole state."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            name = part if part.isidentifier() else json.dumps(part, ensure_ascii=False)
            written += f".{name}" if written else name
    return written or "the whole state"


def write_value(value: Any) -> str:
    """Write a value as JSON on one line, its numbers as they were spelled."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        inner = (f"{json.dumps(k, ensure_ascii=False)}: {write_value(v)}" for k, v in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
