"""JSON as a tree of nested details; what is large is fetched branch by branch.

An address names a branch by its places from the outside in, `2.0.5`, never by its keys: those are
content.
"""

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from django.utils.html import format_html
from django.utils.safestring import SafeString

from memory_app.console.marking import NOTHING, marked
from memory_app.folding import Needle
from memory_app.operations.unfolding import Number, leaves

# About how many values are written at once, and how many of one object or list.
_MOST_VALUES: Final = 400
_MOST_CHILDREN: Final = 100
# How much of a text in a tree is shown, and how much more at a time.
_MOST_CHARACTERS: Final = 1_000
_MORE_CHARACTERS: Final = 500_000

Path = tuple[int, ...]


def extent(value: Any) -> str:
    """Say how much is in an object or a list."""
    if not isinstance(value, dict | list):
        return ""
    noun = "key" if isinstance(value, dict) else "item"
    return f"{len(value):,} {noun}{'' if len(value) == 1 else 's'}"


def find_branch(value: Any, path: Path) -> Any:
    """Return what stands at a path. Raises LookupError where there is nothing."""
    for place in path:
        if not isinstance(value, dict | list):
            raise LookupError(place)
        inner: Sequence[Any] = list(value.values()) if isinstance(value, dict) else value
        value = inner[place]
    return value


class TreeWriter:
    """Writes one JSON value, and where the rest of it is to be had: under `address`."""

    def __init__(self, address: str, needle: Needle = NOTHING) -> None:
        self.address = address
        self.needle = needle
        self.left = _MOST_VALUES

    def write(self, value: Any, key: SafeString | None = None, path: Path = ()) -> SafeString:
        """Write a value, and of what is in it as much as fits."""
        label = SafeString("") if key is None else key
        if not isinstance(value, dict | list) or not value:
            return format_html("<div>{}{}</div>", label, self.leaf(value, path))
        fits = self.left > 0
        inner = self.children(value, path) if fits else self._link(path, 0, extent(value), value)
        return format_html(
            '<details{}><summary>{}<span class="hint">{}</span></summary>'
            '<div class="in">{}</div></details>',
            SafeString(" open") if fits and (not path or self.needle) else "",
            label,
            extent(value),
            inner,
        )

    def children(self, value: Any, path: Path, start: int = 0) -> SafeString:
        """Write what is in an object or a list, from one place on."""
        end = min(len(value), start + _MOST_CHILDREN)
        self.left -= end - start
        items = value.items() if isinstance(value, dict) else enumerate(value)
        inner = [
            self.write(one, self._key(name), (*path, place))
            for place, (name, one) in enumerate(islice(items, start, end), start)
        ]
        if end < len(value):
            is_object = isinstance(value, dict)
            rest = dict(islice(value.items(), end, None)) if is_object else value[end:]
            inner.append(self._link(path, end, f"{len(rest):,} more", rest))
        return SafeString("".join(inner))

    def _key(self, name: str | int) -> SafeString:
        if isinstance(name, int):
            return format_html('<span class="ix">{}</span> ', name)
        return format_html('<span class="k">{}</span>: ', marked(name, self.needle))

    def leaf(self, value: Any, path: Path) -> SafeString:
        """Write a value that holds no others."""
        if not isinstance(value, str) or isinstance(value, Number):
            text = str(value) if isinstance(value, Number) else json.dumps(value)
            return format_html('<span class="nn">{}</span>', marked(text, self.needle))
        return format_html(
            '<span class="s" dir="auto">“{}”</span>{}',
            marked(value[:_MOST_CHARACTERS], self.needle),
            self._rest(value, path, _MOST_CHARACTERS),
        )

    def text(self, value: str, path: Path, start: int) -> SafeString:
        """Write a text from one place on."""
        end = start + _MORE_CHARACTERS
        return format_html(
            "{}{}", marked(value[start:end], self.needle), self._rest(value, path, end)
        )

    def _rest(self, value: str, path: Path, end: int) -> SafeString:
        if end >= len(value):
            return SafeString("")
        return self._link(path, end, f"{len(value) - end:,} more characters", value[end:])

    def _link(self, path: Path, start: int, what: str, left_out: Any) -> SafeString:
        is_there = bool(self.needle) and any(map(self.needle.is_in, leaves(left_out)))
        return format_html(
            '<a class="link more" href="{}&amp;path={}&amp;after={}" data-fill>Show {}{}</a>',
            self.address,
            ".".join(map(str, path)),
            start,
            what,
            ", a match among them" if is_there else "",
        )
