"""A search that a person makes, for as long as its page can be gone back to."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.operator import Operator


class KeptSearch(models.Model):
    """What was searched for, sealed with a key that only the address of the page holds."""

    id = CodePointField(primary_key=True, help_text="a keyed digest of the token in the address")
    operator = models.ForeignKey(Operator, models.CASCADE, related_name="+", db_index=False)
    sealed = models.BinaryField()
    kept_until = models.BigIntegerField()

    class Meta:
        db_table = "kept_search"
        indexes = [
            # What is over, whenever another is kept.
            models.Index(fields=["kept_until"], name="kept_search_by_end"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
