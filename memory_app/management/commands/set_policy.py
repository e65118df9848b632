"""manage.py set_policy: how long sessions live."""

import sys
from argparse import ArgumentParser
from typing import Any

from memory_app.management.command import LetheCommand, Refused, duration
from memory_app.models import OnExpired
from memory_app.moments import NEVER, to_duration
from memory_app.operations.policies import PolicyChange, preview_policy, set_policy
from memory_app.operations.weighing import PolicyEffect


def limit(text: str) -> int:
    """Read a duration, or `never`."""
    return NEVER if text == "never" else duration(text)


class Command(LetheCommand):
    """Change the retention policy of a namespace or of a prefix in it."""

    help = (
        "Change how long the sessions of a namespace live, or those whose id begins with a prefix:"
        " the longest prefix that fits decides. Says what that does; what shortens asks first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("namespace", metavar="NAMESPACE")
        parser.add_argument(
            "--prefix", default="", metavar="P", help="ends in one of / - _ : . (default: all ids)"
        )
        parser.add_argument("--idle", type=limit, metavar="D", help="such as 30d, or never")
        parser.add_argument("--max-age", type=limit, metavar="D", help="such as 365d, or never")
        parser.add_argument("--grace", type=duration, metavar="D", help="such as 7d")
        parser.add_argument("--on-expired", choices=OnExpired.values)
        parser.add_argument("--dry-run", action="store_true", help="only say what it would do")
        parser.add_argument("--yes", action="store_true", help="do not ask before shortening")

    def handle(self, **options: Any) -> None:
        """Say what the change does, ask when it shortens, and change."""
        change = PolicyChange(
            namespace=options["namespace"],
            prefix=options["prefix"],
            idle_for=options["idle"],
            max_age=options["max_age"],
            grace=options["grace"],
            on_expired=options["on_expired"],
        )
        effect = preview_policy(change=change)
        self._tell(effect)
        if options["dry_run"]:
            return
        confirmed = options["yes"] or not effect.shortens or self._ask(effect)
        set_policy(change=change, confirmed=confirmed)

    def _tell(self, effect: PolicyEffect) -> None:
        after = effect.after
        which = f"ids that begin with {after.prefix}" if after.prefix else "all ids"
        self.stdout.write(
            f"{after.namespace}, {which}: idle {to_duration(after.idle_for)}, maximum age"
            f" {to_duration(after.max_age)}, grace {to_duration(after.grace)},"
            f" {after.on_expired} when expired"
        )
        self.stdout.write(
            f"Of {effect.sessions:,} live sessions {effect.would_expire:,} expire now,"
            f" {effect.sooner:,} sooner than before and {effect.later:,} later."
        )

    def _ask(self, effect: PolicyEffect) -> bool:
        shorter = f"This shortens the {' and the '.join(effect.shortens)}"
        if not sys.stdin.isatty():
            raise Refused(f"{shorter.lower()}; add --yes to do so")
        if input(f"{shorter}. Go on? [y/N] ").strip().lower() not in ("y", "yes"):
            raise Refused("nothing was changed")
        return True
