"""Read what a request carries: a strict body with its texts kept, and a strict query string."""

import functools
from collections.abc import Callable
from typing import Any, Final, get_type_hints

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
        repeated = sorted(name for name, values in data.lists() if len(values) > 1)
        if repeated:
            raise Invalid(
                "a query parameter is given twice",
                [Fault(("query", name), "give this once") for name in repeated],
            )
        values = {name: str(value) for name, value in data.items()}
        for name, value in values.items():
            try:
                check_text(name + value)
            except ValueError as problem:
                raise Invalid.at(("query", name), str(problem)) from None
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
