"""Prepare an installation that may be new: its tables, its first person, its first key."""

from dataclasses import dataclass
from typing import Final

from django.core.management import call_command

from memory_app.models import ApiKey, AuditAct, Operator, Role
from memory_app.operations.auditing import COMMAND, write_entry
from memory_app.operations.keys import create_key
from memory_app.operations.people import add_person, new_password, person_entry
from memory_app.storage import Database, engine

FIRST_PERSON: Final = "admin"
FIRST_NAMESPACE: Final = "default"


@dataclass(frozen=True, slots=True)
class FirstAccess:
    """By what a new installation is entered; None for what there is already.

    Neither the password nor the key can be read again.
    """

    username: str = FIRST_PERSON
    password: str | None = None
    namespace: str = FIRST_NAMESPACE
    api_key: str | None = None


def prepare_installation(*, now: int | None = None) -> FirstAccess:
    """Bring the tables up to date; let in the first person and the first agent where nobody is.

    Of several processes at once one does it all.
    """
    with engine().alone("first_run"):
        call_command("migrate", interactive=False, verbosity=0)
        password, encoded = new_password()

        def work(db: Database) -> FirstAccess:
            nobody, no_key = not Operator.objects.exists(), not ApiKey.objects.exists()
            if nobody:
                moment = now or db.now()
                number = add_person(
                    username=FIRST_PERSON,
                    encoded_password=encoded,
                    roles=(Role.PRIVACY_OFFICER.value, Role.ADMINISTRATOR.value),
                    namespaces=(),
                    now=moment,
                )
                write_entry(db, person_entry(COMMAND, AuditAct.PERSON_CREATE, number), moment)
            return FirstAccess(
                password=password if nobody else None,
                api_key=_first_key(now) if no_key else None,
            )

        return engine().write(work)


def _first_key(now: int | None) -> str:
    return create_key(namespace=FIRST_NAMESPACE, label="first key", now=now)
