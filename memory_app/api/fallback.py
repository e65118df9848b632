"""Answer with a problem where no operation does: wrong methods, and errors outside of them."""

from collections.abc import Callable
from typing import Final

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse

from memory_app.api import problems

GetResponse = Callable[[HttpRequest], HttpResponse]

# What Django itself turns into an answer, which is then rewritten.
_REFUSALS: Final = (Http404, PermissionDenied, SuspiciousOperation)
_CODES: Final = {403: "forbidden", 404: "not_found", 413: "too_large"}


class ProblemsOnly:
    """Middleware: whatever is refused under /api/ is refused as a problem, never as a page."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and rewrite a refusal that Django or ninja wrote in its own way."""
        response = self.get_response(request)
        if response.status_code < 400 or not _is_api(request):
            return response
        if response.headers.get("Content-Type") == problems.CONTENT_TYPE:
            return response
        return _rewritten(request, response)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer for a view that failed outside the operations."""
        if not _is_api(request) or isinstance(error, _REFUSALS):
            return None
        return problems.bug(request, error)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/") or request.path_info == "/api"


def _rewritten(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if response.status_code == 405:
        allowed = ", ".join(sorted(response.headers["Allow"].split(", ")))
        refused = problems.problem(request, "method_not_allowed", f"this operation takes {allowed}")
        refused.headers["Allow"] = allowed
        return refused
    code = _CODES.get(
        response.status_code, "internal" if response.status_code >= 500 else "invalid"
    )
    return problems.problem(request, code, "the request cannot be answered")
