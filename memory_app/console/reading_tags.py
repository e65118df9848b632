"""The words of transcripts: marked texts and JSON as a tree. All of it is escaped text."""

import json
from collections.abc import Iterator
from typing import Any, Final

from django import template
from django.contrib.messages.storage.base import Message
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from memory_app.console import page, times
from memory_app.moments import DAY, NEVER, SECOND, to_rfc3339
from memory_app.operations.revealing import Number

register = template.Library()

# A tree stops after so many values; a text in it after so many characters.
_MOST_VALUES: Final = 400
_MOST_CHARACTERS: Final = 1_000


@register.simple_tag
def marked(text: str, needle: str = "") -> SafeString:
    """Show a text with every place marked that holds the needle, ignoring case."""
    if not needle:
        return format_html("{}", text)
    pieces = format_html_join("", "{}", ((piece,) for piece in _pieces(text, needle)))
    return SafeString(pieces)


def _pieces(text: str, needle: str) -> Iterator[str | SafeString]:
    folded, places = _folded(text)
    wanted = needle.casefold()
    last, at = 0, folded.find(wanted)
    while at >= 0:
        start, end = places(at), places(at + len(wanted) - 1) + 1
        if start >= last:
            yield text[last:start]
            yield format_html("<mark>{}</mark>", text[start:end])
            last = end
        at = folded.find(wanted, at + len(wanted))
    yield text[last:]


def _folded(text: str) -> tuple[str, Any]:
    """Return the text without case, and a function from its places to those of the text."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded, lambda place: place
    # Some characters fold to several: "ß" to "ss".
    origins = [place for place, one in enumerate(text) for _ in one.casefold()]
    return folded, origins.__getitem__


class _Tree:
    """Writes one JSON value as nested details, up to a number of values."""

    def __init__(self, needle: str) -> None:
        self.needle = needle
        self.left = _MOST_VALUES

    def write(self, value: Any, key: str | None = None, depth: int = 0) -> SafeString:
        self.left -= 1
        label = self._key(key)
        if not isinstance(value, dict | list) or not value:
            return format_html("<div>{}{}</div>", label, self._leaf(value))
        items: Any = value.items() if isinstance(value, dict) else ((None, one) for one in value)
        inner: list[SafeString] = []
        for name, one in items:
            if self.left <= 0:
                rest = len(value) - len(inner)
                inner.append(format_html('<div class="hint">… {} more</div>', f"{rest:,}"))
                break
            inner.append(self.write(one, name, depth + 1))
        return format_html(
            '<details{}><summary>{}<span class="hint">{}</span></summary>'
            '<div class="in">{}</div></details>',
            SafeString(" open") if depth < 1 or self.needle else "",
            label,
            _extent(value),
            SafeString("".join(inner)),
        )

    def _key(self, key: str | None) -> SafeString:
        if key is None:
            return SafeString("")
        return format_html('<span class="k">{}</span>: ', marked(key, self.needle))

    def _leaf(self, value: Any) -> SafeString:
        if isinstance(value, str) and not isinstance(value, Number):
            cut = value[:_MOST_CHARACTERS]
            rest = len(value) - len(cut)
            more = format_html(' <span class="hint">… {} more characters</span>', f"{rest:,}")
            return format_html(
                '<span class="s" dir="auto">“{}”</span>{}',
                marked(cut, self.needle),
                more if rest else "",
            )
        text = str(value) if isinstance(value, Number) else json.dumps(value)
        return format_html('<span class="nn">{}</span>', marked(text, self.needle))


@register.filter(name="extent")
def _extent(value: Any) -> str:
    """Say how much is in an object or a list."""
    if not isinstance(value, dict | list):
        return ""
    noun = "key" if isinstance(value, dict) else "item"
    return f"{len(value):,} {noun}{'' if len(value) == 1 else 's'}"


@register.simple_tag
def json_tree(value: Any, needle: str = "") -> SafeString:
    """Show a JSON value as a tree that opens and closes."""
    return _Tree(needle).write(value)


@register.filter
def contains(text: str, needle: str) -> bool:
    """Tell whether a text holds the needle, ignoring case."""
    return bool(needle) and needle.casefold() in text.casefold()


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
