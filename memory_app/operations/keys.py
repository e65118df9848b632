"""Issue, verify and revoke the keys by which agents call."""

import hmac
import re
import secrets
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Final, NamedTuple

from memory_app import conf, moments
from memory_app.errors import Forbidden, Invalid, NotFound, Refusal, Unauthenticated
from memory_app.models import ApiKey, AuditAct, Namespace, Scope
from memory_app.moments import NEVER
from memory_app.operations.auditing import COMMAND, About, Entry, write_entries, write_entry
from memory_app.operations.limiting import count_call
from memory_app.operations.namespaces import ensure_namespace
from memory_app.storage import Database, engine

SCOPES: Final = tuple(Scope.values)
# More calls in a minute than this are beyond one process: such a limit would limit nothing.
MAX_RATE: Final = 1_000_000
DEFAULT_SCOPES: Final = (Scope.READ.value, Scope.WRITE.value)

# lethe_<8 characters to look it up by>_<43 characters of secret: 256 bits>
_TOKEN: Final = re.compile(r"(lethe_[a-z0-9]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_PREFIX_LENGTH: Final = len("lethe_") + 8
_MINUTE: Final = 60 * moments.SECOND


class Caller(NamedTuple):
    """Who calls: a key, and the one namespace it belongs to."""

    api_key_id: int
    prefix: str
    namespace_id: int
    namespace: str
    shares_default: bool
    scopes: frozenset[str]
    digest: bytes
    expires_at: int
    rate_limit: int | None = None

    @property
    def name(self) -> str:
        """Return how receipts and the audit log name whoever calls."""
        return f"key {self.prefix}"

    def require(self, scope: str) -> None:
        """Refuse a key without the scope."""
        if scope not in self.scopes:
            raise Forbidden(f"this API key lacks the scope '{scope}'")


class NewKey(NamedTuple):
    """What a key is to be; `form` is what a person sent to ask for it."""

    namespace: Namespace
    scopes: Collection[str] = DEFAULT_SCOPES
    expires_at: int = NEVER
    label: str = ""
    rate_limit: int | None = None
    form: str | None = None


def create_key(
    *,
    namespace: str,
    scopes: Collection[str] = DEFAULT_SCOPES,
    expires_at: int = NEVER,
    label: str = "",
    rate_limit: int | None = None,
    actor: str = COMMAND,
    now: int | None = None,
) -> str:
    """Make a key, and its namespace when that is missing; return it, for it is kept nowhere.

    `rate_limit` is in calls a minute, None for no limit; `actor` is the name of the person who does
    it, if not a command. Raises Invalid.
    """
    check_key(scopes=scopes, label=label, rate_limit=rate_limit)

    def work(db: Database) -> str:
        moment = now or db.now()
        place = ensure_namespace(name=namespace, now=moment)
        return issue_key(db, NewKey(place, scopes, expires_at, label, rate_limit), actor, moment)

    return engine().write(work)


def check_key(*, scopes: Collection[str], label: str, rate_limit: int | None = None) -> None:
    """Refuse scopes that there are not, a label that cannot be shown, and a limit that is none."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        said = f"scopes are {', '.join(SCOPES)}; not {', '.join(unknown) or 'none'}"
        raise Invalid.at(("body", "scopes"), said)
    if len(label) > conf.MAX_TITLE or not label.isprintable():
        said = f"a label has at most {conf.MAX_TITLE} characters, all of them printable"
        raise Invalid.at(("body", "label"), said)
    if rate_limit is not None and not 1 <= rate_limit <= MAX_RATE:
        said = f"a limit is 1 to {MAX_RATE:,} calls a minute; without one there is none"
        raise Invalid.at(("body", "rate_limit"), said)


def issue_key(db: Database, new: NewKey, actor: str, now: int) -> str:
    """Make a key in the caller's transaction, as its last step; return it. Raises Invalid."""
    if new.expires_at <= now:
        raise Invalid("a key expires in the future")
    key = ApiKey(
        namespace=new.namespace,
        scopes=",".join(scope for scope in SCOPES if scope in new.scopes),
        label=new.label,
        created_at=now,
        expires_at=new.expires_at,
        created_by=actor,
        rate_limit=new.rate_limit,
        form=new.form,
    )
    token = _issue(key)
    write_entry(db, _entry(actor, AuditAct.KEY_CREATE, key), now)
    return token


def rotate_key(
    *, prefix: str, overlap: int = moments.DAY, actor: str = COMMAND, now: int | None = None
) -> str:
    """Make a key with the rights of another, which ends after the overlap; return the new one.

    A key that had an end gets a successor that lives as long as it did. Raises NotFound.
    """
    token = engine().write(lambda db: succeed_key(db, prefix, overlap, actor, now or db.now()))
    forget_cached_keys()
    return token


def succeed_key(
    db: Database, prefix: str, overlap: int, actor: str, now: int, form: str | None = None
) -> str:
    """Rotate a key in the caller's transaction, as its last step; return the new one.

    Raises NotFound.
    """
    old = ApiKey.objects.select_for_update().filter(prefix=prefix).first()
    if old is None or old.revoked_at is not None or old.expires_at <= now:
        raise NotFound("there is no valid key with this prefix: lethe_ and the next 8 characters")
    life = old.expires_at - old.created_at
    new = ApiKey(
        namespace_id=old.namespace_id,
        scopes=old.scopes,
        label=old.label,
        created_at=now,
        expires_at=NEVER if old.expires_at >= NEVER else min(now + life, NEVER),
        created_by=actor,
        rate_limit=old.rate_limit,
        form=form,
    )
    token = _issue(new)
    old.expires_at = min(old.expires_at, now + overlap)
    old.rotated_to = new.prefix
    old.save(update_fields=["expires_at", "rotated_to"])
    acts = ((AuditAct.KEY_ROTATE, old), (AuditAct.KEY_CREATE, new))
    write_entries(db, [_entry(actor, act, key) for act, key in acts], now)
    return token


def revoke_key(*, prefix: str, actor: str = COMMAND, now: int | None = None) -> None:
    """End a key: other processes notice within seconds. Again is no error. Raises NotFound."""

    def work(db: Database) -> None:
        moment = now or db.now()
        keys = ApiKey.objects.filter(prefix=prefix)
        if not keys.exists():
            raise NotFound("there is no key with this prefix: lethe_ and the next 8 characters")
        if keys.filter(revoked_at=None).update(revoked_at=moment):
            write_entry(db, _entry(actor, AuditAct.KEY_REVOKE, keys.get()), moment)

    engine().write(work)
    forget_cached_keys()


def prefix_of(token: str) -> str:
    """Return the readable part of a key, by which it is known."""
    return token[:_PREFIX_LENGTH]


def _entry(actor: str, act: AuditAct, key: ApiKey) -> Entry:
    return Entry(actor, act, key.namespace.name, About("key", key.prefix))


def _issue(key: ApiKey) -> str:
    """Give a key its secret and store its digest; return what its owner keeps."""
    secret = secrets.token_urlsafe(32)
    key.prefix = "lethe_" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
    key.digest = _digest(secret)
    key.save(force_insert=True)
    return f"{key.prefix}_{secret}"


def verify_key(token: str, *, now: int | None = None) -> Caller:
    """Return who calls with this key, and count the call when it has a limit.

    Raises Unauthenticated, the same for every reason, and RateLimited.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise _unknown()
    prefix, secret = match.groups()
    caller = _cached(prefix) or _load(prefix, now)
    # A key that does not exist is compared too, so that the time taken does not tell which exist.
    known = caller.digest if caller else bytes(32)
    if not hmac.compare_digest(known, _digest(secret)) or caller is None:
        raise _unknown()
    moment = now or moments.process_clock()
    if caller.expires_at <= moment:
        raise _unknown()
    if caller.rate_limit is not None:
        count_call(api_key_id=caller.api_key_id, limit=caller.rate_limit, now=moment)
    return caller


def _unknown() -> Unauthenticated:
    return Unauthenticated("send a valid API key: Authorization: Bearer lethe_...")


def _digest(secret: str) -> bytes:
    # The secret has 256 random bits: a slow hash would add a second to each call and nothing else.
    pepper = f"api-key:{conf.secret_key()}".encode()
    return hmac.digest(pepper, secret.encode(), "sha256")


_cache: dict[str, tuple[float, Caller]] = {}
_cache_lock = threading.Lock()
_CACHE_SIZE: Final = 10_000


def _cached(prefix: str) -> Caller | None:
    entry = _cache.get(prefix)
    return entry[1] if entry and time.monotonic() < entry[0] else None


def forget_cached_keys() -> None:
    """Look every key up again, as after a revocation in this process."""
    with _cache_lock:
        _cache.clear()


def _load(prefix: str, now: int | None) -> Caller | None:
    """Read a key from the database and note, at most once a minute, that it is used."""
    row = engine().read(
        lambda db: db.row(
            "SELECT k.id, k.prefix, k.namespace_id, n.name, n.shares_default, k.scopes, k.digest,"
            " k.expires_at, k.rate_limit, k.last_used_at FROM api_key k"
            " JOIN namespace n ON n.id = k.namespace_id"
            " WHERE k.prefix = %s AND k.revoked_at IS NULL",
            (prefix,),
        )
    )
    if row is None:
        return None
    *fields, last_used_at = row
    caller = Caller(*fields)._replace(
        scopes=frozenset(row[5].split(",")), digest=bytes(row[6]), shares_default=bool(row[4])
    )
    with _cache_lock:
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        _cache[prefix] = (time.monotonic() + conf.KEY_CACHE_SECONDS, caller)
    moment = now or moments.process_clock()
    if last_used_at is None or moment - last_used_at > _MINUTE:
        _note_use(caller.api_key_id, moment)
    return caller


def _note_use(api_key_id: int, moment: int) -> None:
    # A full disk or a busy database refuses this write, and must not refuse the call for it.
    with suppress(Refusal):
        engine().write(
            lambda db: db.run(
                "UPDATE api_key SET last_used_at = %s WHERE id = %s", (moment, api_key_id)
            )
        )
