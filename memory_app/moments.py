"""Moments are whole microseconds since 1970 in UTC: exact, and the same on both databases."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# The last microsecond of the year 9999 stands for "never". A number instead of NULL keeps every
# comparison, minimum and index range free of a special case.
NEVER: Final = 253_402_300_799_999_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_DURATION = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def process_clock() -> int:
    """Return this process's time."""
    return time.time_ns() // 1000


def from_datetime(value: datetime) -> int:
    """Return the moment of an aware datetime."""
    return (value - _EPOCH) // _MICROSECOND


def to_datetime(moment: int) -> datetime:
    """Return the moment as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=moment)


def to_rfc3339(moment: int) -> str:
    """Write the moment as RFC 3339 in UTC with microseconds."""
    seconds, micros = divmod(moment, SECOND)
    return f"{_second(seconds)}.{micros:06d}Z"


# A page of sessions has two hundred times in it, and many share their second.
@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def from_rfc3339(text: str) -> int:
    """Read an RFC 3339 time, which must have a zone and a year from 1000 to 9999.

    More than six fractional digits are accepted and cut. Raises ValueError.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time with a zone")
    day, clock, fraction, zone = match.groups()
    if zone in "Zz":
        zone = "+00:00"
    value = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{zone}")
    moment = from_datetime(value)
    if not from_datetime(_EARLIEST) <= moment <= NEVER:
        raise ValueError("outside the years 1000 to 9999")
    return moment


def from_duration(text: str) -> int:
    """Read a duration such as 45s, 5m, 12h or 30d, in microseconds. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("not a duration: write 45s, 5m, 12h or 30d")
    duration = int(match[1]) * _UNITS[match[2]]
    if not 0 < duration <= NEVER:
        raise ValueError("a duration is longer than nothing, and ends before the year 9999")
    return duration


def to_duration(duration: int) -> str:
    """Write a duration as `from_duration` reads it, in its largest whole unit; or `never`."""
    if duration >= NEVER:
        return "never"
    unit = next(
        (unit for unit in reversed(_UNITS) if duration and duration % _UNITS[unit] == 0), "s"
    )
    return f"{duration // _UNITS[unit]}{unit}"
