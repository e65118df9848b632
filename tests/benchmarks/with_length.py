"""The product as a WSGI application that states the length of its answers.

The bridge knows it; without it the WSGI servers send chunks, and waitress closes the connection.
"""

from typing import Any

from config.wsgi import application as product


def application(environ: dict[str, Any], start_response: Any) -> Any:
    begun: list[Any] = []
    response: Any = product(environ, lambda *given: begun.extend(given))
    status, headers = begun
    if not response.streaming and not response.has_header("Content-Length"):
        headers.append(("Content-Length", str(len(response.content))))
    start_response(status, headers)
    return response
