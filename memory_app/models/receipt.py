"""That content was removed: who, when, why and how much; never what."""

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace


class ReceiptKind(models.TextChoices):
    """What act a receipt is for."""

    DELETION = "deletion"
    PURGE = "purge"
    ERASURE = "erasure"
    CLEANUP = "cleanup"


class Receipt(models.Model):
    """One act of removal. Holds no content, no ids in clear and no hashes of content."""

    id = CodePointField(primary_key=True)
    namespace = models.ForeignKey(Namespace, models.PROTECT, related_name="receipts")
    kind = models.TextField(choices=ReceiptKind.choices)
    reason = models.TextField(null=True)
    actor = models.TextField()
    requested_at = models.BigIntegerField()
    purged_at = models.BigIntegerField(null=True)
    scrubbed_at = models.BigIntegerField(null=True)
    counts = models.JSONField(default=dict)
    method = models.TextField()
    verification = models.JSONField(null=True)

    class Meta:
        db_table = "receipt"
        indexes = [
            models.Index(fields=["namespace", "requested_at", "id"], name="receipt_by_time"),
            # What the next scrub is for.
            models.Index(
                fields=["purged_at"],
                condition=models.Q(scrubbed_at__isnull=True),
                name="receipt_not_scrubbed",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ReceiptSubject(models.Model):
    """A keyed digest of a session or user id that a receipt covers.

    Whoever knows the id can find the receipt; the receipt does not give the id away.
    """

    receipt = models.ForeignKey(Receipt, models.CASCADE, related_name="subjects")
    digest = models.BinaryField()

    class Meta:
        db_table = "receipt_subject"
        constraints = [
            models.UniqueConstraint(fields=["digest", "receipt"], name="one_subject_per_receipt"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
