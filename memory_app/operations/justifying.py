"""Take the reason for which a person opens content, where the namespace demands one."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditAct
from memory_app.moments import MINUTE
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.previewing import check_reason
from memory_app.operations.rights import Person, Right
from memory_app.storage import Database, engine

# How long content is open after a reason was given.
OPEN_FOR: Final = 15 * MINUTE


@dataclass(frozen=True, slots=True)
class Given:
    """A reason that was given, and until when it opens the content of a namespace."""

    id: str
    namespace: str
    open_until: int


def give_reason(*, person: Person, namespace: str, reason: str, now: int | None = None) -> Given:
    """Open the content of a namespace to a person for 15 minutes, and enter that they asked.

    It opens nothing that their roles do not let them read. Raises NotFound, Forbidden, and Invalid
    without a reason or where none is demanded.
    """
    if not person.holds(Right.VIEW, namespace):
        raise NotFound("there is no such namespace")
    person.require_role(Right.READ_CONTENT, namespace)
    text = check_reason(reason)
    made = f"rsn_{secrets.token_hex(16)}"

    def work(db: Database) -> Given:
        row = db.row("SELECT id, demands_reason FROM namespace WHERE name = %s", (namespace,))
        if row is None:
            raise NotFound("there is no such namespace")
        if not row[1]:
            raise Invalid("content of this namespace opens without a reason")
        moment = now or db.now()
        db.run(
            "INSERT INTO stated_reason (id, operator_id, namespace_id, reason, given_at,"
            " open_until) VALUES (%s, %s, %s, %s, %s, %s)",
            (made, person.id, row[0], text, moment, moment + OPEN_FOR),
        )
        about = About("reason", made)
        write_entry(db, Entry(person.username, AuditAct.REASON_GIVE, namespace, about), moment)
        return Given(made, namespace, moment + OPEN_FOR)

    return engine().write(work)


def read_reasons(*, person: Person, ids: Collection[str]) -> Mapping[str, str]:
    """Return the texts of reasons by their ids: one's own, and those of where one reads the log."""
    if not ids:
        return {}
    rows = engine().read(
        lambda db: db.rows(
            "SELECT r.id, r.reason, r.operator_id, n.name FROM stated_reason r"
            f" JOIN namespace n ON n.id = r.namespace_id WHERE r.id IN"
            f" ({', '.join(['%s'] * len(ids))})",
            list(ids),
        )
    )
    return {
        found: text
        for found, text, operator_id, name in rows
        if operator_id == person.id or person.may(Right.READ_AUDIT, name)
    }
