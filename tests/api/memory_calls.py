"""A right call of each memory operation, to be spoiled by a test."""

from typing import Any

GETS: dict[str, dict[str, str]] = {
    "list": {},
    "retrieve": {"query": "x"},
    "get": {"id": "m-1"},
    "count": {},
}
POSTS: dict[str, dict[str, Any]] = {
    "add": {"message": {"role": "user"}},
    "add_list": {"events": [{"message": {"role": "user"}}]},
    "retrieve": {"query": "x"},
    "update": {"id": "m-1", "content": "x"},
    "delete": {"id": "m-1"},
    "pop": {},
    "clear": {"session_id": "default"},
}
MEMORY = "/api/v1/memory/"
