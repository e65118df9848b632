from django.db import migrations

from memory_app.storage import postgresql_search, sqlite_search

# FTS5 and GIN over the words. What is stored already is queued by the first process that indexes:
# it finds no version of the words in search_state.


def _create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        # ANALYZE would keep the most frequent words where no removal reaches them.
        schema_editor.execute("ALTER TABLE search_document ALTER COLUMN words SET STATISTICS 0")
        schema_editor.execute(postgresql_search.CREATE)
    else:
        schema_editor.execute(sqlite_search.CREATE)


def _drop(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    schema_editor.execute(
        postgresql_search.DROP if vendor == "postgresql" else sqlite_search.DROP
    )


class Migration(migrations.Migration):

    dependencies = [
        ('memory_app', '0017_words_of_messages'),
    ]

    operations = [
        migrations.RunPython(_create, _drop),
    ]
