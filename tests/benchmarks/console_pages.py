"""Time pages of the console in the product's own process: started by tests.benchmarks.console.

Prints one JSON list for each page: its name, milliseconds of the median and of the slowest, and how
many statements it sent.
"""

import json
import statistics
import sys
import time
from typing import Final, NamedTuple

import django

django.setup()

from django.test import Client  # noqa: E402

from tests.counting import counted_statements  # noqa: E402
from tests.people import signed_in  # noqa: E402


class Page(NamedTuple):
    """A page that must answer in time, and its address."""

    name: str
    address: str


# Each page of the console that shows what grows without bound: add yours as a line.
PAGES: Final = (
    Page("sessions", "/sessions/"),
    Page("sessions, the active ones", "/sessions/?status=active"),
    Page("sessions, the expired ones", "/sessions/?status=expired"),
    Page("sessions, held ones", "/sessions/?q=held:yes"),
    Page("sessions, with a tag", "/sessions/?q=tag:vip"),
    Page("sessions, by a prefix of many", "/sessions/?q=org-1/"),
    Page("tree of ids", "/sessions/tree/?namespace=bench"),
    Page("tree of ids, a level of many", "/sessions/tree/?namespace=bench&prefix=org-1/"),
    Page("sessions, the largest", "/sessions/?sort=-size_bytes"),
    Page("sessions, the longest", "/sessions/?sort=-message_count"),
)


def measure(client: Client, page: Page, rounds: int) -> tuple[str, float, float, int]:
    """Open a page a few times; the first time only warms up."""
    with counted_statements() as statements:
        answer = client.get(page.address)
    if answer.status_code != 200:
        sys.exit(f"{page.address} answered {answer.status_code}")
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        client.get(page.address)
        taken.append((time.perf_counter() - began) * 1000)
    return page.name, statistics.median(taken), max(taken), len(statements)


def main() -> None:
    client = signed_in("bench", privacy_officer="*", administrator="*")
    client.defaults["HTTP_HOST"] = "127.0.0.1"
    for page in PAGES:
        print(json.dumps(measure(client, page, int(sys.argv[1]))), flush=True)


if __name__ == "__main__":
    main()
