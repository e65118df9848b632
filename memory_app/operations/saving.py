"""Keep the lists that people come back to, for themselves or for those of a namespace."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from memory_app.errors import Invalid, NotFound
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.rights import Person, Right
from memory_app.storage import Database, engine

MAX_NAME: Final = 60
# They are tabs: more than these are no help.
MAX_VIEWS: Final = 30
_MAX_QUERY: Final = 2_000


@dataclass(frozen=True, slots=True)
class ViewOfSessions:
    """A saved list: its name, its query, whose it is, and where it is shared.

    `is_first` says that the person begins with it.
    """

    id: str
    name: str
    query: str
    owner: str
    shared_in: str | None
    is_mine: bool
    is_first: bool


def list_views(*, person: Person) -> Sequence[ViewOfSessions]:
    """Return the person's own views by name, then those that are shared with them."""
    return engine().read(lambda db: _visible(db, person))


def save_view(
    *,
    person: Person,
    name: str,
    query: str,
    wanted: SessionFilter,
    namespace: str | None = None,
    shared: bool = False,
    now: int | None = None,
) -> ViewOfSessions:
    """Keep a list under a name, for oneself or for all who may view its namespace.

    `query` is what the door writes for the filter `wanted`, which names no person and no content:
    a view is kept when those are gone. Raises NotFound, and Invalid for that, for a name that is
    none or taken, and for too many.
    """
    named = _check_name(name)
    check_kept(wanted)
    if shared and namespace is None:
        raise Invalid.at(
            ("body", "shared"), "filter by a namespace first: a view is shared with its people"
        )
    if len(query) > _MAX_QUERY:
        raise Invalid.at(("body", "query"), "the filter is too long to be kept")
    made = f"viw_{secrets.token_hex(16)}"

    def work(db: Database) -> ViewOfSessions:
        place = _find_namespace(db, person, str(namespace)) if shared else None
        _require_room(db, person, named)
        db.run(
            "INSERT INTO saved_view (id, owner_id, name, query, shared_in_id, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (made, person.id, named, query, place, now or db.now()),
        )
        return _find(db, person, made)

    return engine().write(work)


def check_kept(wanted: SessionFilter) -> None:
    """Refuse a filter that names a person or holds content. Raises Invalid."""
    if wanted.user_id is not None or wanted.without_users or wanted.metadata:
        raise Invalid.at(
            ("body", "query"),
            "a view is kept when a person is erased, so it cannot filter by user or metadata",
        )


def rename_view(*, person: Person, view: str, name: str) -> ViewOfSessions:
    """Give one's own view another name. Raises NotFound and Invalid."""
    named = _check_name(name)

    def work(db: Database) -> ViewOfSessions:
        _find_own(db, person, view)
        _require_room(db, person, named, besides=view)
        db.run("UPDATE saved_view SET name = %s WHERE id = %s", (named, view))
        return _find(db, person, view)

    return engine().write(work)


def delete_view(*, person: Person, view: str) -> ViewOfSessions:
    """Remove one's own view, for all with whom it was shared. Raises NotFound."""

    def work(db: Database) -> ViewOfSessions:
        found = _find_own(db, person, view)
        db.run("UPDATE operator SET first_view = NULL WHERE first_view = %s", (view,))
        db.run("DELETE FROM saved_view WHERE id = %s", (view,))
        return found

    return engine().write(work)


def begin_with(*, person: Person, view: str | None) -> None:
    """Let the person's list of sessions begin with a view, or with all. Raises NotFound."""

    def work(db: Database) -> None:
        if view is not None:
            _find(db, person, view)
        db.run("UPDATE operator SET first_view = %s WHERE id = %s", (view, person.id))

    engine().write(work)


_VIEWS: Final = (
    "SELECT v.id, v.name, v.query, o.username, n.name, v.owner_id = %s,"
    " coalesce(me.first_view = v.id, FALSE) FROM saved_view v JOIN operator o ON o.id = v.owner_id"
    " JOIN operator me ON me.id = %s LEFT JOIN namespace n ON n.id = v.shared_in_id"
)


def _visible(
    db: Database, person: Person, condition: str = "", *values: Any
) -> list[ViewOfSessions]:
    rows = db.rows(
        f"{_VIEWS} WHERE (v.owner_id = %s OR v.shared_in_id IS NOT NULL) {condition}"
        " ORDER BY v.name, v.id",
        (person.id, person.id, person.id, *values),
    )
    found = [ViewOfSessions(*row[:5], *map(bool, row[5:])) for row in rows]
    seen = [
        one
        for one in found
        if one.is_mine or (one.shared_in is not None and person.may(Right.VIEW, one.shared_in))
    ]
    return sorted(seen, key=lambda one: not one.is_mine)


def _find(db: Database, person: Person, view: str) -> ViewOfSessions:
    found = _visible(db, person, "AND v.id = %s", view)
    if not found:
        raise NotFound("there is no such view")
    return found[0]


def _find_own(db: Database, person: Person, view: str) -> ViewOfSessions:
    found = _find(db, person, view)
    if not found.is_mine:
        raise NotFound("there is no such view of yours")
    return found


def _find_namespace(db: Database, person: Person, name: str) -> int:
    row = db.row("SELECT id FROM namespace WHERE name = %s", (name,))
    if row is None or not person.may(Right.VIEW, name):
        raise NotFound("there is no such namespace")
    number: int = row[0]
    return number


def _check_name(name: str) -> str:
    trimmed = " ".join(name.split())
    if not 1 <= len(trimmed) <= MAX_NAME or not trimmed.isprintable():
        raise Invalid.at(
            ("body", "name"), f"a view has a name of at most {MAX_NAME} printable characters"
        )
    return trimmed


def _require_room(db: Database, person: Person, name: str, besides: str = "") -> None:
    # Whoever saves twice at once waits here.
    db.row("SELECT s.id FROM operator s WHERE s.id = %s {for_update}", (person.id,))
    rows = db.rows(
        "SELECT name FROM saved_view WHERE owner_id = %s AND id <> %s", (person.id, besides)
    )
    if name.casefold() in {taken.casefold() for (taken,) in rows}:
        raise Invalid.at(("body", "name"), "you have a view of this name already")
    if len(rows) >= MAX_VIEWS:
        raise Invalid.at(("body", "name"), f"at most {MAX_VIEWS} views; remove one first")
