"""/metrics: what monitoring reads, and who may read it."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from memory_app import measuring, moments
from memory_app.errors import Unavailable
from memory_app.models import CleanupRun, LastBackup
from memory_app.moments import DAY, HOUR
from memory_app.operations.cleaning import clean_up
from memory_app.storage import engine
from memory_app.version import VERSION
from tests.conftest import Api
from tests.factories import make_caller, make_session
from tests.people import signed_in

pytestmark = pytest.mark.django_db

LINE = re.compile(r"(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^{}]*\})? [-+0-9.e]+)")


def scrape(**more: Any) -> str:
    answer = Client(raise_request_exception=False).get("/metrics", **more)
    assert answer.status_code == 200, answer.content
    return answer.text


def value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    return float(found.group(1)) if found else 0.0


def test_every_line_is_of_the_text_format(api: Api) -> None:
    api.add("chat")
    clean_up()
    answer = Client().get("/metrics")
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    lines = answer.text.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    assert answer.text.endswith("\n")


def test_requests_are_counted_by_operation_and_class_of_status(api: Api) -> None:
    before = scrape()
    api.add("chat")
    api.post("memory/add", session_id="chat")
    api.get("memory/list", session_id="chat")
    after = scrape()

    def rise(operation: str, status: str) -> float:
        name = f'lethe_requests_total{{operation="{operation}",status="{status}"}}'
        return value(after, name) - value(before, name)

    assert rise("memory/add", "2xx") == 1
    assert rise("memory/add", "4xx") == 1
    assert rise("memory/list", "2xx") == 1


def test_durations_add_up_from_bucket_to_bucket(api: Api) -> None:
    api.add("chat")
    text = scrape()
    buckets = [
        float(number)
        for number in re.findall(
            r'lethe_request_seconds_bucket\{operation="memory/add",le="[^"]+"\} (\S+)', text
        )
    ]
    assert len(buckets) == len(measuring.BOUNDS) + 1
    assert buckets == sorted(buckets)
    assert buckets[-1] == value(text, 'lethe_request_seconds_count{operation="memory/add"}')
    assert value(text, 'lethe_request_seconds_sum{operation="memory/add"}') > 0


def test_no_path_that_a_caller_wrote_is_a_label(api: Api) -> None:
    canary = "canary-in-a-path"
    Client(raise_request_exception=False).get(f"/api/v1/{canary}")
    Client(raise_request_exception=False).get(f"/{canary}?q={canary}")
    api.add(canary, user_id=canary)
    assert canary not in scrape()


def test_pages_are_counted_by_their_view(client: Client) -> None:
    signed_in("vera", viewer="*").get("/overview/")
    client.get("/static/console/console.css")
    text = scrape()
    assert 'operation="console:overview",status="2xx"' in text
    assert 'operation="static",status="2xx"' in text


def test_what_there_is_is_told_by_namespace_and_status() -> None:
    support = make_caller("support")
    make_session(support, "chat", "Hi", "Ho")
    make_session(support, "expired", now=moments.process_clock() - 31 * DAY)
    text = scrape()
    assert value(text, 'lethe_sessions{namespace="support",status="active"}') == 1
    assert value(text, 'lethe_sessions{namespace="support",status="expired"}') == 1
    assert value(text, 'lethe_messages{namespace="support"}') == 3
    assert value(text, "lethe_database_bytes") > 0
    assert value(text, "lethe_database_up") == 1
    assert f'lethe_build_info{{version="{VERSION}"' in text


def test_cleanup_that_is_overdue_or_failed_is_told() -> None:
    make_session(make_caller(), "old", now=moments.process_clock() - 38 * DAY)
    now = moments.process_clock()
    CleanupRun.objects.create(started_at=now - HOUR, finished_at=now - HOUR, problem="Oh")
    text = scrape()
    assert (value(text, "lethe_cleanup_overdue"), value(text, "lethe_cleanup_failed")) == (1, 1)
    clean_up()
    text = scrape()
    assert (value(text, "lethe_cleanup_overdue"), value(text, "lethe_cleanup_failed")) == (0, 0)
    assert value(text, "lethe_cleanup_complete_timestamp_seconds") >= now / 1e6
    assert value(text, "lethe_scrub_due") == 1


def test_the_last_backup_is_told_once_there_is_one() -> None:
    assert not re.search(r"^lethe_backup_", scrape(), re.M)
    LastBackup.objects.create(id=1, began_at=1_764_000_000_000_000, size_bytes=2048)
    text = scrape()
    assert value(text, "lethe_backup_timestamp_seconds") == 1_764_000_000
    assert value(text, "lethe_backup_bytes") == 2048


def read(**more: Any) -> HttpResponse:
    return Client(raise_request_exception=False).get("/metrics", **more)  # type: ignore[return-value]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_the_machine_itself_needs_no_token(address: str) -> None:
    assert read(REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.7", "192.0.2.1", "2001:db8::1", ""])
def test_others_need_one(address: str, settings: Any) -> None:
    refused = read(REMOTE_ADDR=address)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    assert read(REMOTE_ADDR=address, HTTP_AUTHORIZATION="Bearer ").status_code == 403
    settings.LETHE_METRICS_TOKEN = "a-long-token"
    assert read(REMOTE_ADDR=address).status_code == 403
    assert read(REMOTE_ADDR=address, HTTP_AUTHORIZATION="Bearer other").status_code == 403
    assert read(REMOTE_ADDR=address, HTTP_AUTHORIZATION="Bearer a-long-token").status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_a_proxy_on_the_machine_is_not_the_machine(header: str, settings: Any) -> None:
    assert read(headers={header: "192.0.2.1"}).status_code == 403
    settings.LETHE_METRICS_TOKEN = "a-long-token"
    passed = {header: "192.0.2.1", "Authorization": "Bearer a-long-token"}
    assert read(headers=passed).status_code == 200


def test_an_api_key_opens_nothing_here(api: Api) -> None:
    assert read(REMOTE_ADDR="10.0.0.7", headers=api.headers).status_code == 403


def test_a_database_that_is_away_leaves_the_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(type(engine()), "read", away)
    text = scrape()
    assert value(text, "lethe_database_up") == 0
    assert "lethe_requests_total" in text
    assert "lethe_sessions" not in text


def test_it_is_read_and_nothing_else() -> None:
    assert Client().post("/metrics").status_code == 405
