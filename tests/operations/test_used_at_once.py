"""What works once, used by many at the same moment: one of them has it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp
import pytest
from django.db import connection

from memory_app import moments
from memory_app.errors import NotFound
from memory_app.models import AuditEntry, Operator
from memory_app.operations.codes import STEP, check_code
from memory_app.operations.inviting import invite_person, use_link
from memory_app.operations.rights import Person
from memory_app.operations.second_factor import begin_factor, confirm_factor
from tests.people import acting

pytestmark = pytest.mark.django_db(transaction=True)

NOW = moments.from_rfc3339("2026-06-01T12:00:00Z")
INTRUDERS = 6


def all_at_once(use: Callable[[int], Any]) -> list[Any]:
    def one(number: int) -> Any:
        try:
            return use(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(INTRUDERS) as threads:
        return list(threads.map(one, range(INTRUDERS)))


def enrol(person: Person) -> tuple[str, tuple[str, ...]]:
    secret = begin_factor(person=person, issuer="Lethe", now=NOW).secret
    code = pyotp.TOTP(secret).at(NOW // moments.SECOND)
    return secret, confirm_factor(person=person, code=code, now=NOW)


@pytest.mark.parametrize("kind", ["of the app", "for recovery"])
def test_a_code_lets_one_in(kind: str) -> None:
    ann = acting("ann")
    secret, recovery = enrol(ann)
    later = NOW + 2 * STEP
    code = recovery[0] if kind == "for recovery" else pyotp.TOTP(secret).at(later // moments.SECOND)

    def use(_: int) -> bool:
        return check_code(operator_id=ann.id, username="ann", code=code, now=later)

    assert sorted(all_at_once(use)) == [False] * (INTRUDERS - 1) + [True]


def test_a_link_gives_one_password() -> None:
    olga = acting("olga", administrator="*")
    link = invite_person(person=olga, username="zoë", roles=["viewer"], now=NOW)

    def use(number: int) -> str:
        try:
            use_link(secret=link.secret, password=f"{number} unusual words here", now=NOW)
        except NotFound:
            return ""
        return f"{number} unusual words here"

    had = [password for password in all_at_once(use) if password]
    assert len(had) == 1
    assert Operator.objects.get(username="zoë").check_password(had[0])
    assert AuditEntry.objects.filter(act="person.password").count() == 1
