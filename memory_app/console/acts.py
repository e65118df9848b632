"""What the audit log says, in words: acts, what they are about, what was counted, what is wrong."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict

from memory_app import moments
from memory_app.console import times
from memory_app.errors import Invalid
from memory_app.models import AuditAct
from memory_app.operations.auditing import COMMAND, Entered, EntryFilter
from memory_app.operations.sign_ins import Intervention


class Words(NamedTuple):
    """An act as people say it, and its icon."""

    text: str
    icon: str


WORDS: Final[Mapping[str, Words]] = {
    "session.reveal": Words("Opened content", "eye"),
    "content.search": Words("Searched content", "search"),
    "session.export": Words("Downloaded a session", "download"),
    "session.expire": Words("Expired a session", "clock-x"),
    "session.extend": Words("Extended a session", "clock-plus"),
    "session.restore": Words("Restored a session", "arrow-back-up"),
    "session.undo": Words("Undid an act on a session", "arrow-back-up"),
    "reason.give": Words("Gave a reason to read", "file-text"),
    "session.delete": Words("Deleted sessions", "trash"),
    "purge.execute": Words("Asked for a purge", "trash"),
    "purge.cancel": Words("Cancelled a purge", "ban"),
    "cleanup.run": Words("Ran cleanup", "refresh"),
    "subject.export": Words("Exported a data subject", "download"),
    "subject.erase": Words("Erased a data subject", "user-x"),
    "hold.place": Words("Placed a hold", "lock"),
    "hold.release": Words("Released a hold", "lock-open"),
    "policy.set": Words("Set a retention policy", "clock-hour-4"),
    "policy.remove": Words("Removed a retention policy", "clock-x"),
    "person.create": Words("Added a person", "user"),
    "person.reset": Words("Reset a sign-in", "refresh"),
    "person.sign_in": Words("Signed in", "login"),
    "person.sign_in_failed": Words("Failed to sign in", "alert-triangle"),
    "person.sign_out": Words("Signed out", "logout"),
    "person.link": Words("Made a one-time link", "link"),
    "person.password": Words("Chose a password", "key"),
    "person.roles": Words("Changed roles", "user-shield"),
    "person.deactivate": Words("Deactivated a person", "user-x"),
    "person.reactivate": Words("Reactivated a person", "user"),
    "person.end_sign_ins": Words("Ended sign-ins", "logout"),
    "second_factor.add": Words("Added a second factor", "shield-check"),
    "second_factor.remove": Words("Removed a second factor", "shield-off"),
    "second_factor.reset": Words("Reset a second factor", "shield-off"),
    "second_factor.codes": Words("Made recovery codes", "key"),
    "passkey.add": Words("Added a passkey", "key"),
    "passkey.remove": Words("Removed a passkey", "trash"),
    "second_factor.recover": Words("Used a recovery code", "key"),
    "key.create": Words("Made an API key", "key"),
    "key.rotate": Words("Rotated an API key", "rotate-clockwise"),
    "key.revoke": Words("Revoked an API key", "ban"),
    "namespace.create": Words("Made a namespace", "folders"),
    "namespace.change": Words("Changed a namespace", "folders"),
    "audit.export": Words("Exported the audit log", "download"),
    "audit.verify": Words("Verified the audit log", "shield-check"),
    "audit.checkpoint": Words("Signed a checkpoint", "certificate"),
    "database.backup": Words("Made a backup", "database"),
    "database.restore": Words("Restored a backup", "database"),
}
# What others do by which they could enter as somebody, to be said to that person.
_OPENINGS: Final[Mapping[str, str]] = {
    "person.link": "made a link by which your password can be chosen anew",
    "person.reset": "gave you another password",
    "second_factor.reset": "removed your second factor",
}
# What is wrong with the log, by the kind of the fault.
FAULTS: Final[Mapping[str, str]] = {
    "changed": "it does not follow from the one before: one of the two was edited or put in",
    "missing": "an entry before it is missing",
    "inserted": "an entry was put in",
    "reordered": "its number is not the next",
    "cut": "the beginning or the end of the log is gone",
    "rewritten": "the chain is not the one that was signed",
    "checkpoint_changed": "a checkpoint was changed, or signed with another key",
    "checkpoint_missing": "a checkpoint is missing",
}


def words(act: str) -> Words:
    """Return an act in words; one that has none yet as the log writes it."""
    return WORDS.get(act) or Words(act, "list-details")


def opening(found: Intervention) -> str:
    """Say to a person who else could have entered as them, and by what."""
    actor = "The shell of the server" if found.actor == COMMAND else found.actor
    return f"{actor} {_OPENINGS[found.act]}"


def choices() -> list[tuple[str, str]]:
    """Return all acts with their words, by the words."""
    return sorted(((act.value, words(act).text) for act in AuditAct), key=lambda one: one[1])


def counted(counts: Mapping[str, int]) -> str:
    """Say what was counted: `3 sessions, 12 messages`."""
    return ", ".join(_counted(name, number) for name, number in counts.items())


def _counted(name: str, number: int) -> str:
    said = name.replace("_", " ")
    if name.startswith(("given_", "taken_", "turned_")):
        return said
    if said.endswith(" at"):
        return f"{said} entry {number:,}"
    singular = "entry" if said == "entries" else said.removesuffix("s")
    return f"{number:,} {singular if number == 1 else said}"


def fault(counts: Mapping[str, int]) -> tuple[int, str] | None:
    """Return where a check found a fault, and what it is; None when it found none."""
    for kind, what in FAULTS.items():
        if f"{kind}_at" in counts:
            return counts[f"{kind}_at"], what
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLog:
    """What the audit log is asked for. Days are whole, the last one included."""

    object: str = ""
    actor: str = ""
    act: str = ""
    namespace: str = ""
    since: str = ""
    until: str = ""
    entry: str = ""

    def written(self) -> dict[str, str]:
        """Return what is asked for by its name, without what is not."""
        return {name: value for name, value in asdict(self).items() if value}

    def query(self) -> str:
        """Return the canonical query string."""
        return urlencode(self.written())

    def chips(self) -> list[tuple[str, str, str]]:
        """Return what is filtered by: the words, the value, and the query that leaves it out."""
        said = (
            ("object", "about", self.object),
            ("actor", "by", self.actor),
            ("act", "act is", words(self.act).text if self.act else ""),
            ("namespace", "namespace is", self.namespace),
            ("since", "since", self.since),
            ("until", "until", self.until),
            ("entry", "up to entry", self.entry),
        )
        return [
            (text, value, replace(self, **{name: ""}).query())
            for name, text, value in said
            if value
        ]

    def wanted(self) -> EntryFilter:
        """Return the filter of the operations. Raises Invalid for a day that is none."""
        after, before = times.days(self.since, self.until)
        if self.entry and not (self.entry.isascii() and self.entry.isdigit()):
            raise Invalid.at(("query", "entry"), "an entry is a number")
        return EntryFilter(
            actor=self.actor or None,
            act=self.act or None,
            namespace=self.namespace or None,
            object_id=self.object or None,
            after=after,
            before=before,
            up_to=min(int(self.entry[:19]), 2**62) if self.entry else None,
        )


def read(query: QueryDict) -> AskedLog:
    """Read a query string. Raises Invalid for an act that is not known."""
    asked = AskedLog(
        **{name: query.get(name, "").strip() for name in AskedLog.__dataclass_fields__}
    )
    if asked.act and asked.act not in list(AuditAct):
        raise Invalid.at(("query", "act"), "there is no such act; choose one of the list")
    if "\x00" in asked.object + asked.actor + asked.namespace:
        raise Invalid.at(("query", "object"), "no name or id has a NUL in it")
    return asked


CSV_HEAD: Final = (
    "number",
    "time",
    "actor",
    "act",
    "namespace",
    "object_kind",
    "object_id",
    "counts",
    "hash",
)


def csv_line(cells: Sequence[object]) -> str:
    """Write a line of CSV in which no spreadsheet finds a formula."""
    line = io.StringIO()
    csv.writer(line).writerow([_defused(cell) for cell in cells])
    return line.getvalue()


def entry_as_csv(entered: Entered) -> str:
    """Write an entry as a line of CSV, in the order of CSV_HEAD."""
    return csv_line(
        (
            entered.n,
            moments.to_rfc3339(entered.at),
            entered.actor,
            entered.act,
            entered.namespace or "",
            entered.object_kind or "",
            entered.object_id or "",
            entered.counts_text,
            entered.hash,
        )
    )


def _defused(cell: object) -> object:
    """Put an apostrophe before what a spreadsheet would take for a formula."""
    risky = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    return f"'{cell}" if risky else cell
