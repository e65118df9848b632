"""Keep every page private, and answer what was refused."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC
from typing import Any, Final, NamedTuple, TypeVar

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils import timezone

from memory_app import conf, moments
from memory_app.console import confirming, page
from memory_app.console.views import errors
from memory_app.errors import Refusal
from memory_app.models import Operator
from memory_app.operations.preferences import Preferences
from memory_app.operations.rights import Person
from memory_app.operations.sign_ins import ABSOLUTE, IDLE, note_seen, recognise

View = TypeVar("View", bound=Callable[..., HttpResponse])
GetResponse = Callable[[HttpRequest], HttpResponse]

SIGN_IN: Final = "sign_in"
SIGNED_IN_AT: Final = "signed_in_at"
SEEN_AT: Final = "seen_at"


class ConsoleRequest(HttpRequest):
    """What a private view gets: a request with an id, of a person who is signed in."""

    request_id: str
    user: Operator
    person: Person
    preferences: Preferences
    left: "SecondsLeft"
    lacks_factor: bool


def public(view: View) -> View:
    """Let people open a view without signing in. Every other view is private."""
    view.open_to_all = True  # type: ignore[attr-defined]
    return view


def open_without_factor(view: View) -> View:
    """Let people open a view who must have a second factor and have none yet."""
    view.without_factor = True  # type: ignore[attr-defined]
    return view


class Frame:
    """Let only those who are signed in reach a view, and present refusals as pages."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, drawing a page for what Django answers without one."""
        try:
            self._recognise(request)
        except Refusal as refusal:
            return errors.refused(request, refusal)
        with self._clock(request):
            response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            return errors.method_not_allowed(request, response["Allow"])
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *_: Any
    ) -> HttpResponse | None:
        """Stop whoever is not signed in, or no longer, or lacks the second factor of all."""
        is_public = getattr(view, "open_to_all", False)
        if not request.user.is_authenticated and not is_public:
            return page.ask_to_sign_in(request)
        lacks_factor = getattr(request, "lacks_factor", False)
        if lacks_factor and not (is_public or getattr(view, "without_factor", False)):
            messages.info(request, "Everyone here signs in with a second factor. Add yours first.")
            return page.redirect(request, reverse("console:second_factor"))
        person: Person | None = getattr(request, "person", None)
        if person and request.method == "POST" and getattr(view, "asks_again", False):
            return confirming.stop(request, person)
        return None

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Present a refusal; anything else is an error of ours."""
        return errors.refused(request, problem) if isinstance(problem, Refusal) else None

    def _recognise(self, request: HttpRequest) -> None:
        """Note on the request who is signed in and what they may do now."""
        user = request.user
        if not user.is_authenticated:
            return
        sign_in = request.session.get(SIGN_IN, "")
        known = recognise(operator_id=user.pk, username=user.get_username(), sign_in=sign_in)
        if known is None or self._is_due(request, sign_in):
            auth.logout(request)
            messages.info(request, "You were signed out. Sign in again to go on.")
            return
        request.person = known.person  # type: ignore[attr-defined]
        request.preferences = known.preferences  # type: ignore[attr-defined]
        request.left = seconds_left(request)  # type: ignore[attr-defined]
        request.lacks_factor = (  # type: ignore[attr-defined]
            conf.requires_second_factor() and not known.has_second_factor
        )

    @staticmethod
    def _clock(request: HttpRequest) -> AbstractContextManager[None]:
        """Show times in the person's zone, to others in UTC."""
        chosen: Preferences | None = getattr(request, "preferences", None)
        return timezone.override(chosen.zone if chosen else UTC)

    @staticmethod
    def _is_due(request: HttpRequest, sign_in: str) -> bool:
        if seconds_left(request).soonest < 0:
            return True
        now = moments.process_clock()
        if now - request.session[SEEN_AT] > moments.MINUTE and not page.is_tick(request):
            # At most one write a minute, not one for each request.
            request.session[SEEN_AT] = now
            note_seen(sign_in=sign_in)
        return False


class SecondsLeft(NamedTuple):
    """How long somebody stays signed in without an act, and in any case."""

    idle: int
    absolute: int

    @property
    def soonest(self) -> int:
        """Return the less of the two."""
        return min(self)


def seconds_left(request: HttpRequest) -> SecondsLeft:
    """Return how long the person stays signed in, in whole seconds; below 0 they are out."""
    now, session = moments.process_clock(), request.session
    idle = session.get(SEEN_AT, 0) + IDLE - now
    absolute = session.get(SIGNED_IN_AT, 0) + ABSOLUTE - now
    return SecondsLeft(idle // moments.SECOND, absolute // moments.SECOND)


def begin(request: HttpRequest, sign_in: str) -> None:
    """Note which sign-in this browser has, and when it began: the two limits count from there."""
    request.session[SIGN_IN] = sign_in
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = moments.process_clock()
    confirming.note_given(request)
