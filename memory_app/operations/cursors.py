"""Cursors: where a list goes on, sealed so that only the list that wrote one reads it."""

import base64
import binascii
import hmac
import json
from typing import Any, Final

from memory_app import conf
from memory_app.errors import Invalid

_SEAL: Final = 12
_CURSOR: Final = ("query", "cursor")


def write_cursor(place: list[Any], list_of: object) -> str:
    """Write the place of a list's last item; `list_of` is all that makes the list this one."""
    text = json.dumps(place, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_seal(text, list_of) + text).rstrip(b"=").decode()


def read_cursor(cursor: str, list_of: object) -> list[Any]:
    """Return the place that `write_cursor` wrote for the same list. Raises Invalid."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError):
        raw = b""
    text = raw[_SEAL:]
    if not hmac.compare_digest(raw[:_SEAL], _seal(text, list_of)):
        raise Invalid.at(_CURSOR, "the cursor is not one of this list; begin without one")
    place: list[Any] = json.loads(text)
    return place


def _seal(text: bytes, list_of: object) -> bytes:
    secret = f"cursor:{conf.secret_key()}:{list_of!r}".encode()
    return hmac.digest(secret, text, "sha256")[:_SEAL]
