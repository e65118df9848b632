"""A purge that was asked for: what its receipt cannot tell, because it may never be carried out."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace


class Purge(models.Model):
    """One execution of a preview. Cancelled before its start it has no receipt any more."""

    id = CodePointField(primary_key=True)
    namespace = models.ForeignKey(Namespace, models.PROTECT, related_name="+", db_index=False)
    # Not a foreign key: the receipt of a cancelled purge goes when its sessions are put back.
    receipt = CodePointField(unique=True)
    sessions = models.BigIntegerField(help_text="how many were shown")
    actor = models.TextField(default="")
    requested_at = models.BigIntegerField(default=0)
    cancelled_at = models.BigIntegerField(null=True)
    cancelled_by = models.TextField(null=True)

    class Meta:
        db_table = "purge"
        indexes = [
            # What was asked for in a namespace, the newest first.
            models.Index(fields=["namespace", "requested_at", "id"], name="purge_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.id)
