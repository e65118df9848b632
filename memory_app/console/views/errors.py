"""What people see when something is refused or fails: a page, or a toast where htmx asked."""

from typing import Final, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from memory_app.console import page
from memory_app.errors import ReasonNeeded, Refusal


class Trouble(NamedTuple):
    """What went wrong, in the words of the page."""

    status: int
    title: str
    advice: str
    icon: str = "alert-triangle"


BAD_REQUEST: Final = Trouble(
    400, "This request cannot be read", "Go back, reload the page and try once more."
)
CSRF: Final = Trouble(
    403,
    "This form is out of date",
    "It was opened before you last signed in or out, or cookies are blocked here. Go back, reload"
    " the page and send it again. Nothing was changed.",
    "refresh",
)
FORBIDDEN: Final = Trouble(
    403,
    "Your role does not allow this",
    "An administrator can give you the role.",
    "shield-lock",
)
NOT_FOUND: Final = Trouble(
    404,
    "There is nothing here",
    "The address may be mistyped, or what was here is gone or belongs to a namespace that you"
    " cannot see.",
    "file-search",
)
METHOD_NOT_ALLOWED: Final = Trouble(
    405, "This page cannot be opened that way", "It takes a form, not a link. Nothing was changed."
)
ERROR: Final = Trouble(
    500,
    "Something failed in Lethe",
    "It is not your doing. Try again; if it fails again, give the request id to your"
    " administrator, who finds it in the log.",
)
TOO_MANY: Final = Trouble(
    429,
    "Too many attempts",
    "Signing in with this name is paused here for 15 minutes after five failures. Wait, then try"
    " again. If you forgot the password, an administrator makes you a link meanwhile.",
    "clock-pause",
)

# The console's only table from refusals to what is shown.
REFUSALS: Final[dict[str, Trouble]] = {
    "invalid": Trouble(422, "This cannot be done as asked", "Change what was asked for."),
    "session_full": Trouble(422, "The session is full", "Nothing more fits into it."),
    "unauthenticated": Trouble(403, "This needs you to sign in", "Sign in and try again."),
    "forbidden": FORBIDDEN,
    "reason_needed": Trouble(
        403,
        "This needs a written reason",
        "Say why you open it, then it is open to you.",
        "eye-off",
    ),
    "not_found": NOT_FOUND,
    "session_exists": Trouble(409, "The session exists", "Open it instead."),
    "message_conflict": Trouble(409, "The message id is taken", "Use another id."),
    "user_conflict": Trouble(409, "The session belongs to another user", "Nothing was changed."),
    "revision_conflict": Trouble(
        409, "It has changed meanwhile", "Reload to see how it is now. Nothing was changed."
    ),
    "preview_stale": Trouble(
        409,
        "The preview is out of date",
        "Look at it again before anything is removed. Nothing was changed.",
        "hourglass",
    ),
    "held": Trouble(
        423, "A legal hold forbids this", "It can be done after the hold is released.", "lock"
    ),
    "rate_limited": Trouble(429, "Too many requests", "Wait a moment, then try again."),
    "session_expired": Trouble(410, "The session is past its time", "Restore it first."),
    "too_large": Trouble(413, "This is too large", "Send less at once."),
    "unsupported_media_type": Trouble(415, "This cannot be read", "Send a form."),
    "unavailable": Trouble(
        503, "Not available now", "Nothing was half-done. Try again in a moment.", "hourglass"
    ),
    "storage_full": Trouble(
        507, "There is no room to store more", "Reading and purging still work.", "database"
    ),
}
_OTHER: Final = Trouble(409, "This was refused", "Nothing was changed.")


def show(request: HttpRequest, trouble: Trouble, detail: str = "") -> HttpResponse:
    """Answer with the trouble: a toast where htmx waits for a part, else a page."""
    if page.wants_fragment(request):
        said = f"{trouble.title}: {detail}." if detail else f"{trouble.title}. {trouble.advice}"
        return page.notice(request, said, status=trouble.status)
    context = {"trouble": trouble, "detail": detail}
    return page.render(request, page="errors/trouble.html", context=context, status=trouble.status)


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Present what an operation refused; ask for the reason where only that is missing."""
    if isinstance(refusal, ReasonNeeded) and refusal.namespace:
        asked = {"namespace": refusal.namespace, "next": page.here(request)}
        return page.redirect(request, f"{reverse('console:reason')}?{urlencode(asked)}")
    detail = "" if refusal.code == "not_found" else refusal.detail
    return show(request, REFUSALS.get(refusal.code, _OTHER), detail)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django could not read; its words may quote it, so they stay out."""
    return show(request, BAD_REQUEST)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django forbade."""
    return show(request, FORBIDDEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid token."""
    return show(request, CSRF)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address where nothing is."""
    return show(request, NOT_FOUND)


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """Answer a method that the page does not take."""
    response = show(request, METHOD_NOT_ALLOWED)
    response["Allow"] = allowed
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after a failure of ours; the log has where, under the request id."""
    return show(request, ERROR)
