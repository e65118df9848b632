"""What SQLite and PostgreSQL do differently, one file each, behind one interface."""

from django.db import connection

from memory_app.storage.engine import Database, Engine
from memory_app.storage.postgresql import PostgreSQLEngine
from memory_app.storage.sqlite import SQLiteEngine

__all__ = ["Database", "Engine", "engine"]

_ENGINES: dict[str, Engine] = {"sqlite": SQLiteEngine(), "postgresql": PostgreSQLEngine()}


def engine() -> Engine:
    """Return the engine of the database that is configured."""
    return _ENGINES[connection.vendor]
