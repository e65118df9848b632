"""What memory/ takes; unknown fields are refused."""

from pydantic import BaseModel, ConfigDict, Field, StrictStr, model_validator

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


class SearchIn(Input):
    """Words to look for in all live sessions, and which messages."""

    query: fields.SearchText
    role: fields.Role | None = Field(None, description="Only messages of this role.")
    prefix: StrictStr | None = Field(
        None,
        min_length=1,
        max_length=conf.MAX_ID,
        description="Only sessions whose id begins so, character by character.",
    )
    user_id: StrictStr | None = Field(
        None, min_length=1, max_length=conf.MAX_ID, description="Only sessions about this person."
    )
    after: fields.Moment | None = Field(
        None,
        description="Only messages at this time or later, by their own `timestamp`, else by when"
        " they were stored.",
    )
    before: fields.Moment | None = Field(None, description="Only messages before this time.")
    sort: fields.SearchSort = Field(
        "newest",
        description="`newest`: what was stored last comes first. `best`: the newest 1,000 that"
        " match, ranked by `score`.",
    )
    limit: fields.QueryInt = Field(20, ge=0, le=conf.MAX_SEARCH, description="The most messages.")
    cursor: StrictStr | None = Field(None, description="`next_cursor` of the page before.")


class SearchBody(SearchIn):
    """The same, as a body."""

    limit: int = Field(20, ge=0, le=conf.MAX_SEARCH, strict=True)


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
