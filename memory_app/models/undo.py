"""What a person did a moment ago, and how it was before, so that it can be undone."""

from django.db import models
from django.db.models import Q

from memory_app.models.fields import CodePointField


class Undo(models.Model):
    """An act on sessions that can be undone for an hour, by whoever did it."""

    id = CodePointField(primary_key=True)
    actor = models.TextField()
    act = models.TextField()
    created_at = models.BigIntegerField()

    class Meta:
        db_table = "undo"
        indexes = [
            # What is past its hour.
            models.Index(fields=["created_at"], name="undo_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class UndoneSession(models.Model):
    """One session of such an act: its limits before, and when it expires since; or its hold."""

    undo = models.ForeignKey(Undo, models.CASCADE, related_name="+", db_index=False)
    # Not a foreign key: a session may be purged meanwhile, and is then counted as gone.
    number = models.IntegerField()
    idle_until = models.BigIntegerField(default=0)
    explicit_until = models.BigIntegerField(default=0)
    explicit_because = models.TextField(default="explicit")
    expires_at = models.BigIntegerField(default=0)
    left_at = models.BigIntegerField(default=0, help_text="its expires_at right after the act")
    hold = CodePointField(null=True, help_text="the hold that was placed, or released")

    class Meta:
        db_table = "undone_session"
        constraints = [
            models.UniqueConstraint(
                fields=["undo", "number"],
                condition=Q(hold=None),
                name="one_lifetime_of_a_session_per_undo",
            ),
            models.UniqueConstraint(
                fields=["undo", "number", "hold"], name="one_hold_of_a_session_per_undo"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
