"""The audit log: who did what to what and when; taken away as a file, and checked."""

import json
import tempfile
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from memory_app.console import acts, page
from memory_app.console.acts import AskedLog, Words
from memory_app.console.paging import pages
from memory_app.errors import Invalid
from memory_app.operations import overseeing
from memory_app.operations.auditing import About, Entered, EntryFilter
from memory_app.operations.overseeing import LogPage
from memory_app.operations.rights import Person, Right

_IN_MEMORY: Final = 4 * 2**20


class Row(NamedTuple):
    """An entry as the page shows it; `url` leads to its object where that is still there."""

    entry: Entered
    words: Words
    thing: str
    url: str
    detail: str


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show the entries that the person may see, the newest first."""
    person: Person = request.person  # type: ignore[attr-defined]
    cursor = request.GET.get("cursor", "")
    context: dict[str, Any] = {
        "cursor": cursor,
        "acts": acts.choices(),
        "here": request.GET,
        "all_of_it": any(person.may_anywhere(one) for one in (Right.READ_AUDIT, Right.OVERSEE)),
    }
    try:
        asked = acts.read(request.GET)
        found = overseeing.browse_log(person=person, wanted=asked.wanted(), cursor=cursor or None)
    except Invalid as problem:
        return _misread(request, context, problem)
    query = asked.query()
    context |= {
        "asked": asked,
        "query": query,
        "chips": asked.chips(),
        "found": found,
        "rows": [entry_row(entry, found) for entry in found.items],
        "pages": pages(
            "audit", asked.written(), paged=cursor, following={"cursor": found.next_cursor}
        ),
        "fault": acts.fault(found.standing.found) if found.standing else None,
    }
    url = reverse("console:audit") + (f"?{request.GET.urlencode()}" if cursor else "")
    if query and not cursor:
        url += f"?{query}"
    return page.render(
        request,
        page="console/audit/index.html",
        fragment="console/audit/_results.html",
        context=context,
        push=url,
    )


def _misread(request: HttpRequest, context: dict[str, Any], problem: Invalid) -> HttpResponse:
    """Say under the filter what cannot be read; the list stays, and what was typed."""
    typed = {name: request.GET.get(name, "") for name in AskedLog.__dataclass_fields__}
    return page.render(
        request,
        page="console/audit/index.html",
        fragment="console/sessions/_problem.html",
        context=context | {"asked": typed, "problem": problem.detail},
        status=422,
        retarget="#problem",
    )


def entry_row(entry: Entered, found: LogPage) -> Row:
    """Return an entry with its words, and where its object is."""
    about = About(entry.object_kind or "", entry.object_id or "")
    thing = found.things.get(about)
    opens = thing is not None and thing.opens and about.kind in _PAGES
    reason = found.reasons.get(about.id)
    return Row(
        entry,
        acts.words(entry.act),
        thing.name if thing else about.id,
        _PAGES[about.kind](about.id) if opens else "",
        f"“{reason}”" if reason else acts.counted(entry.counts),
    )


# Where the objects of entries have a page.
_PAGES: Final[dict[str, Callable[[str], str]]] = {
    "session": lambda uid: reverse("console:session", args=[uid]),
    "receipt": lambda receipt: reverse("console:receipt", args=[receipt]),
    "hold": lambda hold: reverse("console:hold", args=[hold]),
    "policy": lambda _: reverse("console:policies"),
    "namespace": lambda _: reverse("console:namespaces"),
    "key": lambda prefix: reverse("console:key", args=[prefix]),
    "person": lambda number: reverse("console:person", args=[number]),
    "run": lambda number: reverse("console:run", args=[number]),
}


@require_GET
def export(request: HttpRequest, kind: str) -> FileResponse:
    """Send the entries that match the filter as a file."""
    wanted: EntryFilter = acts.read(request.GET).wanted()
    # Read whole before it is sent: it is handed over only when the export is entered.
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the response closes it
    as_text, content_type = _KINDS[kind]
    if kind == "csv":
        file.write(acts.csv_line(acts.CSV_HEAD).encode())
    overseeing.export_entries(
        person=request.person,  # type: ignore[attr-defined]
        wanted=wanted,
        write=lambda text: file.write(text.encode()),
        as_text=as_text,
    )
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename=f"audit.{kind}", content_type=content_type
    )


def _as_line(entered: Entered) -> str:
    return json.dumps(entered.content() | {"hash": entered.hash}) + "\n"


_KINDS: Final = {
    "csv": (acts.entry_as_csv, "text/csv; charset=utf-8"),
    "jsonl": (_as_line, "application/jsonl"),
}


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Check the log, and show what was found on its page."""
    try:
        verified = overseeing.check_log(person=request.person)  # type: ignore[attr-defined]
    except Invalid as problem:
        messages.error(request, f"The audit log could not be checked: {problem.detail}.")
        return page.redirect(request, reverse("console:audit"))
    if verified.fault is None:
        since = verified.begun_at
        which = (
            f"entry {since:,} and all after it" if since else f"all {verified.entries:,} entries"
        )
        messages.success(request, f"The audit log is intact: {which} were checked.")
    else:
        messages.error(request, f"The audit log does not hold: {verified.fault.detail}.")
    return page.redirect(request, reverse("console:audit"))
