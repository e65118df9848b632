"""Hand a person one session as a file."""

from collections.abc import Callable

from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.exporting import Write, read_pages, write_session
from memory_app.operations.rights import Person, Right
from memory_app.operations.viewing import find_visible
from memory_app.storage import Database, engine


def download_line(*, person: Person, uid: str, write: Write) -> None:
    """Write a session as the line that `export_sessions` writes. Raises NotFound, Forbidden."""
    engine().read(lambda db: write_session(db, _exported(db, person, uid), write))


def download_messages(
    *, person: Person, uid: str, write: Write, as_text: Callable[[Event], str]
) -> None:
    """Write the messages of a session, each as the text that a function makes of it.

    Raises NotFound and Forbidden.
    """

    def work(db: Database) -> None:
        for events in read_pages(db, _exported(db, person, uid)):
            for event in events:
                write(as_text(event))

    engine().read(work)


def _exported(db: Database, person: Person, uid: str) -> SessionSnapshot:
    session, place = find_visible(db, person, uid)
    person.require(Right.EXPORT, place.name)
    return session
