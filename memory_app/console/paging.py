"""Where the pages of a list are: each by an address of its own, one after another."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse


class Pages(NamedTuple):
    """The first page of a list, when that is not the one shown, and the next, when there is one."""

    first: str
    following: str


def pages(
    view: str, asked: Mapping[str, str], *, paged: object, following: Mapping[str, str | None]
) -> Pages:
    """Return the pages of a view around one; what is empty of what was asked is left out.

    `following` is what the address of the next page says besides; on the last it has no value.
    """
    address = reverse(f"console:{view}")
    query = urlencode({name: value for name, value in asked.items() if value})
    first = (f"{address}?{query}" if query else address) if paged else ""
    if not any(following.values()):
        return Pages(first, "")
    more = urlencode({name: value for name, value in following.items() if value})
    return Pages(first, f"{address}?{query}&{more}" if query else f"{address}?{more}")
