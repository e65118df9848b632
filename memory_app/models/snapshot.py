"""Rows as the hot paths read them: plain tuples with names, no ORM instances."""

import json
from typing import Any, NamedTuple

from memory_app.moments import NEVER


class SessionSnapshot(NamedTuple):
    """A session as it was read, in the order of storage.statements.SESSION_COLUMNS."""

    number: int
    uid: str
    session_id: str
    user_id: str | None
    title: str | None
    tags_text: str
    revision: int
    last_seq: int
    message_count: int
    token_count: int
    size_bytes: int
    created_at: int
    last_activity_at: int
    ended_at: int | None
    idle_for: int
    idle_until: int
    max_age_until: int
    explicit_until: int
    explicit_because: str
    expires_at: int
    grace: int
    purge_not_before: int
    purge_receipt: str | None
    held: bool
    metadata: str | None = None
    state: str | None = None

    @property
    def tags(self) -> list[str]:
        """Return the tags in the order they were given."""
        tags: list[str] = json.loads(self.tags_text)
        return tags

    def status(self, now: int) -> str:
        """Return `active`, `expired` or `purging`, by the moment and not by a job that ran."""
        if self.purge_receipt is not None:
            return "purging"
        return "active" if now < self.expires_at else "expired"

    @property
    def expires_because(self) -> str | None:
        """Return which limit comes first, or None when there is none."""
        if self.expires_at >= NEVER:
            return None
        if self.expires_at == self.explicit_until:
            return self.explicit_because
        return "max_age" if self.expires_at == self.max_age_until else "idle"

    @property
    def purge_after(self) -> int:
        """Return when the grace period ends."""
        return min(max(self.expires_at + self.grace, self.purge_not_before), NEVER)


class Event(NamedTuple):
    """A message as it was read, in the order of storage.statements.EVENT_COLUMNS."""

    key: int
    message_id: str
    role: str
    payload: str
    state: str | None
    tokens: int
    size_bytes: int
    created_at: int
    updated_at: int | None

    @property
    def seq(self) -> int:
        """Return the message's place in its session."""
        return self.key & 0xFFFFFFFF

    def message(self) -> dict[str, Any]:
        """Parse the message."""
        message: dict[str, Any] = json.loads(self.payload)
        return message
