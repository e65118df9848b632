"""Where people are signed in: begin it, recognise it with every page, end it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from memory_app import moments
from memory_app.errors import NotFound
from memory_app.models import AuditAct, Operator
from memory_app.operations.auditing import write_entry
from memory_app.operations.people import INTERVENED_FOR, person_entry
from memory_app.operations.preferences import Preferences, read_preferences
from memory_app.operations.rights import EVERYWHERE, Person, Right, find_person
from memory_app.storage import Database, engine

# Without an act of the person for so long, or after so long in any case, they sign in anew.
IDLE: Final = 30 * moments.MINUTE
ABSOLUTE: Final = 12 * moments.HOUR


class Place(NamedTuple):
    """Where somebody signs in: the browser in words, and the address of the client."""

    browser: str
    address: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whoever asks for a page: who they are and how they like it."""

    person: Person
    preferences: Preferences
    has_second_factor: bool


@dataclass(frozen=True, slots=True)
class SignInView:
    """One place where a person is signed in; times are moments, `seen_at` exact to a minute."""

    id: str
    began_at: int
    seen_at: int
    browser: str
    address: str


class Intervention(NamedTuple):
    """What somebody else did by which they could sign in as a person: an act of the audit log."""

    actor: str
    act: str
    at: int


def begin_sign_in(*, username: str, place: Place, now: int | None = None) -> str:
    """Enter that a person signs in, before they are let in; return the id of the sign-in."""
    sign_in = f"sgn_{secrets.token_hex(16)}"

    def work(db: Database) -> str:
        moment = now or db.now()
        number = Operator.objects.get(username=username).pk
        # Whoever never signed out has left by now.
        db.run("DELETE FROM sign_in WHERE began_at < %s", (moment - ABSOLUTE,))
        db.run("UPDATE operator SET signed_in_at = %s WHERE id = %s", (moment, number))
        db.run(
            "INSERT INTO sign_in (id, operator_id, began_at, seen_at, browser, address)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (sign_in, number, moment, moment, *place),
        )
        write_entry(db, person_entry(username, AuditAct.PERSON_SIGN_IN, number), moment)
        return sign_in

    return engine().write(work)


def find_intervention(*, person: Person, now: int | None = None) -> Intervention | None:
    """Return the last link or reset that others made for the person within a fortnight."""
    acts = (AuditAct.PERSON_LINK, AuditAct.PERSON_RESET, AuditAct.FACTOR_RESET)

    def work(db: Database) -> Intervention | None:
        row = db.row(
            "SELECT e.actor, e.act, e.at FROM audit_entry e WHERE e.object_id = %s AND e.at > %s"
            " AND e.object_kind = 'person' AND e.actor <> %s AND e.act IN (%s, %s, %s)"
            " ORDER BY e.at DESC LIMIT 1",
            (str(person.id), (now or db.now()) - INTERVENED_FOR, person.username, *acts),
        )
        return Intervention(*row) if row else None

    return engine().read(work)


def recognise(*, operator_id: int, username: str, sign_in: str) -> SignedIn | None:
    """Return who has signed in, with the roles they hold now; None when that was ended."""
    row = engine().read(
        lambda db: db.row(
            "SELECT o.preferences, f.confirmed_at FROM sign_in s"
            " JOIN operator o ON o.id = s.operator_id"
            " LEFT JOIN second_factor f ON f.operator_id = o.id"
            " WHERE s.id = %s AND s.operator_id = %s",
            (sign_in, operator_id),
        )
    )
    if row is None:
        return None
    person = find_person(operator_id=operator_id, username=username)
    return SignedIn(person, read_preferences(row[0]), row[1] is not None)


def note_seen(*, sign_in: str, now: int | None = None) -> None:
    """Note that the person did something there just now."""

    def work(db: Database) -> None:
        db.run("UPDATE sign_in SET seen_at = %s WHERE id = %s", (now or db.now(), sign_in))

    engine().write(work)


def list_sign_ins(*, person: Person, now: int | None = None) -> Sequence[SignInView]:
    """Return where the person is signed in themselves, the last seen first."""

    def work(db: Database) -> list[SignInView]:
        moment = now or db.now()
        rows = db.rows(
            "SELECT id, began_at, seen_at, browser, address FROM sign_in"
            " WHERE operator_id = %s AND seen_at > %s AND began_at > %s"
            " ORDER BY seen_at DESC, id",
            (person.id, moment - IDLE, moment - ABSOLUTE),
        )
        return [SignInView(*row) for row in rows]

    return engine().read(work)


def sign_out(*, person: Person, sign_in: str, now: int | None = None) -> None:
    """Enter that a person signs out, and end their sign-in."""

    def work(db: Database) -> None:
        db.run("DELETE FROM sign_in WHERE id = %s AND operator_id = %s", (sign_in, person.id))
        entry = person_entry(person.username, AuditAct.PERSON_SIGN_OUT, person.id)
        write_entry(db, entry, now or db.now())

    engine().write(work)


def end_sign_in(*, person: Person, sign_in: str, now: int | None = None) -> None:
    """End one of the person's own sign-ins, at once. Raises NotFound."""

    def work(db: Database) -> None:
        condition = "id = %s AND operator_id = %s"
        if not db.run(f"DELETE FROM sign_in WHERE {condition}", (sign_in, person.id)):
            raise NotFound("you are not signed in there any more")
        entry = person_entry(person.username, AuditAct.PERSON_END_SIGN_INS, person.id)
        write_entry(db, entry._replace(counts={"sign_ins": 1}), now or db.now())

    engine().write(work)


def end_other_sign_ins(*, person: Person, but: str, now: int | None = None) -> int:
    """End all of the person's own sign-ins but the one named; return how many that were."""
    return engine().write(lambda db: _end_all(db, person, person.id, but, now))


def end_sign_ins_of(*, person: Person, number: int, now: int | None = None) -> int:
    """End all sign-ins of somebody else, at once; return how many that were. Raises Forbidden."""
    person.require(Right.MANAGE_PEOPLE, EVERYWHERE)
    return engine().write(lambda db: _end_all(db, person, number, "", now))


def _end_all(db: Database, actor: Person, number: int, but: str, now: int | None) -> int:
    ended = remove_sign_ins(db, number, but)
    if ended:
        entry = person_entry(actor.username, AuditAct.PERSON_END_SIGN_INS, number)
        write_entry(db, entry._replace(counts={"sign_ins": ended}), now or db.now())
    return ended


def remove_sign_ins(db: Database, number: int, but: str = "") -> int:
    """End a person's sign-ins in the caller's transaction, all or all but one."""
    return db.run("DELETE FROM sign_in WHERE operator_id = %s AND id <> %s", (number, but))
