"""Show people the sessions of the namespaces they may see; content only to those who may read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.auditing import About, enter_reveal
from memory_app.operations.browsing import SORTS, SessionFilter
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.listing import Count, Listing
from memory_app.operations.opening import Policy, find_policy
from memory_app.operations.rights import Person, Right, role_for
from memory_app.operations.titling import make_titles
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row
from memory_app.storage.statements import SESSION_COLUMNS


class Place(NamedTuple):
    """A namespace that a person may see, whether they may read its content, and titles in lists."""

    id: int
    name: str
    readable: bool
    shows_titles: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as a list shows it; without a title for those who may not read content."""

    session: SessionSnapshot
    place: Place
    title: str | None


@dataclass(frozen=True, slots=True)
class Browsed:
    """One page of sessions, the cursors of those beside it, and how many there are.

    Without a cursor of the previous page it is the first. The count is None where counting takes a
    while: `count_sessions` does it apart.
    """

    items: Sequence[Listed]
    previous_cursor: str | None
    next_cursor: str | None
    count: Count | None
    places: Sequence[Place]
    now: int


def browse_sessions(
    *,
    person: Person,
    wanted: SessionFilter,
    namespace: str | None = None,
    sort: str = "-last_activity_at",
    limit: int = 50,
    cursor: str | None = None,
    with_count: bool = False,
    now: int | None = None,
) -> Browsed:
    """Return a page of sessions of one namespace, or of all that a person may see.

    A filter by content looks only where the person may read content. What takes a while to count
    is counted only `with_count`. Raises Forbidden, NotFound, and Invalid for an unknown sort or a
    cursor of another list.
    """
    if sort.removeprefix("-") not in SORTS:
        raise Invalid.at(("query", "sort"), f"sort by one of {', '.join(SORTS)}")
    start = Start() if cursor is None else Start(*read_cursor(cursor, ("people", sort)))

    def work(db: Database) -> Browsed:
        moment = now or db.now()
        places = visible_places(db, person)
        searched = _searched(person, places, wanted, namespace)
        listing = Listing(db, [place.id for place in searched], wanted, moment)
        found, has_previous, has_next = _read_page(listing, sort, start, limit)
        count: Count | None = None
        if not (has_previous or has_next):
            count = Count(len(found), capped=False)
        elif with_count or not listing.counts_slowly:
            count = listing.count()
        names = {place.id: place for place in places}
        shown = [(SessionSnapshot(*row[:-1]), names[row[-1]]) for row in found]
        titles = make_titles(db, [session for session, place in shown if place.shows_titles])
        items = [_listed(session, place, titles) for session, place in shown]
        previous = following = None
        if has_previous:
            place = [*_place(shown[0][0], sort), True] if shown else [*start[:2], True]
            previous = write_cursor(place, ("people", sort))
        if has_next:
            following = write_cursor(_place(shown[-1][0], sort), ("people", sort))
        return Browsed(items, previous, following, count, places, moment)

    return engine().read(work)


class Start(NamedTuple):
    """The place in a list that a page is beside, and whether it comes before it."""

    value: int | None = None
    number: int | None = None
    is_before: bool = False


def _read_page(
    listing: Listing, sort: str, start: Start, limit: int
) -> tuple[list[Row], bool, bool]:
    """Return a page of a list, whether there is one before it, and whether one after it."""
    if start.is_before:
        rows = listing.page(_turned(sort), start[:2], limit + 1)
        if len(rows) > limit:
            return rows[:limit][::-1], True, True
        # So few come before that place: the list begins here, and its first page is a whole one.
        start = Start()
    rows = listing.page(sort, None if start.number is None else start[:2], limit + 1)
    return rows[:limit], start.number is not None, len(rows) > limit


def _turned(sort: str) -> str:
    return sort[1:] if sort.startswith("-") else f"-{sort}"


def count_sessions(
    *,
    person: Person,
    wanted: SessionFilter,
    namespace: str | None = None,
    now: int | None = None,
) -> Count:
    """Count the sessions of a list, up to a cap. Raises Forbidden and NotFound."""

    def work(db: Database) -> Count:
        searched = _searched(person, visible_places(db, person), wanted, namespace)
        return Listing(db, [place.id for place in searched], wanted, now or db.now()).count()

    return engine().read(work)


def visible_places(db: Database, person: Person) -> list[Place]:
    """Return the namespaces a person may see, by name. Raises Forbidden when they may see none."""
    if not person.may_anywhere(Right.VIEW):
        raise Forbidden(f"this needs the role {role_for(Right.VIEW)}, which you do not hold")
    return [
        _place_for(person, number, name)
        for number, name in db.rows("SELECT id, name FROM namespace ORDER BY name")
        if person.may(Right.VIEW, name)
    ]


def _place_for(person: Person, number: int, name: str) -> Place:
    return Place(number, name, person.may(Right.READ_CONTENT, name), person.sees_titles(name))


def _searched(
    person: Person, places: Iterable[Place], wanted: SessionFilter, namespace: str | None
) -> list[Place]:
    searched = [place for place in places if namespace in (None, place.name)]
    if namespace is not None and not searched:
        raise NotFound("there is no such namespace")
    if not wanted.metadata:
        return searched
    readable = [place for place in searched if place.readable]
    if searched and not readable:
        closed = [one for one in searched if person.holds(Right.READ_CONTENT, one.name)]
        person.require(Right.READ_CONTENT, (closed or searched)[0].name)
    return readable


def _place(session: SessionSnapshot, sort: str) -> list[Any]:
    return [getattr(session, sort.removeprefix("-")), session.number]


def _listed(session: SessionSnapshot, place: Place, titles: Mapping[int, str]) -> Listed:
    if not place.shows_titles or session.purge_receipt is not None:
        return Listed(session._replace(title=None), place, None)
    return Listed(session, place, session.title or titles.get(session.number))


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session as its page shows it; metadata, state and title only for those who may read."""

    session: SessionSnapshot
    place: Place
    title: str | None
    policy: Policy
    now: int
    restored_at: int | None = None
    restored_because: str | None = None


def view_session(*, person: Person, uid: str, now: int | None = None) -> SessionView:
    """Return a session by its uid, ended ones too. Raises NotFound for others' and purged ones.

    For those who may read content this is a reveal.
    """

    def work(db: Database) -> SessionView:
        moment = now or db.now()
        session, place = find_visible(db, person, uid)
        policy = find_policy(db, place.id, session.session_id)
        titles = make_titles(db, [session]) if place.readable else {}
        title = (session.title or titles.get(session.number)) if place.readable else None
        shown = session
        if not place.readable:
            shown = session._replace(title=None, metadata=None, state=None)
        row = db.row(_RESTORED, (session.number,))
        restored_at, because = row or (None, None)
        because = because if place.readable else None
        return SessionView(shown, place, title, policy, moment, restored_at, because)

    view = engine().read(work)
    if view.place.readable:
        about = About("session", view.session.uid)
        enter_reveal(person=person, namespace=view.place.name, about=about, now=now)
    return view


_RESTORED: Final = "SELECT restored_at, restored_because FROM agent_session WHERE id = %s"


def find_visible(db: Database, person: Person, uid: str) -> tuple[SessionSnapshot, Place]:
    """Return a session that a person may see, and where. Raises NotFound."""
    row = db.row(
        f"SELECT {SESSION_COLUMNS}, d.metadata, d.state, n.id, n.name FROM agent_session s"
        " JOIN namespace n ON n.id = s.namespace_id"
        " LEFT JOIN session_document d ON d.session_id = s.id"
        " WHERE s.uid = %s AND s.purge_receipt IS NULL",
        (uid,),
    )
    if row is None or not person.may(Right.VIEW, row[-1]):
        raise NotFound("there is no such session")
    return SessionSnapshot(*row[:-2]), _place_for(person, row[-2], row[-1])


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The uids of the sessions before and after one in a list."""

    previous: str | None
    following: str | None


def find_neighbours(
    *,
    person: Person,
    uid: str,
    wanted: SessionFilter,
    namespace: str | None = None,
    sort: str = "-last_activity_at",
    now: int | None = None,
) -> Neighbours:
    """Return what comes before and after a session in the list that this filter makes."""
    if sort.removeprefix("-") not in SORTS:
        return Neighbours(None, None)

    def work(db: Database) -> Neighbours:
        moment = now or db.now()
        session, _ = find_visible(db, person, uid)
        # What is being purged has no page to go to.
        searched = _searched(person, visible_places(db, person), wanted, namespace)
        here = _place(session, sort)
        listing = Listing(db, [place.id for place in searched], wanted, moment)

        def beside(order: str) -> str | None:
            rows = listing.page(order, here, 5)
            found = (SessionSnapshot(*row[:-1]) for row in rows)
            return next((one.uid for one in found if one.purge_receipt is None), None)

        return Neighbours(beside(_turned(sort)), beside(sort))

    return engine().read(work)
