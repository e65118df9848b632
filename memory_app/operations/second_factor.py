"""A person's second factor: begin, confirm and remove it. What its codes are is in `codes`."""

from dataclasses import dataclass
from typing import Final

import pyotp

from memory_app import conf, moments
from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditAct
from memory_app.operations.auditing import COMMAND, write_entry
from memory_app.operations.codes import opened, renew_codes, sealed, step_of
from memory_app.operations.people import has_done, person_entry
from memory_app.operations.rights import EVERYWHERE, Person, Right
from memory_app.storage import Database, engine

# An app is begun for so long: later an unlocked screen would be enough to take it over.
_BEGUN_FOR: Final = 15 * moments.MINUTE
_WRONG: Final = "this code is not the one that the app shows now, or it was used before"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app needs, shown until a first code confirms it: the secret, and it as a URI."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class Factor:
    """A person's second factor: since when, and how many recovery codes are left."""

    confirmed_at: int
    recovery_codes: int


def find_factor(*, person: Person) -> Factor | None:
    """Return the person's own second factor, or None while it is not confirmed."""
    row = engine().read(
        lambda db: db.row(
            "SELECT f.confirmed_at, (SELECT COUNT(*) FROM recovery_code r"
            " WHERE r.operator_id = f.operator_id) FROM second_factor f"
            " WHERE f.operator_id = %s AND f.confirmed_at IS NOT NULL",
            (person.id,),
        )
    )
    return Factor(*row) if row else None


def is_asked_of(*, operator_id: int) -> bool:
    """Tell whether a person signs in with a second factor."""
    return engine().read(lambda db: is_confirmed(db, operator_id))


def begin_factor(*, person: Person, issuer: str, now: int | None = None) -> Enrolment:
    """Make the secret that the person's app will share; nothing is asked for until it is confirmed.

    Begun again, it is another secret. Raises Invalid when there is a confirmed one.
    """
    secret = pyotp.random_base32()

    def work(db: Database) -> None:
        _refuse_second(db, person)
        db.run("DELETE FROM second_factor WHERE operator_id = %s", (person.id,))
        db.run(
            "INSERT INTO second_factor (operator_id, secret, began_at, last_step, wrong_codes,"
            " wrong_since) VALUES (%s, %s, %s, 0, 0, 0)",
            (person.id, sealed(secret), now or db.now()),
        )

    engine().write(work)
    return _enrolment(person, secret, issuer)


def begun_factor(*, person: Person, issuer: str, now: int | None = None) -> Enrolment | None:
    """Return what the person's app needs while that waits to be confirmed, else None."""
    row = engine().read(
        lambda db: db.row(
            "SELECT secret FROM second_factor"
            " WHERE operator_id = %s AND confirmed_at IS NULL AND began_at > %s",
            (person.id, (now or db.now()) - _BEGUN_FOR),
        )
    )
    return _enrolment(person, opened(row[0]), issuer) if row else None


def confirm_factor(*, person: Person, code: str, now: int | None = None) -> tuple[str, ...]:
    """Ask for the second factor from now on; return the recovery codes, which are kept nowhere.

    Raises Invalid, and NotFound when none was begun.
    """

    def work(db: Database) -> tuple[str, ...]:
        moment = now or db.now()
        row = db.row(
            "SELECT s.secret FROM second_factor s"
            " WHERE s.operator_id = %s AND s.confirmed_at IS NULL AND s.began_at > %s"
            " {for_update}",
            (person.id, moment - _BEGUN_FOR),
        )
        if row is None:
            raise NotFound("no second factor was begun within the last quarter of an hour")
        step = step_of(opened(row[0]), code, moment)
        if step is None:
            raise Invalid.at(("code",), _WRONG)
        db.run(
            "UPDATE second_factor SET confirmed_at = %s, last_step = %s WHERE operator_id = %s",
            (moment, step, person.id),
        )
        codes = renew_codes(db, person.id)
        write_entry(db, person_entry(person.username, AuditAct.FACTOR_ADD, person.id), moment)
        return codes

    return engine().write(work)


def renew_recovery_codes(*, person: Person, now: int | None = None) -> tuple[str, ...]:
    """Make other recovery codes, and end those there were. Raises NotFound."""

    def work(db: Database) -> tuple[str, ...]:
        if not is_confirmed(db, person.id):
            raise NotFound("there is no second factor")
        codes = renew_codes(db, person.id)
        entry = person_entry(person.username, AuditAct.FACTOR_CODES, person.id)
        write_entry(db, entry, now or db.now())
        return codes

    return engine().write(work)


def remove_factor(*, person: Person, now: int | None = None) -> None:
    """Ask the person for no second factor any more. Raises Invalid where all must have one."""
    if conf.requires_second_factor():
        raise Invalid("everyone here has a second factor; an administrator can reset yours")
    engine().write(lambda db: _remove(db, person.username, AuditAct.FACTOR_REMOVE, person.id, now))


def reset_factor(*, person: Person, number: int, now: int | None = None) -> None:
    """Take somebody's second factor from them, who lost it.

    Whoever made a link for them within a fortnight does not: it takes two to enter as somebody who
    has a second factor. Raises Forbidden, Invalid and NotFound.
    """
    person.require(Right.MANAGE_PEOPLE, EVERYWHERE)
    if number == person.id:
        raise Invalid("your own second factor is removed on your account page, with your password")

    def work(db: Database) -> None:
        moment = now or db.now()
        # A link that is being made at the same time waits here.
        db.row("SELECT s.id FROM operator s WHERE s.id = %s {for_update}", (number,))
        if has_done(db, person, AuditAct.PERSON_LINK, number, moment):
            raise Invalid(
                "you made a link for this person within the last fortnight, so their second factor"
                " is another administrator's to remove, or the server's: create_operator"
                " --drop-second-factor"
            )
        _remove(db, person.username, AuditAct.FACTOR_RESET, number, moment)

    engine().write(work)


def drop_factor(*, username: str, actor: str = COMMAND, now: int | None = None) -> None:
    """Take a person's second factor from them by a command. Raises NotFound."""

    def work(db: Database) -> None:
        row = db.row("SELECT id FROM operator WHERE username = %s", (username,))
        if row is None:
            raise NotFound("nobody has this name")
        _remove(db, actor, AuditAct.FACTOR_RESET, row[0], now)

    engine().write(work)


def _remove(db: Database, actor: str, act: AuditAct, number: int, now: int | None) -> None:
    if not db.run("DELETE FROM second_factor WHERE operator_id = %s", (number,)):
        raise NotFound("there is no second factor")
    db.run("DELETE FROM recovery_code WHERE operator_id = %s", (number,))
    db.run("DELETE FROM passkey WHERE operator_id = %s", (number,))
    write_entry(db, person_entry(actor, act, number), now or db.now())


def _refuse_second(db: Database, person: Person) -> None:
    if is_confirmed(db, person.id):
        raise Invalid("you have a second factor; remove it before you add another")


def is_confirmed(db: Database, number: int) -> bool:
    """Tell, in the caller's transaction, whether a person has a second factor."""
    row = db.row("SELECT confirmed_at FROM second_factor WHERE operator_id = %s", (number,))
    return row is not None and row[0] is not None


def _enrolment(person: Person, secret: str, issuer: str) -> Enrolment:
    uri = pyotp.TOTP(secret).provisioning_uri(name=person.username, issuer_name=issuer)
    return Enrolment(secret, uri)
