"""Lists of sessions that people come back to."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace
from memory_app.models.operator import Operator


class SavedView(models.Model):
    """A question to the list of sessions, under a name: its owner's alone, or shared.

    `query` names no person and holds no content: it is kept when those are gone. A shared view is
    seen by whoever may view the namespace that it asks for.
    """

    id = CodePointField(primary_key=True)
    owner = models.ForeignKey(Operator, models.CASCADE, related_name="+", db_index=False)
    name = models.TextField()
    query = models.TextField(help_text="canonical, as in the address of the list")
    shared_in = models.ForeignKey(
        Namespace, models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.BigIntegerField()

    class Meta:
        db_table = "saved_view"
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_view_of_a_name_each"),
        ]
        indexes = [
            # What others share, on every page of the list.
            models.Index(
                fields=["shared_in", "name"],
                condition=models.Q(shared_in__isnull=False),
                name="saved_view_by_namespace",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
