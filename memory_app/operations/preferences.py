"""How each person wants the console to look, to tell the time and to listen."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from memory_app.errors import Invalid
from memory_app.operations.rights import Person
from memory_app.storage import Database, engine

UTC: Final = "UTC"
THEMES: Final = ("system", "light", "dark")
DENSITIES: Final = ("comfortable", "compact")
CLOCKS: Final = ("utc", "local")
# The columns that the list of sessions can show after the first, which names the session.
COLUMNS: Final = (
    "status",
    "namespace",
    "user",
    "tags",
    "messages",
    "tokens",
    "size",
    "created",
    "last_activity",
    "expires",
)
DEFAULT_COLUMNS: Final = (
    "status",
    "namespace",
    "user",
    "messages",
    "size",
    "last_activity",
    "expires",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a person chose, or what holds until they do; on every page as `preferences`.

    `theme` is one of THEMES, `density` of DENSITIES. `columns` are names of COLUMNS, each at most
    once, in the order in which the list of sessions shows them. `clock` is `utc`, or `local` for
    the IANA name in `time_zone`. `relative` shows in lists how long ago something was, and the
    time itself beside it. `keys` are the single-key shortcuts, `live` pages refresh themselves.
    """

    theme: str = "system"
    density: str = "comfortable"
    clock: str = "utc"
    time_zone: str = UTC
    relative: bool = True
    keys: bool = True
    live: bool = True
    columns: tuple[str, ...] = DEFAULT_COLUMNS

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone in which times are shown."""
        return ZoneInfo(self.time_zone if self.clock == "local" else UTC)


DEFAULTS: Final = Preferences()


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names of the zones that can be chosen, UTC first."""
    # Names without a region are old spellings of others, or offsets with the sign turned round.
    regions = {name for name in available_timezones() if "/" in name and "Etc/" not in name}
    return (UTC, *sorted(regions))


def read_preferences(stored: str) -> Preferences:
    """Return what is kept of a person's choices.

    A value that this version does not know counts as not chosen: a column that is gone does not
    take the others with it.
    """
    chosen: dict[str, Any] = json.loads(stored)
    known = {field.name for field in fields(Preferences)}
    kept = {name: value for name, value in chosen.items() if name in known}
    if "columns" in kept:
        kept["columns"] = tuple(name for name in kept["columns"] if name in COLUMNS)
    try:
        return _checked(Preferences(**kept))
    except Invalid:
        return DEFAULTS


def find_preferences(*, operator_id: int) -> Preferences:
    """Return a person's choices."""
    row = engine().read(
        lambda db: db.row("SELECT preferences FROM operator WHERE id = %s", (operator_id,))
    )
    return read_preferences(row[0]) if row else DEFAULTS


def set_preferences(
    *,
    person: Person,
    theme: str | None = None,
    density: str | None = None,
    clock: str | None = None,
    time_zone: str | None = None,
    relative: bool | None = None,
    keys: bool | None = None,
    live: bool | None = None,
    columns: Sequence[str] | None = None,
) -> Preferences:
    """Keep what the person chose, for all their browsers; what is None stays. Return all of it.

    See Preferences for the values. Raises Invalid, which names what may be chosen.
    """
    given: dict[str, Any] = {
        "theme": theme,
        "density": density,
        "clock": clock,
        "time_zone": time_zone,
        "relative": relative,
        "keys": keys,
        "live": live,
        "columns": None if columns is None else tuple(columns),
    }
    changed = {name: value for name, value in given.items() if value is not None}

    def work(db: Database) -> Preferences:
        row = db.row(
            "SELECT s.preferences FROM operator s WHERE s.id = %s {for_update}", (person.id,)
        )
        chosen = _checked(replace(read_preferences(row[0]) if row else DEFAULTS, **changed))
        # What is as it was from the beginning is not kept, so that a better beginning reaches all.
        beginning = asdict(DEFAULTS)
        kept = {name: value for name, value in asdict(chosen).items() if value != beginning[name]}
        db.run("UPDATE operator SET preferences = %s WHERE id = %s", (json.dumps(kept), person.id))
        return chosen

    return engine().write(work)


def _checked(chosen: Preferences) -> Preferences:
    for value, allowed, what in (
        (chosen.theme, THEMES, "a theme"),
        (chosen.density, DENSITIES, "a density"),
        (chosen.clock, CLOCKS, "a clock"),
    ):
        if value not in allowed:
            raise Invalid(f"{what} is {' or '.join(allowed)}")
    if chosen.time_zone not in time_zones():
        raise Invalid("a time zone is a name such as Europe/Zurich or UTC")
    unknown = [name for name in chosen.columns if name not in COLUMNS]
    if unknown or len(set(chosen.columns)) < len(chosen.columns):
        raise Invalid(f"columns are {', '.join(COLUMNS)}, each at most once")
    return chosen
