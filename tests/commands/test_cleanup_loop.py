"""`cleanup --every` stays, whatever happens to the database, until it is asked to stop."""

import io
import signal
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from django.core.management import CommandError, call_command

from memory_app.errors import Unavailable
from memory_app.management.commands import cleanup

MICROSECOND = 1
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Give the signals back that the loop takes."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def away(*_: Any, **__: Any) -> NoReturn:
    raise Unavailable("the database cannot be reached")


def test_a_database_that_is_away_ends_neither_a_run_nor_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clean_up, runs = cleanup.clean_up, []

    def clean_up_at_times(**options: Any) -> Any:
        runs.append(options)
        if len(runs) == 4:
            signal.raise_signal(signal.SIGTERM)
        return clean_up(**options) if len(runs) % 2 else away()

    # The clock of a database that went away after a run cannot be read either.
    monkeypatch.setattr(cleanup, "clean_up", clean_up_at_times)
    monkeypatch.setattr(cleanup, "seconds_until_window", away)
    said, complaints = io.StringIO(), io.StringIO()
    call_command("cleanup", every=MICROSECOND, stdout=said, stderr=complaints)
    assert len(runs) == 4
    assert said.getvalue().count("expired since the last run") == 2
    assert complaints.getvalue().count("the next run tries again") == 4


def test_a_loop_that_only_looks_carries_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    carried: list[Any] = []
    monkeypatch.setattr(cleanup, "finish_purges", lambda **options: carried.append(options))
    monkeypatch.setattr(cleanup, "_LOOK_SECONDS", 1e-3)

    def stopping(**options: Any) -> Any:
        signal.raise_signal(signal.SIGTERM) if len(runs) == 2 else runs.append(options)
        return clean_up(**options)

    clean_up, runs = cleanup.clean_up, list[Any]()
    monkeypatch.setattr(cleanup, "clean_up", stopping)
    call_command("cleanup", every=10_000 * MICROSECOND, dry_run=True, stdout=io.StringIO())
    assert (len(runs), carried) == (2, [])
    runs.clear()
    call_command("cleanup", every=10_000 * MICROSECOND, stdout=io.StringIO())
    assert {"namespace": None, "queued_only": True} in carried


def test_a_namespace_that_does_not_exist_ends_the_loop() -> None:
    with pytest.raises(CommandError) as refused:
        call_command("cleanup", namespace="nowhere", every=MICROSECOND, stdout=io.StringIO())
    assert refused.value.returncode == 1
