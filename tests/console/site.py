"""The site with pages that refuse and fail, for tests."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
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
    needs = {"message_conflict": (0,), "revision_conflict": (3,), "rate_limited": (1,)}
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


def done(request: HttpRequest) -> HttpResponse:
    """Close the dialog that asked."""
    return HttpResponse('<hx-partial hx-target="#modal-slot" hx-swap="innerHTML"></hx-partial>')


def moving(request: HttpRequest) -> HttpResponse:
    """Send the reader elsewhere after an act."""
    return page.redirect(request, "/elsewhere/")


_PARTS = """{% extends "base.html" %}{% block title %}Parts{% endblock %}{% block main %}
<h1>Parts</h1><section id="results"><p>Rows as they were</p></section>
{% for path in paths %}
<a class="btn" href="{{ path }}" hx-get="{{ path }}" hx-target="#results">{{ path }}</a>
{% endfor %}
<a class="btn" id="ask" href="/dialog/" hx-get="/dialog/" hx-target="#modal-slot">Ask</a>
{% endblock %}"""
_DIALOG = """<dialog class="modal" aria-labelledby="question" data-modal>
<form method="post" action="/done/" hx-post="/done/" hx-target="#modal-slot">
{% csrf_token %}
<header><h2 id="question">Purge one session?</h2></header>
<footer><a class="btn" href="/parts/" data-close>Keep it</a>
<button class="btn" type="button" hx-get="/refusing/?code=forbidden">Refused</button>
<button class="btn">Purge</button></footer>
</form></dialog>"""


def parts(request: HttpRequest) -> HttpResponse:
    """Show links that htmx answers in place."""
    paths = ["/speaking/", "/broken/", "/refusing/?code=forbidden", "/nothing/"]
    return HttpResponse(Template(_PARTS).render(RequestContext(request, {"paths": paths})))


def dialog(request: HttpRequest) -> HttpResponse:
    """Ask before an act."""
    return HttpResponse(Template(_DIALOG).render(RequestContext(request)))


urlpatterns = [
    path("parts/", parts),
    path("dialog/", dialog),
    path("broken/", broken),
    path("refusing/", refusing),
    path("speaking/", speaking),
    path("done/", done),
    path("moving/", moving),
    path("", include(urls)),
]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500
