"""What every refusal of the API must look like."""

from typing import Any

from django.http import HttpResponse

STATUS = {
    "invalid": 422,
    "session_full": 422,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "message_conflict": 409,
    "user_conflict": 409,
    "revision_conflict": 409,
    "session_expired": 410,
    "too_large": 413,
    "unsupported_media_type": 415,
    "internal": 500,
}


def assert_refused(response: HttpResponse, code: str, *locs: list[Any]) -> dict[str, Any]:
    """Check a problem's form and code, and that its faults are at these places; return it."""
    assert response["Content-Type"] == "application/problem+json", response.content
    problem: dict[str, Any] = response.json()  # type: ignore[attr-defined]
    assert (problem["code"], response.status_code) == (code, STATUS[code]), problem
    assert problem["status"] == response.status_code
    assert problem["type"] == f"urn:lethe:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response["X-Request-ID"]
    assert [fault["loc"] for fault in problem.get("errors", [])] == list(locs), problem
    assert all(fault["detail"] for fault in problem.get("errors", []))
    return problem
