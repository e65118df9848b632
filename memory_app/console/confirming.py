"""Ask for the password again before what cannot be undone, and what lets others in.

Whoever finds a screen unlocked, or a copied cookie, has a sign-in and not the password. What was
sent is handed back as a form, so that nothing is typed twice.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from django.contrib import auth
from django.http import HttpRequest, HttpResponse

from memory_app import moments
from memory_app.console import page
from memory_app.operations.people import enter_failed_sign_in
from memory_app.operations.rights import Person

View = TypeVar("View", bound=Callable[..., HttpResponse])

GIVEN_AT: Final = "password_given_at"
# For so long a password that was given is enough.
RECENT: Final = 15 * moments.MINUTE
_FIELD: Final = "own_password"
# Where one was: asked once more, the question stands at the address of the act, which is no page.
_BACK: Final = "own_way_back"
_NOT_ASKED_AGAIN: Final = frozenset({_FIELD, _BACK, "csrfmiddlewaretoken"})


def asks_again(view: View) -> View:
    """Let an act be done only with a password that was given a moment ago."""
    view.asks_again = True  # type: ignore[attr-defined]
    return view


def note_given(request: HttpRequest) -> None:
    """Note that the person gave their password just now."""
    request.session[GIVEN_AT] = moments.process_clock()


def stop(request: HttpRequest, person: Person) -> HttpResponse | None:
    """Return the question for the password, or None when it was given a moment ago or is now."""
    if moments.process_clock() - request.session.get(GIVEN_AT, 0) <= RECENT:
        return None
    given = request.POST.get(_FIELD)
    if given is not None:
        found = auth.authenticate(request, username=person.username, password=given)
        if found is not None and found.pk == person.id:
            note_given(request)
            return None
        enter_failed_sign_in(username=person.username)
    return page.render(
        request,
        page="console/account/again.html",
        fragment="console/account/_again.html",
        context={
            "action": request.get_full_path(),
            "sent": [
                (name, value)
                for name, values in request.POST.lists()
                for value in values
                if name not in _NOT_ASKED_AGAIN
            ],
            "back": page.safe_path(request, request.POST.get(_BACK, "")) or page.here(request),
            "wrong": given is not None,
        },
        status=200 if given is None else 422,
        retarget="#modal-slot",
        reswap="innerHTML",
    )
