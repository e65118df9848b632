"""Cleanup removes what is due, leaves what is not, and can be stopped anywhere."""

import json
from typing import Any

import pytest

from memory_app import moments
from memory_app.errors import NotFound
from memory_app.models import AgentSession, CleanupRun, Erasure, Message, Receipt
from memory_app.moments import DAY, SECOND
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.cleaning import clean_up
from memory_app.operations.enforcing import Enforcement
from memory_app.operations.falling_due import Due, is_overdue
from memory_app.operations.health import check_readiness
from memory_app.operations.journal import journal_path
from memory_app.operations.keys import Caller
from memory_app.operations.purging import finish_purges
from memory_app.operations.requesting import execute_purge, preview_purge
from tests.batches import in_batches_of
from tests.factories import make_caller, make_session

pytestmark = pytest.mark.django_db

NOW = moments.from_rfc3339("2026-11-01T12:00:00Z")
LATER = NOW + 37 * DAY  # thirty days idle and seven of grace


def names() -> list[str]:
    return sorted(AgentSession.objects.values_list("session_id", flat=True))


def test_a_session_is_purged_when_its_grace_is_over_and_not_a_microsecond_before() -> None:
    make_session(make_caller(), "chat", "Hi", now=NOW)
    assert clean_up(now=LATER - 1).purged == Due()
    assert names() == ["chat"]
    done = clean_up(now=LATER)
    assert (done.purged.sessions, done.purged.messages) == (1, 1)
    assert (names(), Message.objects.count()) == ([], 0)


def test_what_is_active_or_in_grace_is_left_alone() -> None:
    ann = make_caller()
    make_session(ann, "old", now=NOW)
    make_session(ann, "in-grace", now=NOW + 5 * DAY)
    make_session(ann, "active", now=NOW + 36 * DAY)
    clean_up(now=LATER)
    assert names() == ["active", "in-grace"]


def test_a_dry_run_counts_the_same_and_changes_nothing() -> None:
    ann = make_caller()
    make_session(ann, "one", "Hi", "Ho", now=NOW)
    make_session(ann, "two", "Hi", now=NOW + 6 * DAY)
    dry = clean_up(dry_run=True, now=LATER)
    assert (names(), CleanupRun.objects.count()) == (["one", "two"], 0)
    real = clean_up(now=LATER)
    assert (dry.expired, dry.purged) == (real.expired, real.purged)
    assert (real.expired, real.purged.sessions, real.purged.messages) == (2, 1, 2)


def test_each_run_counts_what_expired_since_the_one_before() -> None:
    ann = make_caller()
    make_session(ann, "one", now=NOW)
    make_session(ann, "two", now=NOW + 2 * DAY)
    assert clean_up(now=NOW + 31 * DAY).expired == 1
    assert clean_up(now=NOW + 33 * DAY).expired == 1
    assert clean_up(now=NOW + 33 * DAY + SECOND).expired == 0


def test_a_run_over_one_namespace_does_not_hide_what_expired_in_the_others() -> None:
    make_session(make_caller("support"), "chat", now=NOW)
    make_session(make_caller("travel"), "trip", now=NOW)
    day = NOW + 30 * DAY
    assert clean_up(namespace="travel", now=day + SECOND).expired == 1
    assert clean_up(dry_run=True, now=day + 2 * SECOND).expired == 1
    assert clean_up(now=day + 2 * SECOND).expired == 1
    assert clean_up(now=day + 3 * SECOND).expired == 0


def wait_for_cleanup(caller: Caller) -> None:
    """Ask for a purge of a/, and leave it to the next cleanup."""
    shown = preview_purge(caller=caller, wanted=SessionFilter(prefix="a/"), now=NOW)
    purge = execute_purge(caller=caller, token=shown.token, reason="Old", seconds=0, now=NOW)
    assert purge.state == "queued"


def test_a_run_counts_the_purges_that_it_carried_out_for_others() -> None:
    ann, bob = make_caller("support"), make_caller("travel")
    for caller in (ann, bob):
        make_session(caller, "a/1", "Hi", now=NOW)
        wait_for_cleanup(caller)
    assert clean_up(dry_run=True, now=NOW).queued == 2
    assert clean_up(namespace="travel", dry_run=True, now=NOW).queued == 1
    assert clean_up(namespace="travel", now=NOW).queued == 1
    assert AgentSession.objects.get().namespace.name == "support"
    done = clean_up(now=NOW)
    assert (done.queued, done.purged, names()) == (1, Due(), [])
    assert clean_up(now=NOW).queued == 0


def test_a_run_that_is_out_of_time_leaves_a_queued_purge_and_says_so() -> None:
    ann = make_caller()
    make_session(ann, "a/1", now=NOW)
    wait_for_cleanup(ann)
    done = clean_up(max_seconds=1e-9, now=NOW)
    assert (done.queued, done.complete, names()) == (0, False, ["a/1"])
    assert clean_up(now=NOW).complete


def test_a_run_leaves_one_receipt_for_each_namespace_and_one_line_for_each_session() -> None:
    ann, bob = make_caller("support"), make_caller("travel")
    for number in range(5):
        make_session(ann, f"chat-{number}", "Hi", now=NOW)
    make_session(bob, "trip", now=NOW)
    clean_up(batch_size=2, now=LATER)
    receipts = {one.namespace.name: one for one in Receipt.objects.all()}
    assert receipts.keys() == {"support", "travel"}
    counts = receipts["support"].counts
    assert (counts["previewed"], counts["sessions"], counts["messages"]) == (5, 5, 5)
    assert receipts["support"].verification["result"] == "clear"
    assert (receipts["support"].kind, receipts["support"].actor) == ("cleanup", "cleanup")
    assert Erasure.objects.filter(filed=True).count() == 6
    lines = [json.loads(line) for line in journal_path().read_text().splitlines()]
    assert {line["uid"] for line in lines} >= set(Erasure.objects.values_list("uid", flat=True))


def test_a_run_over_one_namespace_leaves_the_others() -> None:
    make_session(make_caller("support"), "chat", now=NOW)
    make_session(make_caller("travel"), "trip", now=NOW)
    clean_up(namespace="travel", now=LATER)
    assert names() == ["chat"]


def test_an_unknown_namespace_is_refused() -> None:
    with pytest.raises(NotFound):
        clean_up(namespace="nowhere")


def test_a_run_that_is_killed_half_way_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann = make_caller()
    for number in range(6):
        make_session(ann, f"chat-{number}", "Hi", "Ho", now=NOW)
    in_batches_of(3, monkeypatch)
    purge_some, batches = Enforcement._purge_some, []

    def killed_after_the_second(*arguments: Any) -> Any:
        if len(batches) == 2:
            raise KeyboardInterrupt
        batches.append(1)
        return purge_some(*arguments)

    monkeypatch.setattr(Enforcement, "_purge_some", killed_after_the_second)
    monkeypatch.setattr(Enforcement, "_finish", lambda *_: (False, 0))
    with pytest.raises(KeyboardInterrupt):
        clean_up(batch_size=4, now=LATER)
    assert 0 < len(names()) < 6
    monkeypatch.undo()
    clean_up(now=LATER)
    assert (names(), Message.objects.count()) == ([], 0)
    assert sum(one.counts["sessions"] for one in Receipt.objects.all()) == 6
    assert all(one.purged_at for one in Receipt.objects.all())


def test_a_run_has_one_receipt_also_when_another_took_it_for_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the other finishes between two batches."""
    ann = make_caller()
    for number in range(6):
        make_session(ann, f"chat-{number}", "Hi", now=NOW)
    in_batches_of(12, monkeypatch)
    purge_some, finished = Enforcement._purge_some, list[str]()

    def finished_by_another(work: Enforcement, *arguments: Any) -> Any:
        done = purge_some(work, *arguments)
        if done[0]:
            assert not Receipt.objects.get().purged_at, "it is open while something is removed"
            finish_purges(now=LATER)
            finished.append(str(work.receipt))
            assert Receipt.objects.get().purged_at == LATER
        return done

    monkeypatch.setattr(Enforcement, "_purge_some", finished_by_another)
    done = clean_up(batch_size=2, now=LATER)
    assert (done.purged.sessions, done.purged.messages, names()) == (6, 6, [])
    receipt = Receipt.objects.get()
    assert (receipt.purged_at, len(finished)) == (LATER, 3)
    assert receipt.counts["sessions"] == receipt.counts["previewed"] == 6
    assert receipt.verification["result"] == "clear"


def test_nothing_due_leaves_no_receipt() -> None:
    make_session(make_caller(), "chat", now=NOW)
    done = clean_up(now=NOW + DAY)
    assert (done.complete, Receipt.objects.count(), CleanupRun.objects.count()) == (True, 0, 1)


def test_cleanup_is_overdue_when_something_was_due_an_hour_ago() -> None:
    make_session(make_caller(), "chat", now=NOW)
    assert not is_overdue(now=LATER + 3_599 * SECOND)
    assert is_overdue(now=LATER + 3_600 * SECOND)
    assert check_readiness(now=LATER + DAY).degraded == ["cleanup_overdue"]
    clean_up(now=LATER + DAY)
    assert check_readiness(now=LATER + DAY).degraded == []


def test_nothing_is_overdue_within_an_hour_of_a_run_that_was_complete() -> None:
    make_session(make_caller(), "chat", now=NOW)
    make_session(make_caller(), "later", now=NOW + 10 * SECOND)
    clean_up(now=LATER)
    assert not is_overdue(now=LATER + 3_600 * SECOND)
    assert is_overdue(now=LATER + 3_610 * SECOND)
    clean_up(max_seconds=1e-9, now=LATER + 3_610 * SECOND)
    assert is_overdue(now=LATER + 3_611 * SECOND)


def test_a_run_says_what_it_did_in_each_namespace() -> None:
    make_session(make_caller("support"), "chat", "Hi", "Ho", now=NOW)
    make_session(make_caller("travel"), "trip", now=NOW + 6 * DAY)
    make_caller("idle")
    run = CleanupRun.objects.get(pk=clean_up(now=LATER).run)
    parts = {part.namespace.name: part for part in run.parts.all()}
    assert parts.keys() == {"support", "travel"}
    support, travel = parts["support"], parts["travel"]
    assert (support.expired, support.sessions, support.messages) == (1, 1, 2)
    assert support.receipt == Receipt.objects.get().pk
    assert (travel.expired, travel.sessions, travel.receipt) == (1, 0, None)


def test_a_run_that_fails_says_by_which_kind_of_error_and_nothing_of_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_session(make_caller(), "chat", "what Ann said", now=NOW)

    def fail(*_: object, **__: object) -> None:
        raise ValueError("what Ann said")

    monkeypatch.setattr(Enforcement, "_purge_some", fail)
    with pytest.raises(ValueError, match="what Ann said"):
        clean_up(now=LATER)
    run = CleanupRun.objects.get()
    assert (run.finished_at, run.complete, run.problem) == (LATER, False, "ValueError")


def test_runs_are_forgotten_after_400_days() -> None:
    make_session(make_caller(), "chat", now=NOW)
    first = clean_up(now=LATER).run
    clean_up(now=LATER + 400 * DAY)
    assert CleanupRun.objects.count() == 2
    clean_up(now=LATER + 401 * DAY)
    assert not CleanupRun.objects.filter(pk=first).exists()


def test_a_session_that_was_begun_anew_keeps_its_successor() -> None:
    ann = make_caller()
    make_session(ann, "chat", "first life", now=NOW)
    make_session(ann, "chat", "second life", now=NOW + 36 * DAY)
    clean_up(now=LATER)
    (left,) = AgentSession.objects.all()
    assert (left.ended_at, Message.objects.get().payload.count("second life")) == (None, 1)


def test_a_run_that_is_out_of_time_says_so_and_the_next_goes_on() -> None:
    ann = make_caller()
    for number in range(4):
        make_session(ann, f"chat-{number}", now=NOW)
    done = clean_up(batch_size=1, max_seconds=1e-9, now=LATER)
    assert (done.complete, len(names())) == (False, 4)
    assert clean_up(batch_size=1, now=LATER).purged.sessions == 4
