"""The audit log: enter what was done, in the transaction that does it, and show it to people.

Entries form one chain: each hash covers the entry and the hash before it. docs/audit.md says how
to check it without Lethe; `attesting` signs it and `verifying` checks it.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from memory_app import conf, moments
from memory_app.errors import Forbidden
from memory_app.models import AuditAct
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.rights import Person, Right, role_for
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row

# The hash before the first entry.
GENESIS: Final = "0" * 64
# Who acts when it is neither a person nor a key.
COMMAND: Final = "command"
CLEANUP: Final = "cleanup"
REPLAY: Final = "replay"
STRANGER: Final = "stranger"
# A person who goes on reading the same is entered once in so long.
_ONE_REVEAL: Final = 15 * moments.MINUTE


class About(NamedTuple):
    """What an act is about: `session` and its uid, `receipt`, `key` and its prefix, `person`."""

    kind: str
    id: str


class Entry(NamedTuple):
    """One act. Nothing in it may be an id or a text that a caller or a person chose.

    A reason is such a text: it stays where the act keeps it, as on the receipt that is named here.
    """

    actor: str
    act: AuditAct
    namespace: str | None = None
    about: About | None = None
    counts: Mapping[str, int] = MappingProxyType({})


class Entered(NamedTuple):
    """An entry of the chain, in the order of ENTRY_COLUMNS."""

    n: int
    at: int
    actor: str
    act: str
    namespace: str | None
    object_kind: str | None
    object_id: str | None
    counts_text: str
    hash: str

    @property
    def counts(self) -> dict[str, int]:
        """Return what was counted."""
        counts: dict[str, int] = json.loads(self.counts_text)
        return counts

    def content(self) -> dict[str, Any]:
        """Return all that the hash covers besides the hash before."""
        about = {"kind": self.object_kind, "id": self.object_id}
        return {
            "n": self.n,
            "at": moments.to_rfc3339(self.at),
            "actor": self.actor,
            "act": self.act,
            "namespace": self.namespace,
            "object": None if self.object_kind is None else about,
            "counts": self.counts,
        }


ENTRY_COLUMNS: Final = (
    "e.n, e.at, e.actor, e.act, e.namespace, e.object_kind, e.object_id, e.counts, e.hash"
)


def chain_hash(previous: str, content: Mapping[str, Any]) -> str:
    """Return the hash of an entry: SHA-256 of the hash before it and its canonical JSON."""
    return hashlib.sha256((previous + _canonical(content)).encode()).hexdigest()


# Made once: json.dumps makes an encoder for every entry, a fifth of the time of a check.
_canonical: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True
).encode


def is_reserved(name: str) -> bool:
    """Tell whether the log would take a person of this name for somebody else."""
    folded = name.casefold()
    return folded in (COMMAND, CLEANUP, REPLAY, STRANGER) or folded.startswith("key lethe_")


def write_entry(db: Database, entry: Entry, now: int) -> Entered:
    """Enter an act in the transaction that does it, as its last step: see `write_entries`."""
    return write_entries(db, [entry], now)[0]


def write_entries(db: Database, entries: Sequence[Entry], now: int) -> list[Entered]:
    """Enter acts in the transaction that does them.

    This is the last step of a transaction: others wait for the end of the chain until it commits,
    and whoever holds it and then asked for a session would wait for them.
    """
    if not entries:
        return []
    n, previous = lock_head(db)
    rows: list[Entered] = []
    for number, entry in enumerate(entries, n + 1):
        kind, name = entry.about or (None, None)
        counts = json.dumps(dict(entry.counts), sort_keys=True)
        row = Entered(
            number, now, entry.actor, entry.act.value, entry.namespace, kind, name, counts, ""
        )
        previous = chain_hash(previous, row.content())
        rows.append(row._replace(hash=previous))
    if len(rows) == 1:
        db.run(_INSERT, rows[0])
    else:
        db.run_many(_INSERT, rows)
    db.run("UPDATE audit_head SET n = %s, hash = %s WHERE id = 1", (rows[-1].n, previous))
    return rows


def lock_head(db: Database) -> tuple[int, str]:
    """Wait for the end of the chain; return its number and its hash."""
    head = db.row(_LOCK_HEAD)
    if head is None:
        db.run(
            "INSERT INTO audit_head (id, n, hash) VALUES (1, 0, %s) ON CONFLICT DO NOTHING",
            (GENESIS,),
        )
        head = db.row(_LOCK_HEAD)
        assert head is not None, "it was just made, here or by another"
    return head[0], head[1]


_LOCK_HEAD: Final = "SELECT s.n, s.hash FROM audit_head s WHERE s.id = 1 {for_update}"
_INSERT: Final = (
    "INSERT INTO audit_entry (n, at, actor, act, namespace, object_kind, object_id, counts, hash)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def enter_reveal(
    *,
    person: Person,
    namespace: str | None,
    about: About,
    act: AuditAct = AuditAct.SESSION_REVEAL,
    counts: Mapping[str, int] = MappingProxyType({}),
    now: int | None = None,
) -> None:
    """Enter that a person opens content, which is handed over only when this returns.

    The same person opening the same once more within 15 minutes is not entered again.
    """
    enter_once(Entry(person.username, act, namespace, about, counts), _ONE_REVEAL, now)


def search_about(namespace: str, query: str) -> About:
    """Return what a search of content is about: a keyed digest, so the log keeps no query."""
    secret = f"audit-search:{namespace}:{conf.secret_key()}".encode()
    return About("search", hmac.digest(secret, query.encode(), "sha256").hex()[:32])


def enter_once(entry: Entry, within: int, now: int | None = None) -> None:
    """Enter an act about something in its own transaction, unless it was entered just before."""
    assert entry.about is not None, "what is entered once is told apart by what it is about"
    same = (entry.about.id, entry.actor, entry.act.value)

    def is_entered(db: Database) -> bool:
        since = (now or db.now()) - within
        return db.row(_SAME, (*same, since)) is not None

    def work(db: Database) -> None:
        # Looked up again under the lock: two pages opened at the same time are one reveal.
        lock_head(db)
        if not is_entered(db):
            write_entry(db, entry, now or db.now())

    if not engine().read(is_entered):
        engine().write(work)


_SAME: Final = (
    "SELECT 1 FROM audit_entry e"
    " WHERE e.object_id = %s AND e.actor = %s AND e.act = %s AND e.at > %s LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries; what is None does not filter.

    Times are moments, `before` exclusive; `up_to` is the number of the newest entry.
    """

    actor: str | None = None
    act: str | None = None
    namespace: str | None = None
    object_id: str | None = None
    after: int | None = None
    before: int | None = None
    up_to: int | None = None


@dataclass(frozen=True, slots=True)
class Entries:
    """One page of the log, the newest first, and the cursor of the next."""

    items: Sequence[Entered]
    next_cursor: str | None


_ANY_ENTRY: Final = EntryFilter()


def list_entries(
    *,
    person: Person,
    wanted: EntryFilter = _ANY_ENTRY,
    limit: int = 50,
    cursor: str | None = None,
) -> Entries:
    """Return the entries that a person may see: their own, and those of where they answer for it.

    What belongs to no namespace, such as signing in, is seen by those who answer for all of them.
    Raises Forbidden, and Invalid for a cursor of another list.
    """
    conditions, parameters = _visible(person)
    for condition, value in (
        ("e.actor = %s", wanted.actor),
        ("e.act = %s", wanted.act),
        ("e.namespace = %s", wanted.namespace),
        ("e.object_id = %s", wanted.object_id),
        ("e.at >= %s", wanted.after),
        ("e.at < %s", wanted.before),
        ("e.n <= %s", wanted.up_to),
    ):
        if value is not None:
            conditions.append(condition)
            parameters.append(value)
    list_of = ("audit", wanted)
    if cursor is not None:
        conditions.append("e.n < %s")
        parameters += read_cursor(cursor, list_of)

    def work(db: Database) -> list[Row]:
        return db.rows(
            f"SELECT {ENTRY_COLUMNS} FROM audit_entry e WHERE {' AND '.join(conditions)}"
            " ORDER BY e.n DESC LIMIT %s",
            (*parameters, limit + 1),
        )

    found = [Entered(*row) for row in engine().read(work)]
    following = write_cursor([found[limit - 1].n], list_of) if len(found) > limit else None
    return Entries(found[:limit], following)


def _visible(person: Person) -> tuple[list[str], list[Any]]:
    """Return the condition for entries that a person may see. Raises Forbidden."""
    if not any(
        person.may_anywhere(right)
        for right in (Right.READ_OWN_AUDIT, Right.READ_AUDIT, Right.OVERSEE)
    ):
        raise Forbidden(
            f"this needs the role {role_for(Right.READ_OWN_AUDIT)}, which you do not hold"
        )
    names: set[str] = set()
    for right in (Right.READ_AUDIT, Right.OVERSEE):
        there = person.namespaces(right)
        if there is None:
            return ["e.n > 0"], []
        names |= there
    marks = ", ".join(["%s"] * len(names))
    among = f" OR e.namespace IN ({marks})" if names else ""
    return [f"(e.actor = %s{among})"], [person.username, *sorted(names)]
