"""What SQLite and PostgreSQL do differently, one file each, behind one interface."""

from django.db import connection

from memory_app.storage.engine import Database, Engine
from memory_app.storage.files import Files
from memory_app.storage.postgresql import PostgreSQLEngine
from memory_app.storage.postgresql_files import PostgreSQLFiles
from memory_app.storage.postgresql_search import PostgreSQLSearch
from memory_app.storage.search import SearchIndex
from memory_app.storage.sqlite import SQLiteEngine
from memory_app.storage.sqlite_files import SQLiteFiles
from memory_app.storage.sqlite_search import SQLiteSearch

__all__ = ["Database", "Engine", "Files", "SearchIndex", "engine", "files", "search_index"]

_ENGINES: dict[str, Engine] = {"sqlite": SQLiteEngine(), "postgresql": PostgreSQLEngine()}
_FILES: dict[str, Files] = {"sqlite": SQLiteFiles(), "postgresql": PostgreSQLFiles()}
_INDEXES: dict[str, SearchIndex] = {"sqlite": SQLiteSearch(), "postgresql": PostgreSQLSearch()}


def engine() -> Engine:
    """Return the engine of the database that is configured."""
    return _ENGINES[connection.vendor]


def files() -> Files:
    """Return what holds the bytes of the database that is configured."""
    return _FILES[connection.vendor]


def search_index() -> SearchIndex:
    """Return the full-text index of the database that is configured."""
    return _INDEXES[connection.vendor]
