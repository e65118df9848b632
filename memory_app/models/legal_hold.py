"""Legal holds: nothing of what they cover may be removed or overwritten."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace


class HoldKind(models.TextChoices):
    """What a hold covers; later sessions too."""

    SESSION = "session", "Session"
    SUBJECT = "subject", "Data subject"
    PREFIX = "prefix", "Prefix"


class LegalHold(models.Model):
    """A hold, for good: also after its release it says who held and released, and why."""

    id = CodePointField(primary_key=True)
    # Not `namespace_id`: conditions compare this with that of the session, both without a table's
    # name, for RETURNING on SQLite takes none.
    namespace = models.ForeignKey(
        Namespace, models.PROTECT, related_name="holds", db_column="held_in", db_index=False
    )
    kind = models.TextField(choices=HoldKind.choices)
    target = CodePointField(help_text="a session id, a user id, or a prefix of session ids")
    matter = models.TextField()
    reason = models.TextField()
    placed_by = models.TextField()
    placed_at = models.BigIntegerField()
    review_at = models.BigIntegerField()
    released_by = models.TextField(null=True)
    released_at = models.BigIntegerField(null=True)
    release_reason = models.TextField(null=True)

    class Meta:
        db_table = "legal_hold"
        indexes = [
            # Whether a session is held: asked for every session that is shown or removed.
            models.Index(
                fields=["namespace", "kind", "target"],
                condition=models.Q(released_at__isnull=True),
                name="active_hold_by_target",
            ),
            # The list, the newest first.
            models.Index(fields=["placed_at", "id"], name="hold_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.id)
