"""Time pages of the console in the product's own process: started by tests.benchmarks.console.

Prints one JSON list for each page: its name, milliseconds of the fastest and of the median, of CPU
in this process, and how many statements it sent.
"""

import json
import statistics
import sys
import time
from typing import Final, NamedTuple

import django

django.setup()

from django.test import Client  # noqa: E402

from memory_app.operations.cleaning import clean_up  # noqa: E402
from memory_app.operations.recording import Recording, add_events  # noqa: E402
from tests.benchmarks.fill import TEXT  # noqa: E402
from tests.counting import counted_statements  # noqa: E402
from tests.factories import make_caller, make_event  # noqa: E402
from tests.people import signed_in  # noqa: E402


class Page(NamedTuple):
    """A page that must answer in time, and its address; a form when there is something to send.

    What the form leads to is part of it.
    """

    name: str
    address: str
    form: dict[str, str] | None = None


# Each page of the console that shows what grows without bound: add yours as a line.
PAGES: Final = (
    Page("overview", "/overview/"),
    Page("cleanup runs", "/runs/"),
    Page("jump, by a prefix of many", "/jump/?q=org-1/"),
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
    Page("holds", "/holds/"),
    Page("policies", "/policies/"),
    Page("a policy with its preview", "/policies/change/?namespace=bench&prefix="),
    Page("a prefix with its preview", "/policies/change/?namespace=bench&prefix=org-1/"),
    Page("namespaces", "/namespaces/"),
    Page("keys", "/keys/"),
    Page("audit log", "/audit/"),
    Page("audit log, an act that is rare", "/audit/?act=database.restore"),
    Page("receipts", "/receipts/"),
    Page("purges", "/purges/"),
    Page("data subjects", "/subjects/"),
    Page("a data subject of whom nothing is there", "/subjects/?user_id=user-1"),
)


def of_a_long_session() -> list[Page]:
    """Make a session of 2,600 messages, and return the pages that show it."""
    made = None
    for first in range(0, 2_600, 650):
        events = [
            make_event(f"Message {number}: {TEXT}", state={"step": number})
            for number in range(first, first + 650)
        ]
        recording = Recording(session_id="org-1/long", events=events, batch=True)
        made = add_events(caller=make_caller("support"), recording=recording).session
    assert made is not None, "messages were added"
    address = f"/sessions/{made.uid}/"
    return [
        Page("a session of 2,600 messages", f"{address}?from=sort%3Dcreated_at"),
        Page("a session of 2,600 messages, the middle", f"{address}?at=1300"),
        Page("a session of 2,600 messages, the end", f"{address}?end=1"),
        Page("finding a word in 2,600 messages", f"{address}find/", {"find": "message 2599"}),
        Page("finding a word that all 2,600 hold", f"{address}find/", {"find": "refund"}),
        Page("two states of 2,600", f"{address}states/?a=1&b=2600"),
    ]


def measure(client: Client, page: Page, rounds: int) -> tuple[str, float, float, float, int]:
    """Open a page a few times; the first time only warms up.

    The fastest is what it takes when nothing else wants the machine.
    """
    ask = client.get if page.form is None else client.post
    with counted_statements() as statements:
        answer = ask(page.address, page.form, follow=True)
    if answer.status_code != 200:
        sys.exit(f"{page.address} answered {answer.status_code}")
    taken = []
    before = time.process_time()
    for _ in range(rounds):
        began = time.perf_counter()
        ask(page.address, page.form, follow=True)
        taken.append((time.perf_counter() - began) * 1000)
    cpu = (time.process_time() - before) * 1000 / rounds
    return page.name, min(taken), statistics.median(taken), cpu, len(statements)


def main() -> None:
    client = signed_in("bench", privacy_officer="*", administrator="*")
    client.defaults["HTTP_HOST"] = "127.0.0.1"
    # As `serve` does every five minutes: the overview shows what a run has counted.
    clean_up()
    for page in (*PAGES, *of_a_long_session()):
        print(json.dumps(measure(client, page, int(sys.argv[1]))), flush=True)


if __name__ == "__main__":
    main()
