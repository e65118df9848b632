"""create_key, rotate_key, revoke_key: what they print and how they end."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from memory_app import moments
from memory_app.errors import Unauthenticated
from memory_app.models import ApiKey, RetentionPolicy
from memory_app.moments import DAY, HOUR
from memory_app.operations.keys import verify_key

NOW = moments.process_clock()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def status(*arguments: Any) -> int:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value.returncode


def test_the_key_and_nothing_else_is_printed(db: None) -> None:
    printed = run("create_key", "support")
    key = verify_key(printed.removesuffix("\n"))
    assert (key.namespace, key.scopes) == ("support", {"read", "write"})
    assert RetentionPolicy.objects.get().namespace.name == "support"


def test_scopes_end_and_label_are_taken(db: None) -> None:
    end = moments.to_rfc3339(NOW + DAY)
    printed = run(
        "create_key", "support", "--scopes", "purge,read", "--expires-at", end, "--label", "bot"
    )
    key = ApiKey.objects.get()
    assert printed.startswith(key.prefix)
    assert (key.scopes, key.expires_at, key.label) == ("read,purge", NOW + DAY, "bot")


def test_a_limit_of_calls_is_taken_and_goes_on_to_a_successor(db: None) -> None:
    key = run("create_key", "support", "--rate-limit", "600").strip()
    run("rotate_key", key[:14])
    assert list(ApiKey.objects.values_list("rate_limit", flat=True)) == [600, 600]
    run("create_key", "support")
    assert ApiKey.objects.latest("id").rate_limit is None


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "many", "1000001", "9" * 5000, "१०"])
def test_a_limit_that_is_none_is_refused_by_name(db: None, wrong: str) -> None:
    with pytest.raises(CommandError, match="a limit is 1 to 1000000 calls a minute"):
        run("create_key", "support", f"--rate-limit={wrong}")
    assert not ApiKey.objects.exists()


def test_a_successor_is_printed_and_the_old_key_ends_after_the_overlap(db: None) -> None:
    old = run("create_key", "support").strip()
    new = run("rotate_key", old[:14]).strip()
    left = ApiKey.objects.get(prefix=old[:14]).expires_at - moments.process_clock()
    assert DAY - HOUR < left <= DAY
    run("rotate_key", new[:14], "--overlap", "5m")
    left = ApiKey.objects.get(prefix=new[:14]).expires_at - moments.process_clock()
    assert 0 < left <= 5 * moments.MINUTE
    assert verify_key(new).namespace == "support"


def test_a_revoked_key_is_refused(db: None) -> None:
    key = run("create_key", "support").strip()
    assert run("revoke_key", key[:14]) == ""
    with pytest.raises(Unauthenticated):
        verify_key(key)


@pytest.mark.parametrize(
    "arguments",
    [
        ("create_key", "Not A Name"),
        ("create_key", "support", "--expires-at", "2001-01-01T00:00:00Z"),
        ("rotate_key", "lethe_00000000"),
        ("revoke_key", "lethe_00000000"),
    ],
)
def test_what_cannot_be_done_is_status_1(db: None, arguments: tuple[str, ...]) -> None:
    assert status(*arguments) == 1


def test_a_database_without_tables_is_status_1_and_says_what_to_run(db: None) -> None:
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("memory_app")
    MigrationRecorder(connection).record_unapplied(*newest)
    with pytest.raises(CommandError, match=r"manage\.py migrate") as caught:
        run("create_key", "support")
    assert caught.value.returncode == 1
