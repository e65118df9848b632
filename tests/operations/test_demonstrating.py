"""The demonstration shows every state a session can be in, and can be filled again."""

import pytest

from memory_app.models import AgentSession, Message
from memory_app.moments import DAY, NEVER, from_rfc3339
from memory_app.operations.demonstrating import fill_demonstration

pytestmark = pytest.mark.django_db

NOW = from_rfc3339("2026-03-01T12:00:00Z")


def test_there_are_sessions_in_every_state_and_of_every_kind() -> None:
    done = fill_demonstration(now=NOW)
    assert done.namespaces == ("coffee-orders", "support-agent", "travel-planner")
    sessions = list(AgentSession.objects.select_related("namespace"))
    assert (len(sessions), Message.objects.count()) == (done.sessions, done.messages)
    for namespace in done.namespaces:
        there = [one for one in sessions if one.namespace.name == namespace]
        left = [one.expires_at - NOW for one in there]
        purge = [one.expires_at + one.grace - NOW for one in there]
        assert sum(time > 2 * DAY for time in left) > len(there) / 2
        assert any(0 < time < 2 * DAY for time in left)
        assert any(time <= 0 < due for time, due in zip(left, purge, strict=True))
        assert any(due <= 0 for due in purge)
        assert any(one.title for one in there)
        assert any(one.tags != "[]" for one in there)
        assert all(one.last_activity_at <= NOW for one in there)
    assert any(one.explicit_until < NEVER for one in sessions)
    assert any("/" in one.session_id for one in sessions)
    assert any("北京" in one.tags for one in sessions)
    assert max(one.size_bytes for one in Message.objects.filter(role="tool")) > 10_000


def test_filling_it_again_adds_nothing() -> None:
    fill_demonstration(now=NOW)
    before = set(AgentSession.objects.values_list("uid", "message_count"))
    again = fill_demonstration(now=NOW + DAY)
    assert (again.sessions, again.messages) == (0, 0)
    assert set(AgentSession.objects.values_list("uid", "message_count")) == before


def test_what_is_missing_is_added() -> None:
    fill_demonstration(now=NOW)
    gone = AgentSession.objects.filter(namespace__name="coffee-orders").first()
    assert gone is not None
    Message.objects.filter(id__gt=gone.id << 32, id__lt=(gone.id + 1) << 32).delete()
    gone.delete()
    assert fill_demonstration(now=NOW).sessions == 1
