"""Complete the token of the filter box that is being typed: the box as it could go on."""

from collections.abc import Sequence
from typing import Final

from memory_app.console.filters import STATUS_LABELS
from memory_app.console.tokens import REPEATED, Token
from memory_app.operations.rights import Person
from memory_app.operations.suggesting import MOST, suggest

_FIXED: Final = {"status": tuple(STATUS_LABELS), "held": ("yes", "no")}
_LOOKED_UP: Final = ("user", "tag", "prefix", "namespace")
_MOMENTS: Final = tuple(
    f"{what}-{side}" for what in ("created", "active", "expires") for side in ("after", "before")
)
_KEYS: Final = ("user", "tag", "prefix", "status", "held", "namespace", *_MOMENTS)


def complete(person: Person, box: str, namespace: str) -> list[str]:
    """Return what the box could hold next, its last token completed; nothing for an empty one."""
    before, _, typed = box.rpartition(" ")
    # No id has a control character, and PostgreSQL refuses a NUL.
    if not typed or not typed.isprintable() or box.count('"') % 2:
        return []
    key, colon, value = typed.partition(":")
    if colon:
        key = "namespace" if key == "ns" else key
        named = key.removeprefix("-") if key in REPEATED else key
        found = [Token(key, one) for one in _values(person, named, value, namespace)]
        written = [token.written() for token in found]
    else:
        written = [f"{one}:" for one in _KEYS if one.startswith(typed)]
        ids = suggest(person=person, key="prefix", beginning=typed, namespace=namespace)
        written += [Token("prefix", one).written() for one in ids]
    lead = f"{before} " if before else ""
    return [f"{lead}{one}" for one in written if one != typed][:MOST]


def _values(person: Person, key: str, beginning: str, namespace: str) -> Sequence[str]:
    if key in _LOOKED_UP:
        return suggest(person=person, key=key, beginning=beginning, namespace=namespace)
    return [one for one in _FIXED.get(key, ()) if one.startswith(beginning)]
