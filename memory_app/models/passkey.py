"""A passkey: a key pair in a device of a person, of which Lethe has the public half."""

from django.db import models

from memory_app.models.operator import Operator


class Passkey(models.Model):
    """One of the passkeys by which a person shows that it is they, instead of a code."""

    id = models.AutoField(primary_key=True)
    operator = models.ForeignKey(Operator, models.CASCADE, related_name="+")
    credential_id = models.TextField(unique=True, help_text="as the device names it, in base64url")
    credential = models.BinaryField(help_text="its id and public key, as WebAuthn encodes them")
    sign_count = models.BigIntegerField(help_text="as the device counted at the last use")
    name = models.TextField(help_text="what the person calls it")
    created_at = models.BigIntegerField()
    last_used_at = models.BigIntegerField(null=True)

    class Meta:
        db_table = "passkey"

    def __str__(self) -> str:
        return str(self.pk)
