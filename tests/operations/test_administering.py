"""What administrators do with people, and what nobody does."""

import pytest

from memory_app import moments
from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditEntry, Operator, SignIn
from memory_app.operations.administering import (
    deactivate,
    get_person,
    list_people,
    places_for,
    reactivate,
    set_roles,
)
from memory_app.operations.inviting import invite_person
from memory_app.operations.namespaces import ensure_namespace
from memory_app.operations.rights import Person, find_person
from memory_app.operations.sign_ins import Place, begin_sign_in, end_sign_ins_of
from tests.counting import counted_statements
from tests.people import acting, make_person

pytestmark = pytest.mark.django_db

NOW = moments.from_rfc3339("2026-06-01T12:00:00Z")
HERE = Place("Firefox on Linux", "192.0.2.1")


@pytest.fixture
def olga() -> Person:
    """Return an administrator of everything."""
    return acting("olga", administrator="*")


def again(person: Person) -> Person:
    return find_person(operator_id=person.id, username=person.username)


def test_everybody_is_listed_by_name_with_what_an_administrator_must_know(olga: Person) -> None:
    ann = make_person("ann", operator="support", viewer="*")
    begin_sign_in(username="ann", place=HERE, now=NOW)
    invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    people = list_people(person=olga, now=NOW).items
    assert [(one.username, one.state) for one in people] == [
        ("ann", "active"),
        ("olga", "active"),
        ("zoë", "invited"),
    ]
    assert people[0].number == ann.pk
    assert people[0].roles == {"*": {"viewer"}, "support": {"operator"}}
    assert (people[0].signed_in_at, people[0].sign_ins) == (NOW, 1)
    assert people[1].signed_in_at is None
    later = NOW + 8 * moments.DAY
    assert get_person(person=olga, number=people[2].number, now=later).state == "lapsed"
    assert get_person(person=olga, number=ann.pk, now=later).sign_ins == 0


def test_a_long_list_goes_on_where_it_stopped(olga: Person) -> None:
    for number in range(5):
        make_person(f"p-{number}")
    first = list_people(person=olga, limit=4, now=NOW)
    rest = list_people(person=olga, limit=4, cursor=first.next_cursor, now=NOW)
    names = [one.username for one in (*first.items, *rest.items)]
    assert names == ["olga", "p-0", "p-1", "p-2", "p-3", "p-4"]
    assert rest.next_cursor is None


def test_the_list_asks_as_much_for_many_as_for_few(olga: Person) -> None:
    def asked() -> int:
        with counted_statements() as statements:
            list_people(person=olga, now=NOW)
        return len(statements)

    few = asked()
    for number in range(10):
        make_person(f"p-{number}", viewer="support", operator="*")
    assert asked() == few > 0


@pytest.mark.parametrize("role", ["viewer", "operator", "privacy_officer"])
def test_only_administrators_see_people(role: str) -> None:
    ann = acting("ann", **{role: "*"})
    with pytest.raises(Forbidden, match="Administrator"):
        list_people(person=ann)
    with pytest.raises(Forbidden, match="Administrator"):
        get_person(person=ann, number=ann.id)


def test_roles_are_given_and_taken_in_one_place_and_hold_at_once(olga: Person) -> None:
    ensure_namespace(name="support", now=NOW)
    ann = acting("ann", viewer="*")
    set_roles(person=olga, number=ann.id, namespace="support", roles=["operator"], now=NOW)
    assert again(ann).roles == {"*": {"viewer"}, "support": {"operator"}}
    set_roles(person=olga, number=ann.id, namespace="support", roles=[], now=NOW)
    set_roles(person=olga, number=ann.id, namespace="*", roles=["privacy_officer"], now=NOW)
    assert again(ann).roles == {"*": {"privacy_officer"}}


def test_what_is_given_and_taken_is_audited_with_the_place_and_a_number(olga: Person) -> None:
    ensure_namespace(name="support", now=NOW)
    ann = acting("ann", viewer="support")
    set_roles(person=olga, number=ann.id, namespace="support", roles=["operator"], now=NOW)
    set_roles(person=olga, number=ann.id, namespace="support", roles=["operator"], now=NOW)
    (entry,) = AuditEntry.objects.all()
    assert (entry.actor, entry.act, entry.namespace) == ("olga", "person.roles", "support")
    assert (entry.object_kind, entry.object_id) == ("person", str(ann.id))
    assert entry.counts == '{"given_operator": 1, "taken_viewer": 1}'


def test_nobody_gives_themselves_a_role(olga: Person) -> None:
    with pytest.raises(Forbidden, match="nobody gives themselves a role"):
        set_roles(
            person=olga,
            number=olga.id,
            namespace="*",
            roles=["administrator", "privacy_officer"],
            now=NOW,
        )
    assert again(olga).roles == {"*": {"administrator"}}
    assert not AuditEntry.objects.exists()


def test_a_person_may_give_up_a_role_of_their_own() -> None:
    pia = acting("pia", administrator="*", privacy_officer="*")
    set_roles(person=pia, number=pia.id, namespace="*", roles=["administrator", "viewer"], now=NOW)
    assert again(pia).roles == {"*": {"administrator", "viewer"}}


def test_the_last_administrator_cannot_be_lost(olga: Person) -> None:
    tom = acting("tom", administrator="*")
    invite_person(person=olga, username="zoë", roles=["administrator"], now=NOW)
    acting("una", administrator="support")
    deactivate(person=olga, number=tom.id, now=NOW)
    # Zoë has not entered yet, Una administers one namespace, Tom is deactivated.
    with pytest.raises(Invalid, match="without olga, the last administrator"):
        set_roles(person=olga, number=olga.id, namespace="*", roles=[], now=NOW)
    with pytest.raises(Invalid, match="without olga, the last administrator"):
        deactivate(person=tom, number=olga.id, now=NOW)
    assert again(olga).roles == {"*": {"administrator"}}
    assert Operator.objects.get(username="olga").is_active


def test_deactivating_ends_sign_ins_and_links_at_once_and_keeps_name_and_roles(
    olga: Person,
) -> None:
    ann = acting("ann", operator="*")
    begin_sign_in(username="ann", place=HERE)
    assert deactivate(person=olga, number=ann.id, now=NOW).state == "deactivated"
    assert not SignIn.objects.exists()
    assert again(ann).roles == {"*": {"operator"}}
    assert reactivate(person=olga, number=ann.id, now=NOW).state == "active"
    acts = AuditEntry.objects.filter(actor="olga").order_by("n").values_list("act", flat=True)
    assert list(acts) == ["person.deactivate", "person.reactivate"]


def test_nobody_deactivates_themselves(olga: Person) -> None:
    acting("tom", administrator="*")
    with pytest.raises(Invalid, match="nobody deactivates themselves"):
        deactivate(person=olga, number=olga.id, now=NOW)


def test_ending_the_sign_ins_of_somebody_leaves_everybody_elses(olga: Person) -> None:
    ann = acting("ann")
    for name in ("ann", "ann", "olga"):
        begin_sign_in(username=name, place=HERE)
    assert end_sign_ins_of(person=olga, number=ann.id, now=NOW) == 2
    assert SignIn.objects.get().operator_id == olga.id


def test_an_administrator_of_one_namespace_gives_roles_there_alone() -> None:
    una = acting("una", administrator="support")
    ensure_namespace(name="claims", now=NOW)
    ann = acting("ann", viewer="claims")
    assert list(places_for(person=una)) == ["support"]
    set_roles(person=una, number=ann.id, namespace="support", roles=["operator"], now=NOW)
    assert get_person(person=una, number=ann.id).roles == {"support": {"operator"}}
    for place in ("claims", "*"):
        with pytest.raises(Forbidden):
            set_roles(person=una, number=ann.id, namespace=place, roles=["viewer"], now=NOW)
    for act in (deactivate, reactivate, end_sign_ins_of):
        with pytest.raises(Forbidden):
            act(person=una, number=ann.id, now=NOW)


def test_unknown_people_places_and_roles_are_refused_by_name(olga: Person) -> None:
    ann = acting("ann")
    with pytest.raises(NotFound, match="no such person"):
        set_roles(person=olga, number=2**31 - 1, namespace="*", roles=[], now=NOW)
    with pytest.raises(NotFound, match="'suport'"):
        set_roles(person=olga, number=ann.id, namespace="suport", roles=["viewer"], now=NOW)
    with pytest.raises(Invalid, match="viewer, operator"):
        set_roles(person=olga, number=ann.id, namespace="*", roles=["king"], now=NOW)
