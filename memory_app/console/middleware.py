"""Keep every page private, and answer what was refused."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC
from typing import Any, Final, TypeVar

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone

from memory_app import moments
from memory_app.console import page
from memory_app.console.views import errors
from memory_app.errors import Refusal
from memory_app.operations.preferences import Preferences, find_preferences
from memory_app.operations.rights import Person, find_person

View = TypeVar("View", bound=Callable[..., HttpResponse])
GetResponse = Callable[[HttpRequest], HttpResponse]

MINUTE: Final = 60 * moments.SECOND
# Without an act of the person for so long, or after so long in any case, they sign in anew.
IDLE: Final = 30 * MINUTE
ABSOLUTE: Final = 12 * 60 * MINUTE

SIGNED_IN_AT: Final = "signed_in_at"
SEEN_AT: Final = "seen_at"


class ConsoleRequest(HttpRequest):
    """What a private view gets: a request with an id, of a person who is signed in."""

    request_id: str
    person: Person
    preferences: Preferences


def public(view: View) -> View:
    """Let people open a view without signing in. Every other view is private."""
    view.open_to_all = True  # type: ignore[attr-defined]
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
        """Stop whoever is not signed in, or no longer."""
        if request.user.is_authenticated or getattr(view, "open_to_all", False):
            return None
        return page.ask_to_sign_in(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Present a refusal; anything else is an error of ours."""
        return errors.refused(request, problem) if isinstance(problem, Refusal) else None

    def _recognise(self, request: HttpRequest) -> None:
        """Note on the request who is signed in and what they may do now."""
        self._end_if_due(request)
        user = request.user
        if user.is_authenticated:
            request.person = find_person(  # type: ignore[attr-defined]
                operator_id=user.pk, username=user.get_username()
            )
            request.preferences = find_preferences(operator_id=user.pk)  # type: ignore[attr-defined]

    @staticmethod
    def _clock(request: HttpRequest) -> AbstractContextManager[None]:
        """Show times in the person's zone, to others in UTC."""
        chosen: Preferences | None = getattr(request, "preferences", None)
        return timezone.override(chosen.zone if chosen else UTC)

    @staticmethod
    def _end_if_due(request: HttpRequest) -> None:
        if not request.user.is_authenticated:
            return
        now = moments.process_clock()
        seen = request.session.get(SEEN_AT, 0)
        if now - seen > IDLE or now - request.session.get(SIGNED_IN_AT, 0) > ABSOLUTE:
            auth.logout(request)
            messages.info(request, "You were signed out. Sign in again to go on.")
        elif now - seen > MINUTE and not page.is_tick(request):
            # At most one write a minute, not one for each request.
            request.session[SEEN_AT] = now


def begin(request: HttpRequest) -> None:
    """Note when a person signed in, from which the two limits count."""
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = moments.process_clock()
