"""The newest copy of the database that `manage.py backup` wrote."""

from django.db import models


class LastBackup(models.Model):
    """One row: a copy does not know itself, so a restore removes the row that it brings back."""

    id = models.SmallIntegerField(primary_key=True)
    began_at = models.BigIntegerField(help_text="what was written since is not in it")
    size_bytes = models.BigIntegerField()

    class Meta:
        db_table = "last_backup"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_backup_is_the_last"),
        ]

    def __str__(self) -> str:
        return str(self.began_at)
