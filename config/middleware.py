"""The middleware, each letting the API pass that only the console needs."""

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from axes.middleware import AxesMiddleware
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import URLResolver, get_resolver
from whitenoise.middleware import WhiteNoiseMiddleware

from memory_app import measuring
from memory_app.console.middleware import Frame

GetResponse = Callable[[HttpRequest], HttpResponse]

# Under which the files of static/ are counted.
STATIC = "static"

_CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none';"
    " object-src 'none'; manifest-src 'self'"
)
# Swagger UI draws its icons from data: URLs in its stylesheet; the page shows no stored content.
_DOCS_POLICY = _CONSOLE_POLICY.replace("img-src 'self'", "img-src 'self' data:")
_API_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_PAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": _CONSOLE_POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
if settings.SECURE_HSTS_SECONDS:
    _PAGE_HEADERS["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
_DOCS_HEADERS = _PAGE_HEADERS | {"Content-Security-Policy": _DOCS_POLICY}


def is_api(request: HttpRequest) -> bool:
    """Tell whether a request is for a program rather than a person."""
    return request.path_info.startswith(("/api/", "/healthz", "/readyz", "/metrics"))


def operations(resolver: URLResolver | None = None, route: str = "") -> Iterator[str]:
    """Yield the names under which requests are counted: views of the console, paths of the API."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            inner = "console:" if entry.namespace == "console" else f"{route}{entry.pattern}"
            yield from operations(entry, inner)
        elif route == "console:":
            yield f"{route}{entry.name}"
        else:
            yield f"{route}{entry.pattern}".removeprefix("api/v1/")
    if resolver is None:
        yield STATIC


def operation_of(request: HttpRequest) -> str:
    """Return the name under which a request is counted: never a path that a caller wrote."""
    match = request.resolver_match
    if match is None:
        return STATIC if request.path_info.startswith("/static/") else measuring.OTHER
    if match.namespace == "console":
        return str(match.view_name)
    return str(match.route).removeprefix("api/v1/")


class Envelope:
    """Give every request an id, every answer the id and the security headers, and count both."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        measuring.declare(operations())

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and seal the answer."""
        # Never taken from the caller: an id that a caller chose could be another's.
        request.request_id = secrets.token_hex(8)  # type: ignore[attr-defined]
        begun = time.perf_counter_ns()
        response = self.get_response(request)
        taken = time.perf_counter_ns() - begun
        measuring.record(operation_of(request), response.status_code, taken)
        headers = response.headers
        headers["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        for name, value in self._headers(request).items():
            if name not in headers:
                headers[name] = value
        return response

    @staticmethod
    def _headers(request: HttpRequest) -> dict[str, str]:
        if not is_api(request):
            return _PAGE_HEADERS
        return _DOCS_HEADERS if request.path_info == "/api/v1/docs" else _API_HEADERS


class LetsApiPass:
    """Comes before a middleware that only people need; a call of the API goes on to the next."""

    get_response: GetResponse

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as the middleware does, to people."""
        if is_api(request):
            return self.get_response(request)
        answer: HttpResponse = super().__call__(request)  # type: ignore[misc]
        return answer


class StaticFiles(LetsApiPass, WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serve files from static/."""


class ConsoleSessions(LetsApiPass, SessionMiddleware):  # type: ignore[misc]
    """Django's sign-in sessions."""


class ConsoleCsrf(LetsApiPass, CsrfViewMiddleware):  # type: ignore[misc]
    """CSRF protection; the API takes no cookies, so it needs none."""


class ConsoleAuthentication(LetsApiPass, AuthenticationMiddleware):  # type: ignore[misc]
    """Who is signed in."""


class ConsoleMessages(LetsApiPass, MessageMiddleware):  # type: ignore[misc]
    """What the console says after an act."""


class ConsoleThrottle(LetsApiPass, AxesMiddleware):  # type: ignore[misc]
    """Stops those who guess passwords."""


class ConsoleFrame(LetsApiPass, Frame):
    """Keeps every page private that does not say otherwise, and presents refusals."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *arguments: Any
    ) -> HttpResponse | None:
        """Let the API pass, which knows its callers by their keys."""
        return None if is_api(request) else super().process_view(request, view, *arguments)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Let the API pass, which presents refusals itself."""
        return None if is_api(request) else super().process_exception(request, problem)
