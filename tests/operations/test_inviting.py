"""One-time links: who may make one, what it opens, how often and how long."""

from typing import Any

import pytest

from memory_app import moments
from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditEntry, Invitation, Operator, SignIn
from memory_app.operations.inviting import (
    INVITED_FOR,
    RESET_FOR,
    invite_person,
    make_link,
    open_link,
    use_link,
)
from memory_app.operations.namespaces import ensure_namespace
from memory_app.operations.rights import Person, find_person
from memory_app.operations.sign_ins import Place, begin_sign_in
from tests.people import PASSWORD, acting, make_person

pytestmark = pytest.mark.django_db

NOW = moments.from_rfc3339("2026-06-01T12:00:00Z")
WORDS = "four unusual words here"


@pytest.fixture
def olga() -> Person:
    """Return an administrator of everything."""
    return acting("olga", administrator="*")


def test_whoever_is_invited_holds_their_roles_and_cannot_sign_in_before_the_link(
    olga: Person,
) -> None:
    link = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    zoe = Operator.objects.get(username="zoë")
    assert not zoe.has_usable_password()
    assert find_person(operator_id=zoe.pk, username="zoë").roles == {"*": {"viewer"}}
    assert link.expires_at == NOW + INVITED_FOR
    assert open_link(secret=link.secret, now=NOW).is_new


def test_a_person_is_invited_into_one_namespace(olga: Person) -> None:
    ensure_namespace(name="support", now=NOW)
    link = invite_person(
        person=olga, username="zoë", roles=["operator"], namespace="support", now=NOW
    )
    assert find_person(operator_id=link.number, username="zoë").roles == {"support": {"operator"}}
    with pytest.raises(NotFound):
        invite_person(person=olga, username="ben", roles=["viewer"], namespace="suport", now=NOW)
    assert not Operator.objects.filter(username="ben").exists()


def test_a_link_gives_a_password_once(olga: Person) -> None:
    link = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    assert use_link(secret=link.secret, password=WORDS, now=NOW) == "zoë"
    assert Operator.objects.get(username="zoë").check_password(WORDS)
    with pytest.raises(NotFound, match="used already"):
        use_link(secret=link.secret, password="four other words again", now=NOW)
    assert Operator.objects.get(username="zoë").check_password(WORDS)


def test_a_link_ends_when_its_time_is_over(olga: Person) -> None:
    link = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    assert open_link(secret=link.secret, now=link.expires_at - 1).username == "zoë"
    with pytest.raises(NotFound, match="expired"):
        use_link(secret=link.secret, password=WORDS, now=link.expires_at)


def test_a_newer_link_takes_the_place_of_an_older_one(olga: Person) -> None:
    first = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    second = make_link(person=olga, number=first.number, now=NOW)
    with pytest.raises(NotFound, match="newer one"):
        open_link(secret=first.secret, now=NOW)
    assert open_link(secret=second.secret, now=NOW).username == "zoë"


def test_a_weak_password_is_refused_and_the_link_stays(olga: Person) -> None:
    link = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    for weak in ("short", "password1234", ""):
        with pytest.raises(Invalid):
            use_link(secret=link.secret, password=weak, now=NOW)
    assert use_link(secret=link.secret, password=WORDS, now=NOW) == "zoë"


def test_a_reset_link_leaves_the_password_until_it_is_used_and_then_signs_out_everywhere(
    olga: Person,
) -> None:
    ann = make_person("ann")
    begin_sign_in(username="ann", place=Place("Firefox", "192.0.2.1"))
    link = make_link(person=olga, number=ann.pk, now=NOW)
    assert link.expires_at == NOW + RESET_FOR
    assert not open_link(secret=link.secret, now=NOW).is_new
    assert Operator.objects.get(username="ann").check_password(PASSWORD)
    assert SignIn.objects.count() == 1
    use_link(secret=link.secret, password=WORDS, now=NOW)
    assert Operator.objects.get(username="ann").check_password(WORDS)
    assert SignIn.objects.count() == 0


def test_a_deactivated_person_gets_no_link_and_an_open_one_opens_nothing(olga: Person) -> None:
    link = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    Operator.objects.filter(username="zoë").update(is_active=False)
    with pytest.raises(Invalid, match="is deactivated; reactivate"):
        make_link(person=olga, number=link.number, now=NOW)
    with pytest.raises(NotFound):
        use_link(secret=link.secret, password=WORDS, now=NOW)


def test_only_an_administrator_of_everything_makes_links() -> None:
    ann = make_person("ann")
    for name, roles in (("pia", {"privacy_officer": "*"}), ("tom", {"administrator": "support"})):
        person = acting(name, **roles)
        with pytest.raises(Forbidden, match="Administrator"):
            make_link(person=person, number=ann.pk, now=NOW)
        with pytest.raises(Forbidden, match="Administrator"):
            invite_person(person=person, username="new", roles=["viewer"], now=NOW)


def test_nobody_makes_a_link_for_themselves(olga: Person) -> None:
    with pytest.raises(Invalid, match="account page"):
        make_link(person=olga, number=olga.id, now=NOW)


@pytest.mark.parametrize(
    "wrong", [{"roles": []}, {"roles": ["king"]}, {"username": " zoë"}, {"username": "OLGA"}]
)
def test_a_wrong_invitation_is_refused_and_leaves_nobody(olga: Person, wrong: Any) -> None:
    given = {"username": "zoë", "roles": ["viewer"], **wrong}
    with pytest.raises(Invalid):
        invite_person(person=olga, now=NOW, **given)
    assert list(Operator.objects.values_list("username", flat=True)) == ["olga"]


def test_the_secret_of_a_link_is_kept_nowhere(olga: Person) -> None:
    link = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    kept = [*Invitation.objects.values_list(), *AuditEntry.objects.values_list()]
    assert link.secret.removeprefix("inv_")[:12] not in repr(kept)


def test_links_and_passwords_are_audited_with_numbers_alone(olga: Person) -> None:
    link = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)
    make_link(person=olga, number=link.number, now=NOW)
    use_link(
        secret=make_link(person=olga, number=link.number, now=NOW).secret, password=WORDS, now=NOW
    )
    entered = AuditEntry.objects.order_by("n").values_list("actor", "act", "object_id")
    number = str(link.number)
    assert list(entered) == [
        ("olga", "person.create", number),
        ("olga", "person.link", number),
        ("olga", "person.link", number),
        ("zoë", "person.password", number),
    ]
