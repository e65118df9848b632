"""Read what a request carries: a strict body with its texts kept, and a strict query string."""

import functools
from collections.abc import Callable
from typing import Any, Final, get_type_hints
from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from memory_app import conf
from memory_app.errors import Fault, Invalid, TooLarge, UnsupportedMediaType
from memory_app.strict_json import Keep, Shape, check_text, decode

_EVENT: Final = {"message": Keep, "state": Keep}
# Where a body holds something that is stored as it was received.
_SHAPE: Final[Shape] = {
    **_EVENT,
    "events": [_EVENT],
    "content": Keep,
    "metadata": Keep,
    "session_patch": {"metadata": Keep, "state": Keep},
}


class StrictParser(Parser):
    """Refuse everything that two readers could understand differently."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Read a JSON body of at most 16 MB."""
        if request.content_type != "application/json":
            raise UnsupportedMediaType("send the body as Content-Type: application/json")
        body = request.body
        if len(body) > conf.MAX_BODY_BYTES:
            raise TooLarge(f"a body has at most {conf.MAX_BODY_BYTES // conf.MB} MB")
        return decode(body, _SHAPE)

    def parse_querydict(
        self, data: MultiValueDict[str, str], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        """Read the query string, each name once."""
        return _read_query(request)


# More than any operation takes.
_MOST_PARAMETERS: Final = 64


def _read_query(request: HttpRequest) -> dict[str, str]:
    """Read the query string from its bytes.

    Django's reader puts a replacement character where the bytes are not UTF-8, so that another
    session could be named than the caller meant, and lets a header choose the encoding.
    """
    raw = str(request.META.get("QUERY_STRING", ""))
    if raw.count("&") >= _MOST_PARAMETERS:
        raise Invalid.at(("query",), f"a query has at most {_MOST_PARAMETERS} parameters")
    try:
        # WSGI hands bytes over as Latin-1.
        text = raw.encode("latin-1").decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise Invalid.at(("query",), "the query string is not valid UTF-8") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise Invalid.at(("query", name), "give this once")
        try:
            check_text(name + value)
        except ValueError as problem:
            raise Invalid.at(("query", name), str(problem)) from None
        values[name] = value
    return values


def refuse_unknown_parameters(
    view: Callable[..., HttpResponse],
) -> Callable[..., HttpResponse]:
    """Refuse query parameters that the operation does not take.

    A misspelt filter that is passed over would answer a question that nobody asked.
    """
    schema = get_type_hints(view).get("query")
    allowed = set(schema.model_fields) if schema is not None else set()

    @functools.wraps(view)
    def checked(request: HttpRequest, **arguments: Any) -> HttpResponse:
        if request.META.get("QUERY_STRING"):
            unknown = [name for name in request.GET if name not in allowed]
            if unknown:
                names = ", ".join(sorted(allowed)) or "none"
                raise Invalid(
                    f"this operation takes the query parameters: {names}",
                    [Fault(("query", name), "there is no such parameter") for name in unknown],
                )
        return view(request, **arguments)

    return checked
