"""What goes in and comes out, spelt field by field; unknown fields are refused."""

from typing import Any

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, model_validator

from memory_app import conf
from memory_app.api import fields


class Input(BaseModel):
    """A body or a query string.

    Not Ninja's Schema: its validator, written for Django's objects, runs in Python for every event
    of a batch and took a third of the time of add_list.
    """

    model_config = ConfigDict(extra="forbid")


class SessionPatch(Input):
    """A JSON merge patch (RFC 7396) of the session, applied in the same transaction."""

    title: StrictStr | None = Field(None, max_length=conf.MAX_TITLE)
    tags: list[StrictStr] | None = Field(None, max_length=conf.MAX_TAGS)
    metadata: fields.Document = None
    state: fields.Document = None


class EventIn(Input):
    """A message, and the state snapshot kept with it."""

    message: fields.Message
    state: fields.State = None


class AddIn(EventIn):
    """One event for a session."""

    session_id: fields.SessionId
    user_id: fields.UserId
    session_patch: SessionPatch | None = None
    expected_revision: fields.ExpectedRevision
    create: fields.Create


class AddListIn(Input):
    """Events for a session, stored together or not at all."""

    events: list[EventIn] = Field(
        max_length=conf.MAX_BATCH, description="At most 1,000, in their order."
    )
    session_id: fields.SessionId
    user_id: fields.UserId
    session_patch: SessionPatch | None = None
    expected_revision: fields.ExpectedRevision
    create: fields.Create


class WhichIn(Input):
    """One session, by id or by uid."""

    session_id: fields.SessionId
    uid: fields.Uid

    @model_validator(mode="after")
    def _one_name(self) -> "WhichIn":
        if self.session_id is not None and self.uid is not None:
            raise ValueError("send session_id or uid, not both")
        return self


class ListIn(WhichIn):
    """Which messages: filters, then order, offset, limit, then max_tokens."""

    role: fields.Role | None = Field(None, description="Only messages of this role.")
    after_seq: fields.QueryInt | None = Field(None, ge=0, description="Only later places.")
    before_seq: fields.QueryInt | None = Field(None, ge=0, description="Only earlier places.")
    after_timestamp: fields.Moment | None = Field(
        None,
        description="Only messages at this time or later, by their own `timestamp`, else by when"
        " they were stored.",
    )
    order: fields.Order | None = Field(None, description="`asc` (default) or `desc`, by place.")
    offset: fields.QueryInt | None = Field(
        None, ge=0, le=2**62, description="Pass over so many, in that order."
    )
    limit: fields.QueryInt | None = Field(
        None, ge=0, le=conf.MAX_LIST, description="The most messages; 0 gives none."
    )
    last: fields.QueryInt | None = Field(
        None,
        ge=0,
        le=conf.MAX_LIST,
        description="The newest N, oldest first; excludes order, offset and limit.",
    )
    max_tokens: fields.QueryInt | None = Field(
        None,
        ge=0,
        description="Keep the newest messages that fit; a tool call stays with its results.",
    )

    @model_validator(mode="after")
    def _last_alone(self) -> "ListIn":
        others = (self.order, self.offset, self.limit)
        if self.last is not None and any(value is not None for value in others):
            raise ValueError("last excludes order, offset and limit")
        return self


class RetrieveIn(WhichIn):
    """A text to look for in the messages of one session."""

    query: fields.QueryText
    limit: fields.QueryInt = Field(
        20, ge=0, le=conf.MAX_PAGE, description="The most messages; 0 gives none."
    )
    offset: fields.QueryInt = Field(0, ge=0, le=2**62, description="Pass over so many.")


class RetrieveBody(RetrieveIn):
    """The same, as a body."""

    limit: int = Field(20, ge=0, le=conf.MAX_PAGE, strict=True)
    offset: int = Field(0, ge=0, le=2**62, strict=True)


class GetIn(WhichIn):
    """One message."""

    id: fields.MessageId


class UpdateIn(Input):
    """A new body, or a new content, for one message."""

    session_id: fields.SessionId
    id: fields.MessageId
    content: fields.Content = None
    message: fields.Message = None
    state: fields.State = None
    expected_revision: fields.ExpectedRevision

    @model_validator(mode="after")
    def _one_replacement(self) -> "UpdateIn":
        given = self.model_fields_set
        if ("content" in given) == ("message" in given):
            raise ValueError("send content, or message and perhaps state")
        if "content" in given and "state" in given:
            raise ValueError("state goes with message, not with content")
        return self


class DeleteIn(Input):
    """One message, by id or by place."""

    session_id: fields.SessionId
    id: fields.MessageId | None = None
    index: int | None = Field(None, strict=True, description="From 0; a negative one is a miss.")
    expected_revision: fields.ExpectedRevision

    @model_validator(mode="after")
    def _one_name(self) -> "DeleteIn":
        if (self.id is None) == (self.index is None):
            raise ValueError("send id or index")
        return self


class PopIn(Input):
    """The newest message of a session."""

    session_id: fields.SessionId
    expected_revision: fields.ExpectedRevision


class ClearIn(Input):
    """All messages of a session, which must be named."""

    session_id: StrictStr = Field(description="The session; there is no default here.")
    expected_revision: fields.ExpectedRevision


class SessionFields(Input):
    """What a session is besides its messages."""

    user_id: fields.UserId
    title: StrictStr | None = Field(
        None, max_length=conf.MAX_TITLE, description="At most 200 characters."
    )
    tags: list[StrictStr] | None = Field(
        None, max_length=conf.MAX_TAGS, description="At most 32 of 1 to 64 characters."
    )
    metadata: fields.Document = Field(
        None, description="What to find the session by: an object of at most 256 KB."
    )
    state: fields.Document = Field(
        None, description="What the agent keeps with the session: an object of at most 256 KB."
    )
    expires_at: fields.Moment | None = Field(
        None, description="An explicit end: in the future, within the maximum age."
    )


class CreateSessionIn(SessionFields):
    """A session to begin."""

    session_id: fields.SessionId
    if_exists: str = Field(
        "error", pattern="^(error|return)$", description="`error` (default) or `return`."
    )


class UpdateSessionIn(SessionFields):
    """A JSON merge patch of a session; null clears."""

    session_id: fields.SessionId
    expected_revision: fields.ExpectedRevision


class NameSessionIn(Input):
    """One live session."""

    session_id: fields.SessionId


class ExtendSessionIn(NameSessionIn):
    """Until when a session lives at least."""

    expires_at: fields.Moment = Field(
        description="The idle limit becomes at least this; an earlier explicit end is dropped."
    )


class ForkSessionIn(NameSessionIn):
    """A session to copy, and how far."""

    new_session_id: StrictStr | None = Field(
        None, description="The id of the copy; Lethe makes one when you send none."
    )
    up_to_seq: int | None = Field(
        None, ge=0, le=2**63 - 1, strict=True, description="Only messages up to this place."
    )


class DeleteSessionIn(Input):
    """A session, which must be named."""

    session_id: StrictStr = Field(description="The session; there is no default here.")


class ListSessionsIn(Input):
    """Which sessions, in which order."""

    prefix: StrictStr | None = Field(
        None,
        min_length=1,
        max_length=conf.MAX_ID,
        description="Sessions whose id begins so, compared character by character, case kept.",
        examples=["org-1/"],
    )
    user_id: StrictStr | None = Field(
        None, min_length=1, max_length=conf.MAX_ID, description="Sessions about this person."
    )
    status: fields.AnyStatus = Field(
        "active", description="`expired` ones and those a purge removes are shown as stubs."
    )
    tags: fields.Tags | None = Field(
        None,
        description="Sessions with all of these tags, separated by commas; a comma or backslash"
        " inside a tag is written with a backslash before it.",
    )
    metadata: StrictStr | None = Field(
        None,
        description="A JSON object: sessions whose metadata has these top-level entries, types"
        " counted.",
        examples=['{"plan": "gold"}'],
    )
    created_after: fields.Moment | None = Field(None, description="Begun at this time or later.")
    created_before: fields.Moment | None = Field(None, description="Begun earlier than this time.")
    active_after: fields.Moment | None = Field(
        None, description="Last active at this time or later."
    )
    active_before: fields.Moment | None = Field(None, description="Last active earlier.")
    expires_after: fields.Moment | None = Field(None, description="Ends at this time or later.")
    expires_before: fields.Moment | None = Field(None, description="Ends earlier than this time.")
    held: fields.QueryBool | None = Field(None, description="Under legal hold, or not.")
    sort: fields.Sort = Field(
        "-last_activity_at",
        description="A leading - is descending. By created_at every session is met exactly once; by"
        " a field that changes meanwhile, paging is best effort.",
    )
    limit: fields.QueryInt = Field(
        50, ge=1, le=conf.MAX_PAGE, description="The most sessions on one page."
    )
    cursor: StrictStr | None = Field(None, max_length=1_000, description="From `next_cursor`.")
    total: fields.QueryBool = Field(False, description="Count all that match, which takes time.")


class TreeIn(Input):
    """Which level of the hierarchy of session ids."""

    prefix: StrictStr | None = Field(
        None,
        min_length=1,
        max_length=conf.MAX_ID,
        description="Where the level begins, such as `org-1/`. Left out: at the top.",
    )
    limit: fields.QueryInt = Field(
        100, ge=1, le=conf.MAX_PAGE, description="The most items on one page."
    )
    cursor: StrictStr | None = Field(None, max_length=4_000, description="From `next_cursor`.")


class ReceiptIn(Input):
    """One receipt."""

    id: fields.PlainId


class ListReceiptsIn(Input):
    """Which receipts; without a filter all of the namespace."""

    session_id: fields.PlainId | None = Field(
        None, description="Those that cover a session of this id, which you must know."
    )
    user_id: fields.PlainId | None = Field(
        None, description="Those that cover a session about this person."
    )
    kind: fields.ReceiptKind | None = Field(None, description="What act they are for.")
    limit: fields.QueryInt = Field(
        50, ge=1, le=conf.MAX_PAGE, description="The most receipts on one page."
    )
    cursor: StrictStr | None = Field(None, max_length=1_000, description="From `next_cursor`.")


class PurgeFilter(Input):
    """Which sessions: the names of `sessions/list`, as JSON."""

    prefix: StrictStr | None = Field(
        None,
        min_length=1,
        max_length=conf.MAX_ID,
        description="Ends in one of `/ - _ : .`, where a level ends.",
    )
    user_id: StrictStr | None = Field(None, min_length=1, max_length=conf.MAX_ID)
    status: fields.AnyStatus | None = Field(
        None, description="Default `active`, and `any` with `everything`."
    )
    tags: list[fields.Tag] | None = Field(None, max_length=conf.MAX_TAGS)
    metadata: dict[str, Any] | None = Field(None, min_length=1, max_length=32)
    created_after: fields.Moment | None = None
    created_before: fields.Moment | None = None
    active_after: fields.Moment | None = None
    active_before: fields.Moment | None = None
    expires_after: fields.Moment | None = None
    expires_before: fields.Moment | None = None
    held: StrictBool | None = None
    everything: StrictBool | None = Field(
        None, description="true: the whole namespace, which is never meant otherwise."
    )


class PreviewIn(Input):
    """A set of sessions to fix."""

    filter: PurgeFilter


class ExecuteIn(Input):
    """A preview to carry out, and why."""

    token: fields.PlainId
    reason: StrictStr = Field(description="Kept on the receipt: 1 to 500 characters.")


class PurgeIn(Input):
    """One purge."""

    id: fields.PlainId


class SubjectIn(Input):
    """One person."""

    user_id: StrictStr = Field(description="The person that sessions are about.")


class EraseIn(SubjectIn):
    """One person, and why all about them goes."""

    reason: StrictStr = Field(description="Kept on the receipt: 1 to 500 characters.")


class EventOut(Schema):
    """A stored event."""

    id: str
    seq: int = Field(description="Its place: 1, 2, 3 … per session, never given twice.")
    message: dict[str, Any] = Field(description="As it was received, with its id.")
    state: dict[str, Any] | None
    created_at: str
    updated_at: str | None = Field(None, description="Only when it was replaced.")
    tokens: int


class SessionOut(Schema):
    """A session."""

    uid: str = Field(description="Random, never used again.")
    session_id: str
    namespace: str
    user_id: str | None
    title: str | None
    tags: list[str]
    metadata: dict[str, Any] | None = Field(None, description="Not in answers of memory/.")
    state: dict[str, Any] | None = Field(None, description="Not in lists and answers of memory/.")
    status: fields.Status
    revision: int = Field(
        description="Rises by one with each call that changes messages, title, tags, metadata,"
        " state or user; after a restart it goes on from the predecessor's."
    )
    message_count: int
    token_count: int
    size_bytes: int
    held: bool = Field(description="Whether a legal hold forbids to remove or overwrite it.")
    created_at: str
    last_activity_at: str
    expires_at: str | None = Field(description="From then on agents do not see it; null: never.")
    expires_because: str | None = Field(description="`idle`, `max_age`, `explicit`, `operator`.")
    purge_after: str | None = Field(description="From then on its content is removed.")
    ended_at: str | None = Field(description="When another session of its id took its place.")


class StubOut(Schema):
    """What is seen of an expired session."""

    uid: str
    session_id: str
    status: str
    revision: int
    created_at: str
    last_activity_at: str
    expires_at: str | None
    expires_because: str | None
    purge_after: str | None


class StoredOut(Schema):
    """Where a message is."""

    id: str
    seq: int
    duplicate: bool


class AddOut(StoredOut):
    """Where the message is, and its session without state and metadata."""

    session: SessionOut


class AddListOut(Schema):
    """Where the messages are, in their order."""

    items: list[StoredOut]
    session: SessionOut | None


class ListOut(Schema):
    """Messages of a session."""

    items: list[EventOut]
    total: int = Field(description="How many messages the session has.")
    session: SessionOut | StubOut | None
    truncated: bool = Field(description="Whether messages that match are missing.")
    tokens: int | None = Field(None, description="With max_tokens: of the items together.")
    estimator: str | None = Field(None, description="With max_tokens: how tokens are counted.")
    next_after_seq: int | None = None
    next_before_seq: int | None = None


class MatchOut(EventOut):
    """A message that was found."""

    score: float


class RetrieveOut(Schema):
    """Messages found, best first."""

    items: list[MatchOut]
    total: int
    session: SessionOut | StubOut | None


class ItemOut(Schema):
    """One message and its session."""

    item: EventOut | None
    session: SessionOut | None


class RemovedOut(Schema):
    """How many messages were removed."""

    deleted: int
    session: SessionOut | None


class CountOut(Schema):
    """How many messages a session has."""

    count: int


class OneSessionOut(Schema):
    """One session."""

    session: SessionOut


class SessionOrStubOut(Schema):
    """One session, or the stub of an expired one."""

    session: SessionOut | StubOut


class SessionsOut(Schema):
    """A page of sessions, without their state; those past their time as stubs."""

    items: list[SessionOut | StubOut]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last.")
    total: int | None = Field(None, description="Only when asked for.")


class BranchOut(Schema):
    """What lies further down under one prefix."""

    prefix: str = Field(description="With its `/`: send it as `prefix` to go down.")
    sessions: int
    messages: int


class LeafOut(Schema):
    """A session at this level."""

    session_id: str
    uid: str
    messages: int


class TreeOut(Schema):
    """Branches and sessions of one level, together in code point order."""

    items: list[BranchOut | LeafOut]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last.")


class ReceiptOut(Schema):
    """That content was removed: no content, no ids in clear."""

    id: str
    namespace: str
    kind: fields.ReceiptKind
    reason: str | None
    actor: str
    requested_at: str
    purged_at: str | None
    scrubbed_at: str | None
    counts: dict[str, int]
    method: str
    verification: dict[str, Any] | None


class OneReceiptOut(Schema):
    """One receipt."""

    receipt: ReceiptOut


class ReceiptsOut(Schema):
    """A page of receipts, the newest first."""

    items: list[ReceiptOut]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last.")


class PreviewOut(Schema):
    """A fixed set of sessions and its numbers."""

    token: str = Field(description="For one `purges/execute` by the same key within an hour.")
    sessions: int
    messages: int
    bytes: int
    held: int = Field(description="How many of the sessions would stay.")
    oldest: str | None = Field(description="The earliest last activity.")
    newest: str | None = Field(description="The latest.")
    filter: dict[str, Any] = Field(description="As it was understood.")


class PurgeOut(Schema):
    """A purge that was asked for."""

    id: str
    state: fields.PurgeState
    done: int = Field(description="How many sessions are settled.")
    total: int = Field(description="How many were previewed.")
    receipt_id: str | None = Field(None, description="From the start on.")


class OnePurgeOut(Schema):
    """One purge."""

    purge: PurgeOut


class SubjectOut(Schema):
    """What there is about a person."""

    user_id: str
    sessions: int
    messages: int
    bytes: int
    held: int
    first_at: str | None
    last_at: str | None


class DeletedOut(Schema):
    """How many sessions were purged; nothing there is 0 and no receipt."""

    deleted: int
    receipt: ReceiptOut | None


class ProblemOut(Schema):
    """A refusal (RFC 9457). `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, Any]] | None = None
    revision: int | None = None
    index: int | None = None
    suggestion: str | None = None
    latest: str | None = None
    request_id: str
