"""create_operator: people are let in without mail."""

from io import StringIO
from typing import Any

import pyotp
import pytest
from django.core.management import CommandError, call_command

from memory_app.management.commands import create_operator
from memory_app.models import Operator, OperatorRole
from memory_app.operations.keys import create_key
from memory_app.operations.rights import Person, find_person
from memory_app.operations.second_factor import begin_factor, confirm_factor, is_asked_of


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("create_operator", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().removesuffix("\n")


def status(*arguments: Any) -> int:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value.returncode


def can_sign_in(name: str, password: str) -> bool:
    return Operator.objects.get(username=name).check_password(password)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())


def type_at_a_terminal(monkeypatch: pytest.MonkeyPatch, *typed: str) -> None:
    answers = iter(typed)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(create_operator.getpass, "getpass", lambda prompt: next(answers))


def test_a_password_is_made_and_printed_once() -> None:
    password = run("Ann")
    assert len(password) >= 16
    assert can_sign_in("Ann", password)
    ann = Operator.objects.get()
    assert ann.is_active
    assert ann.password.startswith("argon2")
    assert password not in ann.password


def roles(name: str) -> set[tuple[str, str | None]]:
    return set(
        OperatorRole.objects.filter(operator__username=name).values_list("role", "namespace__name")
    )


def test_roles_are_held_everywhere_or_in_the_named_namespaces() -> None:
    create_key(namespace="support")
    create_key(namespace="billing")
    run("ann")
    run("bob", "--role", "viewer", "--role", "administrator")
    run("cid", "--role", "privacy_officer", "--namespace", "support", "--namespace", "billing")
    assert roles("ann") == {("operator", None)}
    assert roles("bob") == {("viewer", None), ("administrator", None)}
    assert roles("cid") == {("privacy_officer", "support"), ("privacy_officer", "billing")}


def test_nobody_is_let_into_a_namespace_that_does_not_exist() -> None:
    assert status("ann", "--namespace", "suport") == 1
    assert not Operator.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "a\nb", " ann", "x" * 151])
def test_a_name_is_printable_and_short(name: str) -> None:
    assert status(name) == 1


def test_two_people_have_names_that_differ_by_more_than_case() -> None:
    run("Ann")
    assert status("Ann") == 1
    assert status("ann") == 1
    assert Operator.objects.count() == 1


def test_a_password_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    type_at_a_terminal(monkeypatch, "a long and winding road", "a long and winding road")
    assert run("ann") == ""
    assert can_sign_in("ann", "a long and winding road")


def test_an_empty_answer_makes_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    type_at_a_terminal(monkeypatch, "")
    assert can_sign_in("ann", run("ann"))


def test_a_typed_password_is_typed_twice_and_not_weak(monkeypatch: pytest.MonkeyPatch) -> None:
    type_at_a_terminal(monkeypatch, "a long and winding road", "a long and winding rod")
    assert status("ann") == 2
    type_at_a_terminal(monkeypatch, "short", "short")
    assert status("ann") == 1
    type_at_a_terminal(monkeypatch, "password1234", "password1234")
    assert status("ann") == 1
    assert not Operator.objects.exists()


def test_reset_gives_another_password_and_leaves_the_roles() -> None:
    first = run("ann", "--role", "viewer")
    before = Operator.objects.get().get_session_auth_hash()
    second = run("--reset", "ann")
    assert second != first
    assert not can_sign_in("ann", first)
    assert can_sign_in("ann", second)
    assert roles("ann") == {("viewer", None)}
    # What Django compares in every request: she is signed out everywhere.
    assert Operator.objects.get().get_session_auth_hash() != before


def test_reset_needs_somebody_who_is_active() -> None:
    assert status("--reset", "ann") == 1
    run("ann")
    Operator.objects.update(is_active=False)
    assert status("--reset", "ann") == 1


def test_whoever_lost_their_second_factor_is_let_in_without_it() -> None:
    run("ann")
    ann = acting_as("ann")
    secret = begin_factor(person=ann, issuer="Lethe").secret
    confirm_factor(person=ann, code=pyotp.TOTP(secret).now())
    assert run("--drop-second-factor", "ann") == ""
    assert not is_asked_of(operator_id=ann.id)
    assert status("--drop-second-factor", "ann") == 1
    assert status("--drop-second-factor", "ann", "--reset", "ann") == 2


def acting_as(name: str) -> Person:
    return find_person(operator_id=Operator.objects.get(username=name).pk, username=name)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("createsuperuser", ["--noinput", "--username", "Ann"]), ("changepassword", ["Ann"])],
)
def test_the_commands_of_django_name_the_one_that_does_it_here(
    command: str, arguments: list[str]
) -> None:
    run("Ann")
    kept = Operator.objects.get().password
    with pytest.raises(CommandError, match=r"manage\.py create_operator") as caught:
        call_command(command, *arguments)
    assert caught.value.returncode == 1
    assert Operator.objects.get().password == kept
