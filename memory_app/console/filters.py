"""What a list of sessions is asked for: from the query string and back, and in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict

from memory_app import conf, moments
from memory_app.console.tokens import MOMENTS, REPEATED, SELECTS, Token, parse
from memory_app.errors import Invalid, NotFound
from memory_app.moments import DAY, to_datetime
from memory_app.operations import keeping
from memory_app.operations.browsing import SORTS, STATUSES, SessionFilter
from memory_app.operations.rights import Person

DEFAULT_SORT: Final = "-last_activity_at"
# As many as an API call may name tags. A thousand are more than SQLite takes in one statement.
MOST_CONDITIONS: Final = conf.MAX_TAGS
HOUR: Final = DAY // 24


class Span(NamedTuple):
    """A choice of the time field: what it says, and the bound it sets, from now."""

    label: str
    field: str
    offset: int
    least: str | None = None


SPANS: Final[Mapping[str, Span]] = {
    "24h": Span("Active in the last 24 hours", "active_after", -24 * HOUR),
    "7d": Span("Active in the last 7 days", "active_after", -7 * DAY),
    "30d": Span("Active in the last 30 days", "active_after", -30 * DAY),
    "quiet-30d": Span("Quiet for 30 days", "active_before", -30 * DAY),
    "ends-24h": Span("Expires within 24 hours", "expires_before", 24 * HOUR, "expires_after"),
    "ends-7d": Span("Expires within 7 days", "expires_before", 7 * DAY, "expires_after"),
}
_SEVERAL: Final[Mapping[str, str]] = {
    "tags": "tag",
    "without_tags": "-tag",
    "without_users": "-user",
    "without_prefixes": "-prefix",
}
STATUS_LABELS: Final[Mapping[str, str]] = {
    "active": "Active",
    "expired": "Expired",
    "purging": "Purging",
}


class Chip(NamedTuple):
    """One condition as the page shows it, and the list without it."""

    words: str
    value: str
    without: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list of sessions is asked for."""

    tokens: Sequence[Token] = ()
    status: str = ""
    namespace: str = ""
    time: str = ""
    sort: str = DEFAULT_SORT
    cursor: str = ""
    # The person's list begins with a view, so that the list of all has to be asked for.
    begins_elsewhere: bool = False

    @property
    def box(self) -> str:
        """Return what the filter box holds, conditions about content included."""
        return " ".join(token.written() for token in self.tokens)

    def query(self, *, page: bool = False) -> str:
        """Return the canonical query string; it holds no content, only where that is kept."""
        pairs = [
            ("q", " ".join(token.written() for token in self.tokens if not token.is_content)),
            *(("kept", token.kept) for token in self.tokens if token.is_content),
            ("status", self.status),
            ("namespace", self.namespace),
            ("time", self.time),
            ("sort", "" if self.sort == DEFAULT_SORT else self.sort),
            ("cursor", self.cursor if page else ""),
        ]
        # A condition that was not kept would be refused, not left out.
        given = [(name, value) for name, value in pairs if value or name == "kept"]
        return urlencode(given or ([("all", "1")] if self.begins_elsewhere else []))

    @property
    def prefix(self) -> str:
        """Return with what the session ids begin, or nothing."""
        return next((token.value for token in self.tokens if token.key == "prefix"), "")

    def under(self, prefix: str) -> "Asked":
        """Return the list of the ids that begin otherwise, and as it is in everything else."""
        tokens = [token for token in self.tokens if token.key != "prefix"]
        within = [Token("prefix", prefix)] if prefix else []
        return replace(self, tokens=[*within, *tokens], cursor="")

    @property
    def all(self) -> str:
        """Return the query of the list of all."""
        return Asked(begins_elsewhere=self.begins_elsewhere).query()

    def sorted_by(self, column: str) -> str:
        """Return the query of the list sorted by a column; again, the other way round."""
        first = f"-{column}" if column != "expires_at" else column
        other = first[1:] if first.startswith("-") else f"-{first}"
        return replace(self, sort=other if self.sort == first else first, cursor="").query()

    def chips(self) -> Iterator[Chip]:
        """Yield what is filtered by, each with the query that leaves it out."""
        for index, token in enumerate(self.tokens):
            others = [*self.tokens[:index], *self.tokens[index + 1 :]]
            yield Chip(token.words(), token.value, replace(self, tokens=others, cursor="").query())
        if self.status:
            rest = replace(self, status="", cursor="").query()
            yield Chip("status is", self.status, rest)
        if self.namespace:
            rest = replace(self, namespace="", cursor="").query()
            yield Chip("namespace is", self.namespace, rest)
        if self.time:
            yield Chip(SPANS[self.time].label, "", replace(self, time="", cursor="").query())

    def wanted(self, now: int | None = None) -> SessionFilter:
        """Return the filter of the operations. Raises Invalid for a time that cannot be read."""
        fields: dict[str, Any] = {"status": self.status or "any"}
        for name, key in _SEVERAL.items():
            fields[name] = [token.value for token in self.tokens if token.key == key]
        metadata = {token.key[5:]: token.sought for token in self.tokens if token.is_content}
        if metadata:
            fields["metadata"] = metadata
        for token in self.tokens:
            if token.key == "user":
                fields["user_id"] = token.value
            elif token.key == "prefix":
                fields["prefix"] = token.value
            elif token.key == "held":
                fields["held"] = token.value == "yes"
            elif token.key in MOMENTS:
                fields[token.key.replace("-", "_")] = token.moment()
        if self.time:
            span, moment = SPANS[self.time], now or moments.process_clock()
            fields[span.field] = moment + span.offset
            if span.least:
                fields[span.least] = moment
        return SessionFilter(**fields)


def read(query: QueryDict, person: Person, *, keeping_content: bool = False) -> Asked:
    """Read a query string, or a form.

    Raises Invalid for a condition that is not known. One about content comes from a form, whose
    conditions are kept for the person when `keeping_content`; an address only names what is kept:
    Invalid for one that spells it out, NotFound when its hour is over, Forbidden for another's.
    """
    given = {name: query.get(name, "").strip() for name in ("q", "status", "namespace", "time")}
    tokens: list[Token] = []
    for token in [*parse(given["q"]), *_kept(query.getlist("kept"), person)]:
        if token.key in SELECTS:
            given[token.key] = token.value
        elif token.key not in REPEATED and any(token.key == other.key for other in tokens):
            raise Invalid.at(("query", "q"), f"{token.key}: can be given once")
        elif token not in tokens:
            if len(tokens) == MOST_CONDITIONS:
                raise Invalid.at(("query", "q"), f"at most {MOST_CONDITIONS} conditions")
            tokens.append(token)
    if given["status"] == "any":
        given["status"] = ""
    if given["status"] not in ("", *STATUSES):
        raise Invalid.at(("query", "status"), f"a status is one of {', '.join(STATUSES)}")
    if given["time"] not in ("", *SPANS):
        raise Invalid.at(("query", "time"), f"a time is one of {', '.join(SPANS)}")
    sort = query.get("sort", "") or DEFAULT_SORT
    if sort.removeprefix("-") not in SORTS:
        raise Invalid.at(("query", "sort"), f"sort by one of {', '.join(SORTS)}")
    return Asked(
        tokens=[_keep(token, person, keeping_content) for token in tokens],
        status=given["status"],
        namespace=given["namespace"],
        time=given["time"],
        sort=sort,
        cursor=query.get("cursor", ""),
    )


def _keep(token: Token, person: Person, allowed: bool) -> Token:
    """Return the token as an address can name it."""
    if not token.is_content or token.kept:
        return token
    if not allowed:
        raise Invalid.at(
            ("query", "q"),
            f"{token.key}: is about content, which no address holds; type it into the box",
        )
    return token._replace(kept=keeping.keep_search(person=person, asked={"box": token.written()}))


def _kept(names: Sequence[str], person: Person) -> Iterator[Token]:
    for name in names:
        box = keeping.read_search(person=person, token=name).get("box", "")
        if not box:
            raise NotFound("this is a search, and no filter of sessions")
        yield from (token._replace(kept=name) for token in parse(box))


_ORDERS: Final[Mapping[str, tuple[str, str]]] = {
    "last_activity_at": ("longest quiet first", "newest activity first"),
    "created_at": ("oldest first", "newest first"),
    "expires_at": ("next to expire first", "last to expire first"),
    "message_count": ("fewest messages first", "most messages first"),
    "size_bytes": ("smallest first", "largest first"),
}


def order_words(sort: str) -> str:
    """Say in which order a list is."""
    return _ORDERS[sort.removeprefix("-")][sort.startswith("-")]


def words(wanted: SessionFilter | None, namespace: str, number: int = 0) -> str:
    """Say in one sentence which sessions a filter means; None means those chosen by hand."""
    if wanted is None:
        return f"the session{'s' * (number != 1)} you selected in {namespace}"
    said = [f"in {namespace}"]
    said += [] if wanted.status == "any" else [f"status is {wanted.status}"]
    said += [f"user is {wanted.user_id}"] if wanted.user_id is not None else []
    said += [f"session id begins with {wanted.prefix}"] if wanted.prefix else []
    said += [f"tagged {tag}" for tag in wanted.tags]
    said += [f"without the tag {tag}" for tag in wanted.without_tags]
    said += [f"user is not {user}" for user in wanted.without_users]
    said += [f"session id does not begin with {prefix}" for prefix in wanted.without_prefixes]
    said += [f"metadata {key} is {value}" for key, value in (wanted.metadata or {}).items()]
    said += [] if wanted.held is None else ["held" if wanted.held else "not held"]
    for name, phrase in MOMENTS.items():
        moment = getattr(wanted, name.replace("-", "_"))
        if moment is not None:
            said.append(f"{phrase} {to_datetime(moment):%Y-%m-%d %H:%M} UTC")
    return "all sessions " + ", ".join(said)
