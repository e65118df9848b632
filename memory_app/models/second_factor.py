"""What a person shows besides a password: codes of an app (RFC 6238), or a recovery code."""

from django.db import models

from memory_app.models.operator import Operator


class SecondFactor(models.Model):
    """The secret that a person's app shares with Lethe, from the moment it is shown to them."""

    operator = models.OneToOneField(Operator, models.CASCADE, primary_key=True, related_name="+")
    secret = models.TextField(help_text="encrypted with a key that is not in the database")
    began_at = models.BigIntegerField()
    confirmed_at = models.BigIntegerField(
        null=True, help_text="when a first code showed that the app has it; asked for since then"
    )
    last_step = models.BigIntegerField(
        default=0, help_text="the half minute of the last code taken: none is taken twice"
    )
    wrong_codes = models.IntegerField(
        default=0, help_text="how many were given since `wrong_since`, from anywhere"
    )
    wrong_since = models.BigIntegerField(default=0)

    class Meta:
        db_table = "second_factor"

    def __str__(self) -> str:
        return str(self.operator_id)


class RecoveryCode(models.Model):
    """A code that works once, for a day without the app. Its use removes it."""

    digest = models.TextField(primary_key=True, help_text="keyed: the code is kept nowhere")
    operator = models.ForeignKey(Operator, models.CASCADE, related_name="+")

    class Meta:
        db_table = "recovery_code"

    def __str__(self) -> str:
        return str(self.operator_id)
