"""The interface of the two engines, and the connection they hand to the operations.

Operations write SQL once, with `%s` for parameters and the few marks below for what the dialects
spell differently. They call the database driver itself: Django's cursor wrapper cost 1.4 to 1.9
times the CPU of a small write.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, NamedTuple, TypeVar

from django.db import connection
from django.db.utils import DatabaseError as DjangoDatabaseError

from memory_app.errors import Refusal

T = TypeVar("T")
Row = tuple[Any, ...]
Parameters = Sequence[Any]
# The columns of a table, with their types on PostgreSQL.
Columns = Mapping[str, str]
# A condition on `agent_session s` that names one session, and its parameters.
Locator = tuple[str, tuple[Any, ...]]


class Append(NamedTuple):
    """One message for the live session of an id, and the conditions under which it may go there."""

    namespace_id: int
    session_id: str
    user_id: str | None  # given by the caller: another one is a conflict
    found_user_id: str | None  # found in the event's state: taken when the session has none
    expected_revision: int | None
    message_id: str
    role: str
    payload: str
    state: str | None
    tokens: int
    size_bytes: int
    occurred_at: int | None
    api_key_id: int | None
    may_repeat: bool  # the caller named the message, so it may be there already
    now: int | None  # given by tests; otherwise the database's clock, or the process's on SQLite


class Window(NamedTuple):
    """Which messages of one session are read, in which order."""

    role: str | None
    after_seq: int
    before_seq: int
    after_moment: int | None
    descending: bool
    offset: int
    limit: int


class Database(ABC):
    """A driver's connection inside a transaction or a snapshot, and the SQL dialect."""

    # What a mark in braces becomes, and what a parameter is written as.
    marks: ClassVar[Mapping[str, str]]
    parameter: ClassVar[str]
    _spelled: ClassVar[dict[str, str]]

    def __init__(self, raw: Any) -> None:
        self._execute = raw.execute
        self._raw = raw

    def spell(self, sql: str) -> str:
        """Write a statement in this database's dialect, once."""
        spelled = self._spelled.get(sql)
        if spelled is None:
            spelled = sql.replace("%s", self.parameter)
            for mark, meaning in self.marks.items():
                spelled = spelled.replace("{" + mark + "}", meaning)
            self._spelled[sql] = spelled
        return spelled

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Return all rows of a query."""
        result: list[Row] = self._execute(self.spell(sql), parameters).fetchall()
        return result

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """Return the first row of a query, or None."""
        result: Row | None = self._execute(self.spell(sql), parameters).fetchone()
        return result

    def cursor(self, sql: str, parameters: Parameters = ()) -> Iterator[Row]:
        """Return the rows of a query one by one."""
        result: Iterator[Row] = self._execute(self.spell(sql), parameters)
        return result

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Execute a statement and return how many rows it changed."""
        count: int = self._execute(self.spell(sql), parameters).rowcount
        return count

    def run_many(self, sql: str, parameters: Sequence[Parameters]) -> None:
        """Execute a statement once for each set of parameters."""
        if parameters:
            self._raw.cursor().executemany(self.spell(sql), parameters)

    @abstractmethod
    def for_each(self, numbers: str) -> str:
        """Return the join of each row `n` with sessions `p`, whose numbers a select finds for it.

        Only `p.id` is there to be used.
        """

    @abstractmethod
    def array(self, values: Sequence[int]) -> Any:
        """Return numbers as the one parameter that the marks `among` and `each` take."""

    @abstractmethod
    def insert_new(self, table: str, columns: Columns, rows: Sequence[Row]) -> None:
        """Insert rows that no constraint finds there already, all in one go."""

    @abstractmethod
    def delete_ranges(self, table: str, key: str, ranges: Sequence[tuple[int, int]]) -> int:
        """Delete rows whose key lies after the first and up to the second; return how many."""

    @abstractmethod
    def share(self, lock: tuple[str, int]) -> None:
        """Hold a lock together with others until the transaction ends."""

    @abstractmethod
    def exclude(self, lock: tuple[str, int]) -> None:
        """Hold a lock alone until the transaction ends."""

    @abstractmethod
    def need_not_last(self) -> None:
        """Let the transaction be committed before it is on disk: a crash may undo it."""

    @abstractmethod
    def now(self) -> int:
        """Return the time, in microseconds, by the clock that decides on this database."""


class Engine(ABC):
    """One database: how it writes, reads, appends and pages."""

    vendor: ClassVar[str]
    driver_error: ClassVar[type[Exception]]

    @abstractmethod
    def database(self) -> Database:
        """Return this thread's connection."""

    @abstractmethod
    def write(self, work: Callable[[Database], T]) -> T:
        """Run the work in a transaction that holds the locks it asks for, and commit it.

        The work may run on another thread, and it runs once. A Refusal raised by it undoes
        everything it did and reaches the caller.
        """

    @abstractmethod
    def read(self, work: Callable[[Database], T]) -> T:
        """Run the work on one snapshot: nothing it reads is torn."""

    @abstractmethod
    def append(
        self,
        append: Append,
        stored: Callable[[Row], T],
        otherwise: Callable[[Database], T],
    ) -> T:
        """Append to a live session in as few steps as the database allows.

        When the session is live and every condition holds, `stored` gets its SESSION_COLUMNS, the
        message being its last. In any other case nothing has happened, and `otherwise` decides in a
        transaction.
        """

    @abstractmethod
    def insert_messages(self, db: Database, rows: Sequence[Row]) -> None:
        """Insert rows of MESSAGE_COLUMNS, all or none."""

    @abstractmethod
    def read_window(
        self,
        locator: Locator,
        window: Window,
        now: int | None,
        *,
        alive_only: bool,
    ) -> tuple[Row, int, list[Row]] | None:
        """Read a session and some of its messages on one snapshot.

        Returns (SESSION_COLUMNS and its document, the time, rows of EVENT_COLUMNS), or None when
        there is no such session. Rows end with the one that passes MAX_ANSWER_BYTES; there are none
        when only a live session's are wanted and it is past its time.
        """

    @abstractmethod
    def require_space(self) -> None:
        """Refuse to add when the disk is nearly full. Raises StorageFull."""

    @abstractmethod
    def alone(self, name: str) -> AbstractContextManager[None]:
        """Let one process at a time do what takes longer than a transaction; others wait."""

    @abstractmethod
    def alone_if_free(self, name: str) -> AbstractContextManager[bool]:
        """Let one process at a time do something; the others are told that they are not the one."""

    @abstractmethod
    def translate(self, problem: Exception) -> Refusal | None:
        """Return what a driver's exception means to a caller, or None when it is a bug."""

    def meaning(self, problem: Exception) -> Refusal | None:
        """Return what an exception of the driver's, or Django's around one, means to a caller."""
        cause = problem.__cause__
        refusal = self.translate(problem)
        if refusal is None and isinstance(cause, self.driver_error):
            refusal = self.translate(cause)
        return refusal

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn a database that cannot serve into a refusal, and drop a broken connection."""
        try:
            yield
        except (self.driver_error, DjangoDatabaseError) as problem:
            refusal = self.meaning(problem)
            if refusal is None:
                raise
            if not connection.in_atomic_block:
                connection.close()
            raise refusal from None
