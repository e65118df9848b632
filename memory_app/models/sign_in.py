"""A place where a person is signed in: one browser, for at most half a day."""

from django.db import models

from memory_app.models.operator import Operator


class SignIn(models.Model):
    """A browser in which a person is signed in. Without its row here, a cookie opens nothing.

    It is removed when the person signs out or is signed out, and after the longest time that
    anyone stays signed in: where somebody worked last year is nobody's business.
    """

    id = models.TextField(primary_key=True, help_text="sgn_ and 32 hexadecimal digits")
    operator = models.ForeignKey(Operator, models.CASCADE, related_name="+")
    began_at = models.BigIntegerField()
    seen_at = models.BigIntegerField(help_text="exact to a minute")
    browser = models.TextField(help_text="in words, such as Firefox on Windows")
    address = models.TextField()

    class Meta:
        db_table = "sign_in"
        indexes = [
            # Those that are past their time.
            models.Index(fields=["began_at"], name="sign_in_by_beginning"),
        ]

    def __str__(self) -> str:
        return str(self.id)
