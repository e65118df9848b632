"""Texts with what is looked for marked in them, ignoring case as finding does."""

from collections.abc import Iterator
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from memory_app.console.visible import visible


def marked(text: str, needle: str = "") -> SafeString:
    """Show a text with every place marked that holds the needle, ignoring case."""
    if not needle:
        return visible(text)
    return SafeString("".join(_pieces(text, needle)))


def _pieces(text: str, needle: str) -> Iterator[SafeString]:
    folded, places = _folded(text)
    wanted = needle.casefold()
    last, at = 0, folded.find(wanted)
    while at >= 0:
        start, end = places(at), places(at + len(wanted) - 1) + 1
        if start >= last:
            yield visible(text[last:start])
            yield format_html("<mark>{}</mark>", visible(text[start:end]))
            last = end
        at = folded.find(wanted, at + len(wanted))
    yield visible(text[last:])


def _folded(text: str) -> tuple[str, Any]:
    """Return the text without case, and a function from its places to those of the text."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded, lambda place: place
    # Some characters fold to several: "ß" to "ss".
    origins = [place for place, one in enumerate(text) for _ in one.casefold()]
    return folded, origins.__getitem__


def contains(text: str, needle: str) -> bool:
    """Tell whether a text holds the needle, ignoring case."""
    return bool(needle) and needle.casefold() in text.casefold()
