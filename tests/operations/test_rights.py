"""Which role gives which right, and where."""

from itertools import pairwise

import pytest

from memory_app.errors import Forbidden
from memory_app.models import Role
from memory_app.operations.rights import RIGHTS, Person, Right, find_person
from tests.people import make_person

CONTENT = {Right.READ_CONTENT, Right.EXPORT}
LADDER = (Role.VIEWER, Role.OPERATOR, Role.PRIVACY_OFFICER)


def ann(**roles: set[str]) -> Person:
    return Person(1, "ann", {name: frozenset(held) for name, held in roles.items()})


def test_each_role_of_the_ladder_has_the_rights_of_the_one_below() -> None:
    for lower, higher in pairwise(LADDER):
        assert RIGHTS[lower] < RIGHTS[higher]


def test_a_viewer_and_an_administrator_see_no_content() -> None:
    assert not RIGHTS[Role.VIEWER] & CONTENT
    assert not RIGHTS[Role.ADMINISTRATOR] & CONTENT


def test_an_administrator_shares_no_right_with_the_others() -> None:
    assert not RIGHTS[Role.ADMINISTRATOR] & RIGHTS[Role.PRIVACY_OFFICER]


def test_every_right_is_given_by_a_role() -> None:
    assert frozenset().union(*RIGHTS.values()) == set(Right)


def test_a_role_in_one_namespace_gives_nothing_in_another() -> None:
    person = ann(support={Role.OPERATOR})
    assert person.may("read_content", "support")
    assert not person.may("read_content", "sales")
    assert person.namespaces("read_content") == {"support"}


def test_a_role_everywhere_counts_in_every_namespace_and_is_added_to_those_held_there() -> None:
    person = Person(
        1, "ann", {"*": frozenset({Role.VIEWER}), "sales": frozenset({Role.PRIVACY_OFFICER})}
    )
    assert person.may("view", "support")
    assert person.may("purge", "sales")
    assert not person.may("purge", "support")
    assert person.namespaces("view") is None
    assert person.namespaces("purge") == {"sales"}


def test_a_person_without_a_role_may_nothing() -> None:
    assert not any(ann().may_anywhere(right) for right in Right)
    assert ann().namespaces("view") == frozenset()


def test_a_right_that_does_not_exist_is_never_given() -> None:
    assert not ann(support=set(Role)).may("fly", "support")


def test_a_refusal_names_the_least_role_that_would_do() -> None:
    with pytest.raises(Forbidden, match=r"the role Privacy officer, .* in 'support'"):
        ann(support={Role.OPERATOR}).require("purge", "support")


def test_a_person_is_found_with_the_roles_they_hold_now(db: None) -> None:
    made = make_person("Zoë", operator="support", administrator="*")
    person = find_person(operator_id=made.pk, username="Zoë")
    assert person.roles == {"support": {"operator"}, "*": {"administrator"}}
    assert person.titles == ("Operator", "Administrator")
    made.roles.all().delete()
    assert find_person(operator_id=made.pk, username="Zoë").roles == {}
