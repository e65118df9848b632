"""Every operation of the API: how it is called, and the scope it takes."""

from typing import Any, NamedTuple


class Operation(NamedTuple):
    """One operation, with arguments that its checks accept; SESSION stands for a session id."""

    method: str
    name: str
    scope: str
    arguments: dict[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


SESSION = "session-id"
_MESSAGE = {"id": "m-1", "role": "user", "content": "Hello"}
_ONE = {"session_id": SESSION}

OPERATIONS = (
    Operation("post", "memory/add", "write", _ONE | {"message": _MESSAGE, "create": False}),
    Operation(
        "post",
        "memory/add_list",
        "write",
        _ONE | {"events": [{"message": _MESSAGE}], "create": False},
    ),
    Operation("get", "memory/list", "read", _ONE),
    Operation("get", "memory/retrieve", "read", _ONE | {"query": "hello"}),
    Operation("post", "memory/retrieve", "read", _ONE | {"query": "hello"}),
    Operation("get", "memory/search", "read", {"query": "hello"}),
    Operation("post", "memory/search", "read", {"query": "hello"}),
    Operation("get", "memory/get", "read", _ONE | {"id": "m-1"}),
    Operation("post", "memory/update", "write", _ONE | {"id": "m-1", "content": "Bye"}),
    Operation("post", "memory/delete", "write", _ONE | {"id": "m-1"}),
    Operation("post", "memory/pop", "write", _ONE),
    Operation("post", "memory/clear", "write", _ONE),
    Operation("get", "memory/count", "read", _ONE),
    Operation("get", "sessions/list", "read", {"prefix": SESSION}),
    Operation("get", "sessions/tree", "read"),
    Operation("get", "sessions/get", "read", _ONE),
    Operation("post", "sessions/create", "write"),
    Operation("post", "sessions/update", "write", _ONE | {"title": "Refund"}),
    Operation("post", "sessions/expire", "write", _ONE),
    Operation("post", "sessions/extend", "write", _ONE | {"expires_at": "2999-01-01T00:00:00Z"}),
    Operation("post", "sessions/fork", "write", _ONE),
    Operation("post", "sessions/delete", "purge", _ONE),
    Operation("get", "subjects/get", "purge", {"user_id": SESSION}),
    Operation("get", "subjects/export", "purge", {"user_id": SESSION}),
    Operation("post", "subjects/erase", "purge", {"user_id": SESSION, "reason": "asked for"}),
    Operation("post", "purges/preview", "purge", {"filter": {"prefix": "org-1/"}}),
    Operation("post", "purges/execute", "purge", {"token": SESSION, "reason": "asked for"}),
    Operation("get", "purges/get", "purge", {"id": SESSION}),
    Operation("post", "purges/cancel", "purge", {"id": SESSION}),
    Operation("get", "receipts/get", "purge", {"id": SESSION}),
    Operation("get", "receipts/list", "purge", {"session_id": SESSION}),
)
