"""How long sessions live: by namespace, optionally by id prefix; the longest prefix wins."""

from typing import Final

from django.db import models

from memory_app.models.fields import CodePointField
from memory_app.models.namespace import Namespace
from memory_app.moments import DAY, NEVER


class OnExpired(models.TextChoices):
    """What an add does under the id of an expired session."""

    RESTART = "restart"
    REJECT = "reject"


DEFAULT_IDLE: Final = 30 * DAY
DEFAULT_MAX_AGE: Final = 365 * DAY
DEFAULT_GRACE: Final = 7 * DAY


class RetentionPolicy(models.Model):
    """Limits in microseconds; `NEVER` must be chosen explicitly."""

    id = models.AutoField(primary_key=True)
    namespace = models.ForeignKey(Namespace, models.PROTECT, related_name="policies")
    prefix = CodePointField(default="", blank=True)
    idle_for = models.BigIntegerField(default=DEFAULT_IDLE)
    max_age = models.BigIntegerField(default=DEFAULT_MAX_AGE)
    grace = models.BigIntegerField(default=DEFAULT_GRACE)
    on_expired = models.TextField(choices=OnExpired.choices, default=OnExpired.RESTART)
    applied = models.BooleanField(
        default=True, help_text="whether the live sessions have these limits"
    )
    sessions_to_change = models.BigIntegerField(
        default=0, help_text="how many sessions had other limits when it was last changed"
    )
    sessions_changed = models.BigIntegerField(default=0, help_text="how many of them have these")

    class Meta:
        db_table = "retention_policy"
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "prefix"], name="one_policy_per_namespace_and_prefix"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    idle_for__gt=0,
                    idle_for__lte=NEVER,
                    max_age__gt=0,
                    max_age__lte=NEVER,
                    grace__gte=0,
                    grace__lte=NEVER,
                ),
                name="retention_limits_are_positive_and_bounded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.namespace_id}:{self.prefix}"
