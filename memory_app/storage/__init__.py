"""What SQLite and PostgreSQL do differently, one file each, behind one interface."""

from django.db import connection

from memory_app.storage.engine import Database, Engine
from memory_app.storage.files import Files
from memory_app.storage.postgresql import PostgreSQLEngine
from memory_app.storage.postgresql_files import PostgreSQLFiles
from memory_app.storage.sqlite import SQLiteEngine
from memory_app.storage.sqlite_files import SQLiteFiles

__all__ = ["Database", "Engine", "Files", "engine", "files"]

_ENGINES: dict[str, Engine] = {"sqlite": SQLiteEngine(), "postgresql": PostgreSQLEngine()}
_FILES: dict[str, Files] = {"sqlite": SQLiteFiles(), "postgresql": PostgreSQLFiles()}


def engine() -> Engine:
    """Return the engine of the database that is configured."""
    return _ENGINES[connection.vendor]


def files() -> Files:
    """Return what holds the bytes of the database that is configured."""
    return _FILES[connection.vendor]
