"""The journal of removals, replayed on a restored backup."""

from django.db import models
from django.db.models import Q

from memory_app.models.fields import CodePointField


class Erasure(models.Model):
    """One removal, by random ids only, written in the transaction that removed."""

    at = models.BigIntegerField()
    namespace = models.TextField()
    uid = CodePointField()
    ranges = models.TextField(help_text='JSON: "all", or [[first seq, last seq], ...]')
    filed = models.BooleanField(default=False, help_text="whether erasures.jsonl has it")

    class Meta:
        db_table = "erasure"
        indexes = [
            models.Index(fields=["id"], condition=Q(filed=False), name="erasure_not_yet_filed"),
            # What became of a session whose page is opened after it was purged.
            models.Index(
                fields=["uid"], condition=Q(ranges='"all"'), name="erasure_of_a_whole_session"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
