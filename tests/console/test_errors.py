"""What people see when something is refused or fails."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from config.logs import JsonFormatter
from memory_app.console.views import errors
from memory_app.errors import Refusal
from tests.console.site import SECRET
from tests.people import signed_in

pytestmark = pytest.mark.django_db

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.console.site"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Collect everything that any logger writes, as it would be written."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def all_refusals(cls: type[Refusal] = Refusal) -> set[str]:
    # The server answers for itself what it refuses before a request reaches a page.
    kinds = [sub for sub in cls.__subclasses__() if "memory_app.serving" not in sub.__module__]
    return {cls.code}.union(*(all_refusals(sub) for sub in kinds))


def test_every_refusal_of_a_page_has_its_words() -> None:
    assert set(errors.REFUSALS) >= all_refusals()


def test_an_address_where_nothing_is_gets_a_page_in_the_frame() -> None:
    answer = signed_in("ann", viewer="*").get("/nothing-here/")
    assert answer.status_code == 404
    assert b"There is nothing here" in answer.content
    assert b"Account: ann" in answer.content


def test_a_failure_shows_the_request_id_and_nothing_of_what_failed(log: io.StringIO) -> None:
    answer = signed_in("ann").get("/broken/?user=secret-user")
    assert answer.status_code == 500
    assert answer["X-Request-ID"] in answer.text
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text


def test_a_failure_is_found_in_the_log_by_its_id_without_content(log: io.StringIO) -> None:
    answer = signed_in("ann").get("/broken/?user=secret-user")
    [line] = [json.loads(line) for line in log.getvalue().splitlines()]
    assert line["request_id"] == answer["X-Request-ID"]
    assert line["error"]["type"] == "RuntimeError"
    assert line["error"]["at"][-1].endswith("broken")
    assert SECRET not in log.getvalue()
    assert "secret-user" not in log.getvalue()


@pytest.mark.parametrize("code", sorted(cls.code for cls in Refusal.__subclasses__()))
def test_a_refusal_becomes_a_page_with_its_status(code: str) -> None:
    answer = signed_in("ann").get("/refusing/", {"code": code})
    assert answer.status_code == errors.REFUSALS[code].status
    assert errors.REFUSALS[code].title in answer.text


def test_a_missing_thing_and_one_that_may_not_be_seen_look_the_same() -> None:
    client = signed_in("ann")
    missing, hidden = client.get("/x/"), client.get("/refusing/", {"code": "not_found"})
    assert missing.status_code == hidden.status_code == 404
    assert "this was refused" not in hidden.text


def test_a_part_that_is_refused_is_a_toast_and_nothing_else() -> None:
    answer = signed_in("ann").get("/refusing/", {"code": "forbidden"}, headers=PART)
    assert answer.status_code == 403
    assert answer.text.startswith('<hx-partial hx-target="#toasts"')
    assert "this was refused" in answer.text
    assert "<main" not in answer.text


@pytest.mark.parametrize(("path", "status"), [("/broken/", 500), ("/x/", 404), ("/sign-out/", 405)])
def test_a_part_that_fails_is_a_toast_too(path: str, status: int) -> None:
    answer = signed_in("ann").get(path, headers=PART)
    assert answer.status_code == status
    assert answer.text.startswith('<hx-partial hx-target="#toasts"')


def test_a_stranger_sees_errors_without_the_frame(client: Client) -> None:
    answer = client.get("/nothing-here/")
    assert answer.status_code == 404
    assert "Account:" not in answer.text
    assert 'class="side"' not in answer.text


def test_programs_get_problems_and_never_pages() -> None:
    answer = Client().get("/api/v1/nothing/here")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"
