"""Make lines, import them and export them, as the tests of both directions need."""

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from memory_app.operations.exporting import export_sessions
from memory_app.operations.importing import Imported, import_sessions
from memory_app.operations.session_lines import Line, split_lines


def message(number: int, content: Any = "Hello", **more: Any) -> dict[str, Any]:
    """Return a message of Ann's."""
    return {"id": f"m-{number}", "role": "user", "content": content, **more}


def session(session_id: str, *messages: Any, **more: Any) -> dict[str, Any]:
    """Return what a line holds."""
    return {"session_id": session_id, **more, "messages": list(messages)}


def text(sessions: Iterable[Any]) -> bytes:
    """Write sessions as lines; bytes are taken as they are."""
    return b"".join(
        (one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode()) + b"\n"
        for one in sessions
    )


class Import:
    """One import: what it did, and what it reported."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, str]] = []

    def run(self, *sessions: Any, namespace: str = "support", **options: Any) -> Imported:
        """Import sessions, or a stream of lines given as `lines`."""
        lines: Iterator[Line] = options.pop("lines", None) or split_lines(
            io.BytesIO(text(sessions))
        )
        return import_sessions(
            namespace=namespace,
            lines=lines,
            report=lambda number, detail: self.reports.append((number, detail)),
            **options,
        )


def run_import(*sessions: Any, **options: Any) -> Imported:
    """Import sessions of which none may be refused."""
    one = Import()
    done = one.run(*sessions, **options)
    assert not done.refused, one.reports
    return done


def run_export(namespace: str = "support", **options: Any) -> list[dict[str, Any]]:
    """Return the lines of an export, read."""
    return [json.loads(line) for line in export_lines(namespace, **options)]


def export_lines(namespace: str = "support", **options: Any) -> list[str]:
    """Return the lines of an export as they are."""
    pieces: list[str] = []
    export_sessions(namespace=namespace, write=pieces.append, **options)
    return "".join(pieces).split("\n")[:-1]
