"""The words of transcripts: marked texts, JSON as a tree, spans of time. All is escaped text."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memory_app.console import marking, page, times, trees
from memory_app.console.sought import NOTHING, Asked
from memory_app.console.visible import visible
from memory_app.folding import Needle
from memory_app.moments import DAY, NEVER, SECOND, process_clock, to_rfc3339
from memory_app.operations.rights import Person
from memory_app.operations.viewing import Place

register = template.Library()

register.filter("extent", trees.extent)
register.filter("contains", marking.contains)
register.filter("visible", visible)
register.simple_tag(marking.marked, name="marked")


@register.simple_tag(takes_context=True)
def json_tree(
    context: Context, value: Any, part: str, needle: Needle = marking.NOTHING
) -> SafeString:
    """Show a JSON value as a tree that opens and closes; `part` says where the session has it."""
    return trees.TreeWriter(branch_address(context, part), needle).write(value)


@register.simple_tag(takes_context=True)
def branch_address(context: Context, part: str) -> str:
    """Return where the rest of a part of a session is to be had."""
    asked: Asked | None = context.get("asked")
    return (asked.sought if asked else NOTHING).branch(context["session"].uid, part)


@register.simple_tag(takes_context=True)
def closes(context: Context, places: Place | Sequence[Place]) -> SafeString:
    """Let a page that shows content ask anew when the reason for which it is open has run out.

    For browsers without JavaScript; the others are told by `open_until`.
    """
    left = _left_open(context["person"], places)
    if left is None:
        return SafeString("")
    return format_html('<noscript><meta http-equiv="refresh" content="{}"></noscript>', left[1])


@register.simple_tag(takes_context=True)
def open_until(context: Context, places: Place | Sequence[Place]) -> SafeString:
    """Say until when content is open to the person, where that ends; the page closes then."""
    left = _left_open(context["person"], places)
    if left is None:
        return SafeString("")
    end, seconds = left
    return format_html('<span data-closes="{}"> · open to you until {}</span>', seconds, clock(end))


def _left_open(person: Person, places: Place | Sequence[Place]) -> tuple[int, int] | None:
    """Return when the first of the namespaces closes, and in how many seconds it surely has."""
    names = [one.name for one in ([places] if isinstance(places, Place) else places)]
    ends = [person.open_until[name] for name in names if name in person.open_until]
    if not ends:
        return None
    return min(ends), max(0, min(ends) - process_clock()) // SECOND + 2


@register.filter
def duration(value: int) -> str:
    """Write a span of microseconds in its largest whole unit: `30 days`, `12 hours`."""
    if value >= NEVER:
        return "for ever"
    for size, noun in ((DAY, "day"), (3_600 * SECOND, "hour"), (60 * SECOND, "minute")):
        if value >= size and value % size == 0:
            number = value // size
            return f"{number:,} {noun}{'' if number == 1 else 's'}"
    return f"{value // SECOND:,} seconds"


@register.simple_tag
def clock(value: int) -> SafeString:
    """Show the time of day, with the whole time as title."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        to_rfc3339(value),
        times.written(value),
        f"{times.local(value):%H:%M:%S}",
    )


@register.simple_tag(takes_context=True)
def undo_of(context: Context, message: Message) -> dict[str, Any]:
    """Return what undoes the act that a notification tells of, and where it was pressed."""
    kind, _, undo = (message.extra_tags or "").partition(" ")
    if kind != "undo":
        return {}
    request = context["request"]
    back = page.open_page(request) if page.from_htmx(request) else request.get_full_path()
    in_list = back.partition("?")[0] == reverse("console:sessions")
    return {"undo": undo, "back": back, "in_list": in_list}
