"""Sign in and out, and choose how the console looks."""

from typing import Any, Final

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from memory_app.console import middleware, navigation, page
from memory_app.console.middleware import ConsoleRequest, public
from memory_app.console.views import errors
from memory_app.operations import people
from memory_app.operations.preferences import set_preferences
from memory_app.operations.rights import Person

_YEAR: Final = 365 * 24 * 60 * 60
_CHOICES: Final = ("theme", "density", "clock", "time_zone")
_SWITCHES: Final = ("relative", "keys", "live")


class SignInForm(AuthenticationForm):
    """A name and a password; a refusal does not tell which was wrong, or who exists."""

    error_messages = {
        "invalid_login": "This name and password do not match, or the account is deactivated.",
        "inactive": "This name and password do not match, or the account is deactivated.",
    }


@public
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign a person in and send them where they wanted to go."""
    back = page.safe_path(request, request.POST.get("next") or request.GET.get("next", ""))
    if request.user.is_authenticated:
        return page.redirect(request, back or reverse("console:home"))
    form = SignInForm(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        people.enter_sign_in(username=form.get_user().get_username())
        auth.login(request, form.get_user())
        middleware.begin(request)
        # Sessions that ended unnoticed; their number is that of the last hours' sign-ins.
        request.session.clear_expired()
        return page.redirect(request, back or reverse("console:home"))
    if form.non_field_errors():
        people.enter_failed_sign_in(username=request.POST.get("username", ""))
    context = {"form": form, "next": back}
    status = 422 if form.is_bound else 200
    return page.render(request, page="registration/sign_in.html", context=context, status=status)


def locked_out(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """Answer sign-ins that failed too often, whatever the password now is."""
    response = errors.show(request, errors.TOO_MANY)
    response["Retry-After"] = "900"
    return response


@public
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign the person out and let the browser forget what it kept."""
    if request.user.is_authenticated:
        people.enter_sign_out(username=request.user.get_username())
    auth.logout(request)
    response = page.redirect(request, reverse("console:sign_in"))
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


@require_safe
def home(request: ConsoleRequest) -> HttpResponse:
    """Send people to the first page that is theirs, or say honestly that there is none."""
    first = navigation.first_page(request.person)
    if first:
        return page.redirect(request, first)
    return page.render(request, page="console/nothing_yet.html")


@public
@require_POST
def prefer(request: HttpRequest) -> HttpResponse:
    """Keep what the person chose, or the theme in a cookie where nobody is signed in; go back.

    The cookie is set for either, so that the page for signing in looks as chosen.
    """
    back = page.safe_path(request, request.POST.get("next", "")) or reverse("console:home")
    person: Person | None = getattr(request, "person", None)
    if person:
        set_preferences(person=person, **_chosen(request))
    response = page.redirect(request, back)
    theme = request.POST.get("theme")
    if theme in ("light", "dark"):
        response.set_cookie(
            navigation.theme_cookie(),
            theme,
            max_age=_YEAR,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    elif theme is not None:
        response.delete_cookie(navigation.theme_cookie(), samesite="Lax")
    return response


def _chosen(request: HttpRequest) -> dict[str, Any]:
    """Return the preferences that a form holds; what is not in it stays as it is."""
    given = request.POST
    chosen: dict[str, Any] = {name: given[name] for name in _CHOICES if name in given}
    chosen |= {name: given[name] == "on" for name in _SWITCHES if name in given}
    # A list in which nothing is ticked sends nothing, so its form says that it is there.
    if "columns" in given:
        chosen["columns"] = [name for name in given.getlist("columns") if name]
    return chosen
