"""The first page: whether all is well, what needs somebody, and what happened."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from memory_app.console import charts, page
from memory_app.console.views import audit
from memory_app.errors import Forbidden
from memory_app.operations import overseeing, surveying
from memory_app.operations.auditing import EntryFilter
from memory_app.operations.rights import Person, Right
from memory_app.operations.surveying import Survey

_ACTS: Final = 8
_RUNS: Final = 60
_LATEST: Final = 5


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the overview of the namespaces that the person may see."""
    person: Person = request.person  # type: ignore[attr-defined]
    survey = surveying.survey(person=person)
    urgent = [matter for matter in survey.matters if matter.urgent]
    runs = survey.runs.items
    context: dict[str, Any] = {
        "survey": survey,
        "urgent": len(urgent),
        "last": next((run for run in runs if run.finished_at is not None), None),
        "latest": runs[:_LATEST],
        "strip": charts.draw_strip(runs[:_RUNS]),
        "wide": charts.draw_days(survey.days, width=760, height=210, left=40, every=5),
        "narrow": charts.draw_days(survey.days[-14:], width=340, height=190, left=34, every=4),
        "days": [(charts.date_of(day.day), day) for day in reversed(survey.days)],
        "stored": _bars(survey),
        "acts": _acts(person),
        "may_run": person.may_anywhere(Right.PURGE),
    }
    return page.render(
        request,
        page="console/overview/index.html",
        fragment="console/overview/_overview.html",
        context=context,
    )


def _bars(survey: Survey) -> list[dict[str, Any]]:
    """Return the largest namespaces, each with the length of its bar of 200."""
    most = max((one.counted.size_bytes for one in survey.stored), default=0)
    return [
        {"stored": one, "length": round(200 * one.counted.size_bytes / most) if most else 0}
        for one in survey.stored[:_ACTS]
    ]


def _acts(person: Person) -> list[audit.Row] | None:
    """Return the newest entries of the audit log; None to those who may see none."""
    try:
        found = overseeing.browse_log(person=person, wanted=EntryFilter(), limit=_ACTS)
    except Forbidden:
        return None
    return [audit.entry_row(entry, found) for entry in found.items]
