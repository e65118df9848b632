"""One run of cleanup: when, over what, and what came of it."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace


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
    scrubbed = models.BooleanField(default=False, help_text="whether the files were scrubbed too")
    problem = models.TextField(null=True, help_text="the kind of error that ended it; no content")

    class Meta:
        db_table = "cleanup_run"
        indexes = [
            # The strip of the last runs, and when the last complete one was.
            models.Index(fields=["started_at"], name="cleanup_run_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CleanupPart(models.Model):
    """What a run did in one namespace, where it did anything."""

    run = models.ForeignKey(CleanupRun, models.CASCADE, related_name="parts", db_index=False)
    namespace = models.ForeignKey(Namespace, models.PROTECT, related_name="+", db_index=False)
    expired = models.BigIntegerField(default=0)
    sessions = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    # Not a foreign key: the receipt may be an older one, that this run went on with.
    receipt = CodePointField(null=True)

    class Meta:
        db_table = "cleanup_part"
        constraints = [
            models.UniqueConstraint(fields=["run", "namespace"], name="one_part_per_namespace"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
