"""Keep ended, across a restore, what lets somebody in and was ended after the backup was made."""

from collections.abc import Sequence
from dataclasses import dataclass

from memory_app.errors import Refusal
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row


@dataclass(frozen=True, slots=True)
class Doors:
    """What opens the database that goes: keys and their ends, people, passkeys, recovery codes."""

    keys: Sequence[Row]
    deactivated: Sequence[Row]
    passkeys: frozenset[str]
    codes: frozenset[str]


def read_doors() -> Doors | None:
    """Return what opens the database that goes, or None where it cannot be read."""
    try:
        return engine().read(_read)
    except (Refusal, engine().driver_error):
        return None


def _read(db: Database) -> Doors:
    return Doors(
        db.rows("SELECT prefix, revoked_at, expires_at FROM api_key"),
        db.rows("SELECT username FROM operator WHERE NOT is_active"),
        frozenset(name for (name,) in db.rows("SELECT credential_id FROM passkey")),
        frozenset(digest for (digest,) in db.rows("SELECT digest FROM recovery_code")),
    )


def close_again(doors: Doors) -> None:
    """End in the restored database what the one before it knew to be ended, or had no more."""

    def work(db: Database) -> None:
        db.run_many(
            "UPDATE api_key SET revoked_at = coalesce(revoked_at, %s),"
            " expires_at = CASE WHEN expires_at < %s THEN expires_at ELSE %s END"
            " WHERE prefix = %s",
            [(revoked, ends, ends, prefix) for prefix, revoked, ends in doors.keys],
        )
        db.run_many(
            "UPDATE operator SET is_active = FALSE WHERE username = %s", list(doors.deactivated)
        )
        back = _read(db)
        db.run_many(
            "DELETE FROM passkey WHERE credential_id = %s",
            [(name,) for name in back.passkeys - doors.passkeys],
        )
        db.run_many(
            "DELETE FROM recovery_code WHERE digest = %s",
            [(digest,) for digest in back.codes - doors.codes],
        )

    engine().write(work)
