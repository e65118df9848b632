"""From a bearer token to the caller."""

from typing import cast

from django.http import HttpRequest
from ninja.security import HttpBearer

from memory_app.operations.keys import Caller, verify_key


class ApiKeyAuth(HttpBearer):
    """`Authorization: Bearer lethe_...`; cookies are never looked at."""

    def __call__(self, request: HttpRequest) -> Caller | None:
        """Read the header. Ninja's own reader logs what it does not understand: perhaps a key."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.authenticate(request, token.strip()) if scheme.lower() == "bearer" else None

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        """Return who calls. Raises Unauthenticated."""
        return verify_key(token)


def caller_of(request: HttpRequest) -> Caller:
    """Return who calls, known since the request was authenticated."""
    return cast(Caller, request.auth)  # type: ignore[attr-defined]
