"""What is answered where no view answers: a page to people, a problem to programs."""

import logging
import sys

from django.http import HttpRequest, HttpResponse

from config.middleware import is_api
from memory_app.api.problems import problem
from memory_app.console.views import errors

logger = logging.getLogger("lethe.site")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be read."""
    if is_api(request):
        return problem(request, "invalid", "the request cannot be read")
    return errors.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what was forbidden."""
    if is_api(request):
        return problem(request, "forbidden", "this is not allowed")
    return errors.forbidden(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address where nothing is."""
    if is_api(request):
        return problem(
            request,
            "not_found",
            "there is no such operation; /api/v1/docs names those that there are",
        )
    return errors.not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Log where it failed, without a word of what was handled, and answer with the request id."""
    logger.error(
        "a request failed",
        exc_info=sys.exc_info(),
        extra={
            "request_id": getattr(request, "request_id", ""),
            "operation": getattr(request.resolver_match, "view_name", ""),
            "status": 500,
        },
    )
    if is_api(request):
        return problem(request, "internal", "the request failed; its id finds it in the log")
    return errors.server_error(request)
