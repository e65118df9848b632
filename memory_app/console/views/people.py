"""People: who may enter, what they may do where, and their one-time links."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from memory_app.console import acts, page
from memory_app.console.confirming import asks_again
from memory_app.console.faults import faults_of
from memory_app.console.middleware import ConsoleRequest
from memory_app.console.paging import pages
from memory_app.console.views import joining
from memory_app.errors import Invalid
from memory_app.models import Role
from memory_app.operations import administering, inviting, second_factor, sign_ins
from memory_app.operations.administering import PersonView
from memory_app.operations.inviting import Link
from memory_app.operations.rights import EVERYWHERE, Person, Right

# Each is part of the next; administrator stands apart and is ticked.
LADDER: Final = (
    ("", "No role"),
    (Role.VIEWER.value, "Viewer"),
    (Role.OPERATOR.value, "Operator"),
    (Role.PRIVACY_OFFICER.value, "Privacy officer"),
)
_RANKS: Final = [value for value, _ in LADDER]
_TITLES: Final = dict(LADDER) | {Role.ADMINISTRATOR.value: "Administrator"}


@asks_again
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: ConsoleRequest) -> HttpResponse:
    """Show everybody there is; invite somebody."""
    if request.method != "POST":
        return _show_all(request)
    given = {name: request.POST.get(name, "") for name in ("username", "namespace", "role")}
    chosen = _chosen_roles(request)
    try:
        link = inviting.invite_person(
            person=request.person,
            username=given["username"],
            roles=chosen,
            namespace=given["namespace"] or EVERYWHERE,
        )
    except Invalid as refusal:
        given["administrator"] = "on" if Role.ADMINISTRATOR.value in chosen else ""
        return _show_all(request, given, refusal)
    return _show_link(request, link, is_new=True)


def _show_all(
    request: ConsoleRequest, given: dict[str, str] | None = None, problem: Invalid | None = None
) -> HttpResponse:
    person = request.person
    cursor = request.GET.get("cursor") or None
    people = administering.list_people(person=person, cursor=cursor)
    context: dict[str, Any] = {
        "rows": [_row(one) for one in people.items],
        "pages": pages("people", {}, paged=cursor, following={"cursor": people.next_cursor}),
        "may_invite": person.may(Right.MANAGE_PEOPLE, EVERYWHERE),
        "places": [(one, _called(one)) for one in administering.places_for(person=person)],
        "ladder": LADDER,
        "given": given or {"role": Role.OPERATOR.value},
        "faults": faults_of(problem, ("username", "namespace", "roles")) if problem else {},
    }
    return page.render(
        request,
        page="console/people/index.html",
        context=context,
        status=422 if problem else 200,
    )


def _row(one: PersonView) -> dict[str, Any]:
    roles = [
        {"place": _called(place), "titles": _titles(held)}
        for place, held in sorted(one.roles.items())
    ]
    return {"person": one, "roles": roles}


def _called(place: str) -> str:
    return "everywhere" if place == EVERYWHERE else place


def _titles(held: frozenset[str]) -> list[str]:
    """Return the names of the roles that say all of what is held."""
    return [title for role, title in _TITLES.items() if role in _highest(held)]


def _highest(held: frozenset[str]) -> set[str]:
    """Return the highest role of the ladder, which holds the others, and the administrator's."""
    ladder = max((rank for rank, role in enumerate(_RANKS) if role in held), default=0)
    return {_RANKS[ladder]} & held | held & {Role.ADMINISTRATOR.value}


def _chosen_roles(request: HttpRequest) -> list[str]:
    chosen = [request.POST.get("role", "")]
    if request.POST.get("administrator") == "on":
        chosen.append(Role.ADMINISTRATOR.value)
    return [role for role in chosen if role]


def _show_link(request: HttpRequest, link: Link, *, is_new: bool) -> HttpResponse:
    context = {"link": link, "address": joining.address(request, link), "is_new": is_new}
    return page.render(request, page="console/people/link.html", context=context)


@require_safe
def detail(request: ConsoleRequest, number: int) -> HttpResponse:
    """Show one person, and what can be done about them."""
    return _show(request, administering.get_person(person=request.person, number=number))


def _show(request: ConsoleRequest, one: PersonView, problem: str = "") -> HttpResponse:
    places = administering.places_for(person=request.person)
    there = [(name, one.roles.get(name, frozenset())) for name in places]
    opened = sign_ins.find_intervention(person=Person(one.number, one.username, {}))
    context = {
        "someone": one,
        "opened": opened,
        "opened_by": acts.words(opened.act).text if opened else "",
        "problem": problem,
        "is_self": one.number == request.person.id,
        "may_manage": request.person.may(Right.MANAGE_PEOPLE, EVERYWHERE),
        "ladder": LADDER,
        "held": [_held(name, held) for name, held in there if held or name == EVERYWHERE],
        "others": [name for name, held in there if not held and name != EVERYWHERE],
    }
    return page.render(
        request,
        page="console/people/detail.html",
        context=context,
        status=422 if problem else 200,
    )


def _held(place: str, held: frozenset[str]) -> dict[str, Any]:
    return {
        "place": place,
        "label": _called(place),
        "title": _called(place) if place != EVERYWHERE else "Everywhere",
        "role": next(iter(_highest(held) - {Role.ADMINISTRATOR.value}), ""),
        "administrator": Role.ADMINISTRATOR.value in held,
    }


@asks_again
@require_POST
def roles(request: ConsoleRequest, number: int) -> HttpResponse:
    """Let somebody hold other roles in one place."""
    place = request.POST.get("namespace", "")
    try:
        one = administering.set_roles(
            person=request.person, number=number, namespace=place, roles=_chosen_roles(request)
        )
    except Invalid as refusal:
        one = administering.get_person(person=request.person, number=number)
        return _show(request, one, refusal.detail)
    titles = _titles(one.roles.get(place, frozenset()))
    where = "everywhere" if place == EVERYWHERE else f"in {place}"
    said = f"is {' and '.join(titles)} {where}" if titles else f"holds no role {where}"
    messages.success(request, f"{one.username} {said} now.")
    return page.redirect(request, reverse("console:person", args=[number]))


@asks_again
@require_POST
def act(request: ConsoleRequest, number: int) -> HttpResponse:
    """Do one thing about somebody, and say what was done."""
    do = request.POST.get("do", "")
    if do not in _ACTS and do != "link":
        raise Invalid(f"one of these can be done: link, {', '.join(_ACTS)}")
    try:
        if do == "link":
            link = inviting.make_link(person=request.person, number=number)
            one = administering.get_person(person=request.person, number=number)
            return _show_link(request, link, is_new=one.state == "invited")
        said = _ACTS[do](request, number)
    except Invalid as refusal:
        one = administering.get_person(person=request.person, number=number)
        return _show(request, one, refusal.detail)
    messages.success(request, said)
    return page.redirect(request, reverse("console:person", args=[number]))


def _deactivate(request: ConsoleRequest, number: int) -> str:
    one = administering.deactivate(person=request.person, number=number)
    return f"{one.username} is deactivated, and signed out everywhere."


def _reactivate(request: ConsoleRequest, number: int) -> str:
    one = administering.reactivate(person=request.person, number=number)
    return f"{one.username} may sign in again, with the roles they had."


def _end_sign_ins(request: ConsoleRequest, number: int) -> str:
    one = administering.get_person(person=request.person, number=number)
    ended = sign_ins.end_sign_ins_of(person=request.person, number=number)
    return f"{one.username} is signed out of {ended} browser{'' if ended == 1 else 's'}."


def _reset_factor(request: ConsoleRequest, number: int) -> str:
    one = administering.get_person(person=request.person, number=number)
    second_factor.reset_factor(person=request.person, number=number)
    return f"{one.username} is asked for no second factor any more, until they add another."


_ACTS: Final[dict[str, Callable[[ConsoleRequest, int], str]]] = {
    "deactivate": _deactivate,
    "reactivate": _reactivate,
    "end_sign_ins": _end_sign_ins,
    "reset_factor": _reset_factor,
}
