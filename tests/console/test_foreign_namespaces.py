"""What is in a namespace where somebody holds no role answers like what there is not at all.

Every address and every form is tried, with what there is and with what there never was.
"""

import re
import secrets
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from memory_app.models import Operator
from memory_app.operations.keeping import keep_search
from memory_app.operations.rights import find_person
from tests.console.test_who_may_do_what import (
    ADDRESSES,
    FORMS,
    LINES,
    QUERIES,
    address,
    everything,
    make_parts,
)
from tests.people import make_person, sign_in

pytestmark = pytest.mark.django_db

# People and runs of cleanup belong to no namespace.
_NOWHERE = ("console:people", "console:person", "console:roles", "console:act_on_person")
_SHARED = ("console:run", "console:audit_export")
TRIED = [
    line
    for line in LINES
    if line.split()[0] not in (*_NOWHERE, *_SHARED)
    and (ADDRESSES[line.split()[0]] or line in FORMS or line in QUERIES)
]
_CHANCE = re.compile(
    r'(csrfmiddlewaretoken" value=|name="once" value=)"\w+"|<code>[0-9a-f]{16}</code>'
    r"|sch_\w{32}"
)


@pytest.fixture
def mallory() -> Operator:
    """Return somebody who may do everything, elsewhere."""
    return make_person("mallory", privacy_officer="travel", administrator="travel")


def invented(value: Any) -> Any:
    """Return what looks the same and does not exist."""
    if not isinstance(value, str):
        return value + 1_000_000
    if value == "support":
        return "suppers"
    kind, _, rest = value.rpartition("_")
    made = secrets.token_hex(16)[: len(rest)]
    return f"{kind}_{made}" if kind else made


def answer_to(client: Client, verb: str, line: str, parts: dict[str, list[Any]]) -> tuple[Any, str]:
    """Return the status and what is said, with the names of what was asked about left out."""
    given = (QUERIES if verb == "get" else FORMS).get(line, {})
    sent = {field: text.format(**parts).strip("[']") for field, text in given.items()}
    sent = {name: parts["name"][0] if text == "support" else text for name, text in sent.items()}
    before = everything()
    with transaction.atomic():
        answer = getattr(client, verb)(address(line.split()[0], parts), sent)
        after = everything()
        transaction.set_rollback(True)
    assert after == before, f"{line} does something in another namespace"
    said = "" if answer.streaming else answer.content.decode()
    said += str(sorted(answer.headers.items())).replace(answer["X-Request-ID"], "")
    for name, values in parts.items():
        for value in values:
            said = said.replace(str(value), f"<{name}>") if isinstance(value, str) else said
    return answer.status_code, _CHANCE.sub("", re.sub(r"'Content-Length', '\d+'", "", said))


@pytest.mark.parametrize("line", TRIED)
def test_an_address_or_a_form_does_not_tell_what_is_elsewhere(line: str, mallory: Operator) -> None:
    there = make_parts()
    nowhere = {name: [invented(one) for one in values] for name, values in there.items()}
    nowhere["kind"], nowhere["seq"] = there["kind"], there["seq"]
    for verb in ("get", "post"):
        client = sign_in(Client(raise_request_exception=False), mallory)
        missing = answer_to(client, verb, line, nowhere)
        client = sign_in(Client(raise_request_exception=False), mallory)
        foreign = answer_to(client, verb, line, there)
        assert missing[0] < 500
        assert foreign == missing, f"{verb} {line}"


def test_a_sealed_search_is_not_shown_to_somebody_else(mallory: Operator) -> None:
    ann = find_person(operator_id=make_person("ann", operator="travel").pk, username="ann")
    token = keep_search(person=ann, asked={"query": "WordsThatAnnSought"})
    answer = sign_in(Client(), mallory).get(f"/search/{token}/")
    assert answer.status_code == 403
    assert "WordsThatAnnSought" not in answer.content.decode()


def test_enough_is_tried() -> None:
    assert len(TRIED) >= 40
