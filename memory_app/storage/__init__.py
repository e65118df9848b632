"""What SQLite and PostgreSQL do differently, one file each, behind one interface."""

from functools import cache

from django.db import connection

from memory_app.storage.engine import Database, Engine
from memory_app.storage.files import Files
from memory_app.storage.search import SearchIndex

__all__ = ["Database", "Engine", "Files", "SearchIndex", "engine", "files", "search_index"]

# Each database's files are imported when it is the one that is configured: psycopg alone takes a
# tenth of a second, which every command on SQLite would wait for.


def engine() -> Engine:
    """Return the engine of the database that is configured."""
    return _engine(connection.vendor)


def files() -> Files:
    """Return what holds the bytes of the database that is configured."""
    return _files(connection.vendor)


def search_index() -> SearchIndex:
    """Return the full-text index of the database that is configured."""
    return _search_index(connection.vendor)


@cache
def _engine(vendor: str) -> Engine:
    if vendor == "postgresql":
        from memory_app.storage.postgresql import PostgreSQLEngine

        return PostgreSQLEngine()
    from memory_app.storage.sqlite import SQLiteEngine

    return SQLiteEngine()


@cache
def _files(vendor: str) -> Files:
    if vendor == "postgresql":
        from memory_app.storage.postgresql_files import PostgreSQLFiles

        return PostgreSQLFiles()
    from memory_app.storage.sqlite_files import SQLiteFiles

    return SQLiteFiles()


@cache
def _search_index(vendor: str) -> SearchIndex:
    if vendor == "postgresql":
        from memory_app.storage.postgresql_search import PostgreSQLSearch

        return PostgreSQLSearch()
    from memory_app.storage.sqlite_search import SQLiteSearch

    return SQLiteSearch()
