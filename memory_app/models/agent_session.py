"""A conversation of an agent, and the parts of it that are not messages."""

from typing import Final

from django.db import models
from django.db.models import F, Q

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace
from memory_app.moments import NEVER

# A message's key is its session's number and its own place in it: 31 and 32 bits.
MAX_NUMBER: Final = 2**31 - 1


class AgentSession(models.Model):
    """One conversation. Its counters are kept here, so that no list ever counts messages.

    `expires_at` is the earliest of three limits: `idle_until` (moved on by every append),
    `max_age_until` (fixed) and `explicit_until` (set by a caller or an operator).
    """

    id = models.AutoField(primary_key=True)
    uid = CodePointField(unique=True)
    namespace = models.ForeignKey(
        Namespace, models.PROTECT, related_name="sessions", db_index=False
    )
    session_id = CodePointField()
    user_id = CodePointField(null=True)
    title = models.TextField(null=True)
    tags = models.TextField(default="[]")

    revision = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    message_count = models.BigIntegerField(default=0)
    token_count = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)

    created_at = models.BigIntegerField()
    last_activity_at = models.BigIntegerField()
    ended_at = models.BigIntegerField(null=True)

    idle_for = models.BigIntegerField()
    idle_until = models.BigIntegerField()
    max_age_until = models.BigIntegerField()
    explicit_until = models.BigIntegerField(default=NEVER)
    explicit_because = models.TextField(default="explicit")
    expires_at = models.BigIntegerField()
    grace = models.BigIntegerField()
    restored_at = models.BigIntegerField(
        null=True, help_text="since when its maximum age counts, if not since it was begun"
    )
    restored_because = models.TextField(null=True)
    purge_not_before = models.BigIntegerField(default=0)
    purge_receipt = CodePointField(
        null=True, help_text="the receipt under which it is being purged: closed at every door"
    )

    class Meta:
        db_table = "agent_session"
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "session_id"],
                condition=Q(ended_at__isnull=True),
                name="one_live_session_per_id",
            ),
            models.CheckConstraint(
                condition=Q(id__gte=1, id__lte=MAX_NUMBER), name="session_number_fits_31_bits"
            ),
            models.CheckConstraint(
                condition=Q(
                    message_count__gte=0, token_count__gte=0, size_bytes__gte=0, last_seq__gte=0
                ),
                name="session_counters_are_not_negative",
            ),
        ]
        indexes = [
            # Ended sessions of one id: sessions/delete, and the predecessor's revision on restart.
            models.Index(
                fields=["namespace", "session_id", "id"],
                condition=Q(ended_at__isnull=False),
                name="ended_session_by_id",
            ),
            models.Index(
                fields=["namespace", "last_activity_at", "id"], name="session_by_activity"
            ),
            models.Index(fields=["namespace", "created_at", "id"], name="session_by_creation"),
            # The lists of the longest and of the largest. Without them a page of a million took 300
            # milliseconds, with them 1; an append takes 40 microseconds longer for the two.
            models.Index(fields=["namespace", "message_count", "id"], name="session_by_length"),
            models.Index(fields=["namespace", "size_bytes", "id"], name="session_by_size"),
            # The list by expiry, and what cleanup finds due.
            models.Index(fields=["namespace", "expires_at", "id"], name="session_by_expiry"),
            # What an interrupted purge goes on with.
            models.Index(
                fields=["purge_receipt", "id"],
                condition=Q(purge_receipt__isnull=False),
                name="session_being_purged",
            ),
            # sessions/list of one user, and everything a subject is erased from.
            models.Index(
                F("namespace"),
                F("user_id"),
                F("last_activity_at"),
                F("id"),
                condition=Q(user_id__isnull=False),
                name="session_by_user",
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)


class SessionDocument(models.Model):
    """A session's metadata and state, apart from its counters.

    SQLite rewrites a whole row to change one number in it; kept in the session's row, a state of
    256 KB would be written again with every message.
    """

    session = models.OneToOneField(
        AgentSession, models.CASCADE, primary_key=True, related_name="document"
    )
    metadata = models.TextField(null=True)
    state = models.TextField(null=True)

    class Meta:
        db_table = "session_document"

    def __str__(self) -> str:
        return str(self.pk)


class SessionFacet(models.Model):
    """A keyed digest of one tag, or of one top-level metadata entry, to filter sessions by.

    Digests are short, of one size and hold no content, whatever a caller puts into a tag or a
    metadata value; equality is all that the filters ask.
    """

    session = models.ForeignKey(AgentSession, models.CASCADE, related_name="facets")
    digest = models.BinaryField()

    class Meta:
        db_table = "session_facet"
        constraints = [
            models.UniqueConstraint(fields=["digest", "session"], name="one_facet_per_session"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
