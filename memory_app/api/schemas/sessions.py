"""What sessions/ takes."""

from pydantic import Field, StrictStr

from memory_app import conf
from memory_app.api import fields
from memory_app.api.schemas.memory import Input


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
    if_exists: fields.IfExists = Field("error", description="`error` (default) or `return`.")


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
