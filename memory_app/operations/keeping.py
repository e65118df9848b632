"""Keep what a person searches for, so that no address, history or log holds a word of it.

The address of a result holds a random token. The words are kept here for an hour, sealed with a key
made from that token, which is itself not kept: the table alone says nothing.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from memory_app import conf
from memory_app.errors import Forbidden, NotFound
from memory_app.moments import HOUR
from memory_app.operations.rights import Person
from memory_app.storage import Database, engine

KEPT_FOR: Final = HOUR
_NONCE: Final = 12


def keep_search(*, person: Person, asked: Mapping[str, str], now: int | None = None) -> str:
    """Keep what is asked for an hour; return the token by which this person finds it again."""
    token = f"sch_{secrets.token_hex(16)}"
    nonce = secrets.token_bytes(_NONCE)
    text = json.dumps(dict(asked), ensure_ascii=False).encode()
    sealed = nonce + AESGCM(_key(token)).encrypt(nonce, text, str(person.id).encode())

    def work(db: Database) -> None:
        moment = now or db.now()
        db.run("DELETE FROM kept_search WHERE kept_until <= %s", (moment,))
        db.run(
            "INSERT INTO kept_search (id, operator_id, sealed, kept_until) VALUES (%s, %s, %s, %s)",
            (_id(token), person.id, sealed, moment + KEPT_FOR),
        )

    engine().write(work)
    return token


def read_search(*, person: Person, token: str, now: int | None = None) -> dict[str, str]:
    """Return what was asked. Raises NotFound when its hour is over, Forbidden for another's."""

    def work(db: Database) -> tuple[int, bytes] | None:
        row = db.row(
            "SELECT operator_id, sealed FROM kept_search WHERE id = %s AND kept_until > %s",
            (_id(token), now or db.now()),
        )
        return None if row is None else (row[0], bytes(row[1]))

    kept = engine().read(work)
    if kept is None:
        raise NotFound("this search is not kept any more")
    operator, sealed = kept
    if operator != person.id:
        raise Forbidden("this search is another person's; its words are not shown to you")
    try:
        text = AESGCM(_key(token)).decrypt(
            sealed[:_NONCE], sealed[_NONCE:], str(person.id).encode()
        )
    except InvalidTag:
        raise NotFound("this search is not kept any more") from None
    asked: dict[str, str] = json.loads(text)
    return asked


def _key(token: str) -> bytes:
    return hashlib.sha256(f"search:{token}:{conf.secret_key()}".encode()).digest()


def _id(token: str) -> str:
    return hmac.new(f"kept:{conf.secret_key()}".encode(), token.encode(), "sha256").hexdigest()
