"""What runs, on what, and within which limits; read only, and without a secret."""

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from memory_app import conf
from memory_app.console import page
from memory_app.operations.describing import Installation, describe_installation

_LIMITS: Final = (
    ("Body of a call", f"{conf.MAX_BODY_BYTES // conf.MB} MB"),
    ("Message", f"{conf.MAX_MESSAGE_BYTES // conf.MB} MB"),
    ("Metadata, and state, of a session", f"{conf.MAX_DOCUMENT_BYTES // conf.KB} KB each"),
    ("Events in one call", f"{conf.MAX_BATCH:,}"),
    ("Messages in one answer", f"{conf.MAX_LIST:,}, or {conf.MAX_ANSWER_BYTES // conf.MB} MB"),
    ("Sessions on one page", f"{conf.MAX_PAGE:,}"),
    ("Length of an id", f"{conf.MAX_ID} characters"),
    ("Depth of JSON", f"{conf.MAX_DEPTH} levels"),
    ("Tags of a session", f"{conf.MAX_TAGS}, of {conf.MAX_TAG} characters"),
)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the facts of the installation."""
    facts = describe_installation(person=request.person)  # type: ignore[attr-defined]
    context = {
        "facts": facts,
        "window": _window(facts),
        "limits": _LIMITS,
        "low": facts.free_bytes < max(facts.database_bytes, 2**30),
        "public_url": settings.LETHE_PUBLIC_URL,
        "proxies": settings.LETHE_TRUSTED_PROXIES,
        "has_metrics_token": bool(settings.LETHE_METRICS_TOKEN),
        "several": request.META.get("wsgi.multiprocess", False),
    }
    return page.render(request, page="console/settings/index.html", context=context)


def _window(facts: Installation) -> str:
    """Say when cleanup may scrub."""
    if facts.window is None:
        return "never by itself"
    start, end = facts.window
    if end - start == 24 * 60:
        return "at any time"
    return f"{start // 60:02}:{start % 60:02} to {end // 60:02}:{end % 60:02} UTC"
