"""Show people the audit log with what its entries are about, hand it out, and check it for them."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from memory_app.errors import Forbidden, Invalid
from memory_app.models import AuditAct
from memory_app.operations.auditing import (
    About,
    Entered,
    Entry,
    EntryFilter,
    list_entries,
    write_entry,
)
from memory_app.operations.justifying import read_reasons
from memory_app.operations.rights import EVERYWHERE, Person, Right, role_for
from memory_app.operations.verifying import Verified, verify_log
from memory_app.storage import Database, engine

# What the acts on the log itself are about.
LOG: Final = About("log", "audit")
# How many entries of an export are read at once.
_AT_ONCE: Final = 1_000
# How many entries a person who waits for the page checks or takes away at once: 250,000 are 3 s of
# one processor. The commands verify_audit and export_audit have no bound.
MOST: Final = 250_000
_OVERSIGHT: Final = (Right.READ_AUDIT, Right.OVERSEE)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the log stands: its last checkpoint, and what the last check by a person found.

    `found` is what that check counted: `entries`, `begun_at` where it left older ones out, and
    where there is a fault `<kind>_at`.
    """

    signed_n: int | None
    signed_at: int | None
    checked_at: int | None
    checked_by: str | None
    found: Mapping[str, int]


class Thing(NamedTuple):
    """The object of an entry that still exists: its name, and whether the person may open it."""

    name: str
    opens: bool


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page of the log, the newest first.

    `things` has those objects of the entries that still exist and that the person may know of,
    `reasons` the texts of stated reasons by their ids.
    `standing` is None for those who do not answer for the log.
    """

    items: Sequence[Entered]
    next_cursor: str | None
    things: Mapping[About, Thing]
    reasons: Mapping[str, str]
    namespaces: Sequence[str]
    standing: Standing | None


def browse_log(
    *,
    person: Person,
    wanted: EntryFilter,
    limit: int = 50,
    cursor: str | None = None,
) -> LogPage:
    """Return the entries a person may see, and what of their objects is still there.

    Raises Forbidden, and Invalid for a cursor of another list.
    """
    found = list_entries(person=person, wanted=wanted, limit=limit, cursor=cursor)
    stated = {one.object_id for one in found.items if one.object_kind == "reason"}
    reasons = read_reasons(person=person, ids=[one for one in stated if one is not None])

    def work(db: Database) -> LogPage:
        rows = db.rows("SELECT name FROM namespace ORDER BY name")
        rights = (*_OVERSIGHT, Right.READ_OWN_AUDIT)
        names = [name for (name,) in rows if any(person.may(one, name) for one in rights)]
        things = _find_things(db, person, found.items)
        standing = _stand(db) if _oversees(person) else None
        return LogPage(found.items, found.next_cursor, things, reasons, names, standing)

    return engine().read(work)


def _oversees(person: Person) -> bool:
    return any(person.may_anywhere(right) for right in _OVERSIGHT)


class _Kind(NamedTuple):
    """A kind of object: how to ask for some, by id, namespace and name, and who sees and opens."""

    sql: str
    sees: Sequence[Right]
    opens: Sequence[Right]


_VIEW: Final = (Right.VIEW,)
_POLICIES: Final = (Right.VIEW, Right.MANAGE_POLICIES)
_EXISTING: Final = {
    "session": _Kind(
        "SELECT s.uid, n.name, s.uid FROM agent_session s JOIN namespace n"
        " ON n.id = s.namespace_id WHERE s.purge_receipt IS NULL AND s.uid",
        _VIEW,
        _VIEW,
    ),
    "receipt": _Kind(
        "SELECT r.id, n.name, r.id FROM receipt r JOIN namespace n ON n.id = r.namespace_id"
        " WHERE r.id",
        _VIEW,
        _VIEW,
    ),
    "hold": _Kind(
        "SELECT h.id, n.name, h.id FROM legal_hold h JOIN namespace n ON n.id = h.held_in"
        " WHERE h.id",
        _VIEW,
        _VIEW,
    ),
    "policy": _Kind(
        "SELECT CAST(p.id AS text), n.name, n.name || ' ' || p.prefix FROM retention_policy p"
        " JOIN namespace n ON n.id = p.namespace_id WHERE CAST(p.id AS text)",
        _POLICIES,
        _POLICIES,
    ),
    "namespace": _Kind(
        "SELECT CAST(n.id AS text), n.name, n.name FROM namespace n WHERE CAST(n.id AS text)",
        (Right.VIEW, Right.OVERSEE),
        (Right.MANAGE_NAMESPACES,),
    ),
    "key": _Kind(
        "SELECT k.prefix, n.name, k.prefix FROM api_key k JOIN namespace n"
        " ON n.id = k.namespace_id WHERE k.prefix",
        (Right.MANAGE_KEYS,),
        (Right.MANAGE_KEYS,),
    ),
    "person": _Kind(
        "SELECT CAST(o.id AS text), '*', o.username FROM operator o WHERE CAST(o.id AS text)",
        (),
        (Right.MANAGE_PEOPLE,),
    ),
    "run": _Kind(
        "SELECT CAST(c.id AS text), '*', CAST(c.id AS text) FROM cleanup_run c"
        " WHERE CAST(c.id AS text)",
        (),
        (Right.VIEW,),
    ),
}


def _find_things(db: Database, person: Person, entries: Iterable[Entered]) -> dict[About, Thing]:
    """Return the objects that a person may know of; one query for each kind."""
    ids: dict[str, set[str]] = {}
    for one in entries:
        if one.object_kind in _EXISTING and one.object_id is not None:
            ids.setdefault(one.object_kind, set()).add(one.object_id)
    things: dict[About, Thing] = {}
    for kind, some in ids.items():
        asked = _EXISTING[kind]
        marks = ", ".join(["%s"] * len(some))
        for thing, place, name in db.rows(f"{asked.sql} IN ({marks})", sorted(some)):
            if not asked.sees or _may(person, asked.sees, place):
                opens = _may(person, asked.opens, place)
                things[About(kind, thing)] = Thing(name.strip(), opens)
    return things


def _may(person: Person, rights: Sequence[Right], place: str) -> bool:
    """Tell whether a person has one of the rights in a namespace; in any, for what is in none."""
    if place == EVERYWHERE:
        return any(person.may_anywhere(right) for right in rights)
    return any(person.may(right, place) for right in rights)


def _stand(db: Database) -> Standing:
    signed = db.row("SELECT c.n, c.at FROM audit_checkpoint c ORDER BY c.n DESC LIMIT 1")
    checked = db.row(
        "SELECT e.at, e.actor, e.counts FROM audit_entry e WHERE e.object_id = %s AND e.act = %s"
        " ORDER BY e.at DESC LIMIT 1",
        (LOG.id, AuditAct.AUDIT_VERIFY.value),
    )
    n, signed_at = signed or (None, None)
    if checked is None:
        return Standing(n, signed_at, None, None, {})
    return Standing(n, signed_at, checked[0], checked[1], json.loads(checked[2]))


def export_entries(
    *,
    person: Person,
    wanted: EntryFilter,
    write: Callable[[str], Any],
    as_text: Callable[[Entered], str],
    now: int | None = None,
) -> int:
    """Write the entries that a person may see, the newest first; return how many.

    They may be handed over when this returns: then the export is entered. Raises Forbidden, and
    Invalid when there are more than MOST.
    """
    # What is entered while one writes is left out.
    end = engine().read(lambda db: db.row("SELECT n FROM audit_head WHERE id = 1"))
    last = end[0] if end else 0
    fixed = replace(wanted, up_to=min(last, wanted.up_to or last))
    count, cursor = 0, None
    while True:
        part = list_entries(person=person, wanted=fixed, limit=_AT_ONCE, cursor=cursor)
        for entered in part.items:
            write(as_text(entered))
        count, cursor = count + len(part.items), part.next_cursor
        if count >= MOST and cursor is not None:
            raise Invalid(
                f"more than {MOST:,} entries: choose fewer by a filter, or let the administrator of"
                " the machine run manage.py export_audit"
            )
        if cursor is None:
            break
    entry = Entry(person.username, AuditAct.AUDIT_EXPORT, None, LOG, {"entries": count})
    engine().write(lambda db: write_entry(db, entry, now or db.now()))
    return count


def check_log(*, person: Person, now: int | None = None) -> Verified:
    """Check the log, its newest MOST entries at least, for a person; enter what was found.

    Raises Forbidden, and Invalid where checkpoints are there and the key is not.
    """
    if not _oversees(person):
        raise Forbidden(f"this needs the role {role_for(Right.READ_AUDIT)}, which you do not hold")
    verified = verify_log(newest=MOST, now=now)
    counts = {"entries": verified.entries}
    if verified.begun_at is not None:
        counts["begun_at"] = verified.begun_at
    if verified.fault is not None:
        counts[f"{verified.fault.kind}_at"] = verified.fault.n
    entry = Entry(person.username, AuditAct.AUDIT_VERIFY, None, LOG, counts)
    engine().write(lambda db: write_entry(db, entry, now or db.now()))
    return verified
