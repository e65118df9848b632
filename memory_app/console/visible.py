"""Characters that nobody would see, or that turn the text around, shown by their names."""

import re
import unicodedata
from functools import lru_cache
from html import escape
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

# Terminal sequences as one; control characters but tabs and ends of lines; marks of direction; what
# has no width (but the joiners, which scripts and emoji need); tags, by which text can be hidden.
_HIDDEN: Final = re.compile(
    "\x1b\\[[0-9;?]*[ -/]*[@-~]|\r(?!\n)"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f"
    "\u202a-\u202e\u2060\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
_SHORT: Final = {
    "\xad": "SHY",
    "\u061c": "ALM",
    "\u200b": "ZWSP",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
}


def visible(text: str) -> SafeString:
    """Escape a text; what would be hidden in it stands there as a mark that does nothing."""
    if _HIDDEN.search(text) is None:
        return SafeString(escape(text))
    parts: list[str] = []
    last = 0
    for found in _HIDDEN.finditer(text):
        parts.append(escape(text[last : found.start()]))
        parts.append(_mark(found.group()))
        last = found.end()
    return SafeString("".join([*parts, escape(text[last:])]))


@lru_cache(1_000)
def _mark(hidden: str) -> SafeString:
    code = f"U+{ord(hidden[0]):04X}"
    if len(hidden) > 1:
        return _named("terminal escape sequence", f"ESC{hidden[1:]}")
    if hidden in _SHORT:
        return _named(f"{unicodedata.name(hidden)}, {code}", _SHORT[hidden])
    if hidden < " ":
        return _named(f"control character {code}", f"^{chr(0x40 + ord(hidden))}")
    return _named(f"{unicodedata.name(hidden, 'control character')}, {code}", code)


def _named(name: str, label: str) -> SafeString:
    return format_html('<span class="ctl" dir="ltr" title="{}">{}</span>', name, label)
