"""Data subjects: what there is about a person, taking it out, and erasing it."""

import tempfile
from typing import Any, Final

from django.http import FileResponse, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from memory_app import conf
from memory_app.console import page
from memory_app.console.confirming import asks_again
from memory_app.console.paging import pages
from memory_app.console.tokens import Token
from memory_app.errors import Invalid
from memory_app.operations import gathering, occurring, previewing, subjects, whereabouts
from memory_app.operations.gathering import GatheredSubject
from memory_app.operations.occurring import Occurrence
from memory_app.operations.receiving import check_id
from memory_app.operations.rights import Person
from memory_app.operations.whereabouts import Subject, SubjectAt

# How long a request works on an erasure; cleanup goes on with what is then left.
_SECONDS: Final = 8.0
_IN_MEMORY: Final = 4 * conf.MB


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show what there is about the person of a user id; without one, who was active last."""
    person: Person = request.person  # type: ignore[attr-defined]
    user_id = request.GET.get("user_id", "")
    context: dict[str, Any] = {"user_id": user_id, "backup_days": conf.backup_days()}
    if not user_id:
        return _list(request, person, context)
    try:
        subject = whereabouts.view_subject(person=person, user_id=user_id)
    except Invalid as problem:
        context["problem"] = problem.detail
    else:
        context |= {
            "subject": subject,
            "rows": [_row(subject, at) for at in subject.places],
            "in_ids": [_in_id(one) for one in subject.in_ids],
            "looked_at": occurring.MOST_COUNTED,
        }
    return page.render(
        request,
        page="console/subjects/index.html",
        context=context,
        status=422 if "problem" in context else 200,
    )


def _list(request: HttpRequest, person: Person, context: dict[str, Any]) -> HttpResponse:
    namespace, cursor = request.GET.get("namespace", ""), request.GET.get("cursor", "")
    listed = gathering.browse_subjects(person=person, namespace=namespace, cursor=cursor or None)
    context |= {
        "listed": listed,
        "namespace": namespace,
        "several": not namespace and len(listed.places) > 1,
        "rows": [_listed(one) for one in listed.items],
        "most": gathering.MOST_KNOWN,
        "cap": gathering.MOST_COUNTED,
        "pages": pages(
            "subjects",
            {"namespace": namespace},
            paged=cursor,
            following={"cursor": listed.next_cursor},
        ),
    }
    return page.render(
        request,
        page="console/subjects/index.html",
        fragment="console/subjects/_list.html",
        context=context,
        push=request.get_full_path(),
    )


def _in_id(one: Occurrence) -> dict[str, Any]:
    token = Token("prefix", one.session_id).written()
    return {"one": one, "sessions": urlencode({"q": token, "namespace": one.namespace})}


def _listed(one: GatheredSubject) -> dict[str, Any]:
    token = Token("user", one.user_id).written()
    return {
        "subject": one,
        "query": urlencode({"user_id": one.user_id}),
        "sessions": urlencode({"q": token, "namespace": one.namespace}),
    }


def _row(subject: Subject, at: SubjectAt) -> dict[str, Any]:
    token = Token("user", subject.user_id).written()
    return {
        "at": at,
        "sessions": urlencode({"q": token, "namespace": at.namespace}),
        "query": urlencode({"namespace": at.namespace, "user_id": subject.user_id}),
        "hold": urlencode(
            {
                "namespace": at.namespace,
                "kind": "subject",
                "target": subject.user_id,
                "back": f"{reverse('console:subjects')}?{urlencode({'user_id': subject.user_id})}",
            }
        ),
    }


@require_GET
def export(request: HttpRequest) -> FileResponse:
    """Send all sessions about a person of one namespace as JSON Lines."""
    user_id = request.GET.get("user_id", "")
    check_id(user_id, ("query", "user_id"), "a user id")
    # Read whole before it is sent: a slow reader must not keep a transaction open.
    file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - the response closes it
        _IN_MEMORY, dir=str(conf.data_dir())
    )
    subjects.hand_out_subject(
        person=request.person,  # type: ignore[attr-defined]
        namespace=request.GET.get("namespace", ""),
        user_id=user_id,
        write=lambda text: file.write(text.encode()),
    )
    file.seek(0)
    return FileResponse(
        file, as_attachment=True, filename="subject.jsonl", content_type="application/jsonl"
    )


@require_GET
def preview(request: HttpRequest) -> HttpResponse:
    """Show what an erasure would remove, what stays and why, and where else the person occurs."""
    given = request.GET
    context = _erasure(request, given.get("namespace", ""), given.get("user_id", ""))
    return page.render(request, page="console/subjects/preview.html", context=context)


@asks_again
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest) -> HttpResponse:
    """Ask for the words and the reason that confirm an erasure, and carry it out."""
    given = request.POST if request.method == "POST" else request.GET
    namespace, user_id = given.get("namespace", ""), given.get("user_id", "")
    context = _erasure(request, namespace, user_id)
    if request.method != "POST":
        return _confirm(request, context)
    typed, reason = given.get("typed", ""), given.get("reason", "")
    problems = _problems(context["phrase"], typed, reason)
    if problems:
        kept = {"typed": typed, "reason": reason, "problems": problems}
        return _confirm(request, context | kept)
    receipt = subjects.erase_subject(
        actor=request.person,  # type: ignore[attr-defined]
        namespace=namespace,
        user_id=user_id,
        reason=reason,
        seconds=_SECONDS,
    )
    return page.redirect(request, reverse("console:receipt", args=[receipt.id]))


def _erasure(request: HttpRequest, namespace: str, user_id: str) -> dict[str, Any]:
    at, subject = whereabouts.preview_erasure(
        person=request.person,  # type: ignore[attr-defined]
        namespace=namespace,
        user_id=user_id,
    )
    elsewhere = [other for other in subject.places if other.namespace != at.namespace]
    return {
        "at": at,
        "user_id": user_id,
        "elsewhere": elsewhere,
        "in_ids": [_in_id(one) for one in subject.in_ids],
        "looked_at": occurring.MOST_COUNTED,
        "phrase": f"erase {at.sessions:,}",
        "backup_days": conf.backup_days(),
        "query": urlencode({"namespace": namespace, "user_id": user_id}),
        "back": f"{reverse('console:subjects')}?{urlencode({'user_id': user_id})}",
    }


def _problems(phrase: str, typed: str, reason: str) -> dict[str, str]:
    problems = {}
    said = " ".join(typed.split()).casefold()
    if said not in (phrase, phrase.replace(",", "")):
        problems["typed"] = f"Type “{phrase}” to confirm: so many sessions there are now."
    try:
        previewing.check_reason(reason)
    except Invalid as problem:
        problems["reason"] = f"{problem.detail[0].upper()}{problem.detail[1:]}."
    return problems


def _confirm(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return page.render(
        request,
        page="console/subjects/confirm.html",
        fragment="console/subjects/_confirm.html",
        context=context,
        status=422 if context.get("problems") else 200,
    )
