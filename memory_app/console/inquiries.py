"""What a search of content asks: from the form and back, and as the operations take it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

from django.http import QueryDict

from memory_app import conf
from memory_app.console import times
from memory_app.errors import Invalid
from memory_app.operations.receiving import ROLES
from memory_app.operations.scanning import MessageFilter

STATUSES: Final[Mapping[str, str]] = {"active": "Active sessions", "expired": "Expired sessions"}
SORTS: Final[Mapping[str, str]] = {"newest": "Newest first", "best": "Best match first"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The fields of the form, as they were typed."""

    q: str = ""
    role: str = ""
    tool: str = ""
    prefix: str = ""
    user: str = ""
    status: str = ""
    namespace: str = ""
    since: str = ""
    until: str = ""
    sort: str = "newest"

    def written(self) -> dict[str, str]:
        """Return the fields that hold something, to be kept."""
        return {name: value for name, value in asdict(self).items() if value}

    def narrowed(self) -> list[str]:
        """Say what is filtered by besides the words."""
        said = (
            (self.role, f"role is {self.role}"),
            (self.tool, f"tool is {self.tool}"),
            (self.prefix, f"session id begins with {self.prefix}"),
            (self.user, f"user is {self.user}"),
            (self.status, f"only {self.status} sessions"),
            (self.namespace, f"namespace is {self.namespace}"),
            (self.since, f"since {self.since}"),
            (self.until, f"until {self.until}"),
        )
        return [words for value, words in said if value]

    def wanted(self) -> MessageFilter:
        """Return the filter of the operations. Raises Invalid, which says what would be right."""
        for value, choices, name in (
            (self.role, ROLES, "role"),
            (self.status, tuple(STATUSES), "status"),
            (self.sort, tuple(SORTS), "sort"),
        ):
            if value and value not in choices:
                raise Invalid.at((name,), f"a {name} is one of {', '.join(choices)}")
        for value in (self.tool, self.prefix, self.user):
            if len(value) > conf.MAX_ID:
                raise Invalid.at(("q",), f"a filter has at most {conf.MAX_ID} characters")
        after, before = times.days(self.since, self.until)
        return MessageFilter(
            role=self.role or None,
            tool=self.tool or None,
            prefix=self.prefix or None,
            user_id=self.user or None,
            status=self.status or "any",
            after=after,
            before=before,
        )


def read(given: QueryDict | Mapping[str, str]) -> Inquiry:
    """Read the fields of a form, or of what was kept."""
    typed = {one.name: str(given.get(one.name, "")).strip() for one in fields(Inquiry)}
    if any("\x00" in value for value in typed.values()):
        raise Invalid.at(("q",), "no text has a NUL in it")
    return Inquiry(**typed | {"sort": typed["sort"] or "newest"})
