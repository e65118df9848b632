"""The columns and statements that both engines share on the hot paths."""

from typing import Final

from memory_app.moments import NEVER

# Which holds `h` cover a session `s`. The columns of a hold have names that a session has not: the
# form for RETURNING leaves `s.` out.
COVERS: Final = (
    "h.held_in = s.namespace_id AND CASE h.kind WHEN 'session' THEN h.target = s.session_id"
    " WHEN 'subject' THEN h.target = s.user_id"
    " ELSE h.target = substr(s.session_id, 1, length(h.target)) END"
)
# Whether a session `s` is under legal hold. Without holds it looks into an empty index: 5 of an
# append's 70 microseconds on SQLite, 10 of 130 on PostgreSQL.
HELD: Final = f"EXISTS (SELECT 1 FROM legal_hold h WHERE h.released_at IS NULL AND {COVERS})"

# The first text after all that begin with what a hold names: a prefix ends in one of `/ - _ : .`
_AFTER_TARGET: Final = (
    "substr(h.target, 1, length(h.target) - 1) || CASE substr(h.target, length(h.target), 1)"
    " WHEN '/' THEN '0' WHEN '-' THEN '.' WHEN '_' THEN '`' WHEN ':' THEN ';' ELSE '/' END"
)
_UNDER_TARGET: Final = f"c.session_id >= h.target AND c.session_id < {_AFTER_TARGET}"
# The numbers of the sessions that are held, from the holds on: few are, and asking each session of
# a list of 200,000 whether it is took 65 milliseconds. Ids are indexed apart for ended sessions.
HELD_NUMBERS: Final = " UNION ALL ".join(
    "SELECT c.id FROM legal_hold h JOIN agent_session c ON c.namespace_id = h.held_in"
    f" AND {covers} WHERE h.released_at IS NULL AND h.kind = '{kind}'"
    for kind, covers in (
        ("session", "c.session_id = h.target AND c.ended_at IS NULL"),
        ("session", "c.session_id = h.target AND c.ended_at IS NOT NULL"),
        ("subject", "c.user_id = h.target"),
        ("prefix", f"{_UNDER_TARGET} AND c.ended_at IS NULL"),
        ("prefix", f"{_UNDER_TARGET} AND c.ended_at IS NOT NULL"),
    )
)

_STORED_COLUMNS: Final = (
    "s.id, s.uid, s.session_id, s.user_id, s.title, s.tags, s.revision, s.last_seq,"
    " s.message_count, s.token_count, s.size_bytes, s.created_at, s.last_activity_at, s.ended_at,"
    " s.idle_for, s.idle_until, s.max_age_until, s.explicit_until, s.explicit_because,"
    " s.expires_at, s.grace, s.purge_not_before, s.purge_receipt"
)
# In the order of models.snapshot.SessionSnapshot.
SESSION_COLUMNS: Final = f"{_STORED_COLUMNS}, {HELD}"
# What SESSION_COLUMNS needs of a statement that hands a session on.
KEPT_COLUMNS: Final = f"{_STORED_COLUMNS}, s.namespace_id"
LAST_SEQ: Final = 7
LAST_ACTIVITY_AT: Final = 12
EXPIRES_AT: Final = 19

# In the order of models.snapshot.Event.
EVENT_COLUMNS: Final = (
    "m.id, m.message_id, m.role, m.payload, m.state, m.tokens, m.size_bytes, m.created_at,"
    " m.updated_at"
)
SIZE_BYTES: Final = 6

MESSAGE_COLUMNS: Final = (
    "id, message_id, role, payload, state, tokens, size_bytes, occurred_at, created_at, api_key_id"
)

SESSION_WITH_DOCUMENT: Final = (
    f"SELECT {SESSION_COLUMNS}, d.metadata, d.state FROM agent_session s"
    " LEFT JOIN session_document d ON d.session_id = s.id WHERE {where}"
)

LIVE: Final = "s.namespace_id = %s AND s.session_id = %s AND s.ended_at IS NULL"
BY_UID: Final = "s.namespace_id = %s AND s.uid = %s AND s.purge_receipt IS NULL"

# What appended messages change in their session. Parameters: how many places, how many messages,
# tokens, bytes, the user found.
GROW: Final = """
    last_seq = s.last_seq + %s,
    message_count = s.message_count + %s,
    token_count = s.token_count + %s,
    size_bytes = s.size_bytes + %s,
    revision = s.revision + 1,
    user_id = coalesce(s.user_id, %s)"""

# What a write by a key does to its session's times, {now} being the moment.
PROLONG: Final = f"""
    last_activity_at = {{greatest}}(s.last_activity_at, {{now}}),
    idle_until = {{least}}({{greatest}}(s.idle_until, {{now}} + s.idle_for), {NEVER}),
    expires_at = {{least}}({{greatest}}(s.idle_until, {{now}} + s.idle_for), s.max_age_until,
        s.explicit_until, {NEVER})"""

# The conditions of an append, each with one parameter.
SAME_USER: Final = " AND (s.user_id IS NULL OR s.user_id = %s)"
SAME_REVISION: Final = " AND s.revision = %s"
# The plus sign takes the column's affinity away, without which SQLite does not use the index on
# the expression and reads the whole table.
NOT_A_REPEAT: Final = (
    " AND NOT EXISTS (SELECT 1 FROM message m WHERE (m.id >> 32) = +s.id AND m.message_id = %s)"
)
