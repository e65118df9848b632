"""Say of each purge who asked for it and when, and who cancelled it, so that they can be listed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("memory_app", "0022_saved_views")]

    operations = [
        migrations.AddField("purge", "actor", models.TextField(default="")),
        migrations.AddField("purge", "requested_at", models.BigIntegerField(default=0)),
        migrations.AddField("purge", "cancelled_by", models.TextField(null=True)),
        # Of a cancelled one nothing is left that says when it was asked for.
        migrations.RunSQL(
            "UPDATE purge SET requested_at = coalesce((SELECT r.requested_at FROM receipt r"
            " WHERE r.id = purge.receipt), cancelled_at, 0), actor = coalesce((SELECT r.actor"
            " FROM receipt r WHERE r.id = purge.receipt), '')",
            migrations.RunSQL.noop,
        ),
        migrations.AddIndex(
            "purge",
            models.Index(fields=["namespace", "requested_at", "id"], name="purge_by_time"),
        ),
    ]
