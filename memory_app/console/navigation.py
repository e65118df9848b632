"""What every page shows around its content: the side bar, the person, the theme."""

from dataclasses import replace
from functools import cache, partial
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from memory_app.operations.preferences import DEFAULTS, THEMES, Preferences
from memory_app.operations.rights import Person, Right
from memory_app.operations.surveying import cleanup_is_late
from memory_app.version import VERSION


class Entry(NamedTuple):
    """A page in the side bar, for those who hold a right to it; `g` and its key open it."""

    view: str
    key: str
    label: str
    icon: str
    right: Right
    other_right: Right | None = None
    # Pages that are reached from it and have addresses of their own.
    covers: tuple[str, ...] = ()

    def is_for(self, person: Person) -> bool:
        """Tell whether the person holds one of the rights somewhere."""
        rights = (self.right, self.other_right)
        return any(right is not None and person.may_anywhere(right) for right in rights)


class Group(NamedTuple):
    """Pages that belong together, under a title."""

    title: str
    entries: tuple[Entry, ...]


GROUPS: Final = (
    Group(
        "",
        (
            Entry(
                "overview",
                "o",
                "Overview",
                "layout-dashboard",
                Right.VIEW,
                Right.MANAGE_NAMESPACES,
            ),
            Entry("sessions", "s", "Sessions", "messages", Right.VIEW),
            Entry("search", "m", "Message search", "search", Right.READ_CONTENT),
            Entry("subjects", "d", "Data subjects", "user", Right.VIEW),
        ),
    ),
    Group(
        "Governance",
        (
            Entry(
                "policies",
                "p",
                "Retention policies",
                "clock-hour-4",
                Right.VIEW,
                Right.MANAGE_POLICIES,
            ),
            Entry("holds", "h", "Legal holds", "lock", Right.VIEW),
            Entry(
                "receipts",
                "e",
                "Purges and receipts",
                "receipt",
                Right.VIEW,
                covers=("purges", "erasures"),
            ),
            Entry("runs", "r", "Cleanup runs", "refresh", Right.VIEW, Right.MANAGE_NAMESPACES),
            Entry("audit", "a", "Audit log", "list-details", Right.READ_OWN_AUDIT, Right.OVERSEE),
        ),
    ),
    Group(
        "Access",
        (
            Entry("namespaces", "n", "Namespaces", "folders", Right.MANAGE_NAMESPACES),
            Entry("keys", "k", "API keys", "key", Right.MANAGE_KEYS),
            Entry("people", "u", "People", "shield-check", Right.MANAGE_PEOPLE),
            Entry("settings", "t", "Settings", "settings", Right.MANAGE_NAMESPACES),
        ),
    ),
)


@cache
def url_of(view: str) -> str:
    """Return where a page is, or nothing when there is none yet."""
    try:
        return reverse(f"console:{view}")
    except NoReverseMatch:
        return ""


class Link(NamedTuple):
    """An entry as it is shown; `current` is a value of aria-current, or nothing."""

    key: str
    label: str
    icon: str
    url: str
    current: str


def links_for(person: Person, path: str = "") -> list[tuple[str, list[Link]]]:
    """Return the groups of pages that exist and that the person may open."""
    groups = [
        (
            group.title,
            [
                Link(entry.key, entry.label, entry.icon, url, _current(entry, path))
                for entry in group.entries
                if entry.is_for(person) and (url := url_of(entry.view))
            ],
        )
        for group in GROUPS
    ]
    return [(title, links) for title, links in groups if links]


def _current(entry: Entry, path: str) -> str:
    """Tell whether the page is this one, or one below it."""
    if path == url_of(entry.view):
        return "page"
    urls = [url for view in (entry.view, *entry.covers) if (url := url_of(view)) not in ("", "/")]
    return "true" if path.startswith(tuple(urls)) else ""


def first_page(person: Person) -> str:
    """Return the URL of the first page that the person may open, or nothing."""
    return next((link.url for _, links in links_for(person) for link in links), "")


def theme_cookie() -> str:
    """Return the name of the cookie that keeps the theme of those who are not signed in."""
    return f"{settings.LETHE_COOKIE_PREFIX}theme"


def preferences_for(request: HttpRequest) -> Preferences:
    """Return what the person chose; of a browser where nobody is signed in only the theme."""
    chosen: Preferences | None = getattr(request, "preferences", None)
    if chosen:
        return chosen
    theme = request.COOKIES.get(theme_cookie(), "")
    return replace(DEFAULTS, theme=theme) if theme in THEMES else DEFAULTS


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return what templates/base.html needs on every page."""
    person: Person | None = getattr(request, "person", None)
    return {
        "person": person,
        "navigation": links_for(person, request.path) if person else [],
        "preferences": preferences_for(request),
        # Asked for by whole pages only.
        "cleanup_is_late": partial(cleanup_is_late, person=person) if person else False,
        "left": getattr(request, "left", None),
        "environment": settings.LETHE_ENVIRONMENT,
        "version": VERSION,
    }
