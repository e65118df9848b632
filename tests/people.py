"""Make people and sign them in, without the second that a password takes."""

import secrets
from functools import cache

import pyotp
from django.contrib.auth.hashers import make_password
from django.test import Client

from memory_app import moments
from memory_app.console import confirming, middleware
from memory_app.models import Namespace, Operator, OperatorRole, SignIn
from memory_app.operations.namespaces import ensure_namespace
from memory_app.operations.people import add_person
from memory_app.operations.rights import Person, find_person
from memory_app.operations.second_factor import begin_factor, confirm_factor

PASSWORD = "correct horse battery staple"
BACKEND = "django.contrib.auth.backends.ModelBackend"
# When a second factor is added: before now, so that the code of now was never used.
PAST = moments.from_rfc3339("2026-06-01T12:00:00Z")


def make_person(name: str = "ann", /, **roles: str) -> Operator:
    """Make a person who holds these roles: `viewer="support"`, `operator="*"` for everywhere."""
    now = moments.process_clock()
    add_person(username=name, encoded_password=_encoded(), roles=(), namespaces=(), now=now)
    person = Operator.objects.get(username=name)
    for role, namespace in roles.items():
        place = None if namespace == "*" else _namespace(namespace)
        OperatorRole.objects.create(operator=person, role=role, namespace=place)
    return person


@cache
def _encoded() -> str:
    return make_password(PASSWORD)


def _namespace(name: str) -> Namespace:
    return ensure_namespace(name=name, now=moments.process_clock())


def sign_in(client: Client, person: Operator) -> Client:
    """Sign a person in and return the client."""
    client.force_login(person, backend=BACKEND)
    now = moments.process_clock()
    place = SignIn.objects.create(
        id=f"sgn_{secrets.token_hex(16)}",
        operator=person,
        began_at=now,
        seen_at=now,
        browser="Firefox on Linux",
        address="192.0.2.1",
    )
    session = client.session
    session[middleware.SIGN_IN] = place.pk
    session[middleware.SIGNED_IN_AT] = session[middleware.SEEN_AT] = now
    session[confirming.GIVEN_AT] = now
    session.save()
    return client


def signed_in(name: str = "ann", /, **roles: str) -> Client:
    """Return a client with a new person signed in, who holds these roles."""
    return sign_in(Client(raise_request_exception=False), make_person(name, **roles))


def enrol(person: Operator) -> tuple[str, tuple[str, ...]]:
    """Give a person a second factor; return its secret and the recovery codes."""
    known = find_person(operator_id=person.pk, username=person.username)
    secret = begin_factor(person=known, issuer="Lethe", now=PAST).secret
    code = pyotp.TOTP(secret).at(PAST // moments.SECOND)
    return secret, confirm_factor(person=known, code=code, now=PAST)


def acting(name: str = "ann", /, **roles: str) -> Person:
    """Return a new person as operations know them, who holds these roles."""
    made = make_person(name, **roles)
    return find_person(operator_id=made.pk, username=made.username)
