"""The full-text index on SQLite: FTS5 over the words that search_document keeps.

FTS5 is given the words it is to forget when rows are removed ("external content"), which every
version of it can do, and in one statement for any number of messages. Its rows are in the order of
arrival, so the newest come first without sorting. Words are not numbered within a message
(detail=none): phrases are looked for in the text, and the index has half the size.
"""

from collections.abc import Iterator, Sequence

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

_FORGET = (
    "INSERT INTO search_words(search_words, rowid, words)"
    " SELECT 'delete', docid, words FROM search_document WHERE {where}"
)
_VOCABULARY = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.search_vocabulary"
    " USING fts5vocab(main, search_words, row)"
)
_WORDS = (
    "SELECT coalesce(sum(length(words) - length(replace(words, ' ', '')) + 1), 0)"
    " FROM search_document WHERE words <> ''"
)
_BY_KEY = "message_key > %s AND message_key <= %s"


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
        removed = 0
        for keys in ranges:
            db.run(_FORGET.replace("{where}", _BY_KEY), keys)
            removed += db.run(f"DELETE FROM search_document WHERE {_BY_KEY}", keys)
        return removed

    def remove_numbers(self, db: Database, docids: Sequence[int]) -> None:
        """Remove documents by their own numbers."""
        one = [(docid,) for docid in docids]
        db.run_many(_FORGET.replace("{where}", "docid = %s"), one)
        db.run_many("DELETE FROM search_document WHERE docid = %s", one)

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
    namespace = document.namespace_id
    return " ".join(f"{namespace}.{word}" for word in sorted(document.words))


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
