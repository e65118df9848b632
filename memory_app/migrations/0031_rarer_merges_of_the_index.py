from django.db import migrations

from memory_app.storage import sqlite_search

# FTS5 keeps its settings in a table of its own, with the index.


def _run(statements):
    def work(apps, schema_editor):
        if schema_editor.connection.vendor == "sqlite":
            for statement in statements:
                schema_editor.execute(statement)

    return work


class Migration(migrations.Migration):

    dependencies = [
        ('memory_app', '0030_wrong_codes_from_anywhere'),
    ]

    operations = [
        migrations.RunPython(
            _run(sqlite_search.SETTINGS), _run(sqlite_search.FTS5_SETTINGS)
        ),
    ]
