"""The column types that both databases must treat alike."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class CodePointField(models.TextField):  # type: ignore[type-arg]
    """Text compared code point by code point, so that order and prefixes do not follow a locale.

    SQLite compares so by itself; PostgreSQL is told to, column by column.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Name the collation that means code point order on this database."""
        parameters: dict[str, Any] = dict(super().db_parameters(connection))
        parameters["collation"] = "C" if connection.vendor == "postgresql" else None
        return parameters
