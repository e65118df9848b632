"""Search the messages of namespaces: every word, newest first or best first.

Messages are scanned until a page is full (`scanning`). So a search costs what it shows, not what
there is; one that would have to look at too much stops, says so, and can be continued.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from memory_app.errors import Invalid
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.indexing import is_rebuilding
from memory_app.operations.keys import Caller
from memory_app.operations.scanning import Match, MessageFilter, Question, Scan
from memory_app.storage import Database, engine, search_index
from memory_app.words import Query, parse

SORTS: Final = ("newest", "best")
# Best first ranks so many of the newest that match.
BEST_OF: Final = 1_000


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found. `truncated`: not all that could match was looked at; the cursor goes on.

    `rebuilding`: the index is being made, so that messages may be missing.
    """

    matches: Sequence[Match]
    next_cursor: str | None
    truncated: bool
    rebuilding: bool
    seconds: float
    now: int


class Page(NamedTuple):
    """Matches, the place after which there may be more, and whether the search was cut short."""

    matches: list[Match]
    following: list[int] | None
    truncated: bool


def search_messages(
    *,
    caller: Caller,
    query: str,
    wanted: MessageFilter,
    sort: str = "newest",
    limit: int = 20,
    cursor: str | None = None,
    now: int | None = None,
) -> Searched:
    """Search the live sessions of the caller's namespace. Any text is a query.

    Raises Invalid for a query that only leaves out, and for a cursor of another search.
    """
    caller.require("read")
    scope = ("search", caller.namespace_id, query, wanted, sort)
    question = Question(understand(query), wanted, sort, limit, True)
    return run(question, [caller.namespace_id], scope, cursor, now)


def run(
    question: Question,
    namespaces: Sequence[int],
    scope: object,
    cursor: str | None,
    now: int | None,
) -> Searched:
    """Search namespaces on one snapshot."""
    begun = time.perf_counter()
    place = [] if cursor is None else read_cursor(cursor, scope)

    def work(db: Database) -> tuple[Page, bool, int]:
        moment = now or db.now()
        find = _newest if question.sort == "newest" else _best
        page = find(db, question, namespaces, place, moment)
        return page, is_rebuilding(db), moment

    page, rebuilding, moment = engine().read(work)
    following = write_cursor(page.following, scope) if page.following else None
    seconds = time.perf_counter() - begun
    return Searched(page.matches, following, page.truncated, rebuilding, seconds, moment)


def understand(query: str) -> Query:
    """Read what was typed. Raises Invalid when it only leaves out: an error is no empty list."""
    understood = parse(query)
    if understood.excluded and not understood.terms:
        reason = "name a word that must be there; -word only leaves out"
        raise Invalid.at(("query", "query"), reason)
    return understood


def check_sort(sort: str) -> str:
    """Return the sort, when there is such a one. Raises Invalid."""
    if sort not in SORTS:
        raise Invalid.at(("query", "sort"), f"sort by one of {', '.join(SORTS)}")
    return sort


def _newest(
    db: Database, question: Question, namespaces: Sequence[int], place: list[int], now: int
) -> Page:
    scan = Scan(db, question, namespaces, place[0] if place else None, now)
    matches: list[Match] = []
    following: list[int] | None = None
    for docid, match in scan:
        if len(matches) == question.limit:
            return Page(matches, following, False)
        matches.append(match)
        following = [docid]
    return Page(matches, [scan.reached] if scan.was_cut else None, scan.was_cut)


def _best(
    db: Database, question: Question, namespaces: Sequence[int], place: list[int], now: int
) -> Page:
    """Rank the newest that match; a page of the same ranking begins where the last one ended."""
    before, offset = place or (search_index().last_number(db) + 1, 0)
    scan = Scan(db, question, namespaces, before, now)
    found = [match for _, match in islice(scan, BEST_OF + 1)]
    ranked = sorted(found[:BEST_OF], key=lambda match: -match.score)
    end = offset + question.limit
    following = [before, end] if end < len(ranked) and question.limit else None
    return Page(ranked[offset:end], following, scan.was_cut or len(found) > BEST_OF)
