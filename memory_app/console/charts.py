"""Draw what templates show as SVG: every place and width is a number, no style is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from memory_app.moments import DAY, SECOND
from memory_app.operations.running import RunView
from memory_app.operations.tallying import Day

_TOP: Final = 10.0
# Half of the date under the last day stands to its right.
_RIGHT: Final = 12
_STEPS: Final = (1, 2, 5)
# The class of a run in the strip: what went well, what was left, what failed.
_STRIP: Final = {"complete": "o", "incomplete": "p", "running": "p"}


class Line(NamedTuple):
    """A line of the grid, or a mark under the axis, and its label."""

    at: float
    label: str


class Column(NamedTuple):
    """One day: its bars, each from `y` with a height, and what they say."""

    x: float
    width: float
    created_y: float
    created: float
    purged_y: float
    purged: float
    day: str
    numbers: Day


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of days: bars for what was created and purged, a line for what expired."""

    width: int
    height: int
    left: int
    bottom: float
    columns: Sequence[Column]
    points: str
    area: str
    grid: Sequence[Line]
    ticks: Sequence[Line]


def draw_days(days: Sequence[Day], *, width: int, height: int, left: int, every: int) -> Chart:
    """Draw days, oldest first, with a date under each `every`th."""
    bottom = height - 22.0
    most, step = _scale(max((max(one[1:]) for one in days), default=0))
    each = (width - left - _RIGHT) / max(len(days), 1)

    def rise(number: int) -> float:
        return round((bottom - _TOP) * number / most, 1)

    columns = [
        Column(
            x=round(left + index * each + each * 0.14, 1),
            width=round(each * 0.72, 1),
            created_y=round(bottom - rise(one.created), 1),
            created=rise(one.created),
            purged_y=round(bottom - rise(one.purged), 1),
            purged=rise(one.purged),
            day=date_of(one.day),
            numbers=one,
        )
        for index, one in enumerate(days)
    ]
    middles = [round(column.x + column.width / 2, 1) for column in columns]
    points = [
        f"{x},{round(bottom - rise(one.expired), 1)}" for x, one in zip(middles, days, strict=True)
    ]
    area = f"M{middles[0]},{bottom} L{' '.join(points)} L{middles[-1]},{bottom}Z" if days else ""
    lines = [Line(round(bottom - rise(n), 1), f"{n:,}") for n in range(0, most + 1, step)]
    # Counted from today, so that today has a date.
    ticks = [
        Line(x, column.day)
        for index, (x, column) in enumerate(zip(middles, columns, strict=True))
        if (len(days) - 1 - index) % every == 0
    ]
    return Chart(width, height, left, bottom, columns, " ".join(points), area, lines, ticks)


def _scale(largest: int) -> tuple[int, int]:
    """Return where the axis ends and its step: four or five round numbers above the largest."""
    step = 1
    while step * 4 < largest:
        power = 10 ** (len(str(step)) - 1)
        following = next((n * power for n in _STEPS if n * power > step), 10 * power)
        step = following
    return step * 4, step


def date_of(day: int) -> str:
    """Write a day: `24 Nov`."""
    at = datetime.fromtimestamp(day * DAY / SECOND, UTC)
    return f"{at.day} {at:%b}"


class Stroke(NamedTuple):
    """One run in the strip."""

    x: int
    css: str
    run: RunView


class Strip(NamedTuple):
    """The last runs as strokes, the oldest first, and in words."""

    width: int
    strokes: Sequence[Stroke]
    words: str


def draw_strip(runs: Sequence[RunView]) -> Strip:
    """Draw runs, which are given the newest first."""
    strokes = [
        Stroke(index * 5, _STRIP.get(run.state, "f"), run)
        for index, run in enumerate(reversed(runs))
    ]
    kinds = [stroke.css for stroke in strokes]
    said = (
        (kinds.count("o"), "complete"),
        (kinds.count("p"), "incomplete or running"),
        (kinds.count("f"), "failed or interrupted"),
    )
    words = ", ".join(f"{number} {kind}" for number, kind in said if number)
    return Strip(max(len(strokes) * 5, 5), strokes, f"Last {len(strokes)} runs: {words}")
