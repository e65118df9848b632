"""Count what a call sends to the database, at the driver: operations go past Django's cursor."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Collect the statements that this thread's connection executes meanwhile."""
    connection.ensure_connection()
    raw: Any = connection.connection
    statements: list[str] = []
    if connection.vendor == "sqlite":
        raw.set_trace_callback(statements.append)
        try:
            yield statements
        finally:
            raw.set_trace_callback(None)
        return
    cursors = raw.cursor_factory

    class Counting(cursors):  # type: ignore[misc, valid-type]
        def execute(self, query: Any, *arguments: Any, **more: Any) -> Any:
            statements.append(str(query))
            return super().execute(query, *arguments, **more)

    raw.cursor_factory = Counting
    try:
        yield statements
    finally:
        raw.cursor_factory = cursors
