"""Read environment variables by type, and refuse nonsense by name."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def _read(name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        return parse(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be {expected}; it is {raw!r}.") from None


def text(name: str, default: str = "") -> str:
    """Return the variable as text."""
    return _read(name, default, str, "text")


def flag(name: str, default: bool) -> bool:
    """Return the variable as true or false."""

    def parse(raw: str) -> bool:
        if raw.lower() in _TRUE | _FALSE:
            return raw.lower() in _TRUE
        raise ValueError

    return _read(name, default, parse, "true or false")


def number(name: str, default: int, least: int, most: int) -> int:
    """Return the variable as a whole number within bounds."""

    def parse(raw: str) -> int:
        value = int(raw)
        if not least <= value <= most:
            raise ValueError
        return value

    return _read(name, default, parse, f"a whole number from {least} to {most}")


def names(name: str, default: list[str]) -> list[str]:
    """Return the variable as a list of names, separated by commas."""
    return _read(
        name,
        default,
        lambda raw: [part.strip() for part in raw.split(",") if part.strip()],
        "names separated by commas",
    )


def window(name: str, default: str) -> tuple[int, int] | None:
    """Return when something may run, in minutes of the day: from, and before; None is never."""

    def parse(raw: str) -> tuple[int, int] | None:
        if raw in ("always", "never"):
            return (0, 24 * 60) if raw == "always" else None
        match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", raw)
        if match is None or match[1] + match[2] == match[3] + match[4]:
            raise ValueError
        hour, minute, end_hour, end_minute = map(int, match.groups())
        return hour * 60 + minute, end_hour * 60 + end_minute

    return _read(name, parse(default), parse, "HH:MM-HH:MM (UTC), always or never")


def folder(name: str, default: Path) -> Path:
    """Return a folder that exists and can be written, making it when it is missing."""
    path = Path(text(name, str(default))).expanduser().resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise ImproperlyConfigured(
            f"The folder {path} cannot be made ({problem.strerror}). "
            f"Set {name} to a folder that can be written."
        ) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(
            f"The folder {path} cannot be written. Set {name} to one that can."
        )
    return path


def secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret kept in this file, making it once, readable by its owner only."""
    if not path.exists():
        # Written aside and linked into place: of two processes that start together one wins, and
        # the other never reads a half-written file.
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write(make())
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return _kept(path)


def _kept(path: Path) -> str:
    value = path.read_text().strip()
    if len(value) < 32:
        raise ImproperlyConfigured(
            f"The secret in {path} is shorter than 32 characters. Restore the file from a backup; "
            "with another secret no API key is recognised."
        )
    return value
