"""Codes that show who signs in, besides a password: those of an app (RFC 6238), and recovery codes.

An app's code is taken once, and so is a recovery code.
"""

import base64
import hmac
import secrets
from typing import Final

import pyotp
from cryptography.fernet import Fernet, InvalidToken

from memory_app import conf, moments
from memory_app.errors import Invalid
from memory_app.models import AuditAct
from memory_app.operations.auditing import write_entry
from memory_app.operations.people import person_entry
from memory_app.storage import Database, engine

STEP: Final = 30 * moments.SECOND
# A clock may be off by so many steps, either way.
_TOLERANCE: Final = 1
# Of a million codes three are right at a time, and addresses to guess from cost nothing. So this
# many wrong ones in a day end the app's codes for that day; recovery codes, of 58 bits, still work.
WRONG_CODES: Final = 20
_WRONG_WITHIN: Final = moments.DAY
_RECOVERY_CODES: Final = 10
# Without letters and digits that are mistaken for one another: 12 of 30 are 58 bits.
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz2345678"


def check_code(*, operator_id: int, username: str, code: str, now: int | None = None) -> bool:
    """Tell whether a code is that of the person's app, or a recovery code; neither works again.

    After too many wrong ones in a day, wherever they came from, only recovery codes are taken.
    """

    def work(db: Database) -> bool:
        moment = now or db.now()
        row = db.row(
            "SELECT s.secret, s.last_step, s.wrong_codes, s.wrong_since FROM second_factor s"
            " WHERE s.operator_id = %s AND s.confirmed_at IS NOT NULL {for_update}",
            (operator_id,),
        )
        if row is None:
            return False
        secret, last_step, wrong, since = row
        if moment - since > _WRONG_WITHIN:
            wrong, since = 0, moment
        step = step_of(opened(secret), code, moment) if wrong < WRONG_CODES else None
        if step is not None and step > last_step:
            db.run(
                "UPDATE second_factor SET last_step = %s, wrong_codes = 0 WHERE operator_id = %s",
                (step, operator_id),
            )
            return True
        if _use_recovery_code(db, operator_id, username, code, moment):
            return True
        db.run(
            "UPDATE second_factor SET wrong_codes = %s, wrong_since = %s WHERE operator_id = %s",
            (wrong + 1, since, operator_id),
        )
        return False

    return engine().write(work)


def _use_recovery_code(db: Database, number: int, username: str, code: str, now: int) -> bool:
    digest = _digest(number, code)
    if not db.run("DELETE FROM recovery_code WHERE digest = %s", (digest,)):
        return False
    db.run("UPDATE second_factor SET wrong_codes = 0 WHERE operator_id = %s", (number,))
    write_entry(db, person_entry(username, AuditAct.FACTOR_RECOVER, number), now)
    return True


def takes_codes(*, operator_id: int, now: int | None = None) -> bool:
    """Tell whether codes of the person's app are taken: not after too many wrong ones in a day."""
    row = engine().read(
        lambda db: db.row(
            "SELECT 1 FROM second_factor"
            " WHERE operator_id = %s AND wrong_codes >= %s AND wrong_since >= %s",
            (operator_id, WRONG_CODES, (now or db.now()) - _WRONG_WITHIN),
        )
    )
    return row is None


def renew_codes(db: Database, number: int) -> tuple[str, ...]:
    """Make a person's recovery codes anew in the caller's transaction; return them."""
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


def step_of(secret: str, code: str, now: int) -> int | None:
    """Return the step of which this is the code, the newest first; None when it is of none near."""
    given, app = _plain(code), pyotp.TOTP(secret)
    present = now // STEP
    steps = range(present + _TOLERANCE, present - _TOLERANCE - 1, -1)
    codes = [(step, app.generate_otp(step)) for step in steps]
    found = [step for step, one in codes if hmac.compare_digest(one.encode(), given.encode())]
    return found[0] if found else None


def _seal() -> Fernet:
    # A copy of the database alone then gives nobody a code.
    key = hmac.digest(conf.secret_key().encode(), b"second-factor", "sha256")
    return Fernet(base64.urlsafe_b64encode(key))


def sealed(secret: str) -> str:
    """Return a secret as it is stored."""
    return _seal().encrypt(secret.encode()).decode()


def opened(stored: str) -> str:
    """Return a secret that is stored. Raises Invalid when it was kept under another key."""
    try:
        return _seal().decrypt(stored.encode()).decode()
    except InvalidToken:
        raise Invalid(
            "the second factor was kept under another secret_key; an administrator resets it"
        ) from None
