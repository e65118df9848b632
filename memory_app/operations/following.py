"""Follow the chain of the audit log from its beginning to its end, or to the first fault."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from memory_app.models import AuditAct
from memory_app.operations.attesting import KEPT, Checkpoint
from memory_app.operations.auditing import GENESIS, chain_hash


class Fault(NamedTuple):
    """What is wrong, and the first entry where it shows.

    `changed`: an entry does not follow from the one before. `missing`, `inserted`, `reordered`: its
    number is not the next. `cut`: the beginning or the end is gone. `rewritten`: a chain that holds
    by itself is not the one that was signed. `checkpoint_changed`, `checkpoint_missing`.
    """

    n: int
    kind: str
    detail: str


class Link(NamedTuple):
    """An entry as it is checked; None where it could not be read."""

    n: int | None
    content: Mapping[str, Any] | None
    hash: str | None


# The number and the hash of the last entry, as the database keeps it beside the chain.
Head = tuple[int, str]


class Walk:
    """Goes along the chain, entry by entry, up to the first fault; from a checkpoint, if given."""

    def __init__(
        self, signed: Mapping[int, Checkpoint], now: int, start: Checkpoint | None = None
    ) -> None:
        self.signed = signed
        self.now = now
        self.entries = 0
        self.first: int | None = None
        self.last: int | None = None
        self.hash = GENESIS
        self.proved = 0
        if start is not None:
            self.first, self.last = start.n + 1, start.n
            self.hash, self.proved = start.hash, start.n

    def follow(self, links: Iterator[Link]) -> Fault | None:
        """Check every entry; return the first fault."""
        for link in links:
            fault = self._begin(link) if self.last is None else self._order(link, links)
            fault = fault or self._check(link)
            if fault is not None:
                return fault
        return None

    def _begin(self, link: Link) -> Fault | None:
        """Accept a beginning: the first entry of all, or what follows a cut that was due."""
        n = link.n
        if n is None or n < 1:
            return Fault(1 if n is None else n, "inserted", "no log begins with this entry")
        self.first, self.last = n, n - 1
        if n == 1:
            return None
        cut = self.signed.get(n - 1)
        if cut is None or cut.at > self.now - KEPT:
            detail = "the entries before were removed, and not at a checkpoint 400 days old"
            return Fault(n, "cut", detail)
        self.hash, self.proved = cut.hash, cut.n
        return None

    def _order(self, link: Link, links: Iterator[Link]) -> Fault | None:
        assert self.last is not None
        expected = self.last + 1
        if link.n is None or link.n == expected:
            return None
        if link.n < expected:
            return Fault(link.n, "inserted", "an entry of this number was there before")
        following = next(links, None)
        if following is not None and following.n == expected:
            return Fault(link.n, "reordered", f"it stands before entry {expected}")
        return Fault(expected, "missing", f"the entry is not there; the next is {link.n}")

    def _check(self, link: Link) -> Fault | None:
        """Compare the hash with the content and with what was signed."""
        assert self.last is not None
        n = self.last + 1
        if link.content is None or chain_hash(self.hash, link.content) != link.hash:
            detail = "it does not follow from the entry before: one of the two was changed"
            return Fault(n, "changed", detail)
        self.hash, self.last, self.entries = link.hash, n, self.entries + 1
        checkpoint = self.signed.get(n)
        if checkpoint is None:
            if link.content.get("act") != AuditAct.CHECKPOINT:
                return None
            return Fault(n, "checkpoint_missing", "a checkpoint was signed here and is gone")
        if checkpoint.hash != self.hash:
            detail = f"the entries from here to {n} are not those that were signed"
            return Fault(self.proved + 1, "rewritten", detail)
        self.proved = n
        return None

    def end(self, head: Head | None) -> Fault | None:
        """Compare the end with what is known of it: checkpoints, and the database's own note."""
        newest = max(self.signed, default=0)
        if self.last is None:
            # All entries were so old that they were cut, and nothing was entered since.
            old = [one for one in self.signed.values() if one.at <= self.now - KEPT]
            cut = max(old, default=None)
            self.last, self.hash = (cut.n, cut.hash) if cut else (0, GENESIS)
        known = max(newest, head[0] if head else 0)
        if known > self.last:
            return Fault(self.last + 1, "cut", f"the log went on to entry {known} at least")
        if head is None and self.last != newest:
            detail = "an export ends with a checkpoint, and this one does not"
            return Fault(self.last + 1, "cut", detail)
        if head is not None and head[0] < self.last:
            return Fault(head[0] + 1, "inserted", "Lethe did not enter it")
        if head is not None and head[1] != self.hash:
            return Fault(self.last, "changed", "it is not the entry that Lethe entered last")
        return None
