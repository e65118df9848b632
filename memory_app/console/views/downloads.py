"""Downloads, for those who may export: one session as a file, or those that are selected."""

import tempfile
from typing import Any, Final

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from memory_app import conf
from memory_app.console import filters, page
from memory_app.console.turns import as_markdown
from memory_app.errors import PreviewStale
from memory_app.operations import downloading, exporting_chosen, previewing
from memory_app.operations.intervening import Chosen
from memory_app.operations.previewing import PreviewView
from memory_app.operations.rights import Person, Right

# By the last part of the address: what the button says, the type and the name of the file.
KINDS: Final = {
    "jsonl": ("JSON Lines", "application/jsonl", "session.jsonl"),
    "md": ("Markdown", "text/markdown; charset=utf-8", "session.md"),
}
_IN_MEMORY: Final = 4 * 2**20


@require_GET
def download(request: HttpRequest, uid: str, kind: str) -> FileResponse:
    """Send a session as a file whose name says nothing about it."""
    person: Any = request.person  # type: ignore[attr-defined]
    file = _file()

    def write(text: str) -> None:
        file.write(text.encode())

    if kind == "md":
        downloading.download_messages(person=person, uid=uid, write=write, as_text=as_markdown)
    else:
        downloading.download_line(person=person, uid=uid, write=write)
    file.seek(0)
    _, content_type, name = KINDS[kind]
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)


def _file() -> "tempfile.SpooledTemporaryFile[bytes]":
    """Open what holds a download until the response closes it; in the folder it has no name.

    It is read whole before it is sent: a slow reader must not keep a transaction open, and the
    audit log knows of it before anything is handed over.
    """
    return tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(conf.data_dir()))


def ask(request: HttpRequest, chosen: Chosen) -> HttpResponse:
    """Fix the chosen sessions, and ask as what they are to be exported."""
    person: Person = request.person  # type: ignore[attr-defined]
    if chosen.token is not None:
        preview = previewing.read_preview(actor=person, token=chosen.token, right=Right.EXPORT)
    else:
        preview = previewing.preview(actor=person, uids=chosen.uids, right=Right.EXPORT)
    if page.wants_fragment(request):
        return _exporting(request, preview)
    return page.redirect(request, reverse("console:export", args=[preview.token]))


@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show what would be exported; hand it over when a form asks for it."""
    person: Person = request.person  # type: ignore[attr-defined]
    try:
        preview = previewing.read_preview(actor=person, token=token, right=Right.EXPORT)
        if request.method != "POST":
            return _exporting(request, preview)
        return _download(request, token)
    except PreviewStale:
        messages.warning(request, "This selection is older than an hour. Select them again.")
        return page.redirect(request, reverse("console:sessions"))


def _exporting(request: HttpRequest, preview: PreviewView) -> HttpResponse:
    return page.render(
        request,
        page="console/sessions/export.html",
        fragment="console/sessions/_export.html",
        context={
            "preview": preview,
            "words": filters.words(preview.wanted, preview.namespace, preview.sessions),
        },
    )


def _download(request: HttpRequest, token: str) -> FileResponse:
    file = _file()
    table = request.POST.get("as") == "csv"
    export_as = exporting_chosen.export_table if table else exporting_chosen.export_lines
    export_as(
        person=request.person,  # type: ignore[attr-defined]
        token=token,
        write=lambda text: file.write(text.encode()),
    )
    file.seek(0)
    return FileResponse(
        file,
        as_attachment=True,
        filename="sessions.csv" if table else "sessions.jsonl",
        content_type="text/csv; charset=utf-8" if table else "application/jsonl",
    )
