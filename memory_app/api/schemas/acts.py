"""What receipts/, purges/ and subjects/ take."""

from typing import Any

from pydantic import Field, StrictBool, StrictStr

from memory_app import conf
from memory_app.api import fields
from memory_app.api.schemas.memory import Input


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
