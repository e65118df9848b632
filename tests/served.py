"""Start the product's own server on a database of its own, and look at what it uses."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Served:
    """A running server and a key to it."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    def cpu(self) -> float:
        """Return the CPU seconds of the server's processes so far."""
        return sum(_cpu(pid) for pid in tree(self.process.pid))

    def resident_mb(self) -> float:
        """Return the resident memory of the server's processes."""
        pages = 0
        for pid in tree(self.process.pid):
            with contextlib.suppress(FileNotFoundError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError):
                found += [int(child) for child in task.read_text().split()]
    return found


def _cpu(pid: int) -> float:
    with contextlib.suppress(FileNotFoundError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of the product and return what it printed."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def new_environment(
    folder: Path, database_url: str | None, settings: str = "config.settings"
) -> dict[str, str]:
    """Return the environment of an installation of its own."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings,
        "LETHE_DATA_DIR": str(folder),
        "DATABASE_URL": database_url or f"sqlite:///{folder / 'lethe.sqlite3'}",
    }


def start(
    environment: dict[str, str], *, workers: int = 1, url: str | None = None
) -> "tuple[str, str, subprocess.Popen[bytes]]":
    """Start a server in a process group of its own; return a key to it, its address and process.

    With the address of a server that stopped, it is started there again, and there is no new key.
    """
    key = ""
    if url is None:
        url = f"http://127.0.0.1:{free_port()}"
        key = manage(environment, "create_key", "bench", "--scopes", "read,write,purge").strip()
    process = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "serve", "--no-cleanup"),
            *("--bind", url.removeprefix("http://"), "--workers", str(workers)),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until_up(url, process)
    return key, url, process


@contextlib.contextmanager
def serving(environment: dict[str, str], *, workers: int = 1) -> Iterator[Served]:
    """Serve an installation that is migrated already, until the block ends."""
    key, url, process = start(environment, workers=workers)
    try:
        yield Served(url, key, process, environment)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def wait_until_up(url: str, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Poll /healthz until it answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server stopped with status {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError("the server did not come up")
