"""Passkeys: what adds one, what one is taken for, and what is not taken."""

import json
from typing import Any

import pyotp
import pytest

from memory_app import moments
from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditEntry, Passkey
from memory_app.operations.passkeys import (
    MOST,
    Asked,
    Party,
    add_passkey,
    ask_for_passkey,
    begin_passkey,
    check_passkey,
    list_passkeys,
    party_at,
    remove_passkey,
)
from memory_app.operations.rights import Person
from memory_app.operations.second_factor import (
    begin_factor,
    confirm_factor,
    remove_factor,
    reset_factor,
)
from tests.device import SoftwareKey
from tests.people import acting

pytestmark = pytest.mark.django_db

NOW = moments.from_rfc3339("2026-06-01T12:00:00Z")
HERE = Party("lethe.example.org", "https://lethe.example.org")


def enrolled(name: str) -> Person:
    """Return a new person who has an app."""
    person = acting(name)
    secret = begin_factor(person=person, issuer="Lethe", now=NOW).secret
    code = pyotp.TOTP(secret).at(NOW // moments.SECOND)
    confirm_factor(person=person, code=code, now=NOW)
    return person


@pytest.fixture
def ann() -> Person:
    return enrolled("ann")


def add(person: Person, key: SoftwareKey, name: str = "blue key") -> str:
    asked = begin_passkey(person=person, party=HERE, name=name)
    answer = key.create(asked.options)
    return add_passkey(person=person, party=HERE, state=asked.state, answer=answer, now=NOW)


def ask(person: Person) -> Asked:
    asked = ask_for_passkey(operator_id=person.id, party=HERE)
    assert asked is not None
    return asked


def check(person: Person, asked: Asked, answer: str, party: Party = HERE) -> bool:
    return check_passkey(
        operator_id=person.id, party=party, state=asked.state, answer=answer, now=NOW
    )


def test_a_passkey_is_added_and_taken_and_its_last_use_noted(ann: Person) -> None:
    key = SoftwareKey()
    assert ask_for_passkey(operator_id=ann.id, party=HERE) is None
    assert add(ann, key, "  blue   key ") == "blue key"
    [kept] = list_passkeys(person=ann)
    assert (kept.name, kept.created_at, kept.last_used_at) == ("blue key", NOW, None)
    asked = ask(ann)
    assert check(ann, asked, key.get(asked.options))
    assert list_passkeys(person=ann)[0].last_used_at == NOW
    entry = AuditEntry.objects.latest("n")
    assert (entry.actor, entry.act, entry.object_id) == ("ann", "passkey.add", str(ann.id))


def test_an_app_comes_first() -> None:
    with pytest.raises(Invalid, match="add an app first"):
        begin_passkey(person=acting("ben"), party=HERE, name="blue key")


def test_what_is_signed_for_another_page_or_another_question_is_not_taken(ann: Person) -> None:
    key = SoftwareKey()
    add(ann, key)
    asked, other = ask(ann), ask(ann)
    assert not check(ann, asked, key.get(other.options))
    key.origin = "https://lethe.example.org.evil.example"
    assert not check(ann, asked, key.get(asked.options))
    key.origin = "https://sub.lethe.example.org"
    assert not check(ann, asked, key.get(asked.options))
    key.origin = HERE.origin
    elsewhere = Party("evil.example", "https://evil.example")
    assert not check(ann, asked, key.get(asked.options), elsewhere)
    assert check(ann, asked, key.get(asked.options))


def test_a_passkey_is_made_for_this_page_alone(ann: Person) -> None:
    with pytest.raises(Invalid, match="could not be taken"):
        add(ann, SoftwareKey("https://evil.example"))
    asked = begin_passkey(person=ann, party=HERE, name="blue key")
    other = begin_passkey(person=ann, party=HERE, name="blue key")
    with pytest.raises(Invalid, match="could not be taken"):
        add_passkey(
            person=ann, party=HERE, state=asked.state, answer=SoftwareKey().create(other.options)
        )
    assert not Passkey.objects.exists()


def test_the_passkey_of_somebody_else_is_not_taken(ann: Person) -> None:
    theirs, hers = SoftwareKey(), SoftwareKey()
    ben = enrolled("ben")
    add(ben, theirs)
    add(ann, hers)
    asked = ask(ann)
    assert not check(ann, asked, theirs.get(asked.options))
    assert ask(ben).options["allowCredentials"] != asked.options["allowCredentials"]


def test_a_device_is_added_once_for_whomever(ann: Person) -> None:
    key = SoftwareKey()
    add(ann, key)
    with pytest.raises(Invalid, match="has a passkey here already"):
        add(ann, key, "another name")
    with pytest.raises(Invalid, match="has a passkey here already"):
        add(enrolled("ben"), key)


def test_a_passkey_that_was_copied_is_not_taken(ann: Person) -> None:
    key = SoftwareKey()
    add(ann, key)
    asked = ask(ann)
    key.count = 41
    assert check(ann, asked, key.get(asked.options))
    for count in (0, 40, 41):
        key.count = count
        assert not check(ann, asked, key.get(asked.options)), count
    assert check(ann, asked, key.get(asked.options))


def test_a_passkey_that_counts_nothing_is_taken(ann: Person) -> None:
    key = SoftwareKey()
    key.count = -1
    add(ann, key)
    for _ in range(2):
        key.count = -1
        asked = ask(ann)
        assert check(ann, asked, key.get(asked.options))


def changed(answer: str, *path: str, to: Any) -> str:
    given = json.loads(answer)
    part = given
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = to
    return json.dumps(given)


def test_what_is_no_answer_is_refused_and_breaks_nothing(ann: Person) -> None:
    key = SoftwareKey()
    add(ann, key)
    asked = ask(ann)
    right = key.get(asked.options)
    hostile = ["", "null", "[]", "{}", "1", '"x"', "{", "[" * 100_000, "\x00", "x" * 200_000]
    for part in ("clientDataJSON", "authenticatorData", "signature"):
        hostile += [changed(right, "response", part, to=value) for value in ("", "AAAA", None, 7)]
    hostile += [
        changed(right, name, to=value) for name in ("rawId", "response") for value in ("", 1)
    ]
    for answer in hostile:
        assert not check(ann, asked, answer), answer[:80]
        begun = begin_passkey(person=ann, party=HERE, name="green key")
        with pytest.raises(Invalid):
            add_passkey(person=ann, party=HERE, state=begun.state, answer=answer)
    assert check(ann, asked, right)


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\x00b", "Blue Key"])
def test_a_name_is_short_printable_and_ones_only_one(ann: Person, name: str) -> None:
    add(ann, SoftwareKey())
    with pytest.raises(Invalid):
        begin_passkey(person=ann, party=HERE, name=name)


def test_so_many_and_no_more(ann: Person) -> None:
    for number in range(MOST):
        add(ann, SoftwareKey(), f"key {number}")
    with pytest.raises(Invalid, match="at most 10 passkeys"):
        begin_passkey(person=ann, party=HERE, name="one more")


def test_only_ones_own_are_removed_and_then_not_taken(ann: Person) -> None:
    key = SoftwareKey()
    add(ann, key)
    [kept] = list_passkeys(person=ann)
    asked = ask(ann)
    with pytest.raises(NotFound):
        remove_passkey(person=enrolled("ben"), number=kept.number)
    assert remove_passkey(person=ann, number=kept.number) == "blue key"
    assert not check(ann, asked, key.get(asked.options))
    with pytest.raises(NotFound):
        remove_passkey(person=ann, number=kept.number)


def test_passkeys_go_with_the_second_factor(ann: Person) -> None:
    add(ann, SoftwareKey())
    remove_factor(person=ann, now=NOW)
    assert not Passkey.objects.exists()
    ben = enrolled("ben")
    add(ben, SoftwareKey())
    reset_factor(person=acting("olga", administrator="*"), number=ben.id, now=NOW)
    assert not Passkey.objects.exists()


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("https://lethe.example.org", "lethe.example.org"),
        ("https://lethe.example.org:8443", "lethe.example.org"),
        ("http://localhost:8000", "localhost"),
        ("http://lethe.example.org", None),
        ("http://127.0.0.1:8000", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]:8443", None),
        ("http://localhost.evil.example", None),
    ],
)
def test_browsers_have_passkeys_for_names_with_https_and_for_this_machine(
    address: str, domain: str | None
) -> None:
    party = party_at(address)
    assert (party and party.domain) == domain
    assert party is None or party.origin == address
