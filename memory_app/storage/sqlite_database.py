"""SQLite's dialect, over a connection of the sqlite3 module."""

import json
from collections.abc import Sequence
from typing import ClassVar

from memory_app.moments import process_clock
from memory_app.storage.engine import Columns, Database, Row


class SQLiteDatabase(Database):
    """A connection of the sqlite3 module."""

    # Without statistics SQLite cannot know which index serves; the plus sign rules one out.
    marks: ClassVar = {
        "least": "min",
        "greatest": "max",
        "for_update": "",
        "position": "instr",
        "unindexed": "+",
        "for_update_skipping": "",
        "among": "IN (SELECT value FROM json_each(?))",
        "each": "json_each(?) r",
    }
    parameter = "?"
    _spelled: ClassVar[dict[str, str]] = {}

    def for_each(self, numbers: str) -> str:
        """Look the numbers up in the table: SQLite has no LATERAL."""
        return f"CROSS JOIN agent_session p ON p.id IN ({numbers})"

    def array(self, values: Sequence[int]) -> str:
        """Return numbers as a JSON text."""
        return json.dumps(values)

    def insert_new(self, table: str, columns: Columns, rows: Sequence[Row]) -> None:
        """Insert row by row: no round trip is saved by doing otherwise."""
        marks = ", ".join(["%s"] * len(columns))
        into = f"{table} ({', '.join(columns)})"
        self.run_many(f"INSERT INTO {into} VALUES ({marks}) ON CONFLICT DO NOTHING", rows)

    def delete_ranges(self, table: str, key: str, ranges: Sequence[tuple[int, int]]) -> int:
        """Delete range by range, each along the table's own key."""
        sql = f"DELETE FROM {table} WHERE {key} > %s AND {key} <= %s"
        count: int = self._raw.cursor().executemany(self.spell(sql), ranges).rowcount
        return max(count, 0)

    def share(self, lock: tuple[str, int]) -> None:
        """Whoever writes is alone."""

    def exclude(self, lock: tuple[str, int]) -> None:
        """Whoever writes is alone."""

    def need_not_last(self) -> None:
        """Others may be committed in the same transaction, and theirs must last."""

    def now(self) -> int:
        """Return this process's time: there is one machine, and SQLite has no better clock."""
        return process_clock()
