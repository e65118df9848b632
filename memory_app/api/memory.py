"""memory/: AG-Kit's operations under AG-Kit's names."""

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from memory_app.api import schemas
from memory_app.api.answers import (
    DOCUMENTS,
    answer,
    boolean,
    event_json,
    quote,
    quote_or_null,
    session_json,
    session_or_stub,
)
from memory_app.api.auth import caller_of
from memory_app.operations import (
    reading,
    recording,
    removing,
    replacing,
    retrieving,
    searching,
)
from memory_app.operations.keys import Caller
from memory_app.operations.reading import ListQuery, Which
from memory_app.operations.receiving import (
    ESTIMATOR,
    check_id,
    check_session_id,
    check_user_id,
    receive_change,
    receive_message,
)
from memory_app.operations.recording import Recorded, Recording
from memory_app.operations.removing import Target
from memory_app.operations.scanning import Match, MessageFilter
from memory_app.operations.wording import MAX_TEXT_BYTES
from memory_app.strict_json import Verbatim

router = Router(tags=["memory"])


@router.post("/add", response={201: schemas.AddOut, 200: schemas.AddOut})
def add(request: HttpRequest, body: schemas.AddIn) -> HttpResponse:
    """Append one message to a session, beginning the session on first use.

    With an `id` of yours inside `message` the call can be repeated safely: the same id with an
    equal body stores nothing and answers 200 with `duplicate: true` and the first `seq`; with
    another body it is refused with `message_conflict`.
    """
    caller = caller_of(request)
    event = receive_message(body.message, body.state, ("body", "message"))
    recorded = _record(caller, body, [event], batch=False)
    item = recorded.items[0]
    session = session_json(recorded.session, caller.namespace, recorded.now, leave_out=DOCUMENTS)
    return answer(
        f'{{"id":{quote(item.message_id)},"seq":{item.seq},'
        f'"duplicate":{"true" if item.duplicate else "false"},"session":{session}}}',
        200 if item.duplicate else 201,
    )


@router.post("/add_list", response={201: schemas.AddListOut, 200: schemas.AddListOut})
def add_list(request: HttpRequest, body: schemas.AddListIn) -> HttpResponse:
    """Append up to 1,000 messages: all or none, in order, nothing of another writer in between.

    A conflict names the place in the list (`index`). An empty list changes nothing.
    """
    caller = caller_of(request)
    events = [
        receive_message(event.message, event.state, ("body", "events", place, "message"))
        for place, event in enumerate(body.events)
    ]
    recorded = _record(caller, body, events, batch=True)
    items = ",".join(
        f'{{"id":{quote(item.message_id)},"seq":{item.seq},'
        f'"duplicate":{"true" if item.duplicate else "false"}}}'
        for item in recorded.items
    )
    session = session_json(recorded.session, caller.namespace, recorded.now, leave_out=DOCUMENTS)
    stored = any(not item.duplicate for item in recorded.items)
    return answer(f'{{"items":[{items}],"session":{session}}}', 201 if stored else 200)


def _record(
    caller: Caller, body: schemas.AddIn | schemas.AddListIn, events: list[Any], *, batch: bool
) -> Recorded:
    change = None
    if body.session_patch is not None:
        patch = body.session_patch
        given = {name: getattr(patch, name) for name in patch.model_fields_set}
        change = receive_change(given, ("body", "session_patch"))
    return recording.add_events(
        caller=caller,
        recording=Recording(
            session_id=_name(caller, body.session_id, "body"),
            events=events,
            user_id=check_user_id(body.user_id),
            change=change or None,
            expected_revision=body.expected_revision,
            create=body.create,
            batch=batch,
        ),
    )


def _name(caller: Caller, session_id: str | None, source: str) -> str:
    return check_session_id(
        session_id, (source, "session_id"), shares_default=caller.shares_default
    )


def _which(caller: Caller, asked: schemas.WhichIn, source: str = "query") -> Which:
    if asked.uid is not None:
        return Which("", check_id(asked.uid, (source, "uid"), "a uid"))
    return Which(_name(caller, asked.session_id, source))


@router.get("/list", response=schemas.ListOut)
def list_(request: HttpRequest, query: Query[schemas.ListIn]) -> HttpResponse:
    """List messages of one session, in the order filters, `order`, `offset`, `limit`.

    `last=N` gives the newest N, oldest first. `max_tokens` then keeps the newest that fit, never
    separating a tool call from its results. Without `limit` or `last` all come, up to 10,000
    messages or 32 MB; `truncated` says when matching messages are missing, and `next_after_seq` or
    `next_before_seq` from where to go on. An unknown session is an empty list with `session: null`.
    """
    caller = caller_of(request)
    listed = reading.list_messages(
        caller=caller,
        which=_which(caller, query),
        query=ListQuery(
            role=query.role,
            after_seq=query.after_seq,
            before_seq=query.before_seq,
            after_moment=query.after_timestamp,
            descending=query.order == "desc",
            offset=query.offset or 0,
            limit=query.limit,
            last=query.last,
            max_tokens=query.max_tokens,
        ),
    )
    more = ""
    if listed.tokens is not None:
        more += f',"tokens":{listed.tokens},"estimator":"{ESTIMATOR}"'
    if listed.next_after_seq is not None:
        more += f',"next_after_seq":{listed.next_after_seq}'
    if listed.next_before_seq is not None:
        more += f',"next_before_seq":{listed.next_before_seq}'
    session = session_or_stub(listed.session, listed.expired, caller.namespace, listed.now)
    total = listed.session.message_count if listed.session else 0
    return answer(
        f'{{"items":[{",".join(map(event_json, listed.items))}],"total":{total},'
        f'"session":{session},"truncated":{"true" if listed.truncated else "false"}{more}}}'
    )


@router.get("/retrieve", response=schemas.RetrieveOut)
def retrieve(request: HttpRequest, query: Query[schemas.RetrieveIn]) -> HttpResponse:
    """Find the messages of one session that contain a text, best first.

    Ignores case in every script; looks in string content and text parts. An equal text scores 100,
    others less the later and the smaller a part the match is.
    """
    return _retrieve(caller_of(request), query, "query")


@router.post("/retrieve", response=schemas.RetrieveOut, operation_id="memory_retrieve_post")
def retrieve_post(request: HttpRequest, body: schemas.RetrieveBody) -> HttpResponse:
    """Find messages of one session, with the text in the body instead of the URL."""
    return _retrieve(caller_of(request), body, "body")


def _retrieve(caller: Caller, asked: schemas.RetrieveIn, source: str) -> HttpResponse:
    found = retrieving.retrieve_messages(
        caller=caller,
        which=_which(caller, asked, source),
        query=asked.query,
        limit=asked.limit,
        offset=asked.offset,
    )
    items = ",".join(
        event_json(match.event, f',"score":{round(match.score, 4)}') for match in found.matches
    )
    session = session_or_stub(found.session, found.expired, caller.namespace, found.now)
    return answer(f'{{"items":[{items}],"total":{found.total},"session":{session}}}')


@router.get("/search", response=schemas.SearchOut)
def search(request: HttpRequest, query: Query[schemas.SearchIn]) -> HttpResponse:
    """Search the text of all live sessions of the namespace, newest first or best first.

    Looks in string content, text parts, and names and arguments of tools. A message is found within
    a second after it was added, and no more once it is removed. `score` says how often the words
    occur for the length of the text, up to 100.
    """
    return _search(caller_of(request), query)


@router.post("/search", response=schemas.SearchOut, operation_id="memory_search_post")
def search_post(request: HttpRequest, body: schemas.SearchBody) -> HttpResponse:
    """Search the live sessions of the namespace, with the words in the body instead of the URL."""
    return _search(caller_of(request), body)


def _search(caller: Caller, asked: schemas.SearchIn) -> HttpResponse:
    found = searching.search_messages(
        caller=caller,
        query=asked.query,
        wanted=MessageFilter(
            role=asked.role,
            prefix=asked.prefix,
            user_id=asked.user_id,
            after=asked.after,
            before=asked.before,
        ),
        sort=asked.sort,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    items = ",".join(map(_found, found.matches))
    return answer(
        f'{{"items":[{items}],"next_cursor":{quote_or_null(found.next_cursor)},'
        f'"truncated":{boolean(found.truncated)},"rebuilding":{boolean(found.rebuilding)},'
        f'"text_limit":{MAX_TEXT_BYTES}}}'
    )


def _found(match: Match) -> str:
    marks = ",".join(f"[{mark.start},{mark.end}]" for mark in match.excerpt.marks)
    return event_json(
        match.event,
        f',"score":{round(match.score, 4)},"session_id":{quote(match.home.session_id)},'
        f'"uid":"{match.home.uid}","snippet":{quote(match.excerpt.text)},"marks":[{marks}]',
    )


@router.get("/get", response=schemas.ItemOut)
def get(request: HttpRequest, query: Query[schemas.GetIn]) -> HttpResponse:
    """Return one message by its id, or `not_found`."""
    caller = caller_of(request)
    read = reading.get_message(caller=caller, which=_which(caller, query), message_id=query.id)
    session = session_json(read.session, caller.namespace, read.now)
    return answer(f'{{"item":{event_json(read.item)},"session":{session}}}')


@router.get("/count", response=schemas.CountOut)
def count(request: HttpRequest, query: Query[schemas.WhichIn]) -> HttpResponse:
    """Count the messages of one session; an unknown one has none."""
    caller = caller_of(request)
    number = reading.count_messages(caller=caller, which=_which(caller, query))
    return answer(f'{{"count":{number}}}')


@router.post("/update", response=schemas.ItemOut)
def update(request: HttpRequest, body: schemas.UpdateIn) -> HttpResponse:
    """Replace one message, or only its `content`, in place: its `seq` and id stay.

    The way to redact. What was there is removed for good; an equal body changes nothing. `state`
    left out keeps the snapshot, null removes it.
    """
    caller = caller_of(request)
    state: Verbatim | Literal["keep"] | None = "keep"
    if "state" in body.model_fields_set:
        state = body.state
    replaced = replacing.replace_message(
        caller=caller,
        target=_target(caller, body.session_id, body.expected_revision),
        message_id=body.id,
        message=body.message,
        content=body.content,
        replaces_content="content" in body.model_fields_set,
        state=state,
    )
    session = session_json(replaced.session, caller.namespace, replaced.now)
    return answer(f'{{"item":{event_json(replaced.item)},"session":{session}}}')


def _target(caller: Caller, session_id: str | None, revision: int | None) -> Target:
    return Target(session_id=_name(caller, session_id, "body"), expected_revision=revision)


@router.post("/delete", response=schemas.RemovedOut)
def delete(request: HttpRequest, body: schemas.DeleteIn) -> HttpResponse:
    """Remove one message by `id`, or by `index` from 0. A miss answers `deleted: 0`."""
    caller = caller_of(request)
    removed = removing.delete_message(
        caller=caller,
        target=_target(caller, body.session_id, body.expected_revision),
        message_id=body.id,
        index=body.index,
    )
    return _removed(caller, removed)


@router.post("/pop", response=schemas.ItemOut)
def pop(request: HttpRequest, body: schemas.PopIn) -> HttpResponse:
    """Remove the newest message and return it; `item` is null when there is none."""
    caller = caller_of(request)
    removed = removing.pop_message(
        caller=caller, target=_target(caller, body.session_id, body.expected_revision)
    )
    item = event_json(removed.item) if removed.item else "null"
    session = session_json(removed.session, caller.namespace, removed.now)
    return answer(f'{{"item":{item},"session":{session}}}')


@router.post("/clear", response=schemas.RemovedOut)
def clear(request: HttpRequest, body: schemas.ClearIn) -> HttpResponse:
    """Remove all messages of one session, which stays. The session must be named."""
    caller = caller_of(request)
    removed = removing.clear_messages(
        caller=caller, target=_target(caller, body.session_id, body.expected_revision)
    )
    return _removed(caller, removed)


def _removed(caller: Caller, removed: removing.Removed) -> HttpResponse:
    session = session_json(removed.session, caller.namespace, removed.now)
    return answer(f'{{"deleted":{removed.deleted},"session":{session}}}')
