"""A step does as much as others can wait for, learnt from those before it."""

from typing import Any

import pytest

from memory_app.operations import pacing
from memory_app.operations.pacing import Pace

pytestmark = pytest.mark.django_db


class Clock:
    """A clock that a step moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pacing, "time", made)
    return made


def run(pace: Pace, clock: Clock, seconds_for_a_row: float, limit: int = 10**9) -> int:
    def work(_: Any, size: int) -> tuple[int, int]:
        rows = min(size, limit)
        clock.now += rows * seconds_for_a_row
        return rows, rows

    return pace.step(work)


def test_steps_grow_until_one_takes_as_long_as_others_can_wait(clock: Clock) -> None:
    pace = Pace()
    sizes = [run(pace, clock, 2e-6) for _ in range(8)]
    assert sizes[:3] == [2_000, 4_000, 8_000]
    assert 0.02 < sizes[-1] * 2e-6 <= 0.031


def test_a_step_that_took_too_long_is_followed_by_a_smaller_one(clock: Clock) -> None:
    pace = Pace()
    assert run(pace, clock, 1e-4) == 2_000
    assert run(pace, clock, 1e-4) == 300
    assert clock.slept, "whoever waits gets the database in between"


def test_steps_do_not_shrink_to_nothing_on_a_slow_machine(clock: Clock) -> None:
    pace = Pace()
    for _ in range(5):
        run(pace, clock, 1.0)
    assert pace.size == 200


def test_a_small_step_teaches_nothing_about_a_large_one(clock: Clock) -> None:
    pace = Pace()
    run(pace, clock, 1e-6, limit=5)
    assert (pace.size, clock.slept) == (2_000, [])
