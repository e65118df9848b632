"""Times as people read them: in the zone of whoever looks, which the frame has set."""

from datetime import date, datetime, timedelta

from django.utils import timezone

from memory_app.errors import Invalid
from memory_app.moments import from_datetime, to_datetime


def local(moment: int) -> datetime:
    """Return a moment in the zone of whoever looks."""
    return to_datetime(moment).astimezone(timezone.get_current_timezone())


def written(moment: int) -> str:
    """Write a moment with its zone: `2026-01-31 13:00:00 CET`."""
    return f"{local(moment):%Y-%m-%d %H:%M:%S %Z}"


def days(since: str, until: str) -> tuple[int | None, int | None]:
    """Return the moments from and before which whole days lie, the last one included.

    Raises Invalid for a text that is no day.
    """
    return _begin("since", since, 0), _begin("until", until, 1)


def _begin(name: str, text: str, later: int) -> int | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=later)
        zone = timezone.get_current_timezone()
        return from_datetime(datetime(day.year, day.month, day.day, tzinfo=zone))
    except (ValueError, OverflowError):
        raise Invalid.at(("query", name), f"{name}: takes a day like 2026-01-31") from None
