"""What of a transcript is asked for. What is looked for in it no address holds, only a token."""

import re
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from memory_app.errors import Forbidden, NotFound
from memory_app.folding import Needle
from memory_app.operations import keeping
from memory_app.operations.receiving import ROLES
from memory_app.operations.revealing import Passage
from memory_app.operations.rights import Person

_TOKEN: Final = re.compile(r"sch_[0-9a-f]{32}")


class Sought(NamedTuple):
    """What is looked for and the token that finds it again, or why there is nothing any more."""

    text: str = ""
    token: str = ""
    is_over: bool = False
    is_foreign: bool = False

    @property
    def needle(self) -> Needle:
        """Return what is to be marked."""
        return Needle(self.text)

    def branch(self, uid: str, part: str) -> str:
        """Return where the rest of a part of a session is to be had."""
        pairs = [("in", part)] + ([("find", self.token)] if self.token else [])
        return f"{reverse('console:branch', args=[uid])}?{urlencode(pairs)}"


NOTHING: Final = Sought()


def keep(person: Person, text: str) -> Sought:
    """Keep what somebody looks for, so that the page can be reloaded and gone back to."""
    if not text.strip():
        return NOTHING
    return Sought(text, keeping.keep_search(person=person, asked={"find": text}))


def read(person: Person, token: str) -> Sought:
    """Return what a token in an address stands for; what is no token is left out."""
    if not _TOKEN.fullmatch(token):
        return NOTHING
    try:
        text = keeping.read_search(person=person, token=token).get("find", "")
    except NotFound:
        return Sought(is_over=True)
    except Forbidden:
        return Sought(is_foreign=True)
    return Sought(text, token) if text else NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What of a transcript is asked for, and the query of the list that one came from."""

    passage: Passage
    sought: Sought = NOTHING
    match: int | None = None
    raw: bool = False
    came_from: str | None = None

    @classmethod
    def read(cls, given: QueryDict, looked_for: Sought) -> "Asked":
        """Read a query or a form; places that are none are left out."""
        passage = Passage(
            after=_number(given, "after"),
            before=_number(given, "before"),
            at=_number(given, "at"),
            end="end" in given,
            roles=[role for role in given.getlist("role") if role in ROLES],
        )
        return cls(
            passage=passage,
            sought=looked_for,
            match=_number(given, "match"),
            raw=given.get("view") == "raw",
            came_from=given.get("from"),
        )

    def address(self, uid: str, **more: Any) -> str:
        """Return where else in the session one may go, with all that is asked for but the place."""
        pairs: list[tuple[str, Any]] = [("role", role) for role in self.passage.roles]
        pairs += [("view", "raw")] if self.raw else []
        pairs += [] if self.came_from is None else [("from", self.came_from)]
        pairs += [("find", self.sought.token)] if self.sought.token else []
        pairs += more.items()
        path = reverse("console:session", args=[uid])
        return f"{path}?{urlencode(pairs)}" if pairs else path


def _number(given: QueryDict, name: str) -> int | None:
    text = given.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
