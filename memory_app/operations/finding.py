"""Search content for people: across the namespaces whose content they may read, entered once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memory_app import conf
from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditAct
from memory_app.operations.auditing import enter_reveal, search_about
from memory_app.operations.rights import Person, Right, role_for
from memory_app.operations.scanning import Home, Match, MessageFilter, Question
from memory_app.operations.searching import check_sort, run, understand
from memory_app.operations.tallying import read_tallies
from memory_app.operations.viewing import Place, visible_places
from memory_app.storage import engine

# How many messages a page shows.
PAGE = 50


@dataclass(frozen=True, slots=True)
class Group:
    """The messages that were found in one session, in the order in which they were found."""

    home: Home
    place: Place
    status: str
    matches: Sequence[Match]


@dataclass(frozen=True, slots=True)
class Found:
    """What a person's search found, by session, and what it looked in.

    `messages` is how many the searched namespaces hold, None where nobody has counted; `closed`
    names those that were left out because they demand a reason first.
    """

    groups: Sequence[Group]
    count: int
    next_cursor: str | None
    truncated: bool
    rebuilding: bool
    places: Sequence[Place]
    searched: Sequence[Place]
    closed: Sequence[str]
    messages: int | None
    seconds: float
    now: int


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespaces that a person's search looks in, and those that are closed to it for now."""

    places: Sequence[Place]
    searched: Sequence[Place]
    closed: Sequence[str]


def search_scope(*, person: Person, namespace: str | None = None) -> Scope:
    """Return where a person's search would look. Raises Forbidden, NotFound and ReasonNeeded."""
    places = engine().read(lambda db: visible_places(db, person))
    holding = [place for place in places if person.holds(Right.READ_CONTENT, place.name)]
    if not holding and places:
        needed = role_for(Right.READ_CONTENT)
        raise Forbidden(f"this needs the role {needed}, which you do not hold")
    if namespace is not None:
        if namespace not in [place.name for place in places]:
            raise NotFound("there is no such namespace")
        person.require(Right.READ_CONTENT, namespace)
    asked = [place for place in holding if namespace in (None, place.name)]
    readable = [place for place in asked if place.readable]
    return Scope(holding, readable, [place.name for place in asked if not place.readable])


def search_content(
    *,
    person: Person,
    query: str,
    wanted: MessageFilter,
    namespace: str | None = None,
    sort: str = "newest",
    cursor: str | None = None,
    now: int | None = None,
) -> Found:
    """Search the messages that a person may read, expired sessions included, purging ones never.

    It is entered in the audit log before anything is handed over, once in 15 minutes for the same
    words. Raises Invalid, Forbidden, NotFound, and ReasonNeeded for a namespace that was named.
    """
    if not query.strip() or len(query) > conf.MAX_QUERY:
        raise Invalid.at(("query",), f"type words to look for, at most {conf.MAX_QUERY} characters")
    scope = search_scope(person=person, namespace=namespace)
    question = Question(understand(query), wanted, check_sort(sort), PAGE, False)
    numbers = [place.id for place in scope.searched]
    # Whoever loses a role, or an open reason, cannot go on with a cursor from before.
    list_of = ("content", person.id, numbers, query, wanted, sort)
    searched = run(question, numbers, list_of, cursor, now)
    tallies = engine().read(lambda db: read_tallies(db, numbers, searched.now))
    if scope.searched:
        # One entry for each search, about its one namespace, or about how many there were.
        name = scope.searched[0].name if len(scope.searched) == 1 else None
        enter_reveal(
            person=person,
            namespace=name,
            about=search_about(name or "", query),
            act=AuditAct.CONTENT_SEARCH,
            counts={} if name else {"namespaces": len(scope.searched)},
            now=now,
        )
    return Found(
        groups=_group(searched.matches, scope.searched, searched.now),
        count=len(searched.matches),
        next_cursor=searched.next_cursor,
        truncated=searched.truncated,
        rebuilding=searched.rebuilding,
        places=scope.places,
        searched=scope.searched,
        closed=scope.closed,
        messages=_messages(tallies.namespaces, numbers),
        seconds=searched.seconds,
        now=searched.now,
    )


def _messages(tallies: Mapping[int, object], numbers: Sequence[int]) -> int | None:
    counted = [getattr(tallies.get(number), "messages", None) for number in numbers]
    return None if None in counted else sum(count for count in counted if count is not None)


def _group(matches: Sequence[Match], searched: Sequence[Place], now: int) -> list[Group]:
    """Put the messages of one session together, where the first of them stands."""
    places = {place.id: place for place in searched}
    grouped: dict[int, list[Match]] = {}
    for match in matches:
        grouped.setdefault(match.home.number, []).append(match)
    return [
        Group(home, places[home.namespace_id], home.status(now), some)
        for some in grouped.values()
        for home in (some[0].home,)
    ]
