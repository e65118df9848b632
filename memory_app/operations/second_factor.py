"""The second factor: codes of an app by RFC 6238, and recovery codes for a day without it."""

import base64
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

import pyotp
from cryptography.fernet import Fernet, InvalidToken

from memory_app import conf, moments
from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditAct
from memory_app.operations.auditing import COMMAND, write_entry
from memory_app.operations.people import person_entry
from memory_app.operations.rights import EVERYWHERE, Person, Right
from memory_app.storage import Database, engine

STEP: Final = 30 * moments.SECOND
# A clock may be off by so many steps, either way.
_TOLERANCE: Final = 1
_RECOVERY_CODES: Final = 10
# Without letters and digits that are mistaken for one another: 12 of 30 are 58 bits.
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz2345678"
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
    return engine().read(lambda db: _is_confirmed(db, operator_id))


def begin_factor(*, person: Person, issuer: str, now: int | None = None) -> Enrolment:
    """Make the secret that the person's app will share; nothing is asked for until it is confirmed.

    Begun again, it is another secret. Raises Invalid when there is a confirmed one.
    """
    secret = pyotp.random_base32()

    def work(db: Database) -> None:
        _refuse_second(db, person)
        db.run("DELETE FROM second_factor WHERE operator_id = %s", (person.id,))
        db.run(
            "INSERT INTO second_factor (operator_id, secret, began_at, last_step)"
            " VALUES (%s, %s, %s, 0)",
            (person.id, _sealed(secret), now or db.now()),
        )

    engine().write(work)
    return _enrolment(person, secret, issuer)


def begun_factor(*, person: Person, issuer: str) -> Enrolment | None:
    """Return what the person's app needs while that is not confirmed, else None."""
    row = engine().read(
        lambda db: db.row(
            "SELECT secret FROM second_factor WHERE operator_id = %s AND confirmed_at IS NULL",
            (person.id,),
        )
    )
    return _enrolment(person, _opened(row[0]), issuer) if row else None


def confirm_factor(*, person: Person, code: str, now: int | None = None) -> tuple[str, ...]:
    """Ask for the second factor from now on; return the recovery codes, which are kept nowhere.

    Raises Invalid, and NotFound when none was begun.
    """

    def work(db: Database) -> tuple[str, ...]:
        moment = now or db.now()
        row = db.row(
            "SELECT s.secret FROM second_factor s"
            " WHERE s.operator_id = %s AND s.confirmed_at IS NULL {for_update}",
            (person.id,),
        )
        if row is None:
            raise NotFound("no second factor was begun")
        step = _step_of(_opened(row[0]), code, moment)
        if step is None:
            raise Invalid(_WRONG)
        db.run(
            "UPDATE second_factor SET confirmed_at = %s, last_step = %s WHERE operator_id = %s",
            (moment, step, person.id),
        )
        codes = _renew(db, person.id)
        write_entry(db, person_entry(person.username, AuditAct.FACTOR_ADD, person.id), moment)
        return codes

    return engine().write(work)


def check_code(*, operator_id: int, username: str, code: str, now: int | None = None) -> bool:
    """Tell whether a code is that of the person's app, or a recovery code; neither works again."""

    def work(db: Database) -> bool:
        moment = now or db.now()
        row = db.row(
            "SELECT s.secret, s.last_step FROM second_factor s"
            " WHERE s.operator_id = %s AND s.confirmed_at IS NOT NULL {for_update}",
            (operator_id,),
        )
        if row is None:
            return False
        step = _step_of(_opened(row[0]), code, moment)
        if step is not None and step > row[1]:
            db.run(
                "UPDATE second_factor SET last_step = %s WHERE operator_id = %s",
                (step, operator_id),
            )
            return True
        used = db.run(
            "DELETE FROM recovery_code WHERE digest = %s AND operator_id = %s",
            (_digest(operator_id, code), operator_id),
        )
        if used:
            entry = person_entry(username, AuditAct.FACTOR_RECOVER, operator_id)
            write_entry(db, entry, moment)
        return bool(used)

    return engine().write(work)


def renew_recovery_codes(*, person: Person, now: int | None = None) -> tuple[str, ...]:
    """Make other recovery codes, and end those there were. Raises NotFound."""

    def work(db: Database) -> tuple[str, ...]:
        if not _is_confirmed(db, person.id):
            raise NotFound("there is no second factor")
        codes = _renew(db, person.id)
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
    """Take somebody's second factor from them, who lost it. Raises Forbidden and NotFound."""
    person.require(Right.MANAGE_PEOPLE, EVERYWHERE)
    if number == person.id:
        raise Invalid("your own second factor is removed on your account page, with your password")
    engine().write(lambda db: _remove(db, person.username, AuditAct.FACTOR_RESET, number, now))


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
    write_entry(db, person_entry(actor, act, number), now or db.now())


def _refuse_second(db: Database, person: Person) -> None:
    if _is_confirmed(db, person.id):
        raise Invalid("you have a second factor; remove it before you add another")


def _is_confirmed(db: Database, number: int) -> bool:
    row = db.row("SELECT confirmed_at FROM second_factor WHERE operator_id = %s", (number,))
    return row is not None and row[0] is not None


def _renew(db: Database, number: int) -> tuple[str, ...]:
    codes = tuple(_recovery_code() for _ in range(_RECOVERY_CODES))
    db.run("DELETE FROM recovery_code WHERE operator_id = %s", (number,))
    db.run_many(
        "INSERT INTO recovery_code (digest, operator_id) VALUES (%s, %s)",
        [(_digest(number, code), number) for code in codes],
    )
    return codes


def _recovery_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def _plain(code: str) -> str:
    """Return a code without the blanks and dashes by which people group it."""
    return "".join(code.split()).replace("-", "").lower()


def _digest(number: int, code: str) -> str:
    key = f"recovery-code:{number}:{conf.secret_key()}".encode()
    return hmac.digest(key, _plain(code).encode(), "sha256").hex()


def _step_of(secret: str, code: str, now: int) -> int | None:
    """Return the step of which this is the code, the newest first; None when it is of none near."""
    given, app = _plain(code), pyotp.TOTP(secret)
    present = now // STEP
    steps = range(present + _TOLERANCE, present - _TOLERANCE - 1, -1)
    codes = [(step, app.generate_otp(step)) for step in steps]
    found = [step for step, one in codes if hmac.compare_digest(one.encode(), given.encode())]
    return found[0] if found else None


def _enrolment(person: Person, secret: str, issuer: str) -> Enrolment:
    uri = pyotp.TOTP(secret).provisioning_uri(name=person.username, issuer_name=issuer)
    return Enrolment(secret, uri)


def _seal() -> Fernet:
    # A copy of the database alone then gives nobody a code.
    key = hmac.digest(conf.secret_key().encode(), b"second-factor", "sha256")
    return Fernet(base64.urlsafe_b64encode(key))


def _sealed(secret: str) -> str:
    return _seal().encrypt(secret.encode()).decode()


def _opened(sealed: str) -> str:
    try:
        return _seal().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Invalid(
            "the second factor was kept under another secret_key; an administrator resets it"
        ) from None
