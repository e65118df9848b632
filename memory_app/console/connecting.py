"""Programs that call Lethe with a given key, to be copied: curl, Python, TypeScript.

A text in them is written as JSON, which all three languages read alike.
"""

import json
from collections.abc import Collection
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.http import HttpRequest

from memory_app.models import Scope

FIRST_SESSION: Final = "hello"
_BODY: Final = {
    "session_id": FIRST_SESSION,
    "message": {"role": "user", "content": "Hello, Lethe"},
}


class Example(NamedTuple):
    """One program: what it is called, what it needs, and its text."""

    id: str
    label: str
    needs: str
    text: str


class _Call(NamedTuple):
    """An operation that a key may do, and the body it takes, if any."""

    path: str
    body: dict[str, Any] | None


def address(request: HttpRequest) -> str:
    """Return where agents reach this installation: as it is set, or as this page was reached."""
    return str(settings.LETHE_PUBLIC_URL) or f"{request.scheme}://{request.get_host()}"


def placeholder(prefix: str) -> str:
    """Return what stands for a key that cannot be shown."""
    return f"{prefix}_PUT_THE_REST_OF_YOUR_KEY_HERE"


def examples(*, base: str, key: str, scopes: Collection[str]) -> list[Example]:
    """Return a program in each language that does the first thing the key may do."""
    call = _call(scopes)
    url = f"{base}/api/v1/{call.path}"
    return [
        Example("curl", "curl", "a terminal", _curl(url, key, call.body)),
        Example(
            "python",
            "Python",
            "Python 3.9 or newer, nothing to install",
            _python(url, key, call.body),
        ),
        Example(
            "typescript",
            "TypeScript",
            "Node 18 or newer, Deno, Bun or a Worker",
            _typescript(url, key, call.body),
        ),
    ]


def _call(scopes: Collection[str]) -> _Call:
    if Scope.WRITE in scopes:
        return _Call("memory/add", _BODY)
    return _Call("sessions/list" if Scope.READ in scopes else "receipts/list", None)


def _curl(url: str, key: str, body: dict[str, Any] | None) -> str:
    lines = [f"curl '{url}'", f"-H 'Authorization: Bearer {key}'"]
    if body is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(body)}'"]
    return " \\\n  ".join(lines)


def _python(url: str, key: str, body: dict[str, Any] | None) -> str:
    data = "" if body is None else f"\n    data=json.dumps({json.dumps(body)}).encode(),"
    return f"""\
import json
import urllib.request

request = urllib.request.Request(
    "{url}",{data}
    headers={{
        "Authorization": "Bearer {key}",
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(json.load(answer))"""


def _typescript(url: str, key: str, body: dict[str, Any] | None) -> str:
    data = "" if body is None else f"\n  body: JSON.stringify({json.dumps(body)}),"
    return f"""\
const answer = await fetch("{url}", {{
  method: "{"GET" if body is None else "POST"}",
  headers: {{
    "Authorization": "Bearer {key}",
    "Content-Type": "application/json",
  }},{data}
}});
if (!answer.ok) throw new Error(await answer.text());
console.log(await answer.json());"""
