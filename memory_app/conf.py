"""How large, how long and how many: the limits of the contract, and the settings Lethe reads."""

from pathlib import Path
from typing import Final

from django.conf import settings

MB: Final = 2**20
KB: Final = 2**10

MAX_BODY_BYTES: Final = 16 * MB
MAX_MESSAGE_BYTES: Final = 4 * MB
MAX_DOCUMENT_BYTES: Final = 256 * KB  # a session's metadata, and its state
MAX_DEPTH: Final = 64
MAX_BATCH: Final = 1_000
MAX_PAGE: Final = 1_000
MAX_LIST: Final = 10_000
MAX_ANSWER_BYTES: Final = 32 * MB
MAX_ID: Final = 512
# What a prefix of a policy, hold or purge ends in: the end of a level.
PREFIX_ENDS: Final = ("/", "-", "_", ":", ".")
MAX_TITLE: Final = 200
MAX_TAGS: Final = 32
MAX_TAG: Final = 64
MAX_QUERY: Final = 500
MAX_SEARCH: Final = 100
MAX_SEQ: Final = 2**32 - 1

DEFAULT_SESSION_ID: Final = "default"

# How long a verified API key is taken from memory: the most by which a revocation is late.
KEY_CACHE_SECONDS: Final = 3.0


def data_dir() -> Path:
    """Return the folder of the database, secrets, journal and exports."""
    return Path(settings.LETHE_DATA_DIR)


def secret_key() -> str:
    """Return the installation's secret, from which digests are keyed."""
    return str(settings.SECRET_KEY)


def public_url() -> str:
    """Return where people and agents reach this installation, without a slash at the end."""
    return str(settings.LETHE_PUBLIC_URL) or "http://127.0.0.1:8000"


def requires_second_factor() -> bool:
    """Tell whether everyone who works in the console must have a second factor."""
    return bool(settings.LETHE_REQUIRE_SECOND_FACTOR)


def scrub_window() -> tuple[int, int] | None:
    """Return when cleanup may scrub: from and before, in minutes of the UTC day; None is never."""
    window: tuple[int, int] | None = settings.LETHE_SCRUB_WINDOW
    return window


def scrub_max_bytes() -> int:
    """Return up to which size cleanup may stop writers for a scrub."""
    return int(settings.LETHE_SCRUB_MAX_MB) * MB


def backup_days() -> int:
    """Return for how many days backups are kept; 0 when nobody said."""
    return int(settings.LETHE_BACKUP_DAYS)
