"""W4, the console: how long its pages take the server among many sessions.

The pages are lines of tests.benchmarks.console_pages.PAGES.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def pages(environment: dict[str, str], sessions: int, rounds: int) -> Iterator[str]:
    """Yield a row of the table for each page, in an installation that is filled already."""
    # In a process of its own, which the settings of the installation are for.
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.console_pages", str(max(rounds, 3))],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in done.stdout.splitlines():
        name, fastest, median, cpu, statements = json.loads(line)
        yield (
            f"console: {name} | {fastest:.0f} ms, median {median:.0f} ms, {cpu:.0f} ms CPU,"
            f" {statements} statements | {sessions:,} sessions | | < 100 ms |"
        )
