"""A link by which a person chooses a password: once, and not for long."""

from django.db import models

from memory_app.models.operator import Operator


class Invitation(models.Model):
    """The one link that a person has open; a newer one takes its place, its use removes it."""

    operator = models.OneToOneField(Operator, models.CASCADE, primary_key=True, related_name="+")
    digest = models.TextField(unique=True, help_text="keyed: the secret itself is kept nowhere")
    made_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()

    class Meta:
        db_table = "invitation"

    def __str__(self) -> str:
        return str(self.operator_id)
