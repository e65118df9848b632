"""Show people the sessions of the namespaces they may see; content only to those who may read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.auditing import About, enter_reveal
from memory_app.operations.browsing import SORTS, SessionFilter, where
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.opening import Policy, find_policy
from memory_app.operations.rights import Person, Right, role_for
from memory_app.operations.titling import make_titles
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row
from memory_app.storage.statements import SESSION_COLUMNS

# Counting stops here: beyond it a list says "10,000+".
COUNT_CAP: Final = 10_000


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
    """One page of sessions, the cursor of the next, and how many there are up to a cap."""

    items: Sequence[Listed]
    next_cursor: str | None
    count: int
    capped: bool
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
    now: int | None = None,
) -> Browsed:
    """Return a page of sessions of one namespace, or of all that a person may see.

    A filter by content looks only where the person may read content. Raises Forbidden, NotFound,
    and Invalid for an unknown sort or a cursor of another list.
    """
    if sort.removeprefix("-") not in SORTS:
        raise Invalid.at(("query", "sort"), f"sort by one of {', '.join(SORTS)}")
    after = None if cursor is None else read_cursor(cursor, ("people", sort))

    def work(db: Database) -> Browsed:
        moment = now or db.now()
        places = visible_places(db, person)
        searched = _searched(person, places, wanted, namespace)
        count = _count(db, searched, wanted, moment)
        rows = _page(
            db, searched, wanted, sort, after, limit + 1, moment, by_order=count > COUNT_CAP
        )
        names = {place.id: place for place in places}
        found = [(SessionSnapshot(*row[:-1]), names[row[-1]]) for row in rows[:limit]]
        titles = make_titles(db, [session for session, place in found if place.shows_titles])
        items = [_listed(session, place, titles) for session, place in found]
        last = found[-1][0] if len(rows) > limit else None
        following = last and write_cursor(_place(last, sort), ("people", sort))
        return Browsed(items, following, min(count, COUNT_CAP), count > COUNT_CAP, places, moment)

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


def _union(
    places: Sequence[Place],
    wanted: SessionFilter,
    columns: str,
    ending: str,
    values: Sequence[Any],
    now: int,
    *,
    by_order: bool = False,
) -> tuple[str, list[Any]]:
    """Ask each namespace through its own index, in one statement."""
    # Ids are indexed apart for live and ended sessions. Asked for both at once, a prefix that few
    # have was looked for in all of a million sessions: 1.8 seconds instead of 3 milliseconds. One
    # that many have is soon met in the order of the list: 840 milliseconds became 5.
    both = ["s.ended_at IS NULL", "s.ended_at IS NOT NULL"]
    arms = both if wanted.prefix and not by_order else ["1 = 1"]
    parts: list[str] = []
    parameters: list[Any] = []
    for place in places:
        conditions, asked = where(wanted, place.id, now)
        if by_order:
            conditions = conditions.replace("s.session_id", "{unindexed}s.session_id")
        for arm in arms:
            parts.append(
                f"SELECT * FROM (SELECT {columns} FROM agent_session s"
                f" WHERE {conditions} AND {arm} {ending}) AS part{len(parts)}"
            )
            parameters += [*asked, *values]
    return " UNION ALL ".join(parts), parameters


def _page(
    db: Database,
    places: Sequence[Place],
    wanted: SessionFilter,
    sort: str,
    after: Sequence[Any] | None,
    limit: int,
    now: int,
    *,
    by_order: bool,
) -> list[Row]:
    if not places:
        return []
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    order = "DESC" if descending else "ASC"
    beyond = (
        "" if after is None else f"AND (s.{column}, s.id) {'<' if descending else '>'} (%s, %s)"
    )
    ending = f"{beyond} ORDER BY s.{column} {order}, s.id {order} LIMIT %s"
    numbers, parameters = _union(
        places, wanted, "s.id AS number", ending, [*(after or ()), limit], now, by_order=by_order
    )
    return db.rows(
        f"SELECT {SESSION_COLUMNS}, s.namespace_id FROM agent_session s"
        f" JOIN ({numbers}) AS page ON page.number = s.id"
        f" ORDER BY s.{column} {order}, s.id {order} LIMIT %s",
        (*parameters, limit),
    )


def _count(db: Database, places: Sequence[Place], wanted: SessionFilter, now: int) -> int:
    if not places:
        return 0
    ones, parameters = _union(places, wanted, "1 AS one", "LIMIT %s", [COUNT_CAP + 1], now)
    row = db.row(f"SELECT count(*) FROM ({ones}) AS found", parameters)
    return int(row[0]) if row else 0


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
    back = sort[1:] if sort.startswith("-") else f"-{sort}"
    if sort.removeprefix("-") not in SORTS:
        return Neighbours(None, None)

    def work(db: Database) -> Neighbours:
        moment = now or db.now()
        session, _ = find_visible(db, person, uid)
        # What is being purged has no page to go to.
        searched = _searched(person, visible_places(db, person), wanted, namespace)
        here = _place(session, sort)
        by_order = _count(db, searched, wanted, moment) > COUNT_CAP

        def beside(order: str) -> str | None:
            rows = _page(db, searched, wanted, order, here, 5, moment, by_order=by_order)
            found = (SessionSnapshot(*row[:-1]) for row in rows)
            return next((one.uid for one in found if one.purge_receipt is None), None)

        return Neighbours(beside(back), beside(sort))

    return engine().read(work)
