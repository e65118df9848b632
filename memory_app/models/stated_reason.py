"""Why a person opens content, where the namespace demands to be told."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace
from memory_app.models.operator import Operator


class StatedReason(models.Model):
    """A reason that a person wrote, and until when it opens the content of the namespace to them.

    The audit log names it by its id; the text stands here, for as long as the entry is kept.
    """

    id = CodePointField(primary_key=True)
    operator = models.ForeignKey(Operator, models.CASCADE, related_name="+", db_index=False)
    namespace = models.ForeignKey(Namespace, models.PROTECT, related_name="+", db_index=False)
    reason = models.TextField()
    given_at = models.BigIntegerField()
    open_until = models.BigIntegerField()

    class Meta:
        db_table = "stated_reason"
        indexes = [
            # What is open to a person: asked with every page of theirs.
            models.Index(fields=["operator", "open_until"], name="stated_reason_by_operator"),
            # What is as old as the entries that are cut from the audit log.
            models.Index(fields=["given_at"], name="stated_reason_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.id)
