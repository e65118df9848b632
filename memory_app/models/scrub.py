"""One scrub of the database's files, after rows were removed."""

from django.db import models
from django.db.models import Q


class Scrub(models.Model):
    """A scrub that was begun; without `finished_at` it is going on, or was killed."""

    id = models.AutoField(primary_key=True)
    started_at = models.BigIntegerField()
    finished_at = models.BigIntegerField(null=True)
    asked = models.BooleanField(help_text="by a person, outside window and size")
    removals_through = models.BigIntegerField(help_text="the last removal it covers")
    size_before = models.BigIntegerField()
    size_after = models.BigIntegerField(null=True)
    problem = models.TextField(null=True, help_text="why the bytes may still be there")

    class Meta:
        db_table = "scrub"
        indexes = [
            # The last one that reached its end: what was removed since is due.
            models.Index(
                fields=["removals_through"],
                condition=Q(finished_at__isnull=False, problem__isnull=True),
                name="scrub_that_was_done",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
