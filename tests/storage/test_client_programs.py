"""How PostgreSQL's client programs are called."""

import pytest
from django.db import connection

from memory_app.storage import postgresql_files

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no such programs"),
]


def test_programs_older_than_our_own_library_understand_how_to_connect() -> None:
    connection.ensure_connection()
    assert "dbname" in postgresql_files._dsn()
    assert "sslcertmode" not in postgresql_files._dsn()
