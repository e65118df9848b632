"""The full-text index on SQLite: FTS5 over the words that search_document keeps.

FTS5 is given the words it is to forget when rows are removed ("external content"), which every
version of it can do, and in one statement for any number of messages. Its rows are in the order of
arrival, so the newest come first without sorting. Words are not numbered within a message
(detail=none): phrases are looked for in the text, and the index has half the size.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from memory_app.storage.engine import Database
from memory_app.storage.search import Document, Hit, SearchIndex, Wanted
from memory_app.words import Word

# A word is whatever stands between spaces: letters were folded and divided before.
CREATE = (
    "CREATE VIRTUAL TABLE search_words USING fts5(words, content='search_document',"
    " content_rowid='docid', detail=none, columnsize=0,"
    " tokenize=\"ascii tokenchars '._'\")"
)
DROP = "DROP TABLE search_words"
# Pieces of the index are merged when there are 16 of a size, not 4: removals take a fifth less CPU,
# a search for a word 3 microseconds more. With FTS5's own 16 for a merge at any cost one step in a
# hundred took 200 ms.
SETTINGS = (
    "INSERT INTO search_words (search_words, rank) VALUES ('automerge', 16)",
    "INSERT INTO search_words (search_words, rank) VALUES ('crisismerge', 64)",
)
FTS5_SETTINGS = (
    "INSERT INTO search_words (search_words, rank) VALUES ('automerge', 4)",
    "INSERT INTO search_words (search_words, rank) VALUES ('crisismerge', 16)",
)

# All in one statement, in the order of the numbers: FTS5 writes what it gathered to disk at the end
# of each statement that reads what it deletes, and whenever a number is lower than the one before.
# A session at a time, 20 sessions of 50 messages took half as much CPU again.
_FORGET: Final = (
    "INSERT INTO search_words(search_words, rowid, words) SELECT 'delete', d.docid, d.words"
    " FROM json_each(%s) r CROSS JOIN search_document d WHERE {chosen} ORDER BY d.docid"
)
_IN_RANGE: Final = (
    "d.message_key > json_extract(r.value, '$[0]')"
    " AND d.message_key <= json_extract(r.value, '$[1]')"
)
_VOCABULARY = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.search_vocabulary"
    " USING fts5vocab(main, search_words, row)"
)
_WORDS = (
    "SELECT coalesce(sum(length(words) - length(replace(words, ' ', '')) + 1), 0)"
    " FROM search_document WHERE words <> ''"
)


class SQLiteSearch(SearchIndex):
    """FTS5."""

    def put(self, db: Database, documents: Sequence[Document]) -> None:
        """Write documents under numbers that are free."""
        rows = [(one.docid, one.message_key, _written(one)) for one in documents]
        db.run_many(
            "INSERT INTO search_document (docid, message_key, words) VALUES (%s, %s, %s)", rows
        )
        db.run_many(
            "INSERT INTO search_words (rowid, words) VALUES (%s, %s)",
            [(docid, words) for docid, _, words in rows],
        )

    def remove(self, db: Database, ranges: Sequence[tuple[int, int]]) -> int:
        """Remove the documents of messages by key: FTS5 first, which is told what to forget."""
        db.run(_FORGET.replace("{chosen}", _IN_RANGE), (json.dumps(ranges),))
        return db.delete_ranges("search_document", "message_key", ranges)

    def remove_numbers(self, db: Database, docids: Sequence[int]) -> None:
        """Remove documents by their own numbers."""
        some = db.array(docids)
        db.run(_FORGET.replace("{chosen}", "d.docid = r.value"), (some,))
        db.run("DELETE FROM search_document WHERE docid {among}", (some,))

    def hits(
        self, db: Database, namespaces: Sequence[int], wanted: Wanted, before: int | None
    ) -> Iterator[Hit]:
        """Yield the messages that have the words, newest first: FTS5 walks its lists backwards."""
        expression = " OR ".join(f"({_expression(one, wanted)})" for one in namespaces)
        bound = "" if before is None else " AND search_words.rowid < %s"
        for row in db.cursor(
            "SELECT d.docid, d.message_key FROM search_words"
            " CROSS JOIN search_document d ON d.docid = search_words.rowid"
            f" WHERE search_words MATCH %s{bound} ORDER BY search_words.rowid DESC",
            (expression,) if before is None else (expression, before),
        ):
            yield Hit(*row)

    def holds(self, db: Database, document: Document) -> bool:
        """Tell whether a document is found by each of its words."""
        row = db.row("SELECT words FROM search_document WHERE docid = %s", (document.docid,))
        if row is None or row[0] != _written(document):
            return False
        found = "SELECT 1 FROM search_words WHERE search_words MATCH %s AND rowid = %s"
        return all(
            db.row(found, (f'"{word}"', document.docid)) is not None
            for word in _written(document).split()
        )

    def is_sound(self, db: Database) -> bool:
        """Read the whole index, and compare how many words it has with those that are stored.

        FTS5's own check is a statement that writes: everybody who writes would wait for it, a
        second for each 100,000 messages. This takes as long and stops nobody.
        """
        try:
            db.run(_VOCABULARY)
            indexed = db.row("SELECT coalesce(sum(doc), 0) FROM temp.search_vocabulary")
        except Exception as problem:
            if "malformed" in str(problem):
                return False
            raise
        return indexed == db.row(_WORDS)

    def make_anew(self, db: Database) -> None:
        """Build the index again from the words that are stored."""
        db.run("INSERT INTO search_words(search_words) VALUES ('rebuild')")


def _written(document: Document) -> str:
    """Return the words of a document with its namespace before each, in one order."""
    before = f"{document.namespace_id}."
    return before + f" {before}".join(sorted(document.words))


def _expression(namespace: int, wanted: Wanted) -> str:
    parts = [_asked(namespace, word) for word in wanted.words]
    parts += [
        "(" + " OR ".join(f'"{namespace}.{word}"' for word in group) + ")"
        for group in wanted.groups
    ]
    expression = " AND ".join(parts)
    if wanted.excluded:
        excluded = " OR ".join(_asked(namespace, word) for word in wanted.excluded)
        expression = f"({expression}) NOT ({excluded})"
    return expression


def _asked(namespace: int, word: Word) -> str:
    return f'"{namespace}.{word.text}"' + " *" * word.is_prefix
