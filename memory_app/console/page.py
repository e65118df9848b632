"""Answer with a page or with the part of it that htmx asked for.

The only file that reads or writes htmx's headers.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

_TOASTS: Final = "console/_toasts.html"


def wants_fragment(request: HttpRequest) -> bool:
    """Tell whether htmx will put the answer into the page that is open.

    It asks for whole pages too: when the reader goes back in history.
    """
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Request-Type") != "full"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def from_htmx(request: HttpRequest) -> bool:
    """Tell whether a script waits for the answer, so that a redirect would not be seen."""
    return request.headers.get("HX-Request") == "true"


def is_tick(request: HttpRequest) -> bool:
    """Tell whether a page refreshes itself, with nobody at it perhaps."""
    return request.headers.get("HX-Tick") == "true"


def render(
    request: HttpRequest,
    *,
    page: str,
    fragment: str | None = None,
    context: Mapping[str, Any] | None = None,
    status: int = 200,
    push: str | None = None,
    replace: str | None = None,
    retarget: str | None = None,
    reswap: str | None = None,
    aside: bool = False,
) -> HttpResponse:
    """Answer with the template `page`, or with `fragment` alone when htmx asks for a part.

    `page` includes `fragment`, and both get the same context. `push` and `replace` are what the
    address bar then shows: a new entry in the history, or the present one corrected. `retarget`
    puts the fragment elsewhere than where htmx was told to, and `reswap` in another way. What waits
    in django.contrib.messages is shown by either, but not by a fragment that a page asks for
    `aside`, by itself: the act that said it may be on its way to another page.
    """
    whole = fragment is None or not wants_fragment(request)
    body: str = render_to_string(page if whole else str(fragment), dict(context or {}), request)
    if not whole and not aside:
        body += _toasts(request)
    response = _varying(HttpResponse(body, status=status))
    if not whole and status < 400:
        if push is not None:
            response["HX-Push-Url"] = push
        elif replace is not None:
            response["HX-Replace-Url"] = replace
    if not whole and retarget is not None:
        response["HX-Retarget"] = retarget
    if not whole and reswap is not None:
        response["HX-Reswap"] = reswap
    return response


def redirect(request: HttpRequest, url: str) -> HttpResponse:
    """Send the reader to another page after an act."""
    if from_htmx(request):
        return _varying(HttpResponse(status=204, headers={"HX-Redirect": iri_to_uri(url)}))
    return _varying(HttpResponseRedirect(url, status=303))


def unchanged() -> HttpResponse:
    """Answer that there is nothing new: the page stays as it is, and nothing is announced."""
    return _varying(HttpResponse(status=204))


def notice(request: HttpRequest, text: str, *, status: int) -> HttpResponse:
    """Answer an act of htmx with a toast alone: the page stays as it is."""
    messages.error(request, text)
    return _varying(HttpResponse(_toasts(request), status=status))


def ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send the reader to sign in, and back here afterwards."""
    if from_htmx(request):
        url = _sign_in_url(open_page(request))
        return _varying(HttpResponse(status=401, headers={"HX-Redirect": url}))
    back = request.get_full_path() if request.method == "GET" else ""
    return _varying(HttpResponseRedirect(_sign_in_url(back)))


def safe_path(request: HttpRequest, url: str) -> str:
    """Return the URL when it is a page of this console, else nothing."""
    mine = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if mine and url.isprintable() else ""


def here(request: HttpRequest) -> str:
    """Return the page that the reader has open: this one, or the one whose form was sent."""
    if from_htmx(request):
        return open_page(request)
    if request.method != "POST":
        return request.get_full_path()
    return _path_of(request, request.headers.get("Referer", ""))


def open_page(request: HttpRequest) -> str:
    """Return the path of the page that the reader has open, from which htmx asked for a part."""
    return _path_of(request, request.headers.get("HX-Current-URL", ""))


def _path_of(request: HttpRequest, url: str) -> str:
    parts = urlsplit(safe_path(request, url))
    # Two slashes at the beginning would name another host.
    path = f"/{parts.path.lstrip('/')}" if parts.path else ""
    return f"{path}?{parts.query}" if parts.query else path


def _sign_in_url(back: str) -> str:
    url = reverse("console:sign_in")
    return f"{url}?{urlencode({'next': back})}" if back not in ("", "/") else url


def _toasts(request: HttpRequest) -> str:
    # htmx puts these into their own region and leaves the target of the request alone.
    waiting = list(messages.get_messages(request))
    return render_to_string(_TOASTS, {"waiting": waiting}, request) if waiting else ""


def _varying(response: HttpResponse) -> HttpResponse:
    patch_vary_headers(
        response, ["Cookie", "HX-Request", "HX-Request-Type", "HX-History-Restore-Request"]
    )
    return response
