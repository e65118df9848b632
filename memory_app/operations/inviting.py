"""One-time links, without mail: by one a new person enters, or somebody chooses a new password."""

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from memory_app import conf, moments
from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditAct, Operator
from memory_app.operations.auditing import write_entry
from memory_app.operations.people import (
    add_person,
    check_name,
    check_roles,
    encode_password,
    has_done,
    person_entry,
    store_password,
    unusable_password,
)
from memory_app.operations.rights import EVERYWHERE, Person, Right
from memory_app.storage import Database, engine

# A new person may be away; whoever asked for another password is waiting for it.
INVITED_FOR: Final = 7 * moments.DAY
RESET_FOR: Final = moments.DAY
_PREFIX: Final = "inv_"
_GONE: Final = "this link was used already, has expired, or a newer one took its place"


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is shown once: its secret is kept nowhere. `expires_at` is a moment."""

    number: int
    username: str
    secret: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Opened:
    """Whom a link is for, and whether they are new."""

    username: str
    is_new: bool


def invite_person(
    *,
    person: Person,
    username: str,
    roles: Collection[str],
    namespace: str = EVERYWHERE,
    now: int | None = None,
) -> Link:
    """Let somebody in with these roles in one namespace, or everywhere; return their link.

    They choose a password themselves; until then nobody can sign in under the name. Raises
    Forbidden, Invalid and NotFound.
    """
    person.require(Right.MANAGE_PEOPLE, EVERYWHERE)
    name = check_name(username)
    check_roles(roles)
    encoded = unusable_password()

    def work(db: Database) -> Link:
        moment = now or db.now()
        number = add_person(
            username=name,
            encoded_password=encoded,
            roles=roles,
            namespaces=() if namespace == EVERYWHERE else (namespace,),
            now=moment,
        )
        link = _make_link(db, number, name, INVITED_FOR, moment)
        write_entry(db, person_entry(person.username, AuditAct.PERSON_CREATE, number), moment)
        return link

    return engine().write(work)


def make_link(*, person: Person, number: int, now: int | None = None) -> Link:
    """Return a new link for somebody: to enter, or to choose another password.

    Their password holds until the link is used, and their second factor afterwards; an older link
    ends now. Whoever took their second factor makes no link for them within a fortnight: it takes
    two to enter as somebody who has one. Raises Forbidden, Invalid and NotFound.
    """
    person.require(Right.MANAGE_PEOPLE, EVERYWHERE)
    if number == person.id:
        raise Invalid("you change your own password on your account page")

    def work(db: Database) -> Link:
        moment = now or db.now()
        found = Operator.objects.select_for_update().filter(pk=number).first()
        if found is None:
            raise NotFound("there is no such person")
        if not found.is_active:
            raise Invalid("this person is deactivated; reactivate them first")
        if has_done(db, person, AuditAct.FACTOR_RESET, number, moment):
            raise Invalid(
                "you removed this person's second factor within the last fortnight, so the link is"
                " another administrator's to make, or the server's: create_operator --reset"
            )
        life = RESET_FOR if found.has_usable_password() else INVITED_FOR
        link = _make_link(db, number, found.username, life, moment)
        write_entry(db, person_entry(person.username, AuditAct.PERSON_LINK, number), moment)
        return link

    return engine().write(work)


def _make_link(db: Database, number: int, username: str, life: int, now: int) -> Link:
    secret = _PREFIX + secrets.token_urlsafe(32)
    remove_link(db, number)
    db.run(
        "INSERT INTO invitation (operator_id, digest, made_at, expires_at) VALUES (%s, %s, %s, %s)",
        (number, _digest(secret), now, now + life),
    )
    return Link(number, username, secret, now + life)


def open_link(*, secret: str, now: int | None = None) -> Opened:
    """Return whom a link is for, and leave it as it is. Raises NotFound."""

    def work(db: Database) -> Opened:
        found = _holder(db, secret, now or db.now())
        return Opened(found.username, not found.has_usable_password())

    return engine().read(work)


def use_link(*, secret: str, password: str, now: int | None = None) -> str:
    """Give whom the link is for this password; return their name. The link then ends.

    They are signed out everywhere. Raises NotFound and Invalid.
    """
    opened = open_link(secret=secret, now=now)
    encoded = encode_password(opened.username, password)

    def work(db: Database) -> str:
        moment = now or db.now()
        holder = _holder(db, secret, moment)
        # Of two who use it at the same time one removes it.
        if not db.run("DELETE FROM invitation WHERE digest = %s", (_digest(secret),)):
            raise NotFound(_GONE)
        store_password(db, holder.pk, encoded)
        entry = person_entry(holder.username, AuditAct.PERSON_PASSWORD, holder.pk)
        write_entry(db, entry, moment)
        return str(holder.username)

    return engine().write(work)


def end_all_ways_in() -> None:
    """End every sign-in and every link: those of a backup may have been ended or used since."""

    def work(db: Database) -> None:
        db.run("DELETE FROM sign_in")
        db.run("DELETE FROM invitation")

    engine().write(work)


def remove_link(db: Database, number: int) -> int:
    """End the link that a person has open, in the caller's transaction."""
    return db.run("DELETE FROM invitation WHERE operator_id = %s", (number,))


def _holder(db: Database, secret: str, now: int) -> Operator:
    row = db.row(
        "SELECT operator_id FROM invitation WHERE digest = %s AND expires_at > %s",
        (_digest(secret), now),
    )
    holder: Operator | None = (
        Operator.objects.filter(pk=row[0], is_active=True).first() if row else None
    )
    if holder is None:
        raise NotFound(_GONE)
    return holder


def _digest(secret: str) -> str:
    key = f"invitation:{conf.secret_key()}".encode()
    return hmac.digest(key, secret.encode(), "sha256").hex()
