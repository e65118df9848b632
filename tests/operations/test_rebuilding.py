"""The search index is made anew and checked while others are served, and survives a crash."""

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from memory_app.models import Message, SearchDocument, SearchPending, SearchState
from memory_app.operations import indexing, rebuilding, removing
from memory_app.operations.indexing import index_pending, index_step
from memory_app.operations.keys import Caller
from memory_app.operations.rebuilding import rebuild_index, verify_index
from memory_app.operations.removing import Target, clear_messages
from memory_app.operations.scanning import MessageFilter
from memory_app.operations.searching import search_messages
from memory_app.storage import engine, search_index
from tests.factories import make_caller, make_session, say_more

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Caller:
    return make_caller()


def found(ann: Caller, query: str) -> list[str]:
    searched = search_messages(caller=ann, query=query, wanted=MessageFilter())
    return [match.home.session_id for match in searched.matches]


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("rebuild_search", *arguments, stdout=out)
    return out.getvalue()


def lose_the_index() -> None:
    """Empty the index, as a damaged disk would."""
    keys = [(0, 2**63 - 1)]
    engine().write(lambda db: search_index().remove(db, keys))
    SearchPending.objects.all().delete()


def test_an_index_that_is_lost_is_made_anew_in_the_same_order(ann: Caller) -> None:
    for name in ("a", "b", "c"):
        make_session(ann, name, "word one", "word two")
    index_pending()
    before = found(ann, "word")
    lose_the_index()
    assert found(ann, "word") == []
    assert not verify_index().is_true
    seen: list[tuple[int, int]] = []
    assert rebuild_index(progress=lambda done, total: seen.append((done, total))) == 6
    assert found(ann, "word") == before == ["c", "c", "b", "b", "a", "a"]
    assert seen[-1] == (6, 6)
    make_session(ann, "d", "word")
    index_pending()
    assert found(ann, "word")[0] == "d", "what is new stays the newest"
    assert verify_index().is_true


def test_words_of_another_version_are_made_anew_by_themselves(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_session(ann, "a", "word")
    index_pending()
    monkeypatch.setattr(indexing, "VERSION", "2/another")
    assert search_messages(caller=ann, query="word", wanted=MessageFilter()).rebuilding
    index_pending()
    assert SearchState.objects.get().version == "2/another"
    assert found(ann, "word") == ["a"]
    assert not search_messages(caller=ann, query="word", wanted=MessageFilter()).rebuilding


def test_what_is_new_comes_before_what_is_made_anew(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "BATCH", 3)
    for number in range(5):
        make_session(ann, f"s-{number}", "word one", "word two")
    index_pending()
    engine().write(indexing.begin_rebuild)
    make_session(ann, "new", "word")
    assert index_step() is not None
    assert "new" in found(ann, "word")
    assert indexing.index_standing(engine().database()).rebuilding


def test_what_was_imported_and_never_indexed_waits_and_is_no_fault(ann: Caller) -> None:
    make_session(ann, "a", "one", "two")
    SearchPending.objects.update(bulk=True)
    assert "2 messages: 0 missing in the index, 2 waiting for it" in run("--verify")
    out = io.StringIO()
    call_command("index_messages", stdout=out)
    assert out.getvalue() == "2 messages were indexed\n"
    assert found(ann, "two") == ["a"]
    assert "2 messages: 0 missing in the index, 0 waiting for it" in run("--verify")


def test_a_check_says_that_words_are_of_another_version(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_session(ann, "a", "word")
    index_pending()
    monkeypatch.setattr(rebuilding, "VERSION", "2/another")
    with pytest.raises(CommandError) as problem:
        run("--verify")
    assert problem.value.returncode == 3


def test_a_batch_says_whether_others_found_no_place_in_it(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "BATCH", 3)
    index_pending()
    make_session(ann, "a", "one", "two", "three", "four")
    make_session(ann, "b", "five")
    assert index_step() == (3, True)
    assert index_step() == (2, False)
    assert index_step() is None


def test_a_check_finds_what_is_missing_too_much_and_wrong(ann: Caller) -> None:
    make_session(ann, "a", "one", "two", "three", "four")
    index_pending()
    say_more(ann, "a")
    assert "5 messages: 0 missing in the index, 1 waiting for it; 0 in it" in run("--verify")
    index_pending()
    keys = sorted(Message.objects.values_list("id", flat=True))
    engine().write(lambda db: search_index().remove(db, [(keys[0] - 1, keys[0])]))
    Message.objects.filter(id=keys[1]).delete()
    Message.objects.filter(id=keys[2]).update(payload='{"role": "user", "content": "other"}')
    verified = verify_index()
    assert (verified.missing, verified.orphaned, verified.wrong) == (1, 1, 1)
    with pytest.raises(CommandError) as problem:
        run("--verify")
    assert problem.value.returncode == 3
    assert "the words of" in run()
    assert verify_index().is_true
    assert SearchDocument.objects.count() == 4
    assert found(ann, "other") == ["a"]


def test_a_rebuild_that_is_killed_is_gone_on_with(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_SESSIONS", 2)
    for number in range(7):
        make_session(ann, f"s-{number}", "word")
    lose_the_index()
    engine().write(indexing.begin_rebuild)
    index_step()
    assert 0 < len(found(ann, "word")) < 7
    index_pending()
    assert len(found(ann, "word")) == 7
    assert verify_index().is_true


def run_beside(work: Callable[[], object]) -> threading.Thread:
    def target() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=target)
    thread.start()
    return thread


def pause_removals(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Let removals wait before their commit; return what tells that one does, and lets it go on."""
    removed, go_on = threading.Event(), threading.Event()
    enter = removing.enter_places

    def slowly(*arguments: Any) -> None:
        removed.set()
        go_on.wait(10)
        enter(*arguments)

    monkeypatch.setattr(removing, "enter_places", slowly)
    return removed, go_on


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_brings_no_words_back_that_are_being_removed(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_session(ann, "a", "canary")
    index_pending()
    removed, go_on = pause_removals(monkeypatch)

    def rebuild() -> None:
        engine().write(indexing.begin_rebuild)
        index_pending()

    target = Target(session_id="a")
    removal = run_beside(lambda: clear_messages(caller=ann, target=target))
    assert removed.wait(10)
    rebuilding = run_beside(rebuild)
    rebuilding.join(0.3)
    go_on.set()
    removal.join(10)
    rebuilding.join(10)
    assert not Message.objects.exists()
    assert not SearchDocument.objects.exists()
    index_pending()
    assert verify_index().is_true


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_the_indexer_waits_for_nobody_who_removes(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waiting for the other's places of the queue was a deadlock."""
    make_session(ann, "b", "word")
    index_pending()
    make_session(ann, "a", "canary")
    removed, go_on = pause_removals(monkeypatch)
    target = Target(session_id="a")
    removal = run_beside(lambda: clear_messages(caller=ann, target=target))
    assert removed.wait(10)
    indexer = run_beside(index_step)
    indexer.join(5)
    still_waits = indexer.is_alive()
    go_on.set()
    removal.join(10)
    indexer.join(10)
    assert not still_waits
    index_pending()
    assert (found(ann, "canary"), found(ann, "word")) == ([], ["b"])


def test_what_is_added_after_a_failure_is_indexed_all_the_same(
    ann: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_session(ann, "a", "canary")
    stop = threading.Event()
    step, failed = index_step, list[bool]()

    def fail_once() -> Any:
        if not failed:
            failed.append(True)
            raise RuntimeError("canary")
        stop.set()
        return step()

    monkeypatch.setattr(indexing, "index_step", fail_once)
    monkeypatch.setattr(indexing, "_AFTER_TROUBLE", 0.0)
    indexing.keep_indexed(stop)
    assert found(ann, "canary") == ["a"]
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


def test_an_index_that_lost_words_is_not_sound_and_is_made_anew(ann: Caller) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL keeps the words and their index together")
    make_session(ann, "a", "one two", "three")
    index_pending()
    assert engine().read(lambda db: search_index().is_sound(db))
    forgotten = "INSERT INTO search_words(search_words, rowid, words) SELECT 'delete', docid, words"
    engine().write(lambda db: db.run(f"{forgotten} FROM search_document LIMIT 1"))
    assert not verify_index(sample=1).is_true
    rebuild_index()
    assert verify_index().is_true
    assert found(ann, "two") == ["a"]
