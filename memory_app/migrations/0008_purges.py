"""Remember purges that were asked for, so that they can be followed and cancelled."""

import django.db.models.deletion
from django.db import migrations, models

import memory_app.models.fields


class Migration(migrations.Migration):
    dependencies = [("memory_app", "0007_legal_holds")]

    operations = [
        migrations.CreateModel(
            name="Purge",
            fields=[
                ("id", memory_app.models.fields.CodePointField(primary_key=True, serialize=False)),
                ("receipt", memory_app.models.fields.CodePointField(unique=True)),
                ("sessions", models.BigIntegerField(help_text="how many were shown")),
                ("cancelled_at", models.BigIntegerField(null=True)),
                (
                    "namespace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="memory_app.namespace",
                    ),
                ),
            ],
            options={"db_table": "purge"},
        ),
    ]
