"""Sign in and out, and choose how the console looks."""

from typing import Any, Final

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from memory_app import moments
from memory_app.console import acts, clients, middleware, navigation, page, passkeys, times
from memory_app.console.backends import Answer
from memory_app.console.middleware import ConsoleRequest, public
from memory_app.console.views import errors
from memory_app.models import Operator
from memory_app.operations import codes, people, second_factor, sign_ins
from memory_app.operations.passkeys import ask_for_passkey
from memory_app.operations.preferences import set_preferences
from memory_app.operations.rights import Person
from memory_app.operations.sign_ins import Place

_YEAR: Final = 365 * 24 * 60 * 60
# Whose password was right and who still owes a code, in this browser, and for how long.
_AWAITED: Final = "awaited"
_PATIENCE: Final = 10 * moments.MINUTE
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
        person = form.get_user()
        if second_factor.is_asked_of(operator_id=person.pk):
            _await_code(request, person, back)
            return page.redirect(request, reverse("console:sign_in_code"))
        return _let_in(request, person, back)
    if form.non_field_errors():
        people.enter_failed_sign_in(username=request.POST.get("username", ""))
    context = {"form": form, "next": back}
    status = 422 if form.is_bound else 200
    return page.render(request, page="registration/sign_in.html", context=context, status=status)


@public
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """Ask whose password was right for the second factor too."""
    person = _awaited(request)
    if person is None:
        request.session.pop(_AWAITED, None)
        return page.redirect(request, reverse("console:sign_in"))
    wrong = False
    if request.method == "POST":
        if _shows_factor(request, person):
            return _let_in(request, person, request.session[_AWAITED]["back"])
        people.enter_failed_sign_in(username=person.get_username())
        wrong = True
    return page.render(
        request,
        page="registration/sign_in_code.html",
        context={
            "wrong": wrong,
            "name": person.get_username(),
            "by_passkey": "answer" in request.POST,
            "passkey": _passkey_for(request, person),
            "paused": not codes.takes_codes(operator_id=person.pk),
        },
        status=422 if wrong else 200,
    )


def _shows_factor(request: HttpRequest, person: Operator) -> bool:
    """Tell whether what was sent is the person's second factor: a passkey's answer, or a code."""
    given: dict[str, Any] = {"code": request.POST.get("code", "")}
    if "answer" in request.POST:
        party, state = passkeys.party(request), passkeys.take(request)
        if party is None or state is None:
            return False
        given = {"passkey": Answer(party, state, request.POST["answer"])}
    found = auth.authenticate(
        request, username=person.get_username(), operator_id=person.pk, **given
    )
    return found is not None


def _passkey_for(request: HttpRequest, person: Operator) -> str:
    """Return what the browser is to be asked for one of the person's passkeys, if anything."""
    party = passkeys.party(request)
    asked = party and ask_for_passkey(operator_id=person.pk, party=party)
    return passkeys.keep(request, asked) if asked else ""


def _await_code(request: HttpRequest, person: Operator, back: str) -> None:
    request.session.cycle_key()
    request.session[_AWAITED] = {
        "id": person.pk,
        # Another password meanwhile ends the wait too.
        "hash": person.get_session_auth_hash(),
        "at": moments.process_clock(),
        "back": back,
    }


def _awaited(request: HttpRequest) -> Operator | None:
    """Return whose password was right in this browser a moment ago."""
    awaited = request.session.get(_AWAITED)
    if awaited is None or moments.process_clock() - awaited["at"] > _PATIENCE:
        return None
    person: Operator | None = ModelBackend().get_user(awaited["id"])
    if person is None or not constant_time_compare(person.get_session_auth_hash(), awaited["hash"]):
        return None
    return person


def _let_in(request: HttpRequest, person: Operator, back: str) -> HttpResponse:
    place = Place(clients.browser(request), clients.address(request))
    sign_in = sign_ins.begin_sign_in(username=person.get_username(), place=place)
    request.session.pop(_AWAITED, None)
    auth.login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    middleware.begin(request, sign_in)
    # Sessions that ended unnoticed; their number is that of the last hours' sign-ins.
    request.session.clear_expired()
    _warn_of_others(request, Person(person.pk, person.get_username(), {}))
    return page.redirect(request, back or reverse("console:home"))


def _warn_of_others(request: HttpRequest, person: Person) -> None:
    """Tell whoever signs in that another could have done so in their place."""
    found = sign_ins.find_intervention(person=person)
    if found is not None:
        messages.warning(
            request,
            f"{acts.opening(found)}, {times.written(found.at)}. If you did not ask for it, tell"
            " somebody who answers for privacy.",
        )


def locked_out(request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
    """Answer sign-ins that failed too often, whatever the password now is."""
    response = errors.show(request, errors.TOO_MANY)
    response["Retry-After"] = "900"
    return response


@public
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign the person out and let the browser forget what it kept."""
    person: Person | None = getattr(request, "person", None)
    if person:
        sign_ins.sign_out(person=person, sign_in=request.session[middleware.SIGN_IN])
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
        if "say" in request.POST:
            messages.success(request, "Kept. It holds in every browser you sign in with.")
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
