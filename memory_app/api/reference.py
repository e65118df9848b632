"""What the reference says of each operation: its scope, the refusals of its own, an example."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple


class Reference(NamedTuple):
    """One operation's entry. Every example is a call that works, in this order or any other."""

    scope: str
    example: Mapping[str, Any]
    codes: tuple[str, ...] = ()


_SESSION: Final = {"session_id": "org-1/team-2/user-3"}
_QUESTION: Final = {"id": "m-1", "role": "user", "content": "Where is my refund?"}
_CALL: Final = {"id": "call-1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
_EVENTS: Final = [
    {"message": {"id": "m-2", "role": "assistant", "content": None, "tool_calls": [_CALL]}},
    {
        "message": {"id": "m-3", "role": "tool", "tool_call_id": "call-1", "content": "Refunded"},
        "state": {"step": 2},
    },
]
_NEW: Final = {
    "session_id": "org-1/team-2/user-4",
    "user_id": "user-4",
    "title": "Refund of order 7",
    "tags": ["refund"],
    "metadata": {"plan": "gold"},
    "if_exists": "return",
}

_APPEND: Final = (
    "not_found",
    "message_conflict",
    "user_conflict",
    "revision_conflict",
    "session_expired",
    "session_full",
    "held",
    "storage_full",
)
_REMOVE: Final = ("revision_conflict", "session_expired", "held")

OPERATIONS: Final[Mapping[str, Reference]] = {
    "memory/add": Reference(
        "write", {**_SESSION, "user_id": "user-3", "message": _QUESTION}, _APPEND
    ),
    "memory/add_list": Reference("write", {**_SESSION, "events": _EVENTS}, _APPEND),
    "memory/list": Reference("read", {**_SESSION, "last": 20}, ("session_expired",)),
    "memory/retrieve": Reference("read", {**_SESSION, "query": "refund"}, ("session_expired",)),
    "memory/search": Reference("read", {"query": "refund*"}),
    "memory/get": Reference("read", {**_SESSION, "id": "m-1"}, ("not_found", "session_expired")),
    "memory/count": Reference("read", _SESSION, ("session_expired",)),
    "memory/update": Reference(
        "write",
        {**_SESSION, "id": "m-1", "content": "[redacted]"},
        ("not_found", *_REMOVE),
    ),
    "memory/delete": Reference("write", {**_SESSION, "id": "m-3"}, _REMOVE),
    "memory/pop": Reference("write", _SESSION, _REMOVE),
    "memory/clear": Reference("write", _SESSION, _REMOVE),
    "sessions/list": Reference("read", {"prefix": "org-1/", "limit": 20}),
    "sessions/tree": Reference("read", {"prefix": "org-1/"}),
    "sessions/get": Reference("read", _SESSION, ("not_found",)),
    "sessions/create": Reference(
        "write", _NEW, ("session_exists", "user_conflict", "session_expired", "storage_full")
    ),
    "sessions/update": Reference(
        "write",
        {**_SESSION, "title": "Refund of order 7", "metadata": {"plan": "silver", "trial": None}},
        ("not_found", "user_conflict", "revision_conflict", "held", "storage_full"),
    ),
    "sessions/expire": Reference("write", _SESSION, ("not_found",)),
    "sessions/extend": Reference("write", {**_SESSION, "expires_at": None}, ("not_found",)),
    "sessions/fork": Reference(
        "write",
        {**_SESSION, "up_to_seq": 1},
        ("not_found", "session_exists", "session_expired", "storage_full"),
    ),
    "sessions/delete": Reference("purge", _SESSION, ("held",)),
    "subjects/get": Reference("purge", {"user_id": "user-3"}),
    "subjects/export": Reference("purge", {"user_id": "user-3"}),
    "subjects/erase": Reference("purge", {"user_id": "user-3", "reason": "Asked for by mail"}),
    "purges/preview": Reference("purge", {"filter": {"prefix": "org-1/", "status": "any"}}),
    "purges/execute": Reference(
        "purge", {"token": "<from preview>", "reason": "Customer left"}, ("preview_stale",)
    ),
    "purges/get": Reference("purge", {"id": "<from execute>"}, ("not_found",)),
    "purges/cancel": Reference("purge", {"id": "<from execute>"}, ("not_found",)),
    "receipts/get": Reference("purge", {"id": "<from a deletion>"}, ("not_found",)),
    "receipts/list": Reference("purge", _SESSION),
}


def example_of(name: str) -> dict[str, Any]:
    """Return the example call of an operation; a time in it is a month away."""
    example = dict(OPERATIONS[name].example)
    if "expires_at" in example:
        month = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        example["expires_at"] = month.isoformat().replace("+00:00", "Z")
    return example
