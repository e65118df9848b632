"""sessions/: what a conversation is besides its messages, and how long it lives."""

from collections.abc import Iterable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from memory_app.api import schemas
from memory_app.api.answers import (
    answer,
    quote,
    receipt_json,
    session_json,
    stub_json,
)
from memory_app.api.auth import caller_of
from memory_app.errors import Invalid
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations import branching, browsing, forking, purging, sessions
from memory_app.operations.branching import Branch, Leaf
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.keys import Caller
from memory_app.operations.reading import Which
from memory_app.operations.receiving import (
    check_id,
    check_session_id,
    receive_change,
)
from memory_app.operations.sessions import SessionAt
from memory_app.strict_json import decode

router = Router(tags=["sessions"])

# Each entry is a condition of its own, and a database takes only so many.
_MOST_ENTRIES: Final = 32


@router.get("/list", response=schemas.SessionsOut)
def list_(request: HttpRequest, query: Query[schemas.ListSessionsIn]) -> HttpResponse:
    """List sessions, page by page, without their state and without any message text.

    Of sessions past their time only the stub is shown. Ordered by `created_at`, every session is
    met exactly once however many begin meanwhile; by a field that changes, paging is best effort. A
    cursor belongs to the list that gave it: send it with the same filters and the same `sort`.
    """
    caller = caller_of(request)
    page = browsing.list_sessions(
        caller=caller,
        wanted=_filter(query),
        sort=query.sort,
        limit=query.limit,
        cursor=query.cursor,
        with_total=query.total,
    )
    items = ",".join(
        _shown(session, caller, page.now, leave_out=("state",)) for session in page.items
    )
    cursor = quote(page.next_cursor) if page.next_cursor else "null"
    total = "" if page.total is None else f',"total":{page.total}'
    return answer(f'{{"items":[{items}],"next_cursor":{cursor}{total}}}')


def _filter(query: schemas.ListSessionsIn) -> SessionFilter:
    metadata = None
    if query.metadata is not None:
        metadata = decode(query.metadata, loc=("query", "metadata"))
        if not isinstance(metadata, dict) or not 1 <= len(metadata) <= _MOST_ENTRIES:
            raise Invalid.at(
                ("query", "metadata"), f"send a JSON object with 1 to {_MOST_ENTRIES} entries"
            )
    return SessionFilter(
        prefix=query.prefix,
        user_id=query.user_id,
        status=query.status,
        tags=query.tags or (),
        metadata=metadata,
        created_after=query.created_after,
        created_before=query.created_before,
        active_after=query.active_after,
        active_before=query.active_before,
        expires_after=query.expires_after,
        expires_before=query.expires_before,
        held=query.held,
    )


@router.get("/tree", response=schemas.TreeOut)
def tree(request: HttpRequest, query: Query[schemas.TreeIn]) -> HttpResponse:
    """Count the active sessions under each child of a prefix, one level of the hierarchy.

    A branch stands for all sessions whose id goes on with its prefix; a session whose id ends at
    this level is an item of its own.
    """
    level = branching.list_children(
        caller=caller_of(request), prefix=query.prefix, limit=query.limit, cursor=query.cursor
    )
    cursor = quote(level.next_cursor) if level.next_cursor else "null"
    return answer(f'{{"items":[{",".join(map(_child, level.items))}],"next_cursor":{cursor}}}')


def _child(child: Branch | Leaf) -> str:
    if isinstance(child, Branch):
        return (
            f'{{"prefix":{quote(child.prefix)},"sessions":{child.sessions},'
            f'"messages":{child.messages}}}'
        )
    return (
        f'{{"session_id":{quote(child.session_id)},"uid":"{child.uid}",'
        f'"messages":{child.messages}}}'
    )


@router.get("/get", response=schemas.SessionOrStubOut)
def get(request: HttpRequest, query: Query[schemas.WhichIn]) -> HttpResponse:
    """Return one session, or the stub of an expired one, or `not_found`."""
    caller = caller_of(request)
    if query.uid is not None:
        which = Which("", check_id(query.uid, ("query", "uid"), "a uid"))
    else:
        which = Which(_name(caller, query.session_id, "query"))
    return _one(caller, sessions.get_session(caller=caller, which=which))


@router.post("/create", response={201: schemas.OneSessionOut, 200: schemas.OneSessionOut})
def create(request: HttpRequest, body: schemas.CreateSessionIn) -> HttpResponse:
    """Begin a session, under an id that Lethe makes when you send none.

    A live session of that id is refused with `session_exists`, or returned with
    `if_exists: "return"` (then 200).
    """
    caller = caller_of(request)
    given = None
    if body.session_id is not None:
        given = _name(caller, body.session_id, "body")
    made = sessions.create_session(
        caller=caller,
        session_id=given,
        change=receive_change(_fields(body), ("body",)),
        expires_at=body.expires_at,
        return_existing=body.if_exists == "return",
    )
    return _one(caller, made, 201 if made.created else 200)


@router.post("/update", response=schemas.OneSessionOut)
def update(request: HttpRequest, body: schemas.UpdateSessionIn) -> HttpResponse:
    """Change user, title, tags, explicit end; metadata and state by merge patch. Null clears."""
    caller = caller_of(request)
    updated = sessions.update_session(
        caller=caller,
        session_id=_name(caller, body.session_id, "body"),
        change=receive_change(_fields(body), ("body",)),
        expires_at=body.expires_at,
        sets_expiry="expires_at" in body.model_fields_set,
        expected_revision=body.expected_revision,
    )
    return _one(caller, updated)


def _fields(body: schemas.SessionFields) -> dict[str, Any]:
    """Return the fields of a session that were sent."""
    names = ("user_id", "title", "tags", "metadata", "state")
    return {name: getattr(body, name) for name in names if name in body.model_fields_set}


@router.post("/expire", response=schemas.OneSessionOut)
def expire(request: HttpRequest, body: schemas.NameSessionIn) -> HttpResponse:
    """End a session's time now. Its content is kept for the grace period, unseen by agents."""
    caller = caller_of(request)
    name = _name(caller, body.session_id, "body")
    ended = sessions.expire_session(caller=caller, session_id=name)
    session = session_json(ended.session, caller.namespace, ended.now)
    return answer(f'{{"session":{session}}}')


@router.post("/extend", response=schemas.OneSessionOut)
def extend(request: HttpRequest, body: schemas.ExtendSessionIn) -> HttpResponse:
    """Let a session live at least until a time, within its maximum age (`latest`)."""
    caller = caller_of(request)
    extended = sessions.extend_session(
        caller=caller,
        session_id=_name(caller, body.session_id, "body"),
        expires_at=body.expires_at,
    )
    return _one(caller, extended)


@router.post("/fork", response={201: schemas.OneSessionOut})
def fork(request: HttpRequest, body: schemas.ForkSessionIn) -> HttpResponse:
    """Begin a session as a copy of another: its messages, its user and its state.

    The messages keep their ids, places and times. The copy has a revision and a lifetime of its
    own, and stays when its source is purged.
    """
    caller = caller_of(request)
    new_session_id = body.new_session_id
    if new_session_id is not None:
        check_id(new_session_id, ("body", "new_session_id"), "a session id")
    forked = forking.fork_session(
        caller=caller,
        session_id=_name(caller, body.session_id, "body"),
        new_session_id=new_session_id,
        up_to_seq=body.up_to_seq,
    )
    return _one(caller, forked, 201)


@router.post("/delete", response=schemas.DeletedOut)
def delete(request: HttpRequest, body: schemas.DeleteSessionIn) -> HttpResponse:
    """Purge all sessions of an id, expired ones too, and return the receipt (scope `purge`)."""
    caller = caller_of(request)
    name = _name(caller, body.session_id, "body")
    deleted = purging.delete_session(caller=caller, session_id=name)
    return answer(f'{{"deleted":{deleted.sessions},"receipt":{receipt_json(deleted.receipt)}}}')


def _name(caller: Caller, session_id: str | None, source: str) -> str:
    return check_session_id(
        session_id, (source, "session_id"), shares_default=caller.shares_default
    )


def _shown(
    session: SessionSnapshot, caller: Caller, now: int, *, leave_out: Iterable[str] = ()
) -> str:
    """Write a session, or what agents see of one that is past its time."""
    if session.status(now) == "active":
        return session_json(session, caller.namespace, now, leave_out=leave_out)
    return stub_json(session, now)


def _one(caller: Caller, at: SessionAt, status: int = 200) -> HttpResponse:
    return answer(f'{{"session":{_shown(at.session, caller, at.now)}}}', status)
