"""Keep ended, across a restore, what lets somebody in and was ended after the backup was made."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from memory_app import conf
from memory_app.errors import Refusal, Unavailable
from memory_app.storage import Database, engine, files
from memory_app.storage.engine import Row


@dataclass(frozen=True, slots=True)
class Doors:
    """What opens the database that goes: keys and their ends, people, passkeys, recovery codes."""

    keys: Sequence[Row]
    deactivated: Sequence[Row]
    passkeys: Sequence[str]
    codes: Sequence[str]


def keep_doors() -> Doors | None:
    """Return what opens the database that goes, or None where it cannot be read.

    It is written down until forget_doors: a restore that was killed may have replaced the database,
    and what the backup opens is not what was open. Raises Unavailable when that cannot be done.
    """
    path = _path()
    try:
        if files().are_restoring():
            return Doors(**json.loads(path.read_text())) if path.exists() else None
        doors = engine().read(_read)
    except (Refusal, engine().driver_error):
        return None
    _write_down(doors, path)
    return doors


def _write_down(doors: Doors, path: Path) -> None:
    draft = path.with_suffix(".part")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(doors), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as problem:
        raise Unavailable(f"{path}: {problem.strerror}") from None


def forget_doors() -> None:
    """Remove what was written down, when the restore is complete."""
    _path().unlink(missing_ok=True)


def _path() -> Path:
    return conf.data_dir() / "restore-doors.json"


def _read(db: Database) -> Doors:
    return Doors(
        db.rows("SELECT prefix, revoked_at, expires_at FROM api_key"),
        db.rows("SELECT username FROM operator WHERE NOT is_active"),
        [name for (name,) in db.rows("SELECT credential_id FROM passkey")],
        [digest for (digest,) in db.rows("SELECT digest FROM recovery_code")],
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
            [(name,) for name in {*back.passkeys} - {*doors.passkeys}],
        )
        db.run_many(
            "DELETE FROM recovery_code WHERE digest = %s",
            [(digest,) for digest in {*back.codes} - {*doors.codes}],
        )

    engine().write(work)
