"""The words of the templates: icons, times, states, numbers."""

from functools import cache
from typing import Final

import segno
from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memory_app import moments
from memory_app.console import times
from memory_app.console.paging import Pages
from memory_app.moments import NEVER, SECOND
from memory_app.operations.preferences import DEFAULTS, Preferences
from memory_app.operations.rights import Person
from memory_app.operations.running import RunView

register = template.Library()

# A state is a word, an icon and a colour, never a colour alone.
STATES: Final = {
    "active": ("Active", "circle-dot"),
    "expiring": ("Expiring", "hourglass"),
    "expired": ("Expired", "clock-x"),
    "held": ("Legal hold", "lock"),
    "purging": ("Purging", "progress"),
    "purged": ("Purged", "ban"),
    "done": ("Done", "circle-check"),
    "failed": ("Failed", "alert-circle"),
    "complete": ("Complete", "circle-check"),
    "incomplete": ("Incomplete", "alert-triangle"),
    "interrupted": ("Interrupted", "alert-circle"),
    "running": ("Running", "progress"),
    "queued": ("Queued", "hourglass"),
    "cancelled": ("Cancelled", "ban"),
    "revoked": ("Revoked", "ban"),
    "invited": ("Invited", "hourglass"),
    "lapsed": ("Invitation lapsed", "clock-x"),
    "deactivated": ("Deactivated", "user-x"),
}
# How many modules stay white around a QR code.
_QUIET: Final = 4
_UNITS: Final = ((31_536_000, "y"), (86_400, "d"), (3_600, "h"), (60, "m"))


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Draw an icon of static/vendor/icons.svg; it says nothing, so a word goes with it."""
    return _drawn(name, css)


@cache
def _drawn(name: str, css: str) -> SafeString:
    """Return an icon of those that templates name: a transcript draws hundreds, a tenth of it."""
    return format_html(
        '<svg class="i{}{}" aria-hidden="true" focusable="false" width="16" height="16">'
        '<use href="{}#{}"></use></svg>',
        " " if css else "",
        css,
        _sprite(),
        name,
    )


@cache
def _sprite() -> str:
    """Return where the icons are: asked for each of them, it took a fifth of a long page."""
    return static("vendor/icons.svg")


@register.simple_tag
def help_on(topic: str) -> SafeString:
    """Link to the help page of a topic: a small question mark beside a heading."""
    return format_html(
        '<a class="help" href="{}" title="Help">{}<span class="sr">Help: {}</span></a>',
        reverse(f"console:help_{topic}"),
        icon("help"),
        topic,
    )


@register.simple_tag
def badge(state: str) -> SafeString:
    """Show a state."""
    word, drawing = STATES[state]
    return format_html('<span class="badge badge-{}">{}{}</span>', state, icon(drawing), word)


@register.simple_tag(takes_context=True)
def fault(context: Context, name: str, hint: str = "") -> SafeString | str:
    """Mark a field in error, with what `fault_said` says and with the hint; the focus goes there.

    Nothing where there is no fault, but for the hint.
    """
    if name not in (context.get("faults") or {}):
        return format_html(' aria-describedby="{}"', hint) if hint else ""
    return format_html(
        ' aria-invalid="true" aria-describedby="{}" autofocus', f"fault-{name} {hint}".strip()
    )


@register.simple_tag(takes_context=True)
def fault_said(context: Context, name: str = "") -> SafeString | str:
    """Say what is wrong with a field beside it; without a name what no field is to blame for."""
    said = (context.get("faults") or {}).get(name)
    if said is None:
        return ""
    if not name:
        return format_html(
            '<p class="error" role="alert" id="problem">{}{}</p>', icon("alert-circle"), said
        )
    return format_html(
        '<span class="error" role="alert" id="fault-{}">{}{}</span>',
        name,
        icon("alert-circle"),
        said,
    )


@register.simple_block_tag
def grid(content: str, caption: str, css: str = "") -> str:
    """Frame the head and the body of a table, which scrolls by itself where it is too wide."""
    return render_to_string("console/_grid.html", {"rows": content, "caption": caption, "css": css})


@register.simple_block_tag
def pager(content: str, pages: Pages, target: str = "") -> str:
    """Say what a list shows, and lead to its first and to its next page; htmx swaps `target`."""
    return render_to_string(
        "console/_pager.html", {"words": content, "pages": pages, "target": target}
    )


@register.simple_tag(takes_context=True)
def moment(context: Context, value: int | None, form: str = "") -> SafeString | str:
    """Show a time as "relative", how long ago or ahead, or "absolute"; the other is its title.

    Without a form it is the person's choice.
    """
    if value is None:
        return "—"
    if value >= NEVER:
        return "never"
    chosen: Preferences = context.get("preferences") or DEFAULTS
    ago, clock = relative(value, moments.process_clock()), times.written(value)
    if form == "absolute" or (not form and not chosen.relative):
        return format_html(
            '<time datetime="{}" title="{}">{}</time>', moments.to_rfc3339(value), ago, clock
        )
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        moments.to_rfc3339(value),
        clock,
        ago,
    )


def relative(value: int, now: int) -> str:
    """Write a moment as seen from another: `4m ago`, `in 3d`."""
    seconds = abs(value - now) // SECOND
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    span = f"{seconds // size}{unit}"
    return f"in {span}" if value > now else f"{span} ago"


@register.simple_tag(takes_context=True)
def person_may(context: Context, right: str, namespace: str = "") -> bool:
    """Tell whether whoever looks may do something in a namespace, or in at least one."""
    person: Person = context["person"]
    return person.may(right, namespace) if namespace else person.may_anywhere(right)


@register.filter
def count(value: int) -> str:
    """Write a whole number with commas."""
    return f"{value:,}"


@register.filter
def size(value: int) -> str:
    """Write a number of bytes with at most three digits before the point: `995 KB`, `1.2 MB`."""
    amount, unit = float(value), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1024, larger
    return (
        f"{amount:.0f} {unit}" if unit in ("B", "KB") or amount >= 100 else f"{amount:.1f} {unit}"
    )


@register.filter
def inner(text: str) -> str:
    """Write the words of an act within a sentence: only the first letter becomes small."""
    return text[:1].lower() + text[1:]


@register.filter
def short(value: int) -> str:
    """Write a number that has little room: `1,284`, `1.92 M`."""
    for least, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (100_000, "k")):
        if value >= least:
            amount = value / (1_000 if unit == "k" else least)
            return f"{amount:.3g} {unit}" if amount < 1000 else f"{amount:.0f} {unit}"
    return f"{value:,}"


@register.filter
def took(run: RunView) -> str:
    """Write how long a run took: `0.4 s`, `3m 5s`."""
    if run.finished_at is None:
        return "—"
    seconds = (run.finished_at - run.started_at) / SECOND
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)}m {int(seconds % 60)}s"


@register.filter
def plural(value: int, noun: str) -> str:
    """Write a number with its noun: `1 session`, `1,204 sessions`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


@register.filter
def seconds(value: int) -> str:
    """Write a short span in words: `2 minutes`, `40 seconds`."""
    return plural(value // 60, "minute") if value >= 120 else plural(max(value, 0), "second")


@register.filter
def spaced(value: str) -> str:
    """Write a long secret in groups of four, for people who type it."""
    return " ".join(value[place : place + 4] for place in range(0, len(value), 4))


@register.simple_tag
def qr(text: str) -> SafeString:
    """Draw a text as a QR code: dark on white in either theme, as cameras want it."""
    rows = [bytes(row) for row in segno.make(text, error="m").matrix]
    side = len(rows) + 2 * _QUIET
    dark = "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, module in enumerate(row)
        if module
    )
    return format_html(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="QR code">'
        '<rect width="{0}" height="{0}" fill="#fff"></rect><path d="{1}" fill="#000"></path></svg>',
        side,
        dark,
    )
