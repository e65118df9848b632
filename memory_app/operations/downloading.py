"""Hand a person one session as a file."""

from collections.abc import Callable

from memory_app.models import AuditAct
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.auditing import About, enter_reveal
from memory_app.operations.exporting import Write, read_pages, write_session
from memory_app.operations.rights import Person, Right
from memory_app.operations.viewing import find_visible
from memory_app.storage import Database, engine


def download_line(*, person: Person, uid: str, write: Write) -> None:
    """Write a session as the line that `export_sessions` writes. Raises NotFound, Forbidden.

    What is written may be handed over when this returns: then the export is entered.
    """
    _export(person, uid, lambda db, session: write_session(db, session, write))


def download_messages(
    *, person: Person, uid: str, write: Write, as_text: Callable[[Event], str]
) -> None:
    """Write the messages of a session, each as the text that a function makes of it.

    As `download_line` otherwise.
    """

    def work(db: Database, session: SessionSnapshot) -> None:
        for events in read_pages(db, session):
            for event in events:
                write(as_text(event))

    _export(person, uid, work)


def _export(person: Person, uid: str, work: Callable[[Database, SessionSnapshot], object]) -> None:
    def reading(db: Database) -> str:
        session, place = find_visible(db, person, uid)
        person.require(Right.EXPORT, place.name)
        work(db, session)
        return place.name

    namespace = engine().read(reading)
    about = About("session", uid)
    enter_reveal(person=person, namespace=namespace, about=about, act=AuditAct.SESSION_EXPORT)
