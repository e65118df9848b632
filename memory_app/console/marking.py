"""Texts with what is looked for marked in them."""

from collections.abc import Iterator

from django.utils.html import format_html
from django.utils.safestring import SafeString

from memory_app.console.visible import visible
from memory_app.folding import Needle

NOTHING = Needle()


def marked(text: str, needle: Needle = NOTHING) -> SafeString:
    """Show a text with every place marked that holds the needle."""
    return SafeString("".join(_pieces(text, needle))) if needle else visible(text)


def _pieces(text: str, needle: Needle) -> Iterator[SafeString]:
    last = 0
    for start, end in needle.places(text):
        yield visible(text[last:start])
        yield format_html("<mark>{}</mark>", visible(text[start:end]))
        last = end
    yield visible(text[last:])


def contains(text: str, needle: Needle) -> bool:
    """Tell whether a text holds the needle."""
    return needle.is_in(text)
