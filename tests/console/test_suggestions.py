"""What the filter box suggests while one types: ids, users and tags one may see, and no content."""

import re

import pytest
from django.test import Client

from memory_app.operations.keys import Caller
from tests.console.scenes import PART, SECRETS, person, scene
from tests.factories import begin_session, make_caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Caller:
    caller = make_caller("support")
    scene(caller)
    for number in range(3):
        begin_session(caller, f"org-1/team-{number}/x", user_id=f"anna {number}", tags=["vitamins"])
    begin_session(make_caller("claims"), "org-9/secret", user_id="annegret", tags=["visible-not"])
    return caller


@pytest.fixture
def vera(agent: Caller) -> Client:
    return person("viewer")


def suggested(client: Client, box: str) -> list[str]:
    part = client.get("/sessions/", {"q": box}, headers=PART).text
    found = part.partition('<hx-partial hx-target="#suggestions"')[2].partition("</hx-partial>")[0]
    return [
        one.replace("&quot;", '"') for one in re.findall(r'<option value="(.*?)"></option>', found)
    ]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("user:ann", ["user:ann", 'user:"anna 0"', 'user:"anna 1"', 'user:"anna 2"'][1:]),
        ("user:", ["user:ann", 'user:"anna 0"', 'user:"anna 1"', 'user:"anna 2"']),
        ("tag:v", ["tag:vip", "tag:vitamins"]),
        ("-tag:v", ["-tag:vip", "-tag:vitamins"]),
        ("-status:ex", []),
        ("held:", ["held:yes", "held:no"]),
        ("status:ex", ["status:expired"]),
        ("ns:", ["namespace:support"]),
        ("us", ["user:"]),
        ("held:no tag:vip us", ["held:no tag:vip user:"]),
        ("org-1/t", ["prefix:org-1/team-0/", "prefix:org-1/team-1/", "prefix:org-1/team-2/"]),
        ("prefix:org", ["prefix:org-1/"]),
        ("org-9", []),
        ("user:anne", []),
        ("meta.plan:M", []),
        ('user:"anna 0', []),
        ("", []),
    ],
)
def test_the_token_that_is_being_typed_is_completed(
    vera: Client, box: str, expected: list[str]
) -> None:
    assert suggested(vera, box) == expected


def test_content_is_never_suggested(vera: Client) -> None:
    for box in ("Refund", "Meta", "meta.plan:", "Words", "tag:", "user:", "o"):
        assert not [one for one in suggested(vera, box) for secret in SECRETS if secret in one]


def test_a_page_that_refreshes_itself_takes_no_suggestion_away(vera: Client) -> None:
    part = vera.get("/sessions/?q=us", headers=PART | {"HX-Tick": "true"}).text
    assert "#suggestions" not in part
