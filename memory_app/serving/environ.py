"""A request of granian's as WSGI (PEP 3333) wants it."""

import sys
from functools import lru_cache
from io import BytesIO
from typing import Any

from granian.rsgi import Headers, Scope


def build_environ(
    scope: Scope, headers: Headers, body: bytes, *, multiprocess: bool
) -> dict[str, Any]:
    """Return the WSGI environment of a request with its whole body."""
    server, port = _split(scope.server)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # granian decodes the path, U+FFFD for what is not UTF-8; WSGI carries Latin-1.
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        # A query may hold characters that its client did not escape; granian refuses other bytes.
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.0" if scope.http_version == "1" else "HTTP/1.1",
        "REMOTE_ADDR": _split(scope.client)[0],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        variable = _variable(name)
        if variable in environ:
            environ[variable] += ("; " if variable == "HTTP_COOKIE" else ",") + value
        elif variable:
            environ[variable] = value
    if scope.authority:
        # A request line with a whole URL names the host (RFC 9112, section 3.2.2).
        environ["HTTP_HOST"] = scope.authority
    return environ


@lru_cache(maxsize=512)
def _variable(header: str) -> str:
    """Return the variable of a header, or nothing for a header that is left out.

    `X_Real` would share its variable with `X-Real`, so a client could pose as a proxy. The framing
    headers mean nothing once the body is whole.
    """
    if "_" in header or header in ("content-length", "transfer-encoding"):
        return ""
    name = header.upper().replace("-", "_")
    return name if name == "CONTENT_TYPE" else f"HTTP_{name}"


@lru_cache(maxsize=512)
def _split(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port
