"""One isolated space of sessions, usually one agent application."""

from django.db import models

from memory_app.models.fields import CodePointField


class Namespace(models.Model):
    """An isolated space: keys, sessions and policies belong to exactly one."""

    id = models.AutoField(primary_key=True)
    name = CodePointField(unique=True)
    created_at = models.BigIntegerField()
    shares_default = models.BooleanField(
        default=True, help_text="whether calls without a session id go to one session, 'default'"
    )
    demands_reason = models.BooleanField(
        default=False, help_text="whether a person writes a reason before content is shown"
    )

    class Meta:
        db_table = "namespace"

    def __str__(self) -> str:
        return str(self.name)
