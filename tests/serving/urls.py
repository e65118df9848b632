"""Views that show what a request became, and what became of an answer."""

import sys
import threading
import time
from collections.abc import Iterator

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from memory_app.api.health import healthz

RECEIVED: list[str] = []
CLOSED: list[str] = []


def show(request: HttpRequest) -> HttpResponse:
    shown = {name: value for name, value in request.META.items() if isinstance(value, str)}
    return JsonResponse({"length": len(request.body), **shown})


def receive(request: HttpRequest) -> HttpResponse:
    """Keep the name of a body that came whole."""
    RECEIVED.append(request.GET["name"])
    return JsonResponse({"length": len(request.body)})


def received(request: HttpRequest) -> HttpResponse:
    return JsonResponse(RECEIVED, safe=False)


def slow(request: HttpRequest) -> HttpResponse:
    time.sleep(float(request.GET["seconds"]))
    return HttpResponse("slept")


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("set")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answer in so many pieces, and fail at one of them when asked to."""

    def pieces() -> Iterator[bytes]:
        try:
            for number in range(int(request.GET["pieces"])):
                if request.GET.get("fail") == str(number):
                    raise RuntimeError
                time.sleep(float(request.GET.get("pause", 0)))
                yield b"x" * int(request.GET["size"])
        finally:
            CLOSED.append(request.GET.get("name", ""))

    return StreamingHttpResponse(pieces())


def closed(request: HttpRequest) -> HttpResponse:
    return JsonResponse(CLOSED, safe=False)


def leave(request: HttpRequest) -> HttpResponse:
    sys.exit("a view that leaves")


def place(request: HttpRequest) -> HttpResponse:
    """Say which thread answers, over which connection to the database."""
    connection.ensure_connection()
    time.sleep(0.01)
    return JsonResponse([threading.get_ident(), id(connection.connection)], safe=False)


urlpatterns = [
    path("healthz", healthz),
    *(
        path(view.__name__, view)
        for view in (
            *(show, receive, received, slow, nothing, cookies),
            *(stream, closed, leave, place),
        )
    ),
]
