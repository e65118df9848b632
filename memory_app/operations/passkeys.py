"""Passkeys (WebAuthn): add them beside the app, take one instead of a code, remove them.

A passkey signs a challenge for one origin alone, so a page that only looks like this one gets
nothing of use from it.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from memory_app import conf
from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditAct
from memory_app.operations.auditing import write_entry
from memory_app.operations.people import person_entry
from memory_app.operations.rights import Person
from memory_app.operations.second_factor import is_confirmed
from memory_app.storage import Database, engine

MOST: Final = 10
_MAX_NAME: Final = 60
# What a device answers is some hundred bytes; certificates that nobody asked for are some thousand.
_MAX_ANSWER: Final = 32_768
_REFUSED: Final = "the browser's answer could not be taken; begin again"
# The person showed who they are by the password: the passkey shows that the device is at hand.
_PRESENCE: Final = UserVerificationRequirement.DISCOURAGED


class Party(NamedTuple):
    """For whom passkeys are: the domain, and the one origin at which they are taken."""

    domain: str
    origin: str


class Asked(NamedTuple):
    """What the browser is asked, and what to keep of that until its answer comes, which is once."""

    options: Mapping[str, Any]
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """One of a person's own passkeys; times are moments."""

    number: int
    name: str
    created_at: int
    last_used_at: int | None


def party_at(address: str) -> Party | None:
    """Return for whom passkeys are at an address; None where browsers have none for it.

    They ask for https, or for this machine, and for a name: an IP address is nobody's for ever.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not (parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")):
        return None
    try:
        ip_address(host)
    except ValueError:
        return Party(host, f"{parts.scheme}://{parts.netloc}")
    return None


def list_passkeys(*, person: Person) -> Sequence[PasskeyView]:
    """Return the person's own passkeys, the oldest first."""
    rows = engine().read(
        lambda db: db.rows(
            "SELECT id, name, created_at, last_used_at FROM passkey"
            " WHERE operator_id = %s ORDER BY id",
            (person.id,),
        )
    )
    return [PasskeyView(*row) for row in rows]


def begin_passkey(*, person: Person, party: Party, name: str) -> Asked:
    """Ask the browser to make a passkey. Raises Invalid without an app, or with too many."""
    trimmed = check_name(name)

    def work(db: Database) -> list[AttestedCredentialData]:
        _require_room(db, person, trimmed)
        return _credentials(db, person.id)

    user = PublicKeyCredentialUserEntity(
        name=person.username, display_name=person.username, id=_handle(person.id)
    )
    options, state = _server(party).register_begin(
        user,
        engine().read(work),
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=_PRESENCE,
    )
    return Asked(dict(options)["publicKey"], {**state, "name": trimmed})


def add_passkey(
    *, person: Person, party: Party, state: Mapping[str, Any], answer: str, now: int | None = None
) -> str:
    """Keep the passkey that a browser made; return its name. Raises Invalid."""
    data = _read(lambda given: _server(party).register_complete(state, given), answer)
    if data is None or data.credential_data is None:
        raise Invalid(_REFUSED)
    made, name = data.credential_data, str(state["name"])

    def work(db: Database) -> str:
        moment = now or db.now()
        _require_room(db, person, name)
        known = websafe_encode(made.credential_id)
        if db.row("SELECT 1 FROM passkey WHERE credential_id = %s", (known,)):
            raise Invalid("this device has a passkey here already")
        db.run(
            "INSERT INTO passkey (operator_id, credential_id, credential, sign_count, name,"
            " created_at) VALUES (%s, %s, %s, %s, %s, %s)",
            (person.id, known, bytes(made), data.counter, name, moment),
        )
        write_entry(db, person_entry(person.username, AuditAct.PASSKEY_ADD, person.id), moment)
        return name

    return engine().write(work)


def remove_passkey(*, person: Person, number: int, now: int | None = None) -> str:
    """Take one of the person's own passkeys no more; return its name. Raises NotFound."""

    def work(db: Database) -> str:
        row = db.row(
            "DELETE FROM passkey WHERE id = %s AND operator_id = %s RETURNING name",
            (number, person.id),
        )
        if row is None:
            raise NotFound("there is no such passkey of yours")
        entry = person_entry(person.username, AuditAct.PASSKEY_REMOVE, person.id)
        write_entry(db, entry, now or db.now())
        return str(row[0])

    return engine().write(work)


def ask_for_passkey(*, operator_id: int, party: Party) -> Asked | None:
    """Ask the browser of somebody who signs in for one of their passkeys; None without any."""
    known = engine().read(lambda db: _credentials(db, operator_id))
    if not known:
        return None
    options, state = _server(party).authenticate_begin(known, user_verification=_PRESENCE)
    return Asked(dict(options)["publicKey"], state)


def check_passkey(
    *,
    operator_id: int,
    party: Party,
    state: Mapping[str, Any],
    answer: str,
    now: int | None = None,
) -> bool:
    """Tell whether a passkey of the person signed what was asked.

    A passkey whose count does not go on was copied, and is not taken.
    """

    def work(db: Database) -> bool:
        # Two who use it at the same moment come one after the other.
        db.row("SELECT s.id FROM operator s WHERE s.id = %s {for_update}", (operator_id,))
        known = _credentials(db, operator_id)
        read = _read(lambda given: _verified(party, state, known, given), answer)
        if read is None:
            return False
        found, counted = websafe_encode(read[0].credential_id), read[1].counter
        # A passkey that does not count says 0 every time.
        taken = db.run(
            "UPDATE passkey SET sign_count = %s, last_used_at = %s"
            " WHERE credential_id = %s AND operator_id = %s"
            " AND (sign_count < %s OR (sign_count = 0 AND %s = 0))",
            (counted, now or db.now(), found, operator_id, counted, counted),
        )
        return bool(taken)

    return engine().write(work)


def check_name(name: str) -> str:
    """Return the name of a passkey as it is stored. Raises Invalid."""
    trimmed = " ".join(name.split())
    if not 1 <= len(trimmed) <= _MAX_NAME or not trimmed.isprintable():
        raise Invalid.at(
            ("name",), f"name the passkey, in at most {_MAX_NAME} printable characters"
        )
    return trimmed


def _require_room(db: Database, person: Person, name: str) -> None:
    # Whoever adds two at once waits here.
    db.row("SELECT s.id FROM operator s WHERE s.id = %s {for_update}", (person.id,))
    if not is_confirmed(db, person.id):
        raise Invalid("add an app first: it lets you in where a browser has no passkey")
    rows = db.rows("SELECT name FROM passkey WHERE operator_id = %s", (person.id,))
    if len(rows) >= MOST:
        raise Invalid(f"at most {MOST} passkeys; remove one first")
    if name.casefold() in {taken.casefold() for (taken,) in rows}:
        raise Invalid.at(("name",), "you have a passkey of this name already")


def _credentials(db: Database, number: int) -> list[AttestedCredentialData]:
    rows = db.rows("SELECT credential FROM passkey WHERE operator_id = %s ORDER BY id", (number,))
    return [AttestedCredentialData(bytes(row[0])) for row in rows]


def _server(party: Party) -> Fido2Server:
    entity = PublicKeyCredentialRpEntity(name="Lethe", id=party.domain)
    return Fido2Server(entity, verify_origin=lambda origin: bool(origin == party.origin))


def _verified(
    party: Party, state: Mapping[str, Any], known: Sequence[AttestedCredentialData], given: Any
) -> tuple[AttestedCredentialData, AuthenticatorData]:
    found = _server(party).authenticate_complete(state, known, given)
    return found, AuthenticationResponse.from_dict(given).response.authenticator_data


def _read(work: Any, answer: str) -> Any:
    """Return what is made of a browser's answer, or None when it is none, or wrong."""
    if len(answer) > _MAX_ANSWER:
        return None
    try:
        return work(json.loads(answer))
    # The answer may be anything, and the library fails on some of it in ways of its own.
    except Exception:
        return None


def _handle(number: int) -> bytes:
    """Return how devices know a person: not by name or number, which other sites would see."""
    return hmac.digest(f"passkey:{conf.secret_key()}".encode(), str(number).encode(), "sha256")
