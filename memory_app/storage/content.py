"""The one list of where content lives.

What is purged is deleted from all of it, what is scrubbed is vacuumed, and the check that nothing
is left counts in all of it. A place where content is kept and that is not on it would outlive an
erasure. Rows are deleted by operations/deleting.py and by nothing else.
"""

from typing import Final

# Rows that belong to one message, with the column that holds the message's key. The words of the
# search index are deleted through it, which must be told what it is to forget.
BY_MESSAGE: Final = (("message", "id"),)
INDEXED: Final = ("search_document", "message_key")
# Rows that belong to one session, with the column that holds its number; the session itself last.
BY_SESSION: Final = (
    ("session_document", "session_id"),
    ("session_facet", "session_id"),
    ("search_pending", "number"),
    ("agent_session", "id"),
)
# A preview keeps its filter, and what its sessions were like, until it is used or an hour old.
OF_PREVIEWS: Final = ("preview", "previewed_session")

TABLES: Final = (*(table for table, _ in (*BY_MESSAGE, INDEXED, *BY_SESSION)), *OF_PREVIEWS)
