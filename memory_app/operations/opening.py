"""Find a session under its lock, and begin a new one."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterable
from typing import NamedTuple

from memory_app import conf
from memory_app.errors import NotFound, SessionExpired
from memory_app.models import OnExpired
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import NEVER
from memory_app.operations.receiving import SessionChange
from memory_app.storage import Database
from memory_app.storage.engine import Row
from memory_app.storage.statements import BY_UID, LIVE, SESSION_COLUMNS, SESSION_WITH_DOCUMENT
from memory_app.strict_json import canonical, decode


class Policy(NamedTuple):
    """The retention policy that decides for one session id."""

    idle_for: int
    max_age: int
    grace: int
    on_expired: str
    prefix: str


class Found(NamedTuple):
    """What lives under an id: a session that agents see, or one past its time, or neither."""

    visible: SessionSnapshot | None
    expired: SessionSnapshot | None
    now: int

    def require(self, db: Database, namespace_id: int) -> SessionSnapshot:
        """Return the session that agents see. Raises NotFound and SessionExpired."""
        if self.visible is not None:
            return self.visible
        refuse_expired(db, namespace_id, self.expired)
        raise NotFound("there is no such session")


def refuse_expired(db: Database, namespace_id: int, expired: SessionSnapshot | None) -> None:
    """Raise SessionExpired where the policy rejects instead of beginning anew."""
    if expired is None:
        return
    policy = find_policy(db, namespace_id, expired.session_id)
    if policy.on_expired == OnExpired.REJECT:
        raise SessionExpired("the session is past its time, and this namespace begins no new one")


def lock_live(db: Database, namespace_id: int, session_id: str, now: int | None) -> Found:
    """Lock the live session of an id and tell, by the clock read under the lock, what it is."""
    row = db.row(_LOCK_LIVE, (namespace_id, session_id))
    if row is not None:
        # Read apart, once the lock is held: joined to the locked row, PostgreSQL shows the document
        # as it was before the writer whom the lock waited for, and that one's change is lost.
        row = (*row, *(db.row(_DOCUMENT, (row[0],)) or (None, None)))
    return _found(db, row, now)


def find_live(db: Database, namespace_id: int, session_id: str, now: int | None) -> Found:
    """Find the live session of an id without a lock."""
    row = db.row(_READ_LIVE, (namespace_id, session_id))
    return _found(db, row, now)


def find_uid(db: Database, namespace_id: int, uid: str, now: int | None) -> Found:
    """Find a session by its random id, ended ones included."""
    row = db.row(_READ_UID, (namespace_id, uid))
    return _found(db, row, now)


def _found(db: Database, row: Row | None, now: int | None) -> Found:
    moment = now or db.now()
    if row is None:
        return Found(None, None, moment)
    session = SessionSnapshot(*row)
    if session.status(moment) == "active":
        return Found(session, None, moment)
    return Found(None, session, moment)


_READ_LIVE = SESSION_WITH_DOCUMENT.replace("{where}", LIVE)
_READ_UID = SESSION_WITH_DOCUMENT.replace("{where}", BY_UID)
_LOCK_LIVE = f"SELECT {SESSION_COLUMNS} FROM agent_session s WHERE {LIVE} {{for_update}}"
_DOCUMENT = "SELECT d.metadata, d.state FROM session_document d WHERE d.session_id = %s"


def find_policy(db: Database, namespace_id: int, session_id: str) -> Policy:
    """Return the policy with the longest prefix of an id; each namespace has one without."""
    row = db.row(
        "SELECT idle_for, max_age, grace, on_expired, prefix FROM retention_policy"
        " WHERE namespace_id = %s AND substr(CAST(%s AS text), 1, length(prefix)) = prefix"
        " ORDER BY length(prefix) DESC LIMIT 1",
        (namespace_id, session_id),
    )
    assert row is not None, "a namespace is made together with its policy"
    return Policy(*row)


class NewSession(NamedTuple):
    """What a session begins with."""

    namespace_id: int
    session_id: str
    predecessor: SessionSnapshot | None
    user_id: str | None = None
    change: SessionChange = SessionChange()
    explicit_until: int = NEVER
    explicit_because: str = "explicit"
    # An import may keep when a session began, was last active and would have expired.
    begun_at: int | None = None
    active_at: int | None = None
    idle_until: int = 0


class Limits(NamedTuple):
    """The limits of a session that begins: none lies in the past."""

    begun_at: int
    active_at: int
    idle_until: int
    max_age_until: int
    explicit_until: int

    @property
    def expires_at(self) -> int:
        """Return the earliest."""
        return min(self.idle_until, self.max_age_until, self.explicit_until)


def limit(new: NewSession, policy: Policy, now: int) -> Limits:
    """Return until when a new session lives under a policy."""
    begun_at = now if new.begun_at is None else min(new.begun_at, now)
    active_at = now if new.active_at is None else min(new.active_at, now)
    return Limits(
        begun_at,
        active_at,
        min(max(active_at + policy.idle_for, new.idle_until, now), NEVER),
        min(max(begun_at + policy.max_age, now), NEVER),
        max(new.explicit_until, now),
    )


def open_session(db: Database, new: NewSession, now: int) -> SessionSnapshot | None:
    """Begin a session and end its expired predecessor.

    Returns None when another caller began one under this id in the same moment.
    """
    if new.predecessor is not None:
        db.run(
            "UPDATE agent_session SET ended_at = %s WHERE id = %s", (now, new.predecessor.number)
        )
    policy = find_policy(db, new.namespace_id, new.session_id)
    limits = limit(new, policy, now)
    metadata, state = new.change.get("metadata"), new.change.get("state")
    tags = new.change.get("tags") or []
    row = db.row(
        f"INSERT INTO agent_session ({', '.join(_NEW_COLUMNS)})"
        f" VALUES ({', '.join(['%s'] * len(_NEW_COLUMNS))}) ON CONFLICT DO NOTHING RETURNING id",
        (
            uuid.uuid4().hex,
            new.namespace_id,
            new.session_id,
            new.user_id,
            new.change.get("title"),
            json.dumps(tags, ensure_ascii=False),
            new.predecessor.revision if new.predecessor else 0,
            *(0, 0, 0, 0),
            limits.begun_at,
            limits.active_at,
            policy.idle_for,
            limits.idle_until,
            limits.max_age_until,
            limits.explicit_until,
            new.explicit_because,
            limits.expires_at,
            policy.grace,
            0,
        ),
    )
    if row is None:
        return None
    number: int = row[0]
    if metadata or state:
        db.run(
            "INSERT INTO session_document (session_id, metadata, state) VALUES (%s, %s, %s)",
            (number, metadata and metadata.text, state and state.text),
        )
    write_facets(db, number, new.namespace_id, tags, metadata.text if metadata else None)
    created = db.row(f"{SESSION_WITH_DOCUMENT.replace('{where}', 's.id = %s')}", (number,))
    assert created is not None
    return SessionSnapshot(*created)


_NEW_COLUMNS = (
    "uid",
    "namespace_id",
    "session_id",
    "user_id",
    "title",
    "tags",
    "revision",
    "last_seq",
    "message_count",
    "token_count",
    "size_bytes",
    "created_at",
    "last_activity_at",
    "idle_for",
    "idle_until",
    "max_age_until",
    "explicit_until",
    "explicit_because",
    "expires_at",
    "grace",
    "purge_not_before",
)


def write_facets(
    db: Database, number: int, namespace_id: int, tags: Iterable[str], metadata: str | None
) -> None:
    """Write the digests by which a session is found by tag and metadata."""
    digests = {tag_facet(namespace_id, tag) for tag in tags}
    if metadata is not None:
        digests |= {
            metadata_facet(namespace_id, key, value) for key, value in decode(metadata).items()
        }
    db.run_many(
        "INSERT INTO session_facet (session_id, digest) VALUES (%s, %s)",
        [(number, digest) for digest in sorted(digests)],
    )


def tag_facet(namespace_id: int, tag: str) -> bytes:
    """Return the digest of a tag."""
    return _facet(namespace_id, f"tag:{tag}")


def metadata_facet(namespace_id: int, key: str, value: object) -> bytes:
    """Return the digest of a top-level metadata entry; types count, key order does not."""
    return _facet(namespace_id, f"metadata:{canonical({key: value})}")


def _facet(namespace_id: int, text: str) -> bytes:
    secret = f"facet:{namespace_id}:{conf.secret_key()}".encode()
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()[:16]
