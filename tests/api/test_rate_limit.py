"""A key may have a limit of calls a minute; each process counts by itself."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from memory_app import moments
from memory_app.errors import RateLimited, Unauthenticated
from memory_app.moments import MINUTE, SECOND
from memory_app.operations.keys import create_key, revoke_key, rotate_key, verify_key
from memory_app.operations.limiting import count_call
from tests.conftest import Api
from tests.refusals import refused

NOW = moments.from_rfc3339("2026-06-01T12:00:00Z")


def calls(limit: int, times: int, at: int = NOW, key: int = 1) -> int:
    """Call so often at one moment; return how many of the calls were served."""
    served = 0
    for _ in range(times):
        try:
            count_call(api_key_id=key, limit=limit, now=at)
        except RateLimited:
            continue
        served += 1
    return served


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the clock of the process, which stands still until a test moves it."""
    now = [moments.process_clock()]
    monkeypatch.setattr(moments, "process_clock", lambda: now[0])
    return now


def test_all_calls_of_a_minute_may_come_at_once_and_no_more() -> None:
    assert calls(60, 100) == 60


def test_calls_come_back_one_after_the_other() -> None:
    calls(60, 60)
    assert calls(60, 5, NOW + SECOND - 1) == 0
    assert calls(60, 5, NOW + SECOND) == 1
    assert calls(60, 5, NOW + 4 * SECOND) == 3


def test_a_key_that_was_quiet_has_the_calls_of_one_minute_not_of_a_day() -> None:
    calls(60, 60)
    assert calls(60, 200, NOW + moments.DAY) == 60


def test_refused_calls_cost_nothing() -> None:
    calls(60, 10_000)
    assert calls(60, 1, NOW + SECOND) == 1


def test_a_clock_that_is_set_back_neither_gives_calls_nor_keeps_them_back() -> None:
    calls(60, 60)
    back = NOW - moments.HOUR
    assert calls(60, 5, back) == 0
    assert calls(60, 5, back + 2 * SECOND) == 2


@pytest.mark.parametrize(("limit", "seconds"), [(60, 1), (1, 60), (7, 9), (1_000_000, 1)])
def test_the_wait_that_is_said_is_long_enough_and_no_second_longer(
    limit: int, seconds: int
) -> None:
    calls(limit, limit)
    with pytest.raises(RateLimited) as refusal:
        count_call(api_key_id=1, limit=limit, now=NOW)
    assert refusal.value.seconds == seconds
    assert calls(limit, 1, NOW + seconds * SECOND) == 1


def test_threads_of_one_process_share_the_count() -> None:
    with ThreadPoolExecutor(8) as threads:
        served = list(threads.map(lambda _: calls(100, 50), range(8)))
    assert sum(served) == 100


def test_each_key_has_its_own() -> None:
    calls(10, 10, key=1)
    assert calls(10, 10, key=2) == 10


def test_too_many_calls_are_a_problem_that_says_when_to_come_again(
    db: None, clock: list[int]
) -> None:
    agent = Api(create_key(namespace="support", rate_limit=3))
    agent.add("chat")
    assert agent.get("sessions/list").status_code == 200
    # What is refused for another reason was a call too.
    refused(agent.get("sessions/list", limit="x"), "invalid")
    for response in (agent.get("sessions/list"), agent.post("memory/clear", session_id="chat")):
        problem = refused(response, "rate_limited")
        assert response["Retry-After"] == "20"
        assert problem["detail"].startswith("this API key may make 3 calls a minute")
    clock[0] += 20 * SECOND
    assert agent.get("memory/count", session_id="chat").json()["count"] == 1  # type: ignore[attr-defined]
    refused(agent.get("sessions/list"), "rate_limited")


def test_who_has_no_valid_key_uses_up_no_calls_of_one(db: None, clock: list[int]) -> None:
    key = create_key(namespace="support", rate_limit=1)
    for _ in range(5):
        refused(
            Api(f"{key[:-1]}{'A' if key[-1] != 'A' else 'B'}").get("sessions/list"),
            "unauthenticated",
        )
    assert Api(key).get("sessions/list").status_code == 200


def test_a_revoked_key_is_unknown_rather_than_too_busy(db: None) -> None:
    key = create_key(namespace="support", rate_limit=1, now=NOW)
    verify_key(key, now=NOW)
    with pytest.raises(RateLimited):
        verify_key(key, now=NOW)
    revoke_key(prefix=key[:14], now=NOW)
    with pytest.raises(Unauthenticated):
        verify_key(key, now=NOW)


def test_a_successor_has_the_same_limit(db: None) -> None:
    old = create_key(namespace="support", rate_limit=1, now=NOW)
    new = rotate_key(prefix=old[:14], now=NOW)
    verify_key(new, now=NOW)
    with pytest.raises(RateLimited):
        verify_key(new, now=NOW)


def test_without_a_limit_nothing_is_counted(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(**_: object) -> None:
        raise AssertionError("a key without a limit is counted")

    monkeypatch.setattr("memory_app.operations.keys.count_call", counted)
    key = create_key(namespace="support", now=NOW)
    assert verify_key(key, now=NOW + MINUTE).rate_limit is None
