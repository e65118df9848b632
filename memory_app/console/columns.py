"""The columns of the list of sessions after the first, as a person has chosen them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from memory_app.console.filters import Asked
from memory_app.operations.preferences import COLUMNS as NAMES
from memory_app.operations.preferences import Preferences


class Column(NamedTuple):
    """A column: what it says, by what the list is then sorted, and what gives way to it."""

    label: str
    sort: str = ""
    css: str = ""


# Of those that everybody has at first some give way on narrow screens; who chose one sees it.
COLUMNS: Final[Mapping[str, Column]] = {
    "status": Column("Status"),
    "namespace": Column("Namespace", css="mid"),
    "user": Column("User", css="hide-m"),
    "tags": Column("Tags"),
    "messages": Column("Messages", "message_count", "num"),
    "tokens": Column("Tokens", css="num"),
    "size": Column("Size", "size_bytes", "num lo"),
    "created": Column("Begun", "created_at"),
    "last_activity": Column("Last activity", "last_activity_at"),
    "expires": Column("Expires", "expires_at"),
}


def heads(chosen: Preferences, asked: Asked, places: Sequence[str]) -> list[dict[str, Any]]:
    """Return the heads of the columns, each with its order and the query that sorts by it."""
    found = []
    for name in chosen.columns:
        column = COLUMNS[name]
        if name == "namespace" and len(places) < 2:
            continue
        order = {column.sort: "ascending", f"-{column.sort}": "descending"}.get(asked.sort, "")
        query = asked.sorted_by(column.sort) if column.sort else ""
        found.append({"name": name, **column._asdict(), "order": order, "query": query})
    return found


def choices(chosen: Preferences) -> list[tuple[str, str, bool]]:
    """Return all columns for choosing, those that are shown first: name, label, whether shown."""
    others = [name for name in NAMES if name not in chosen.columns]
    return [
        (name, COLUMNS[name].label, name in chosen.columns) for name in (*chosen.columns, *others)
    ]
