"""Why content is opened: asked where a namespace demands it, then back to where one was."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse
from django.views.decorators.http import require_http_methods

from memory_app.console import page
from memory_app.errors import Invalid
from memory_app.operations import justifying
from memory_app.operations.rights import Person, Right


@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Take a reason, which opens the content of a namespace for 15 minutes."""
    person: Person = request.person  # type: ignore[attr-defined]
    given = request.POST if request.method == "POST" else request.GET
    namespace = given.get("namespace", "")
    back = page.safe_path(request, given.get("next", "")) or reverse("console:home")
    problem = ""
    if request.method == "POST" and person.lacks_reason(Right.READ_CONTENT, namespace):
        try:
            justifying.give_reason(
                person=person, namespace=namespace, reason=request.POST.get("reason", "")
            )
        except Invalid as refusal:
            problem = refusal.detail
        else:
            messages.success(request, f"The content of {namespace} is open to you for 15 minutes.")
            return page.redirect(request, back)
    person.require_role(Right.READ_CONTENT, namespace)
    if not person.lacks_reason(Right.READ_CONTENT, namespace):
        return page.redirect(request, back)
    context = {
        "namespace": namespace,
        "back": back,
        "way_out": _way_out(back),
        "problem": problem,
        "reason": request.POST.get("reason", ""),
    }
    return page.render(
        request,
        page="console/reasons/ask.html",
        context=context,
        status=422 if problem else 200,
    )


def _way_out(wanted: str) -> str:
    """Return where one goes who gives no reason: near what was wanted, and open without one."""
    try:
        found = resolve(wanted.partition("?")[0])
    except Resolver404:
        return reverse("console:home")
    if "uid" in found.kwargs:
        return reverse("console:session", args=[found.kwargs["uid"]])
    return reverse("console:search" if found.url_name == "searched" else "console:sessions")
