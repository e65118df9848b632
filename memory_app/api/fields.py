"""The types of the API's fields: what they take, and how the docs page describes them."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from memory_app import conf, moments

_WHOLE: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)


def _whole_number(value: Any) -> Any:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise ValueError("send a whole number")


def _boolean(value: Any) -> Any:
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("send true or false")


def _moment(value: Any) -> Any:
    try:
        return moments.from_rfc3339(value)
    except (TypeError, ValueError):
        raise ValueError(
            "send an RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z (a + is %2B in a URL)"
        ) from None


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "this holds more than white space")
    return text


def _names(value: Any) -> Any:
    """Split a text at its commas; a backslash takes the next comma or backslash into the name."""
    names = [""]
    escaped = False
    for character in value:
        if escaped:
            names[-1] += character if character in ",\\" else f"\\{character}"
        elif character == ",":
            names.append("")
        elif character != "\\":
            names[-1] += character
        escaped = character == "\\" and not escaped
    names[-1] += "\\" * escaped
    return names


_TIME_SCHEMA: Final = {
    "type": "string",
    "format": "date-time",
    "examples": ["2026-01-31T12:00:00Z"],
}

# Query strings hold only text, so these read it, and nothing that merely looks alike.
QueryInt = Annotated[int, BeforeValidator(_whole_number), Field(le=2**63 - 1)]
QueryBool = Annotated[bool, BeforeValidator(_boolean), WithJsonSchema({"type": "boolean"})]
Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=conf.MAX_TAG)]],
    Field(max_length=conf.MAX_TAGS),
    BeforeValidator(_names),
    WithJsonSchema({"type": "string", "examples": ["gold,vip"]}),
]
# A time, held as a moment: microseconds since 1970.
Moment = Annotated[int, BeforeValidator(_moment), WithJsonSchema(_TIME_SCHEMA)]

SessionId = Annotated[
    StrictStr | None,
    Field(
        default=None,
        description="The session, by your own id: 1 to 512 characters of any script without control"
        " characters; `/` makes a hierarchy. Left out or null: `default`.",
        examples=["org-1/team-2/user-3"],
    ),
]
Uid = Annotated[
    StrictStr | None,
    Field(
        default=None,
        description="The session by its random `uid` instead; also reaches one that ended.",
    ),
]
UserId = Annotated[
    StrictStr | None,
    Field(
        default=None,
        description="The person the session is about, 1 to 512 characters. Once set, another is"
        " refused with `user_conflict`.",
        examples=["user-3"],
    ),
]
ExpectedRevision = Annotated[
    StrictInt | None,
    Field(
        default=None,
        ge=0,
        le=2**63 - 1,
        description="Do it only when the session is at this revision; 0 means that there is no live"
        " session. Otherwise `revision_conflict`, with the current revision.",
    ),
]
Create = Annotated[
    StrictBool,
    Field(default=True, description="false: answer `not_found` instead of beginning a session."),
]
MessageId = Annotated[
    StrictStr, Field(min_length=1, max_length=conf.MAX_ID, description="The message's id.")
]
QueryText = Annotated[
    StrictStr,
    Field(
        min_length=1,
        max_length=conf.MAX_QUERY,
        description="Looked for literally, ignoring case in every script. Not blank.",
    ),
    AfterValidator(_not_blank),
]
SearchText = Annotated[
    StrictStr,
    Field(
        min_length=1,
        max_length=conf.MAX_QUERY,
        description='Words in any order, all of which must be there. `"a phrase"`, `begin*` and'
        " `-without` mean what they say; everything else is text. Case and accents do not count;"
        " Chinese, Japanese, Korean and Thai are found by any part.",
    ),
    AfterValidator(_not_blank),
]

_MESSAGE_SCHEMA: Final = {
    "type": "object",
    "description": "Kept as received: key order, number spelling, fields unknown to Lethe. With an"
    " `id` of yours (1 to 512 characters, unique in the session) the call is safe to retry.",
    "required": ["role"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": conf.MAX_ID},
        "role": {"enum": ["user", "assistant", "system", "tool", "developer"]},
        "content": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {}},
                {"type": "object"},
                {"type": "null"},
            ]
        },
        "timestamp": {"anyOf": [_TIME_SCHEMA, {"type": "null"}]},
        "name": {"type": ["string", "null"]},
        "tool_calls": {"type": ["array", "null"], "items": {"type": "object"}},
        "tool_call_id": {"type": ["string", "null"]},
    },
    "additionalProperties": True,
    "examples": [{"id": "m-1", "role": "user", "content": "Where is my refund?"}],
}
Message = Annotated[Any, WithJsonSchema(_MESSAGE_SCHEMA)]
State = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": ["object", "null"],
            "description": "A snapshot kept with this one event, as received.",
            "examples": [{"step": 3}],
        }
    ),
]
Document = Annotated[Any, WithJsonSchema({"type": ["object", "null"]})]
Content = Annotated[
    Any,
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array"}, {"type": "object"}, {"type": "null"}]}
    ),
]

PlainId = Annotated[StrictStr, Field(min_length=1, max_length=conf.MAX_ID, description="Its id.")]
Tag = Annotated[StrictStr, Field(min_length=1, max_length=conf.MAX_TAG)]
PurgeState = Literal["queued", "running", "done", "cancelled"]
ReceiptKind = Literal["deletion", "purge", "erasure", "cleanup"]
IfExists = Literal["error", "return"]
Order = Literal["asc", "desc"]
SearchSort = Literal["newest", "best"]
Role = Literal["user", "assistant", "system", "tool", "developer"]
Status = Literal["active", "expired", "purging"]
AnyStatus = Literal["active", "expired", "purging", "any"]
Sort = Literal[
    "last_activity_at",
    "created_at",
    "expires_at",
    "message_count",
    "size_bytes",
    "-last_activity_at",
    "-created_at",
    "-expires_at",
    "-message_count",
    "-size_bytes",
]
