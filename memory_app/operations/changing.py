"""Change what a session is besides its messages: user, title, tags, metadata, state."""

import json
from typing import Any

from memory_app.errors import Invalid, UserConflict
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.opening import write_facets
from memory_app.operations.receiving import SessionChange, check_document_size
from memory_app.storage import Database
from memory_app.strict_json import Verbatim, decode, encode, merge_patch, same


def apply_change(
    db: Database, namespace_id: int, session: SessionSnapshot, change: SessionChange
) -> SessionSnapshot:
    """Apply a change to a session that is locked; metadata and state by JSON merge patch.

    Raises Invalid and TooLarge when a merged document breaks a limit.
    """
    changed = session._replace(
        title=change.get("title", session.title),
        tags_text=_tags_text(change, session),
        metadata=_merged(session.metadata, change, "metadata"),
        state=_merged(session.state, change, "state"),
    )
    if changed == session:
        return session
    db.run(
        "UPDATE agent_session SET title = %s, tags = %s WHERE id = %s",
        (changed.title, changed.tags_text, session.number),
    )
    if (changed.metadata, changed.state) != (session.metadata, session.state):
        db.run(_WRITE_DOCUMENT, (session.number, changed.metadata, changed.state))
    if (changed.tags_text, changed.metadata) != (session.tags_text, session.metadata):
        db.run("DELETE FROM session_facet WHERE session_id = %s", (session.number,))
        write_facets(db, session.number, namespace_id, changed.tags, changed.metadata)
    return changed


_WRITE_DOCUMENT = (
    "INSERT INTO session_document (session_id, metadata, state) VALUES (%s, %s, %s)"
    " ON CONFLICT (session_id) DO UPDATE SET metadata = excluded.metadata, state = excluded.state"
)


def keeps(before: SessionSnapshot, after: SessionSnapshot) -> bool:
    """Tell whether a change only added: nothing that was there is removed or overwritten."""
    return (
        before.title in (None, after.title)
        and set(before.tags) <= set(after.tags)
        and _holds(before.metadata, after.metadata)
        and _holds(before.state, after.state)
    )


def _holds(before: str | None, after: str | None) -> bool:
    return before is None or _contains({} if after is None else decode(after), decode(before))


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _contains(whole[key], part[key]) for key in part)
    return same(whole, part)


def change_user(session: SessionSnapshot, change: SessionChange) -> str | None:
    """Return the user a session has after a change; null clears. Raises UserConflict."""
    user_id = change.get("user_id", session.user_id)
    if user_id is not None and session.user_id not in (None, user_id):
        raise UserConflict("the session belongs to another user")
    return user_id


def _tags_text(change: SessionChange, session: SessionSnapshot) -> str:
    if "tags" not in change:
        return session.tags_text
    return json.dumps(change["tags"] or [], ensure_ascii=False)


def _merged(current: str | None, change: SessionChange, name: str) -> str | None:
    if name not in change:
        return current
    patch: Verbatim | None = change[name]  # type: ignore[literal-required]
    if patch is None:
        # An empty document and none look the same, so clearing an empty one changes nothing.
        return current if current == "{}" else None
    target = {} if current is None else decode(current)
    value = merge_patch(target, patch.value)
    if same(value, target):
        return current
    merged = encode(value)
    check_document_size(merged, name)
    try:
        decode(merged)
    except Invalid as problem:
        raise Invalid.at(("body", name), problem.detail) from None
    return merged
