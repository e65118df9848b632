from django.db import migrations

# ANALYZE keeps the most frequent values of a column, so it would keep content where no removal
# reaches it. The planner misses nothing: of these only message_id is compared, by a unique index.
COLUMNS = (
    ("agent_session", "title"),
    ("agent_session", "tags"),
    ("message", "message_id"),
    ("message", "payload"),
    ("message", "state"),
    ("preview", "wanted"),
    ("receipt", "reason"),
    ("session_document", "metadata"),
    ("session_document", "state"),
)


def _set_statistics(schema_editor, target):
    if schema_editor.connection.vendor == "postgresql":
        for table, column in COLUMNS:
            schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS {target}")


class Migration(migrations.Migration):

    dependencies = [
        ('memory_app', '0005_scrubs'),
    ]

    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: _set_statistics(schema_editor, 0),
            lambda apps, schema_editor: _set_statistics(schema_editor, -1),
        ),
    ]
