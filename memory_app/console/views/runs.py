"""Cleanup runs: what they did, what the next will do, and a run at once."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from memory_app.console import charts, page
from memory_app.console.paging import pages
from memory_app.operations import running, surveying
from memory_app.operations.rights import Person, Right

_ROWS: Final = 50


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the last runs, or older ones; with `next` also what the next one will do."""
    person: Person = request.person  # type: ignore[attr-defined]
    text = request.GET.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    runs = running.list_runs(person=person, before=before)
    older = str(runs.items[_ROWS - 1].number) if len(runs.items) > _ROWS else None
    context = {
        "runs": runs,
        "before": before,
        "pages": pages("runs", {}, paged=before, following={"before": older}),
        "rows": runs.items[:_ROWS],
        "strip": charts.draw_strip(runs.items),
        "late": surveying.cleanup_is_late(person=person),
        "may_run": person.may_anywhere(Right.PURGE),
        "foreseen": running.foresee_run(person=person) if "next" in request.GET else None,
    }
    asks = "next" in request.GET and not page.is_tick(request)
    return page.render(
        request,
        page="console/runs/index.html",
        fragment="console/runs/_next.html" if asks else "console/runs/_runs.html",
        context=context,
    )


@require_safe
def detail(request: HttpRequest, number: int) -> HttpResponse:
    """Show one run."""
    run, parts = running.show_run(person=request.person, number=number)  # type: ignore[attr-defined]
    context = {"run": run, "parts": parts}
    return page.render(request, page="console/runs/detail.html", context=context)


@require_POST
def run(request: HttpRequest) -> HttpResponse:
    """Run cleanup now, and say what came of it."""
    ran = running.run_now(person=request.person)  # type: ignore[attr-defined]
    purged = ran.purged
    if purged.sessions or purged.messages:
        said = f"Purged {purged.sessions:,} {'session' if purged.sessions == 1 else 'sessions'}"
        said += f" with {purged.messages:,} {'message' if purged.messages == 1 else 'messages'}."
    else:
        said = "Nothing was due for purge." if ran.complete else "Nothing was purged yet."
    if ran.complete:
        messages.success(request, said)
    else:
        messages.warning(request, f"{said} More is due: the next run goes on.")
    return page.redirect(request, reverse("console:run", args=[ran.run]))
