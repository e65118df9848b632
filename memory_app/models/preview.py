"""A set of sessions, fixed for one act: shown with its numbers, then acted on as shown."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace


class Preview(models.Model):
    """What an actor was shown before an act. Its rows go when the act is done.

    `wanted` may name people and hold content, so it lives no longer than the preview.
    """

    id = CodePointField(primary_key=True)
    namespace = models.ForeignKey(Namespace, models.PROTECT, related_name="+")
    actor = models.TextField()
    wanted = models.TextField(null=True, help_text="the filter as JSON; null for chosen sessions")
    created_at = models.BigIntegerField()
    receipt = CodePointField(null=True, help_text="the receipt under which it is being purged")
    sessions = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    oldest_at = models.BigIntegerField(null=True)
    newest_at = models.BigIntegerField(null=True)

    class Meta:
        db_table = "preview"
        indexes = [
            # What is past its hour and was never used.
            models.Index(fields=["created_at"], name="preview_by_time"),
            # What an interrupted purge has still to close.
            models.Index(
                fields=["receipt"],
                condition=models.Q(receipt__isnull=False),
                name="preview_being_purged",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class PreviewedSession(models.Model):
    """One session of a preview as it was then, by its number: by nothing that outlives it."""

    preview = models.ForeignKey(Preview, models.CASCADE, related_name="+", db_index=False)
    # Not a foreign key: a session may be purged meanwhile, and is then counted as gone.
    number = models.IntegerField()
    revision = models.BigIntegerField()
    last_activity_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()
    has_ended = models.BooleanField()

    class Meta:
        db_table = "previewed_session"
        constraints = [
            models.UniqueConstraint(
                fields=["preview", "number"], name="one_session_once_per_preview"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
