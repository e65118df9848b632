"""Downloads: one session as a file, for those who may export."""

import tempfile
from typing import Any, Final

from django.http import FileResponse, HttpRequest
from django.views.decorators.http import require_GET

from memory_app.console.turns import as_markdown
from memory_app.operations import downloading

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
    # Read whole before it is sent: a slow reader must not keep a transaction open.
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the response closes it

    def write(text: str) -> None:
        file.write(text.encode())

    if kind == "md":
        downloading.download_messages(person=person, uid=uid, write=write, as_text=as_markdown)
    else:
        downloading.download_line(person=person, uid=uid, write=write)
    file.seek(0)
    _, content_type, name = KINDS[kind]
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)
