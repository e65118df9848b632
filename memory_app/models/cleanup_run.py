"""One run of cleanup: when, over what, and what came of it."""

from django.db import models


class CleanupRun(models.Model):
    """A run that was started; without `finished_at` it is going on, or was killed."""

    id = models.AutoField(primary_key=True)
    started_at = models.BigIntegerField()
    finished_at = models.BigIntegerField(null=True)
    namespace = models.TextField(null=True, help_text="null: all of them")
    expired = models.BigIntegerField(default=0)
    sessions = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    complete = models.BooleanField(
        default=False, help_text="whether nothing that was due is left for the next run"
    )

    class Meta:
        db_table = "cleanup_run"
        indexes = [
            # The strip of the last runs, and when the last complete one was.
            models.Index(fields=["started_at"], name="cleanup_run_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
