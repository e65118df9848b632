"""One event of a session: the message as it was received, and an optional state snapshot."""

from typing import Final

from django.db import models
from django.db.models import F, Q

from memory_app.models.fields import CodePointField, KeyField

# A message's key is (session number << SEQ_BITS) | seq: one index serves order, paging and the
# deletion of a whole session, which made a purge ten times faster on SQLite at a million messages.
SEQ_BITS: Final = 32


class Message(models.Model):
    """One event, ordered by its place within its session, never by a clock.

    `payload` and `state` are the JSON texts that were received. What search and display need is
    derived from them when asked, so there is one copy to erase.
    """

    id = KeyField(primary_key=True)
    message_id = CodePointField()
    role = models.TextField()
    payload = models.TextField()
    state = models.TextField(null=True)
    tokens = models.IntegerField()
    size_bytes = models.IntegerField()
    occurred_at = models.BigIntegerField(
        help_text="the message's own timestamp, else when it was stored"
    )
    created_at = models.BigIntegerField()
    updated_at = models.BigIntegerField(null=True)
    api_key_id = models.IntegerField(null=True, help_text="the key that wrote it")

    class Meta:
        db_table = "message"
        constraints = [
            # Finds the message that a retry repeats, and that get and update name.
            models.UniqueConstraint(
                F("id").bitrightshift(SEQ_BITS),
                F("message_id"),
                name="message_id_unique_in_session",
            ),
            models.CheckConstraint(condition=Q(id__gt=0), name="message_key_is_positive"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
