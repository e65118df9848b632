"""Look at a refusal of the API as a client does."""

from typing import Any

from django.http import HttpResponse

STATUS = {
    "invalid": 422,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "session_exists": 409,
    "user_conflict": 409,
    "revision_conflict": 409,
    "preview_stale": 409,
    "session_expired": 410,
    "held": 423,
    "too_large": 413,
    "unsupported_media_type": 415,
    "rate_limited": 429,
    "unavailable": 503,
}


def refused(response: HttpResponse, code: str) -> dict[str, Any]:
    """Return the problem, having checked that it is one and has this code."""
    problem: dict[str, Any] = response.json()  # type: ignore[attr-defined]
    assert (response.status_code, problem.get("code")) == (STATUS[code], code), problem
    assert response["Content-Type"] == "application/problem+json"
    assert problem["status"] == STATUS[code]
    assert problem["request_id"] == response["X-Request-ID"]
    assert all(problem[name] for name in ("type", "title", "detail"))
    return problem


def at(problem: dict[str, Any]) -> list[list[Any]]:
    """Return the places that a problem names."""
    return [error["loc"] for error in problem.get("errors", [])]
