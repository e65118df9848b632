"""From refusals to RFC 9457 problem details: the API's only table of status codes."""

import json
import logging
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from memory_app import errors, moments
from memory_app.errors import Fault, Invalid, Refusal

logger = logging.getLogger("lethe.api")

CONTENT_TYPE: Final = "application/problem+json"

STATUS: Final[dict[str, tuple[int, str]]] = {
    "invalid": (422, "The request breaks a rule"),
    "session_full": (422, "The session is full"),
    "unauthenticated": (401, "No valid API key"),
    "forbidden": (403, "The API key lacks the right"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "The operation takes another method"),
    "session_exists": (409, "The session exists"),
    "message_conflict": (409, "The message id is taken"),
    "user_conflict": (409, "The session belongs to another user"),
    "revision_conflict": (409, "The session is at another revision"),
    "preview_stale": (409, "The preview cannot be used"),
    "session_expired": (410, "The session is past its time"),
    "too_large": (413, "Too many bytes"),
    "unsupported_media_type": (415, "The body is not JSON"),
    "held": (423, "Under legal hold"),
    "rate_limited": (429, "Too many calls with this API key"),
    "unavailable": (503, "Not available now"),
    "storage_full": (507, "No room to store more"),
    "internal": (500, "An error in Lethe"),
}
_RETRY_AFTER: Final = {"unavailable": "1", "storage_full": "60"}


def problem(request: HttpRequest, code: str, detail: str, **members: Any) -> HttpResponse:
    """Build the answer for a refusal."""
    status, title = STATUS[code]
    body = {
        "type": f"urn:lethe:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        **members,
        "request_id": getattr(request, "request_id", ""),
    }
    response = HttpResponse(json.dumps(body), status=status, content_type=CONTENT_TYPE)
    if code in _RETRY_AFTER:
        response["Retry-After"] = _RETRY_AFTER[code]
    if code == "unauthenticated":
        response["WWW-Authenticate"] = "Bearer"
    return response


def register(api: NinjaAPI) -> None:
    """Let the API answer every exception with a problem."""
    api.add_exception_handler(Refusal, _refusal)
    api.add_exception_handler(ValidationError, _validation)
    api.add_exception_handler(HttpError, _http_error)
    # What Django raises while it reads a request: too many parameters, a caller who went away.
    api.add_exception_handler(SuspiciousOperation, _unreadable)
    api.add_exception_handler(UnreadablePostError, _unreadable)
    api.add_exception_handler(Exception, bug)


def _refusal(request: HttpRequest, refusal: Any) -> HttpResponse:
    response = problem(request, refusal.code, refusal.detail, **_members(refusal))
    if isinstance(refusal, errors.RateLimited):
        response["Retry-After"] = str(refusal.seconds)
    return response


def _members(refusal: Refusal) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if isinstance(refusal, Invalid) and refusal.faults:
        members["errors"] = _errors(refusal.faults)
    if isinstance(refusal, errors.InvalidPrefix):
        members["suggestion"] = refusal.suggestion
    if isinstance(refusal, errors.InvalidMoment) and refusal.latest is not None:
        members["latest"] = moments.to_rfc3339(refusal.latest)
    if isinstance(refusal, errors.RevisionConflict):
        members["revision"] = refusal.revision
    if isinstance(refusal, errors.MessageConflict) and refusal.index is not None:
        members["index"] = refusal.index
    return members


def _errors(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    return [
        {"loc": [_shortened(name) for name in fault.loc], "detail": fault.detail}
        for fault in islice(faults, _MOST_FAULTS)
    ]


# The most faults that one answer names.
_MOST_FAULTS: Final = 20
_LONGEST_NAME: Final = 64


def _shortened(name: str | int) -> str | int:
    """Cut the name of a field that does not exist: it can be as long as a body."""
    if isinstance(name, str) and len(name) > _LONGEST_NAME:
        return f"{name[:_LONGEST_NAME]}…"
    return name


def _validation(request: HttpRequest, invalid: Any) -> HttpResponse:
    """Name each fault that the schema found, without the value that was sent."""
    named = _errors(Fault(_location(error), _sentence(error)) for error in invalid.errors)
    # Many clients show the detail alone, so it says the first fault, and where it is.
    place = ".".join(str(name) for name in named[0]["loc"][1:]) or named[0]["loc"][0]
    return problem(request, "invalid", f"{place}: {named[0]['detail']}", errors=named)


def _location(error: dict[str, Any]) -> tuple[str | int, ...]:
    """Say where a fault is, without the name of the view's argument, which callers do not know.

    Ninja itself leaves it out for most fields of a query, so of a single name the kind of fault
    tells whether it is the argument's or the field `query`.
    """
    source, *rest = error["loc"]
    is_argument = source == "body" or len(rest) > 1 or error["type"] == "value_error"
    if rest[:1] == [source] and is_argument:
        rest = rest[1:]
    return (source, *rest)


# Pydantic's own words name our classes, or say nothing to a caller in another language.
_SENTENCES: Final = {
    "missing": "this is required",
    "extra_forbidden": "there is no such field; /api/v1/docs names those that there are",
    "model_type": "send an object",
    "model_attributes_type": "send an object",
    "list_type": "send a list",
    "string_type": "send a text",
    "int_type": "send a whole number",
    "bool_type": "send true or false",
}
_LENGTHS: Final = {
    "string_too_short": "send at least {min_length} character",
    "string_too_long": "send at most {max_length} characters",
    "too_long": "send at most {max_length} items",
}


def _sentence(error: dict[str, Any]) -> str:
    if sentence := _SENTENCES.get(error["type"]):
        return sentence
    if sentence := _LENGTHS.get(error["type"]):
        return sentence.format(**error["ctx"])
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")


def _unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(request, "invalid", "the request cannot be read")


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    # Ninja wraps whatever the body's parser raises.
    if isinstance(error.__cause__, Refusal):
        return _refusal(request, error.__cause__)
    if isinstance(error, AuthenticationError):
        return problem(
            request, "unauthenticated", "send a valid API key: Authorization: Bearer lethe_..."
        )
    return _unreadable(request, error)


def bug(request: HttpRequest, error: Any) -> HttpResponse:
    """Answer for an error of ours, which goes to the log without its text."""
    logger.error(
        "a request failed",
        exc_info=error,
        extra={"request_id": getattr(request, "request_id", ""), "operation": request.path_info},
    )
    return problem(request, "internal", "the request failed; its id finds it in the log")
