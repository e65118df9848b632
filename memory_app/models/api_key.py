"""A caller's key to one namespace, stored as a keyed digest."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace


class Scope(models.TextChoices):
    """What a key may do."""

    READ = "read"
    WRITE = "write"
    PURGE = "purge"


class ApiKey(models.Model):
    """A key that was shown once; only its prefix can be read again."""

    id = models.AutoField(primary_key=True)
    namespace = models.ForeignKey(Namespace, models.PROTECT, related_name="api_keys")
    prefix = CodePointField(unique=True)
    digest = models.BinaryField()
    scopes = models.TextField(help_text="separated by commas")
    label = models.TextField(default="", blank=True)
    created_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()
    revoked_at = models.BigIntegerField(null=True)
    last_used_at = models.BigIntegerField(null=True)
    created_by = CodePointField(default="", help_text="as the audit log names whoever made it")
    rotated_to = CodePointField(null=True, help_text="the prefix of its successor")
    rate_limit = models.IntegerField(
        null=True, help_text="calls a minute; without one they are not counted"
    )
    form = CodePointField(
        null=True, unique=True, help_text="the form that asked for it, which makes no second one"
    )

    class Meta:
        db_table = "api_key"

    def __str__(self) -> str:
        return str(self.prefix)
