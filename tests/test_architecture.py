"""The layers import downwards only, and the doors keep to their side."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_app.storage.content import TABLES

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "memory_app"

DOORS = ("memory_app.api", "memory_app.console", "memory_app.management")
CORE = ("memory_app.operations", "memory_app.models", "memory_app.storage")
FLOOR = (
    "memory_app.errors",
    "memory_app.conf",
    "memory_app.folding",
    "memory_app.measuring",
    "memory_app.moments",
    "memory_app.strict_json",
    "memory_app.words",
)

# What a layer never imports.
FORBIDDEN = {
    "memory_app.api": ("memory_app.console", "memory_app.management", "django.db"),
    "memory_app.console": ("memory_app.api", "memory_app.management", "django.db"),
    "memory_app.management": ("memory_app.api", "memory_app.console", "django.db.models"),
    "memory_app.operations": (
        *DOORS,
        "django.http",
        "django.shortcuts",
        "django.template",
        "ninja",
    ),
    "memory_app.models": (*DOORS, "memory_app.operations", "memory_app.storage", "django.http"),
    "memory_app.storage": (*DOORS, "memory_app.operations", "django.http", "ninja"),
    "memory_app.serving": (*DOORS, "memory_app.operations", "memory_app.models", "ninja"),
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(APP.rglob("*.py")):
        if "migrations" not in path.parts:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_imports_nothing_above_it_or_beside_it(layer: str) -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, tree in modules()
        if within(name, layer)
        for imported in imports(tree)
        if any(within(imported, forbidden) for forbidden in FORBIDDEN[layer])
    ]
    assert wrong == []


def test_the_floor_imports_only_the_floor() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, tree in modules()
        if name in FLOOR
        for imported in imports(tree)
        if within(imported, "memory_app") and not any(within(imported, one) for one in FLOOR)
        if imported != "memory_app"
    ]
    assert wrong == []


def test_nothing_in_the_application_imports_the_site() -> None:
    wrong = [name for name, tree in modules() if any(within(i, "config") for i in imports(tree))]
    assert wrong == []


def test_no_door_touches_the_orm() -> None:
    """A query in a door would be a second way to the data, past the rules of the operations."""
    wrong = []
    for name, tree in modules():
        if not any(within(name, door) for door in DOORS):
            continue
        wrong += [
            f"{name}:{node.lineno} uses .{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in {"objects", "save"}
        ]
    assert wrong == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "helpers", "common", "base", "manager", "service", "services"}
    assert [name for name, _ in modules() if name.rsplit(".", 1)[-1] in empty] == []


def test_rows_with_content_are_deleted_in_one_module_only() -> None:
    """Another statement that deletes would be a way round holds, journal and receipts."""
    deleting = re.compile(rf"DELETE\s+FROM\s+({'|'.join(TABLES)})\b", re.IGNORECASE)
    # What a person wrote anew takes the place of the old; a preview goes when it is used or old.
    allowed = {
        ("memory_app.operations.changing", "session_facet"),
        ("memory_app.operations.closing", "preview"),
        ("memory_app.operations.closing", "previewed_session"),
        ("memory_app.operations.fixing", "preview"),
        ("memory_app.operations.fixing", "previewed_session"),
        # The index forgets words when it is told to; what waits for it are numbers.
        ("memory_app.storage.pending", "search_pending"),
        ("memory_app.storage.postgresql_search", "search_document"),
        ("memory_app.storage.sqlite_search", "search_document"),
    }
    found = {
        (name, match.group(1))
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for match in deleting.finditer(node.value)
    }
    assert found == allowed
