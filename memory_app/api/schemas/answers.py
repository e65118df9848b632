"""What comes out, spelt field by field, for the documentation."""

from typing import Any

from ninja import Schema
from pydantic import Field

from memory_app.api import fields


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


class FoundOut(MatchOut):
    """A message that a search found, and where."""

    session_id: str
    uid: str = Field(description="Of its session.")
    snippet: str = Field(description="The passage of its text around what was found.")
    marks: list[tuple[int, int]] = Field(
        description="What of the snippet was looked for: from a character, up to and without"
        " another, counted in Unicode code points."
    )


class SearchOut(Schema):
    """Messages found, newest or best first."""

    items: list[FoundOut]
    next_cursor: str | None
    truncated: bool = Field(
        description="Whether messages that match may be missing: the search ended before it had"
        " looked at all that have the words. `next_cursor` goes on, where there is one."
    )
    rebuilding: bool = Field(
        description="Whether the search index is being made anew, so that older messages may be"
        " missing."
    )
    text_limit: int = Field(description="How many bytes of each message's text are searched.")


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
