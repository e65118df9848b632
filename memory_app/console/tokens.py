"""The conditions of the filter box, as `key:value`."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from memory_app import moments
from memory_app.errors import Invalid

MOMENTS: Final[Mapping[str, str]] = {
    "active-after": "last activity since",
    "active-before": "last activity before",
    "created-after": "begun since",
    "created-before": "begun before",
    "expires-after": "expires since",
    "expires-before": "expires before",
}
SELECTS: Final = ("status", "namespace")
_WORDS: Final[Mapping[str, str]] = {
    "user": "user is",
    "tag": "tagged",
    "prefix": "session id begins with",
    "held": "held is",
    "-tag": "without the tag",
    "-user": "user is not",
    "-prefix": "session id does not begin with",
}
# Of these there may be several.
REPEATED: Final = ("tag", "-tag", "-user", "-prefix")
# What is said instead of excluding other things.
_INSTEAD: Final[Mapping[str, str]] = {
    "status": "name the status that is wanted, like status:active",
    "held": "say held:no or held:yes",
}
# Other names that people try, and what they mean.
_ALSO: Final[Mapping[str, str]] = {"ns": "namespace"}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Token(NamedTuple):
    """One condition of the filter box; one about content is kept apart, and `kept` finds it."""

    key: str
    value: str
    kept: str = ""

    @property
    def is_content(self) -> bool:
        """Tell whether the value is content, which no address holds."""
        return self.key.startswith("meta.")

    @property
    def sought(self) -> Any:
        """Return the number, truth value or null that the value spells, else its text."""
        try:
            read = json.loads(self.value)
        except ValueError:
            return self.value
        return self.value if isinstance(read, str | list | dict) else read

    def written(self) -> str:
        """Write the token as one types it."""
        value = self.value
        if any(character.isspace() or character in "\"'\\" for character in value) or not value:
            value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{self.key}:{value}"

    def words(self) -> str:
        """Say what the token asks for."""
        if self.is_content:
            return f"metadata {self.key[5:]} is"
        return _WORDS.get(self.key) or MOMENTS[self.key]

    def moment(self) -> int:
        """Return the time that the token names. Raises Invalid."""
        text = f"{self.value}T00:00:00Z" if "T" not in self.value else self.value
        try:
            return moments.from_rfc3339(text)
        except ValueError:
            raise Invalid.at(
                ("query", "q"),
                f"{self.key}: takes a day like 2026-01-31, or a time with its zone",
            ) from None


def parse(text: str) -> Iterator[Token]:
    """Yield the conditions of a filter box. Raises Invalid for one that is not known."""
    splitter = shlex.shlex(text, posix=True)
    splitter.whitespace_split, splitter.commenters, splitter.quotes = True, "", '"'
    splitter.escapedquotes = '"'
    splitter.escape = "\\"
    try:
        parts = list(splitter)
    except ValueError:
        raise Invalid.at(("query", "q"), "a quotation mark is not closed") from None
    for part in parts:
        if _CONTROL.search(part):
            raise Invalid.at(("query", "q"), "control characters cannot be filtered by")
        key, colon, value = part.partition(":")
        key = _ALSO.get(key, key)
        if colon and key[:1] in ("-", "!"):
            key = _excluded(key)
        if not colon or not _is_key(key):
            if colon and key.isidentifier():
                raise Invalid.at(("query", "q"), f"there is no filter {key}:; see the examples")
            # A session id, or its beginning, may be pasted as it is.
            yield Token("prefix", part)
        elif not value:
            raise Invalid.at(("query", "q"), f"{key}: needs a value")
        elif key == "held" and value not in ("yes", "no"):
            raise Invalid.at(("query", "q"), "held: is yes or no")
        else:
            token = Token(key, value)
            if key in MOMENTS:
                token.moment()
            yield token


def _excluded(key: str) -> str:
    """Return the key of an exclusion. Raises Invalid for what cannot be excluded."""
    named = _ALSO.get(key[1:], key[1:])
    if f"-{named}" in _WORDS:
        return f"-{named}"
    if _is_key(named):
        instead = _INSTEAD.get(named, "a tag, a user or a prefix can")
        raise Invalid.at(("query", "q"), f"{key}: cannot be excluded; {instead}")
    return key


def _is_key(key: str) -> bool:
    return (
        key in _WORDS
        or key in MOMENTS
        or key in SELECTS
        or (key.startswith("meta.") and len(key) > 5)
    )
