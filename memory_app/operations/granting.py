"""Show people the keys of the namespaces they manage; let them make, replace and end keys."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import ApiKey, Namespace, Scope
from memory_app.models.message import SEQ_BITS
from memory_app.moments import DAY, HOUR, NEVER
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.keys import (
    NewKey,
    check_key,
    forget_cached_keys,
    issue_key,
    prefix_of,
    revoke_key,
    succeed_key,
)
from memory_app.operations.rights import Person, Right, role_for
from memory_app.storage import Database, engine

# How long an old key may still work beside its successor.
OVERLAPS: Final = (HOUR, DAY, 7 * DAY, 30 * DAY)
PAGE: Final = 50
# A key is said to end soon so long before.
_SOON: Final = 7 * DAY
_FORM: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
# A first message is looked for in so many sessions, and the newest messages of each.
_SESSIONS: Final = 100
_MESSAGES: Final = 50


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as people see it, in the order of _COLUMNS: never the key itself. Times are moments."""

    number: int
    prefix: str
    label: str
    namespace: str
    scopes_text: str
    created_by: str
    created_at: int
    last_used_at: int | None
    expires_at: int
    revoked_at: int | None
    rotated_to: str | None
    rate_limit: int | None
    now: int

    @property
    def scopes(self) -> Sequence[str]:
        """Return what the key may do."""
        return self.scopes_text.split(",")

    @property
    def state(self) -> str:
        """Return `active`, `expiring` (within seven days), `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= self.now:
            return "expired"
        return "expiring" if self.expires_at - self.now < _SOON else "active"

    @property
    def is_valid(self) -> bool:
        """Tell whether agents may call with it now."""
        return self.state in ("active", "expiring")

    @property
    def writes(self) -> bool:
        """Tell whether messages can be stored with it."""
        return Scope.WRITE in self.scopes


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One page of keys, the cursor of the next, and the namespaces whose keys a person manages."""

    items: Sequence[KeyView]
    next_cursor: str | None
    namespaces: Sequence[str]


@dataclass(frozen=True, slots=True)
class Granted:
    """A key that was made; no token when the form that asks for it was sent before."""

    prefix: str
    token: str | None


@dataclass(frozen=True, slots=True)
class FirstMessage:
    """A message that came in with a key; no session for those who may not see it."""

    at: int
    uid: str | None
    session_id: str | None


_COLUMNS: Final = (
    "k.id, k.prefix, k.label, n.name, k.scopes, k.created_by, k.created_at, k.last_used_at,"
    " k.expires_at, k.revoked_at, k.rotated_to, k.rate_limit"
)
_KEYS: Final = f"SELECT {_COLUMNS} FROM api_key k JOIN namespace n ON n.id = k.namespace_id WHERE "


def list_keys(
    *,
    person: Person,
    namespace: str | None = None,
    ended: bool = False,
    cursor: str | None = None,
    now: int | None = None,
) -> KeyPage:
    """Return a page of keys that are valid, or of those that have ended, the newest first.

    Raises Forbidden when a person manages keys nowhere, NotFound, and Invalid for a cursor of
    another list.
    """
    list_of = ("keys", namespace, ended)
    before = None if cursor is None else read_cursor(cursor, list_of)

    def work(db: Database) -> KeyPage:
        moment = now or db.now()
        places = _managed(db, person)
        asked = [(number, name) for number, name in places if namespace in (None, name)]
        if namespace is not None and not asked:
            raise NotFound("there is no such namespace")
        state = "k.revoked_at IS NOT NULL OR k.expires_at <= %s"
        wanted = f"({state})" if ended else f"NOT ({state})"
        rows = (
            db.rows(
                f"{_KEYS} k.namespace_id IN ({', '.join(['%s'] * len(asked))}) AND {wanted}"
                " AND k.id < %s ORDER BY k.id DESC LIMIT %s",
                (
                    *(number for number, _ in asked),
                    moment,
                    before[0] if before else 2**31,
                    PAGE + 1,
                ),
            )
            if asked
            else []
        )
        items = [KeyView(*(*row, moment)) for row in rows[:PAGE]]
        following = write_cursor([items[-1].number], list_of) if len(rows) > PAGE else None
        return KeyPage(items, following, [name for _, name in places])

    return engine().read(work)


def _managed(db: Database, person: Person) -> list[tuple[int, str]]:
    if not person.may_anywhere(Right.MANAGE_KEYS):
        raise Forbidden(f"this needs the role {role_for(Right.MANAGE_KEYS)}, which you do not hold")
    rows = db.rows("SELECT id, name FROM namespace ORDER BY name")
    return [(number, name) for number, name in rows if person.may(Right.MANAGE_KEYS, name)]


def show_key(*, person: Person, prefix: str, now: int | None = None) -> KeyView:
    """Return a key by its prefix. Raises NotFound."""
    return engine().read(lambda db: _find(db, person, prefix, now))


def _find(db: Database, person: Person, prefix: str, now: int | None) -> KeyView:
    row = db.row(f"{_KEYS} k.prefix = %s", (prefix,))
    if row is None or not person.may(Right.MANAGE_KEYS, row[3]):
        raise NotFound("there is no such key")
    return KeyView(*(*row, now or db.now()))


def grant_key(
    *,
    person: Person,
    namespace: str,
    form: str,
    scopes: Collection[str],
    label: str = "",
    lasts: int = NEVER,
    rate_limit: int | None = None,
    now: int | None = None,
) -> Granted:
    """Make a key, which lasts so many microseconds, once for each form. Raises Invalid, NotFound.

    `form` is 32 random hexadecimal digits: sent again, as by a reload, it makes no second key.
    """
    check_key(scopes=scopes, label=label.strip(), rate_limit=rate_limit)
    _check_form(form)

    def work(db: Database) -> Granted:
        place = Namespace.objects.select_for_update().filter(name=namespace).first()
        if place is None or not person.may(Right.MANAGE_KEYS, namespace):
            raise NotFound("there is no such namespace")
        if made := _made_by(form):
            return Granted(made, None)
        moment = now or db.now()
        ends = min(moment + lasts, NEVER)
        new = NewKey(place, scopes, ends, label.strip(), rate_limit, form)
        token = issue_key(db, new, person.username, moment)
        return Granted(prefix_of(token), token)

    return engine().write(work)


def replace_key(
    *, person: Person, prefix: str, form: str, overlap: int = DAY, now: int | None = None
) -> Granted:
    """Make a successor for a key, which ends after the overlap, once for each form.

    Raises Invalid and NotFound.
    """
    _check_form(form)
    if overlap not in OVERLAPS:
        raise Invalid("choose how long the old key still works")

    def work(db: Database) -> Granted:
        old = _find(db, person, prefix, now)
        Namespace.objects.select_for_update().get(name=old.namespace)
        if made := _made_by(form):
            return Granted(made, None)
        token = succeed_key(db, prefix, overlap, person.username, now or db.now(), form)
        return Granted(prefix_of(token), token)

    granted = engine().write(work)
    forget_cached_keys()
    return granted


def _check_form(form: str) -> None:
    if not _FORM.fullmatch(form):
        raise Invalid("open the form anew: it makes one key, and this one is not known")


def _made_by(form: str) -> str | None:
    return ApiKey.objects.filter(form=form).values_list("prefix", flat=True).first()


def withdraw_key(*, person: Person, prefix: str, now: int | None = None) -> KeyView:
    """End a key at once; return it. Raises NotFound."""
    key = show_key(person=person, prefix=prefix, now=now)
    revoke_key(prefix=prefix, actor=person.username, now=now)
    return key


# From the sessions that were active last, and the end of each: no index leads from a key to its
# messages, and one would cost every append.
_FIRST_MESSAGE: Final = f"""
    SELECT f.at, f.uid, f.session_id FROM (
        SELECT s.uid, s.session_id, (
            SELECT min(w.created_at) FROM (
                SELECT m.created_at, m.api_key_id FROM message m
                WHERE m.id > CAST(s.id AS bigint) << {SEQ_BITS}
                    AND m.id < CAST(s.id + 1 AS bigint) << {SEQ_BITS}
                ORDER BY m.id DESC LIMIT {_MESSAGES}
            ) w WHERE w.api_key_id = %s
        ) AS at FROM (
            SELECT a.id, a.uid, a.session_id FROM agent_session a
            JOIN namespace n ON n.id = a.namespace_id
            WHERE n.name = %s AND a.last_activity_at >= %s AND a.purge_receipt IS NULL
            ORDER BY a.last_activity_at DESC, a.id DESC LIMIT {_SESSIONS}
        ) s
    ) f WHERE f.at IS NOT NULL ORDER BY f.at LIMIT 1"""


def find_first_message(*, person: Person, prefix: str) -> FirstMessage | None:
    """Return the first message that came in with a key, if it began to be used a moment ago.

    Looks only at the end of the sessions that were active last. Raises NotFound.
    """

    def work(db: Database) -> FirstMessage | None:
        key = _find(db, person, prefix, None)
        row = db.row(_FIRST_MESSAGE, (key.number, key.namespace, key.created_at))
        if row is None:
            return None
        at, uid, session_id = row
        seen = person.may(Right.VIEW, key.namespace)
        return FirstMessage(at, uid if seen else None, session_id if seen else None)

    return engine().read(work)
