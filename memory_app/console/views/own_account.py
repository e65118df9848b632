"""A person's own account: password, time, look, where they are signed in, second factor."""

from typing import Any

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from memory_app import conf
from memory_app.console import acts, middleware, page
from memory_app.console import passkeys as asking
from memory_app.console.faults import faults_of
from memory_app.console.middleware import ConsoleRequest, open_without_factor
from memory_app.errors import Invalid, NotFound
from memory_app.operations import passkeys, people, preferences, second_factor, sign_ins
from memory_app.operations.passkeys import Party

# So long before somebody is signed out the page asks whether they are still there; WCAG 2.2.1
# wants at least 20 seconds.
WARNING_SECONDS = 120


@require_safe
def account(request: ConsoleRequest) -> HttpResponse:
    """Show what a person can set for themselves."""
    return _show(request)


def _show(request: ConsoleRequest, problem: str = "", field: str = "") -> HttpResponse:
    here = request.session[middleware.SIGN_IN]
    found = sign_ins.find_intervention(person=request.person)
    context: dict[str, Any] = {
        "problem": problem,
        "field": field,
        "zones": preferences.time_zones(),
        "opening": acts.opening(found) if found else "",
        "opened_at": found.at if found else None,
        "factor": second_factor.find_factor(person=request.person),
        "places": [
            {"sign_in": one, "is_here": one.id == here}
            for one in sign_ins.list_sign_ins(person=request.person)
        ],
    }
    return page.render(
        request,
        page="console/account/index.html",
        context=context,
        status=422 if problem else 200,
    )


@sensitive_post_parameters()
@require_POST
def password(request: ConsoleRequest) -> HttpResponse:
    """Change the person's password, and sign them out everywhere else."""
    present, new = request.POST.get("present", ""), request.POST.get("new", "")
    if new != request.POST.get("again", ""):
        return _show(request, "The two new passwords differ", "again")
    if not _knows_password(request, present):
        return _show(request, "This is not your current password", "present")
    try:
        people.change_password(
            person=request.person,
            present=present,
            password=new,
            sign_in=request.session[middleware.SIGN_IN],
        )
    except Invalid as refusal:
        return _show(request, refusal.detail.rstrip("."), "new")
    request.user.refresh_from_db()
    auth.update_session_auth_hash(request, request.user)
    messages.success(request, "Your password is changed. You are signed out everywhere else.")
    return page.redirect(request, reverse("console:account"))


def _knows_password(request: ConsoleRequest, given: str) -> bool:
    """Tell whether the password is the person's; wrong ones count towards the pause."""
    found = auth.authenticate(request, username=request.person.username, password=given)
    return found is not None and found.pk == request.person.id


@require_POST
def end_sign_in(request: ConsoleRequest) -> HttpResponse:
    """Sign the person out of another browser, or of all others."""
    chosen, here = request.POST.get("sign_in", ""), request.session[middleware.SIGN_IN]
    if chosen == "others":
        ended = sign_ins.end_other_sign_ins(person=request.person, but=here)
        word = "browser" if ended == 1 else "browsers"
        messages.success(request, f"You are signed out of {ended} other {word}.")
        return page.redirect(request, reverse("console:account"))
    if chosen == here:
        messages.error(request, "That is this browser: use Sign out in the menu.")
        return page.redirect(request, reverse("console:account"))
    try:
        sign_ins.end_sign_in(person=request.person, sign_in=chosen)
    except NotFound:
        messages.info(request, "You were not signed in there any more.")
    else:
        messages.success(request, "You are signed out there.")
    return page.redirect(request, reverse("console:account"))


@open_without_factor
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def factor(request: ConsoleRequest) -> HttpResponse:
    """Show, add and remove the person's second factor."""
    do = "forget" if "passkey" in request.POST else request.POST.get("do", "")
    act = _FACTOR_ACTS.get(do) if request.method == "POST" else None
    if act is None:
        return _show_factor(request)
    try:
        return act(request)
    except NotFound as refusal:
        return _show_factor(request, problem=refusal.detail)
    except Invalid as refusal:
        [field] = faults_of(refusal, ("password", "code", "name"))
        # The password is asked for by two forms; this one asks for a name too.
        field = "passkey_password" if (do, field) == ("ask", "password") else field
        return _show_factor(request, problem=refusal.detail, field=field)


def _show_factor(
    request: ConsoleRequest,
    *,
    problem: str = "",
    field: str = "",
    codes: tuple[str, ...] = (),
    asked: str = "",
) -> HttpResponse:
    begun = second_factor.begun_factor(person=request.person, issuer=_issuer(request))
    context = {
        "factor": second_factor.find_factor(person=request.person),
        "begun": begun,
        "required": conf.requires_second_factor(),
        "problem": problem,
        "field": field,
        "codes": codes,
        "passkeys": passkeys.list_passkeys(person=request.person),
        "party": asking.party(request),
        "asked": asked,
        "given": request.POST.get("name", ""),
    }
    status = 422 if problem else 200
    return page.render(
        request, page="console/account/second_factor.html", context=context, status=status
    )


def _begin(request: ConsoleRequest) -> HttpResponse:
    _require_password(request)
    second_factor.begin_factor(person=request.person, issuer=_issuer(request))
    return page.redirect(request, reverse("console:second_factor"))


def _confirm(request: ConsoleRequest) -> HttpResponse:
    codes = second_factor.confirm_factor(person=request.person, code=request.POST.get("code", ""))
    messages.success(request, "Your second factor is added. It is asked for when you sign in.")
    return _show_factor(request, codes=codes)


def _renew(request: ConsoleRequest) -> HttpResponse:
    _require_password(request)
    return _show_factor(request, codes=second_factor.renew_recovery_codes(person=request.person))


def _remove(request: ConsoleRequest) -> HttpResponse:
    _require_password(request)
    second_factor.remove_factor(person=request.person)
    messages.success(request, "Your second factor is removed: the password alone signs you in.")
    return page.redirect(request, reverse("console:account"))


def _ask_passkey(request: ConsoleRequest) -> HttpResponse:
    """Let the browser be asked for a passkey, when the password is right."""
    party = _party(request)
    name = passkeys.check_name(request.POST.get("name", ""))
    _require_password(request)
    asked = passkeys.begin_passkey(person=request.person, party=party, name=name)
    return _show_factor(request, asked=asking.keep(request, asked))


def _add_passkey(request: ConsoleRequest) -> HttpResponse:
    party, state = _party(request), asking.take(request)
    if state is None or "name" not in state:
        raise Invalid("this was asked a while ago; begin again")
    name = passkeys.add_passkey(
        person=request.person, party=party, state=state, answer=request.POST.get("answer", "")
    )
    messages.success(request, f"The passkey {name} is added. You can sign in with it.")
    return page.redirect(request, reverse("console:second_factor"))


def _forget_passkey(request: ConsoleRequest) -> HttpResponse:
    given = request.POST["passkey"]
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
    name = passkeys.remove_passkey(person=request.person, number=number)
    messages.success(request, f"The passkey {name} is not taken any more.")
    return page.redirect(request, reverse("console:second_factor"))


def _party(request: ConsoleRequest) -> Party:
    party = asking.party(request)
    if party is None:
        raise Invalid("there are no passkeys at this address")
    return party


_FACTOR_ACTS = {
    "begin": _begin,
    "confirm": _confirm,
    "codes": _renew,
    "remove": _remove,
    "ask": _ask_passkey,
    "add": _add_passkey,
    "forget": _forget_passkey,
}


def _require_password(request: ConsoleRequest) -> None:
    if not _knows_password(request, request.POST.get("password", "")):
        raise Invalid.at(("password",), "this is not your password")


def _issuer(request: HttpRequest) -> str:
    """Return how the app names this installation."""
    # A colon would end the name in the URI.
    return f"Lethe {request.get_host().partition(':')[0]}"


@open_without_factor
@require_http_methods(["GET", "HEAD", "POST"])
def staying(request: ConsoleRequest) -> HttpResponse:
    """Tell a page how long its reader stays signed in, and ask them when that is not long.

    To ask keeps nobody signed in; the answer of a person, which is posted, does.
    """
    context = {"ask": request.left.soonest <= WARNING_SECONDS}
    return page.render(
        request,
        page="console/account/staying.html",
        fragment="console/_staying.html",
        context=context,
    )
