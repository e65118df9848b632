"""Numbers of a namespace that no page could count: of what is there, and of what is gone."""

from django.db import models

from memory_app.models.namespace import Namespace


class Tally(models.Model):
    """What a namespace held when it was last counted, which a run of cleanup does."""

    namespace = models.OneToOneField(
        Namespace, models.CASCADE, primary_key=True, related_name="tally"
    )
    counted_at = models.BigIntegerField()
    active = models.BigIntegerField()
    expired = models.BigIntegerField()
    purging = models.BigIntegerField()
    messages = models.BigIntegerField()
    size_bytes = models.BigIntegerField()

    class Meta:
        db_table = "tally"

    def __str__(self) -> str:
        return str(self.pk)


class DailyTally(models.Model):
    """How many of the sessions that a namespace held at the last count began and expired on a day.

    Days are counted from 1970, in UTC.
    """

    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="+", db_index=False)
    day = models.IntegerField()
    created = models.BigIntegerField()
    expired = models.BigIntegerField()

    class Meta:
        db_table = "daily_tally"
        constraints = [
            models.UniqueConstraint(fields=["namespace", "day"], name="one_tally_per_day"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class DailyRemoval(models.Model):
    """How many sessions were removed on a day, and how many of those that are gone began on it.

    Each session enters itself in the transaction that removes it, so that what a day saw does not
    shrink when it is forgotten, and nothing is counted while messages are added.
    """

    namespace = models.ForeignKey(Namespace, models.CASCADE, related_name="+", db_index=False)
    day = models.IntegerField()
    created = models.BigIntegerField()
    expired = models.BigIntegerField()
    purged = models.BigIntegerField()

    class Meta:
        db_table = "daily_removal"
        constraints = [
            models.UniqueConstraint(fields=["namespace", "day"], name="one_removal_per_day"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
