"""The column types that both databases must treat alike."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class KeyField(models.BigIntegerField):  # type: ignore[type-arg]
    """A primary key of 63 bits that is computed, not counted.

    SQLite stores a table by its key only when the column is declared `integer`, whatever its width;
    declared `bigint`, every lookup would go through a second index.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Name the type that makes this column the table's own key."""
        return "integer" if connection.vendor == "sqlite" else "bigint"


class CodePointField(models.TextField):  # type: ignore[type-arg]
    """Text compared code point by code point, so that order and prefixes do not follow a locale.

    SQLite compares so by itself; PostgreSQL is told to, column by column.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Name the collation that means code point order on this database."""
        parameters: dict[str, Any] = dict(super().db_parameters(connection))
        parameters["collation"] = "C" if connection.vendor == "postgresql" else None
        return parameters


class WordsField(models.TextField):  # type: ignore[type-arg]
    """The words of a message: with a space between them, or as PostgreSQL's own kind of list."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Name the type."""
        return "tsvector" if connection.vendor == "postgresql" else "text"
