"""What administrators do with people: see them, give and take roles, deactivate and reactivate."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditAct, Namespace, Operator, OperatorRole, Role
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.inviting import remove_link
from memory_app.operations.people import check_roles, person_entry
from memory_app.operations.rights import EVERYWHERE, RIGHTS, Person, Right
from memory_app.operations.sign_ins import ABSOLUTE, IDLE, remove_sign_ins
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row

_LIST: Final = ("people",)
_NOBODY: Final = "there is no such person"


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as administrators see them; times are moments.

    `state` is `active`, `invited` (a link is open), `lapsed` (they never entered, and it is not) or
    `deactivated`. `roles` are by the name of the namespace, `*` for everywhere; of those that the
    viewer does not administer, none. `sign_ins` is in how many browsers they are signed in now.
    """

    number: int
    username: str
    state: str
    created_at: int
    signed_in_at: int | None
    sign_ins: int
    has_second_factor: bool
    link_expires_at: int | None
    roles: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class People:
    """A page of people by name, and the cursor of the next."""

    items: Sequence[PersonView]
    next_cursor: str | None


def list_people(
    *, person: Person, limit: int = 50, cursor: str | None = None, now: int | None = None
) -> People:
    """Return everybody there is, by name. Raises Forbidden, and Invalid for another's cursor."""
    _require_somewhere(person)
    condition, values = "", []
    if cursor is not None:
        condition, values = "WHERE o.username > %s", read_cursor(cursor, _LIST)
    tail = f"{condition} ORDER BY o.username LIMIT %s"
    found = engine().read(lambda db: _views(db, person, tail, [*values, limit + 1], now))
    more = len(found) > limit
    following = write_cursor([found[limit - 1].username], _LIST) if more else None
    return People(found[:limit], following)


def get_person(*, person: Person, number: int, now: int | None = None) -> PersonView:
    """Return one of them. Raises Forbidden and NotFound."""
    _require_somewhere(person)
    found = engine().read(lambda db: _views(db, person, "WHERE o.id = %s", [number], now))
    if not found:
        raise NotFound(_NOBODY)
    return found[0]


def places_for(*, person: Person) -> Sequence[str]:
    """Return where the person may give roles: `*` first if everywhere, then namespaces by name."""
    managed = person.namespaces(Right.MANAGE_PEOPLE)
    if managed is not None:
        return sorted(managed)
    rows = engine().read(lambda db: db.rows("SELECT name FROM namespace ORDER BY name"))
    return [EVERYWHERE, *(row[0] for row in rows)]


_COLUMNS: Final = (
    "o.id, o.username, o.is_active, substr(o.password, 1, 1) = '!', o.created_at, o.signed_in_at,"
    " (SELECT COUNT(*) FROM sign_in s WHERE s.operator_id = o.id"
    "   AND s.seen_at > %s AND s.began_at > %s),"
    " (SELECT f.confirmed_at FROM second_factor f WHERE f.operator_id = o.id),"
    " (SELECT i.expires_at FROM invitation i WHERE i.operator_id = o.id AND i.expires_at > %s)"
)


def _views(
    db: Database, person: Person, tail: str, values: list[object], now: int | None
) -> list[PersonView]:
    moment = now or db.now()
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM operator o {tail}",
        (moment - IDLE, moment - ABSOLUTE, moment, *values),
    )
    numbers = [row[0] for row in rows]
    marks = ", ".join(["%s"] * len(numbers)) or "NULL"
    held: defaultdict[int, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for number, namespace, role in db.rows(
        "SELECT r.operator_id, n.name, r.role FROM operator_role r"
        f" LEFT JOIN namespace n ON n.id = r.namespace_id WHERE r.operator_id IN ({marks})",
        numbers,
    ):
        held[number][EVERYWHERE if namespace is None else namespace].add(role)
    return [_view(row, held[row[0]], person) for row in rows]


def _view(row: Row, held: Mapping[str, set[str]], person: Person) -> PersonView:
    number, username, is_active, is_new, created_at, signed_in_at, sign_ins, factor, link = row
    shown = {
        place: frozenset(roles)
        for place, roles in sorted(held.items())
        if person.may(Right.MANAGE_PEOPLE, place)
    }
    state = "deactivated" if not is_active else "active"
    if is_active and is_new:
        state = "invited" if link is not None else "lapsed"
    return PersonView(
        number,
        username,
        state,
        created_at,
        signed_in_at,
        sign_ins if is_active else 0,
        factor is not None,
        link,
        shown,
    )


def set_roles(
    *,
    person: Person,
    number: int,
    namespace: str,
    roles: Collection[str],
    now: int | None = None,
) -> PersonView:
    """Let somebody hold exactly these roles in a namespace, or everywhere; they hold at once.

    Nobody gives themselves a role, and the last administrator stays one. Raises Forbidden, Invalid
    and NotFound.
    """
    person.require(Right.MANAGE_PEOPLE, namespace)
    if roles:
        check_roles(roles)

    def work(db: Database) -> PersonView:
        moment = now or db.now()
        found = _locked(db, number)
        place = _place(namespace)
        there = OperatorRole.objects.filter(operator=found, namespace=place)
        before = frozenset(there.values_list("role", flat=True))
        given, taken = frozenset(roles) - before, before - frozenset(roles)
        _refuse_self_promotion(person, number, given, namespace)
        there.filter(role__in=taken).delete()
        OperatorRole.objects.bulk_create(
            OperatorRole(operator=found, role=role, namespace=place) for role in sorted(given)
        )
        if Role.ADMINISTRATOR in taken and place is None:
            _refuse_without_administrator(db, found)
        if given or taken:
            write_entry(db, _roles_entry(person, number, namespace, given, taken), moment)
        return _views(db, person, "WHERE o.id = %s", [number], moment)[0]

    return engine().write(work)


def _refuse_self_promotion(
    person: Person, number: int, given: frozenset[str], namespace: str
) -> None:
    if number == person.id and any(
        not person.may(right, namespace) for role in given for right in RIGHTS[role]
    ):
        raise Forbidden("nobody gives themselves a role; another administrator does it")


def _roles_entry(
    person: Person, number: int, namespace: str, given: frozenset[str], taken: frozenset[str]
) -> Entry:
    counts = {f"given_{role}": 1 for role in given} | {f"taken_{role}": 1 for role in taken}
    place = None if namespace == EVERYWHERE else namespace
    about = About("person", str(number))
    return Entry(person.username, AuditAct.PERSON_ROLES, place, about, counts)


def deactivate(*, person: Person, number: int, now: int | None = None) -> PersonView:
    """Let somebody in no more, and end their sign-ins and their link at once.

    Their name and their roles stay. Raises Forbidden, Invalid and NotFound.
    """
    person.require(Right.MANAGE_PEOPLE, EVERYWHERE)
    if number == person.id:
        raise Invalid("nobody deactivates themselves; another administrator does it")

    def work(db: Database) -> PersonView:
        moment = now or db.now()
        found = _locked(db, number)
        if found.is_active:
            db.run("UPDATE operator SET is_active = %s WHERE id = %s", (False, number))
            _refuse_without_administrator(db, found)
            remove_sign_ins(db, number)
            remove_link(db, number)
            entry = person_entry(person.username, AuditAct.PERSON_DEACTIVATE, number)
            write_entry(db, entry, moment)
        return _views(db, person, "WHERE o.id = %s", [number], moment)[0]

    return engine().write(work)


def reactivate(*, person: Person, number: int, now: int | None = None) -> PersonView:
    """Let somebody in again, with the password and the roles they had.

    Raises Forbidden and NotFound.
    """
    person.require(Right.MANAGE_PEOPLE, EVERYWHERE)

    def work(db: Database) -> PersonView:
        moment = now or db.now()
        found = _locked(db, number)
        if not found.is_active:
            db.run("UPDATE operator SET is_active = %s WHERE id = %s", (True, number))
            entry = person_entry(person.username, AuditAct.PERSON_REACTIVATE, number)
            write_entry(db, entry, moment)
        return _views(db, person, "WHERE o.id = %s", [number], moment)[0]

    return engine().write(work)


def _locked(db: Database, number: int) -> Operator:
    # Two administrators who take the role from each other at the same moment come one after the
    # other, so that one of them is told.
    db.exclude(("people", 0))
    found: Operator | None = Operator.objects.filter(pk=number).first()
    if found is None:
        raise NotFound(_NOBODY)
    return found


def _place(namespace: str) -> Namespace | None:
    if namespace == EVERYWHERE:
        return None
    place = Namespace.objects.filter(name=namespace).first()
    if place is None:
        raise NotFound(f"there is no namespace {namespace!r}")
    return place


def _refuse_without_administrator(db: Database, found: Operator) -> None:
    """Raise Invalid when what the transaction did leaves nobody who manages people everywhere."""
    if not db.row(_ADMINISTRATORS, (Role.ADMINISTRATOR.value,)):
        raise Invalid(
            f"without {found.username}, the last administrator, nobody could let people in; make"
            " somebody else one first"
        )


# Whoever has not chosen a password yet cannot help.
_ADMINISTRATORS: Final = (
    "SELECT 1 FROM operator o JOIN operator_role r ON r.operator_id = o.id"
    " WHERE r.role = %s AND r.namespace_id IS NULL AND o.is_active"
    " AND substr(o.password, 1, 1) <> '!' LIMIT 1"
)


def _require_somewhere(person: Person) -> None:
    if not person.may_anywhere(Right.MANAGE_PEOPLE):
        person.require(Right.MANAGE_PEOPLE, EVERYWHERE)
