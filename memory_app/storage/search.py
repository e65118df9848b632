"""The interface to the full-text index: words in, messages out, the newest first.

A document is the words of one message. Every word carries its namespace in the index, so a search
of one namespace cannot touch, count or wait for another's. Words never hold a full stop, which sets
namespace and facets apart; whatever a person typed has become words before it comes here, so no
syntax of either engine can be reached.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from memory_app.storage.engine import Database
from memory_app.words import Word


class Document(NamedTuple):
    """The words of a message, and its place in the order of arrival."""

    docid: int
    message_key: int
    namespace_id: int
    words: Collection[str]


class Hit(NamedTuple):
    """A message that has the words."""

    docid: int
    message_key: int


class Wanted(NamedTuple):
    """What a document must have: all of these, one of each group, and none of the excluded."""

    words: Sequence[Word]
    groups: Sequence[Sequence[str]] = ()
    excluded: Sequence[Word] = ()


class SearchIndex(ABC):
    """The index of the database that is configured. It is changed in the caller's transaction."""

    @abstractmethod
    def put(self, db: Database, documents: Sequence[Document]) -> None:
        """Write documents under numbers that are free."""

    @abstractmethod
    def remove(self, db: Database, ranges: Sequence[tuple[int, int]]) -> int:
        """Remove the documents of messages whose key lies after the first and up to the second.

        Returns how many there were.
        """

    @abstractmethod
    def remove_numbers(self, db: Database, docids: Sequence[int]) -> None:
        """Remove documents by their own numbers."""

    @abstractmethod
    def hits(
        self, db: Database, namespaces: Sequence[int], wanted: Wanted, before: int | None
    ) -> Iterator[Hit]:
        """Yield the messages that have the words, newest first, from below a number on."""

    @abstractmethod
    def holds(self, db: Database, document: Document) -> bool:
        """Tell whether a document is found by each of its words."""

    @abstractmethod
    def is_sound(self, db: Database) -> bool:
        """Check the index's own structure, as far as the database can."""

    @abstractmethod
    def make_anew(self, db: Database) -> None:
        """Build the index's structure again from the documents that are stored."""

    def last_number(self, db: Database) -> int:
        """Return the number of the newest document."""
        row = db.row("SELECT max(docid) FROM search_document")
        return int(row[0]) if row and row[0] is not None else 0
