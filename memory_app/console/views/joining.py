"""Enter by a one-time link: choose a password.

The link's secret stands behind its `#`: no browser sends that part, so neither a log of ours nor
one of a proxy ever holds it. It travels in the body of a form.
"""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from memory_app.console import page
from memory_app.console.middleware import public
from memory_app.errors import Invalid, NotFound
from memory_app.operations import inviting
from memory_app.operations.inviting import Link, Opened


def address(request: HttpRequest, link: Link) -> str:
    """Return the link as it is given to the person."""
    here = settings.LETHE_PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return f"{here}{reverse('console:join')}#{link.secret}"


@public
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Ask for the link, then for a password, and lead to where one signs in with it."""
    # Whoever pastes the whole link means what stands behind its #.
    secret = request.POST.get("link", "").strip().rpartition("#")[2]
    if request.method != "POST":
        return _show(request)
    try:
        opened = inviting.open_link(secret=secret)
        if "password" not in request.POST:
            return _show(request, secret=secret, opened=opened)
        if request.POST["password"] != request.POST.get("again", ""):
            return _show(request, secret=secret, opened=opened, problem="The two passwords differ")
        name = inviting.use_link(secret=secret, password=request.POST["password"])
    except NotFound as refusal:
        return _show(request, problem=refusal.detail)
    except Invalid as refusal:
        return _show(request, secret=secret, opened=opened, problem=refusal.detail.rstrip("."))
    messages.success(request, f"Your password is kept. Sign in as {name}.")
    return page.redirect(request, reverse("console:sign_in"))


def _show(
    request: HttpRequest, *, secret: str = "", opened: Opened | None = None, problem: str = ""
) -> HttpResponse:
    context = {"secret": secret, "opened": opened, "problem": problem}
    status = 422 if problem else 200
    return page.render(request, page="registration/join.html", context=context, status=status)
