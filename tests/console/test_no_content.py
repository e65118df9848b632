"""Whoever may not read content meets none: on no page, in no part of one, in no download.

Every URL of the site is opened, so that a page which is added is looked at too.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from memory_app.models import HoldKind, Namespace, Purge
from memory_app.operations import previewing
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.keys import prefix_of
from memory_app.operations.purging import delete_session
from memory_app.operations.rights import Person
from tests.console.scenes import PART, SECRETS, scene
from tests.factories import make_caller, make_key
from tests.people import make_person, sign_in

pytestmark = pytest.mark.django_db

NOT_FOR_PEOPLE = ("api/", "healthz", "readyz", "metrics")
# What makes pages show more: parts, places, other views of the same.
QUERIES: tuple[dict[str, str], ...] = (
    {},
    {"view": "raw", "at": "1"},
    {"at": "2", "a": "2", "b": "2", "path": "", "list": "", "from": ""},
    {"q": "org-1/", "query": "words", "find": "words", "user_id": "ann", "user": "ann"},
    {"id": "ann", "namespace": "support", "sort": "created_at"},
)

# What stands in an address, by the name of the part.
Values = dict[str, list[Any]]


@pytest.fixture
def values() -> Values:
    agent = make_caller("support")
    scene(agent, "gone")
    receipt = delete_session(caller=agent, session_id="gone").receipt
    uid = scene(agent)
    hold = NewHold(
        namespace="support",
        kind=HoldKind.SESSION,
        target="org-1/ann",
        matter="Miller",
        reason="Asked by counsel",
    )
    ann = Person(0, "ann", {"*": frozenset({"privacy_officer"})})
    assert receipt is not None
    asked = previewing.preview(actor=ann, uids=[scene(agent, "asked")])
    previewing.execute(actor=ann, token=asked.token, reason="Waits", seconds=0)
    return {
        "uid": [uid],
        "seq": [1, 2, 3, 4],
        "kind": ["jsonl", "md"],
        "hold": [place_hold(hold=hold).id],
        "prefix": [prefix_of(make_key("support"))],
        "name": ["support"],
        "number": [make_person("zoë").pk],
        "receipt": [receipt.id],
        "purge": [Purge.objects.get().id],
        "token": [previewing.preview(actor=ann, uids=[uid]).token],
    }


def patterns(resolver: URLResolver, names: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the variable parts of every URL for people."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            if not str(entry.pattern).startswith(NOT_FOR_PEOPLE):
                inner = (*names, entry.namespace) if entry.namespace else names
                yield from patterns(entry, inner)
        elif isinstance(entry, URLPattern) and not str(entry.pattern).startswith(NOT_FOR_PEOPLE):
            yield ":".join((*names, str(entry.name))), list(entry.pattern.regex.groupindex)


def addresses(values: Values) -> Iterator[str]:
    for name, parts in patterns(get_resolver()):
        unknown = set(parts) - set(values)
        assert not unknown, f"say in `values` what stands for {unknown} in the address of {name}"
        made = set()
        for given in product(*(values[part] for part in parts)):
            try:
                made.add(reverse(name, kwargs=dict(zip(parts, given, strict=True))))
            except NoReverseMatch:
                continue
        assert made, f"nothing in `values` fits the address of {name}"
        yield from sorted(made)


def met(person: Any, values: Values) -> set[str]:
    """Open everything, and return what content is met with where it was."""
    found: set[str] = set()
    for address in addresses(values):
        # A client for each: some of these sign out.
        client = sign_in(Client(raise_request_exception=False), person)
        answers = [client.get(address, query) for query in QUERIES]
        answers.append(client.get(address, headers=PART))
        answers += [client.post(address, query, headers=PART) for query in QUERIES]
        answers.append(client.post(address, QUERIES[3], follow=True))
        for answer in answers:
            assert answer.status_code < 500, f"{address} fails"
            body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
            found |= {secret for secret in SECRETS if secret.encode() in body}
            assert not (found and person.username != "olga"), f"{found} is met at {address}"
    return found


@pytest.mark.parametrize("role", ["viewer", "administrator"])
def test_a_viewer_and_an_administrator_meet_no_content_anywhere(values: Values, role: str) -> None:
    assert met(make_person("vera", **{role: "*"}), values) == set()


@pytest.mark.parametrize("role", ["operator", "privacy_officer"])
def test_without_a_reason_nobody_meets_content_where_one_is_demanded(
    values: Values, role: str
) -> None:
    Namespace.objects.update(demands_reason=True)
    assert met(make_person("petra", **{role: "*"}), values) == set()


def test_an_operator_meets_all_of_it(values: Values) -> None:
    """What the others do not meet is there to be met."""
    assert met(make_person("olga", operator="*"), values) == set(SECRETS)
