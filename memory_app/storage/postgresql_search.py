"""The full-text index on PostgreSQL: a GIN index over lists of words (tsvector).

GIN knows no order: the newest of 160,000 hits means to fetch and sort them all, and walking the
messages backwards instead takes seconds for a rare word. So every word also carries an era, the
8,192 documents among which its message arrived, and a search asks era after era, the newest first,
more at once each time. However common a word is, one era of it is enough; however rare, all eras
together are a few hundred lookups.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from memory_app.storage.engine import Database
from memory_app.storage.search import Document, Hit, SearchIndex, Wanted
from memory_app.words import Word

_ERA_BITS: Final = 13
# How many eras are asked at once at first, how much faster each time, and at most.
_FIRST: Final = 1
_FASTER: Final = 4
_MOST: Final = 512
# A tsvector has at most a megabyte of words; no message with 200 KB of text comes near.
_MOST_BYTES: Final = 1_000_000

# What is written waits in a list that every search reads, and moves into the index in bulk: half a
# megabyte of it is a millisecond of a search.
CREATE: Final = (
    "CREATE INDEX search_words ON search_document USING gin (words)"
    " WITH (fastupdate = on, gin_pending_list_limit = 512)"
)
DROP: Final = "DROP INDEX search_words"

# Each era has its own look into the index. As one long OR, or with the order inside, the planner
# may read the table instead: it has no statistics, on purpose. JIT costs more than the search.
_PREPARE: Final = (
    "SELECT set_config('jit', 'off', true), coalesce(max(docid), -1) FROM search_document"
)
_HITS: Final = """
    WITH hit AS MATERIALIZED (
        SELECT d.docid, d.message_key FROM unnest(%s::text[]) AS era(query)
        CROSS JOIN LATERAL (
            SELECT s.docid, s.message_key FROM search_document s
            WHERE s.words @@ era.query::tsquery
        ) d
    )
    SELECT docid, message_key FROM hit WHERE docid < %s ORDER BY docid DESC"""


class PostgreSQLSearch(SearchIndex):
    """GIN over tsvector."""

    def put(self, db: Database, documents: Sequence[Document]) -> None:
        """Write documents under numbers that are free."""
        if not documents:
            return
        rows = [(one.docid, one.message_key, _written(one)) for one in documents]
        db.run(
            "INSERT INTO search_document (docid, message_key, words)"
            " SELECT docid, message_key, array_to_tsvector(string_to_array(words, ' '))"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS d(docid, message_key, words)",
            [list(column) for column in zip(*rows, strict=True)],
        )

    def remove(self, db: Database, ranges: Sequence[tuple[int, int]]) -> int:
        """Remove the documents of messages by key."""
        return db.delete_ranges("search_document", "message_key", ranges)

    def remove_numbers(self, db: Database, docids: Sequence[int]) -> None:
        """Remove documents by their own numbers."""
        db.run("DELETE FROM search_document WHERE docid = ANY(%s)", (list(docids),))

    def hits(
        self, db: Database, namespaces: Sequence[int], wanted: Wanted, before: int | None
    ) -> Iterator[Hit]:
        """Yield the messages that have the words, era after era."""
        row = db.row(_PREPARE)
        beyond = (int(row[1]) + 1 if row else 0) if before is None else before
        era, width = (beyond - 1) >> _ERA_BITS, _FIRST
        while era >= 0:
            lowest = max(era - width + 1, 0)
            queries = [
                _expression(f"{namespace}.{one:x}.", wanted)
                for one in range(era, lowest - 1, -1)
                for namespace in namespaces
            ]
            for row in db.rows(_HITS, (queries, beyond)):
                yield Hit(*row)
            era, width = lowest - 1, min(width * _FASTER, max(_MOST // len(namespaces), 1))

    def holds(self, db: Database, document: Document) -> bool:
        """Tell whether a document has its words and is found by them."""
        query = " & ".join(f"'{word}'" for word in _written(document).split(" "))
        row = db.row(
            "SELECT s.words = array_to_tsvector(string_to_array(%s, ' '))"
            " AND s.words @@ %s::text::tsquery FROM search_document s WHERE s.docid = %s",
            (_written(document), query, document.docid),
        )
        return row is not None and bool(row[0])

    def is_sound(self, db: Database) -> bool:
        """Tell whether the index is there and in use."""
        row = db.row(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('search_words')"
        )
        return row is not None and bool(row[0])

    def make_anew(self, db: Database) -> None:
        """Build the index again from the words that are stored; writers of the index wait."""
        db.run("DROP INDEX IF EXISTS search_words")
        db.run(CREATE)


def _written(document: Document) -> str:
    """Return the words of a document with its namespace and era before each."""
    before = f"{document.namespace_id}.{document.docid >> _ERA_BITS:x}."
    written, size = [], 0
    for word in sorted(document.words):
        size += len(before) + len(word.encode())
        if size > _MOST_BYTES:
            break
        written.append(before + word)
    return " ".join(written)


def _expression(before: str, wanted: Wanted) -> str:
    parts = [_asked(before, word) for word in wanted.words]
    parts += [
        "(" + " | ".join(f"'{before}{one}'" for one in group) + ")" for group in wanted.groups
    ]
    parts += [f"!{_asked(before, word)}" for word in wanted.excluded]
    return " & ".join(parts)


def _asked(before: str, word: Word) -> str:
    return f"'{before}{word.text}'" + ":*" * word.is_prefix
