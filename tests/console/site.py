"""The site with pages that refuse and fail, for tests."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from config import urls
from memory_app import errors
from memory_app.console import page

SECRET = "what Ann told the agent"


def broken(request: HttpRequest) -> HttpResponse:
    """Fail as a bug would, quoting content."""
    raise RuntimeError(SECRET)


def refusing(request: HttpRequest) -> HttpResponse:
    """Refuse as an operation would."""
    refusal = {cls.code: cls for cls in errors.Refusal.__subclasses__()}[request.GET["code"]]
    needs = {"message_conflict": (0,), "revision_conflict": (3,)}
    raise refusal("this was refused", *needs.get(refusal.code, ()))


def speaking(request: HttpRequest) -> HttpResponse:
    """Say something, and show a page or its part."""
    messages.success(request, "Three <b>sessions</b> extended")
    return page.render(
        request,
        page="registration/sign_in.html",
        fragment="console/_theme.html",
        context={"id": "theme"},
        push="/pushed/",
    )


def moving(request: HttpRequest) -> HttpResponse:
    """Send the reader elsewhere after an act."""
    return page.redirect(request, "/elsewhere/")


urlpatterns = [
    path("broken/", broken),
    path("refusing/", refusing),
    path("speaking/", speaking),
    path("moving/", moving),
    path("", include(urls)),
]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500
