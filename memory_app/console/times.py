"""Times as people read them: in the zone of whoever looks, which the frame has set."""

from datetime import datetime

from django.utils import timezone

from memory_app.moments import to_datetime


def local(moment: int) -> datetime:
    """Return a moment in the zone of whoever looks."""
    return to_datetime(moment).astimezone(timezone.get_current_timezone())


def written(moment: int) -> str:
    """Write a moment with its zone: `2026-01-31 13:00:00 CET`."""
    return f"{local(moment):%Y-%m-%d %H:%M:%S %Z}"
