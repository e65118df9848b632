"""manage.py demo: what `make demo` does."""

from typing import Any

from memory_app.conf import public_url
from memory_app.management.command import LetheCommand
from memory_app.operations.demonstrating import fill_demonstration


class Command(LetheCommand):
    """Add real conversations, and say where to look at them."""

    help = (
        "Fill namespaces with real conversations, spread over the past weeks: active, expiring"
        " soon, expired and due to be purged. Can be run again: what is there is left alone."
    )

    def handle(self, **options: Any) -> None:
        """Add them."""
        done = fill_demonstration()
        self.stdout.write(
            f"{done.sessions} sessions with {done.messages} messages added, in the namespaces"
            f" {', '.join(done.namespaces)}.\n"
            f"See them on {public_url()}/ (make run starts it, and made the name and password).\n"
            f"A key for an agent: manage.py create_key {done.namespaces[-1]}"
        )
