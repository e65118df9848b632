"""The people who work in the console: let them in, and give them another password."""

import secrets
from collections.abc import Collection, Sequence
from typing import Final

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from memory_app import moments
from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditAct, Namespace, Operator, OperatorRole, Role
from memory_app.operations.auditing import (
    COMMAND,
    STRANGER,
    About,
    Entry,
    enter_once,
    is_reserved,
    write_entry,
)
from memory_app.operations.rights import Person
from memory_app.storage import Database, engine

ROLES: Final = tuple(Role.values)
# For so long a person is told, at each sign-in, that somebody else could have entered as them (the
# first to sign in afterwards may be that other), and who did one thing of two does not do both.
INTERVENED_FOR: Final = 14 * moments.DAY
_MAX_NAME: Final = 150
_TAKEN: Final = "somebody has this name already"


def create_person(
    *,
    username: str,
    roles: Collection[str] = (Role.OPERATOR.value,),
    namespaces: Sequence[str] = (),
    password: str | None = None,
    actor: str = COMMAND,
    now: int | None = None,
) -> str:
    """Let a person in, with these roles in the named namespaces, or in all when none is named.

    Returns the password, made when none is given, for it is kept nowhere. `actor` is the name of
    the person who does it, if not a command. Raises Invalid and NotFound.
    """
    name = check_name(username)
    check_roles(roles)
    chosen, encoded = _choose_password(name, password)

    def work(db: Database) -> str:
        moment = now or db.now()
        number = add_person(
            username=name,
            encoded_password=encoded,
            roles=roles,
            namespaces=namespaces,
            now=moment,
        )
        write_entry(db, person_entry(actor, AuditAct.PERSON_CREATE, number), moment)
        return chosen

    return engine().write(work)


def add_person(
    *,
    username: str,
    encoded_password: str,
    roles: Collection[str],
    namespaces: Sequence[str],
    now: int,
) -> int:
    """Store a person in the caller's transaction; return their number.

    Raises Invalid and NotFound.
    """
    # Names that only differ in case would be mistaken for one another in the audit log.
    taken = {name.casefold() for name in Operator.objects.values_list("username", flat=True)}
    if username.casefold() in taken:
        raise Invalid.at(("body", "username"), _TAKEN)
    places: list[Namespace | None] = [_namespace(name) for name in dict.fromkeys(namespaces)]
    person = Operator(username=username, password=encoded_password, created_at=now)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError:
        raise Invalid.at(("body", "username"), _TAKEN) from None
    OperatorRole.objects.bulk_create(
        OperatorRole(operator=person, role=role, namespace=place)
        for role in dict.fromkeys(roles)
        for place in places or [None]
    )
    return person.pk


def _namespace(name: str) -> Namespace:
    namespace = Namespace.objects.filter(name=name).first()
    if namespace is None:
        raise NotFound(f"there is no namespace {name!r}")
    return namespace


def reset_password(
    *, username: str, password: str | None = None, actor: str = COMMAND, now: int | None = None
) -> str:
    """Give a person another password, which signs them out everywhere; return it.

    Raises Invalid and NotFound.
    """
    chosen, encoded = _choose_password(username, password)

    def work(db: Database) -> str:
        found = Operator.objects.filter(username=Operator.normalize_username(username)).first()
        if found is None or not found.is_active:
            raise NotFound("this person is deactivated" if found else "nobody has this name")
        store_password(db, found.pk, encoded)
        write_entry(db, person_entry(actor, AuditAct.PERSON_RESET, found.pk), now or db.now())
        return chosen

    return engine().write(work)


def store_password(db: Database, number: int, encoded: str, but: str = "") -> None:
    """Keep a person's new password, and end their sign-ins but one and the link they have open."""
    db.run("UPDATE operator SET password = %s WHERE id = %s", (encoded, number))
    db.run("DELETE FROM sign_in WHERE operator_id = %s AND id <> %s", (number, but))
    db.run("DELETE FROM invitation WHERE operator_id = %s", (number,))


def new_password() -> tuple[str, str]:
    """Make a password; return it and what is stored of it."""
    password = secrets.token_urlsafe(15)
    return password, make_password(password)


def _choose_password(username: str, password: str | None) -> tuple[str, str]:
    # Argon2 takes a while, by design: it is done before the transaction, not inside.
    if password is None:
        return new_password()
    return password, encode_password(username, password)


def encode_password(username: str, password: str) -> str:
    """Return what is stored of a password that a person chose. Raises Invalid for a weak one.

    It takes a tenth of a second, by design: call it outside a transaction.
    """
    try:
        validate_password(password, Operator(username=username))
    except ValidationError as problem:
        raise Invalid(" ".join(problem.messages)) from None
    return make_password(password)


def unusable_password() -> str:
    """Return what is stored for somebody who has no password yet: no password matches it."""
    return make_password(None)


def change_password(
    *, person: Person, present: str, password: str, sign_in: str, now: int | None = None
) -> None:
    """Give the person another password of their choice, and end their other sign-ins.

    `present` is the password they gave, already found right. Raises Invalid for a weak one.
    """
    if password == present:
        raise Invalid("this is the current password; choose another")
    encoded = encode_password(person.username, password)

    def work(db: Database) -> None:
        store_password(db, person.id, encoded, sign_in)
        entry = person_entry(person.username, AuditAct.PERSON_PASSWORD, person.id)
        write_entry(db, entry, now or db.now())

    engine().write(work)


def check_roles(roles: Collection[str]) -> None:
    """Raise Invalid when these are not roles, or none."""
    if not roles or not set(roles) <= set(ROLES):
        raise Invalid.at(("body", "roles"), f"roles are {', '.join(ROLES)}")


def check_name(username: str) -> str:
    """Return a name for a person as it is stored. Raises Invalid."""
    name = Operator.normalize_username(username)
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable() or name != name.strip():
        raise Invalid.at(
            ("body", "username"),
            f"a name has 1 to {_MAX_NAME} printable characters and no blank at either end",
        )
    if is_reserved(name):
        raise Invalid.at(
            ("body", "username"), "the audit log names no person so: take another name"
        )
    return name


def enter_failed_sign_in(*, username: str, now: int | None = None) -> None:
    """Enter that somebody failed to sign in as a person, once a minute for each.

    A name that nobody has may be a password typed into the wrong field: it is not kept, and all
    of these are one.
    """
    name = Operator.normalize_username(username)
    known = engine().read(lambda db: db.row("SELECT id FROM operator WHERE username = %s", (name,)))
    entry = person_entry(STRANGER, AuditAct.PERSON_SIGN_IN_FAILED, known[0] if known else None)
    enter_once(entry, moments.MINUTE, now)


def person_entry(actor: str, act: AuditAct, number: int | None) -> Entry:
    """Return the entry of an act about a person, whom the log knows by number."""
    return Entry(actor, act, None, About("person", "unknown" if number is None else str(number)))


def has_done(db: Database, person: Person, act: AuditAct, number: int, now: int) -> bool:
    """Tell whether a person did this about somebody within the last fortnight."""
    row = db.row(
        "SELECT 1 FROM audit_entry e WHERE e.object_id = %s AND e.at > %s"
        " AND e.object_kind = 'person' AND e.actor = %s AND e.act = %s LIMIT 1",
        (str(number), now - INTERVENED_FOR, person.username, act),
    )
    return row is not None
