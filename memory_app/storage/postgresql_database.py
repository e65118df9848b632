"""PostgreSQL's dialect, over a connection of psycopg."""

import zlib
from collections.abc import Sequence
from typing import ClassVar

from memory_app.storage.engine import Columns, Database, Row

CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


class PostgreSQLDatabase(Database):
    """A connection of psycopg."""

    marks: ClassVar = {
        "least": "least",
        "greatest": "greatest",
        "for_update": "FOR UPDATE OF s",
        # Several cleaners at once each take what the others have not.
        "for_update_skipping": "FOR UPDATE OF s SKIP LOCKED",
        "position": "strpos",
        "unindexed": "",
        "among": "= ANY(%s::bigint[])",
        "each": "unnest(%s::bigint[]) r(value)",
    }
    parameter = "%s"
    _spelled: ClassVar[dict[str, str]] = {}

    def for_each(self, numbers: str) -> str:
        """Join the numbers as they are."""
        return f"CROSS JOIN LATERAL ({numbers}) p"

    def array(self, values: Sequence[int]) -> list[int]:
        """Return numbers as an array."""
        return list(values)

    def insert_new(self, table: str, columns: Columns, rows: Sequence[Row]) -> None:
        """Insert all rows in one statement: 5 microseconds each instead of 25."""
        if rows:
            arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
            into = f"{table} ({', '.join(columns)})"
            sql = f"INSERT INTO {into} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"
            self.run(sql, [list(column) for column in zip(*rows, strict=True)])

    def delete_ranges(self, table: str, key: str, ranges: Sequence[tuple[int, int]]) -> int:
        """Delete all ranges in one statement: 200 of them in 2 ms, one by one in 6.

        Joined with the ranges, the table may be read from end to end: a ninth of it is thought to
        lie in each of them. Looked into one range after the other, the index serves whatever the
        size: of 100,000 messages 3,400 a second were purged before, and 14,100 since.
        """
        sql = (
            f"DELETE FROM {table} WHERE {key} = ANY(ARRAY(SELECT d.{key}"
            " FROM unnest(%s::bigint[], %s::bigint[]) r(after, up_to) CROSS JOIN LATERAL"
            f" (SELECT t.{key} FROM {table} t WHERE t.{key} > r.after AND t.{key} <= r.up_to"
            " OFFSET 0) d))"
        )
        return self.run(sql, [list(ends) for ends in zip(*ranges, strict=True)]) if ranges else 0

    def share(self, lock: tuple[str, int]) -> None:
        """Hold an advisory lock together with others."""
        self.row("SELECT pg_advisory_xact_lock_shared(%s::int, %s)", _advisory(lock))

    def exclude(self, lock: tuple[str, int]) -> None:
        """Hold an advisory lock alone."""
        self.row("SELECT pg_advisory_xact_lock(%s::int, %s)", _advisory(lock))

    def need_not_last(self) -> None:
        """Do not wait for the write-ahead log."""
        self.run("SET LOCAL synchronous_commit TO off")

    def now(self) -> int:
        """Return the server's time: all web processes share it."""
        row = self.row(f"SELECT {CLOCK}")
        assert row is not None
        moment: int = row[0]
        return moment


def _advisory(lock: tuple[str, int]) -> tuple[int, int]:
    """Return a lock as the pair of numbers that PostgreSQL knows it by."""
    return zlib.crc32(f"lethe:{lock[0]}".encode()) - 2**31, lock[1]
