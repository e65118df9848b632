"""A scrub is done when something was removed, in its window, and tells when it could not be."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from django.conf import LazySettings
from django.db import connection

from memory_app import moments
from memory_app.models import Erasure, Receipt, Scrub
from memory_app.moments import DAY
from memory_app.operations import scrubbing
from memory_app.operations.cleaning import clean_up
from memory_app.operations.purging import delete_session
from memory_app.operations.removing import Target, pop_message
from memory_app.operations.scrubbing import look_whether_due, scrub, seconds_until_window
from memory_app.storage import files, sqlite_files
from tests.factories import make_caller, make_session

pytestmark = pytest.mark.django_db(transaction=True)

NOON = moments.from_rfc3339("2026-11-01T12:00:00Z")
NIGHT = moments.from_rfc3339("2026-11-02T03:00:00Z")

on_sqlite = pytest.mark.skipif(
    "connection.vendor != 'sqlite'", reason="PostgreSQL's writers and readers go on"
)


@pytest.fixture(autouse=True)
def window(settings: LazySettings) -> None:
    settings.LETHE_SCRUB_WINDOW = (2 * 60, 5 * 60)
    settings.LETHE_SCRUB_MAX_MB = 2048


def delete_a_session() -> Receipt:
    ann = make_caller()
    make_session(ann, "chat-1", "a secret", now=NOON)
    deleted = delete_session(caller=ann, session_id="chat-1", now=NOON)
    assert deleted.receipt is not None
    return Receipt.objects.get(id=deleted.receipt.id)


def test_a_receipt_says_when_and_how_the_bytes_left_the_files() -> None:
    receipt = delete_a_session()
    assert receipt.scrubbed_at is None
    assert "next scrub" in receipt.method
    assert scrub(now=NIGHT).done
    receipt.refresh_from_db()
    assert receipt.scrubbed_at == NIGHT
    assert ("VACUUM" in receipt.method) == (connection.vendor == "sqlite")
    assert "Not reached" in receipt.method
    assert "backups made before, for as long as they are kept" in receipt.method
    if connection.vendor == "postgresql":
        assert "write-ahead log for up to" in receipt.method


def test_a_receipt_says_how_long_backups_are_kept_when_somebody_said_it(
    settings: LazySettings,
) -> None:
    settings.LETHE_BACKUP_DAYS = 35
    delete_a_session()
    scrub(now=NIGHT)
    assert "kept for 35 days" in Receipt.objects.get().method


def test_nothing_is_scrubbed_when_nothing_was_removed() -> None:
    make_session(make_caller(), "chat-1", now=NOON)
    assert (scrub(now=NIGHT).done, scrub(now=NIGHT).due) == (False, False)
    assert not Scrub.objects.exists()


def test_what_was_removed_is_scrubbed_once() -> None:
    delete_a_session()
    assert scrub(now=NIGHT).done
    assert not scrub(now=NIGHT).done
    assert Scrub.objects.count() == 1


def test_a_single_message_without_a_receipt_is_scrubbed_too() -> None:
    ann = make_caller()
    make_session(ann, "chat-1", "one", "two", now=NOON)
    pop_message(caller=ann, target=Target(session_id="chat-1"), now=NOON)
    assert not Receipt.objects.exists()
    assert scrub(now=NIGHT).done
    assert not look_whether_due(now=NIGHT).due


def test_outside_its_window_a_scrub_waits_unless_a_person_asks() -> None:
    delete_a_session()
    waiting = scrub(now=NOON)
    assert (waiting.done, waiting.due) == (False, True)
    assert "02:00 to 05:00 UTC" in str(waiting.waits_for)
    assert not Scrub.objects.exists()
    assert scrub(asked=True, now=NOON).done
    assert Scrub.objects.get().asked


@pytest.mark.parametrize(
    ("window", "hour", "is_open"),
    [
        ((120, 300), "02:00", True),
        ((120, 300), "04:59", True),
        ((120, 300), "05:00", False),
        ((1320, 240), "23:00", True),
        ((1320, 240), "00:00", True),
        ((1320, 240), "04:00", False),
        ((1320, 240), "12:00", False),
        ((0, 1440), "23:59", True),
        (None, "03:00", False),
    ],
)
def test_a_window_is_hours_of_the_utc_day_also_over_midnight(
    settings: LazySettings, window: tuple[int, int] | None, hour: str, is_open: bool
) -> None:
    delete_a_session()
    settings.LETHE_SCRUB_WINDOW = window
    now = moments.from_rfc3339(f"2026-11-02T{hour}:00Z")
    assert (look_whether_due(now=now).waits_for is None) == is_open


def test_a_loop_wakes_when_the_window_opens(settings: LazySettings) -> None:
    assert seconds_until_window(now=NOON) == 14 * 60 * 60
    assert seconds_until_window(now=NIGHT) == 23 * 60 * 60
    settings.LETHE_SCRUB_WINDOW = None
    assert seconds_until_window(now=NOON) is None


def test_a_database_over_the_size_is_scrubbed_when_a_person_asks(settings: LazySettings) -> None:
    settings.LETHE_SCRUB_MAX_MB = 0
    delete_a_session()
    done = scrub(now=NIGHT)
    if connection.vendor == "postgresql":
        assert done.done, "vacuuming stops nobody, whatever the size"
        return
    assert "LETHE_SCRUB_MAX_MB" in str(done.waits_for)
    assert scrub(asked=True, now=NIGHT).done


def test_cleanup_scrubs_what_it_purged() -> None:
    make_session(make_caller(), "chat-1", now=NOON)
    done = clean_up(now=NIGHT + 40 * DAY)
    assert (done.purged.sessions, done.scrubbing.done) == (1, True)
    assert Receipt.objects.get().scrubbed_at


def test_a_dry_run_says_that_a_scrub_is_due_and_does_none() -> None:
    delete_a_session()
    assert clean_up(dry_run=True, now=NIGHT).scrubbing.due
    assert not Scrub.objects.exists()


def test_a_scrub_that_is_killed_stays_due(monkeypatch: pytest.MonkeyPatch) -> None:
    delete_a_session()

    def killed(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(files()), "scrub", killed)
    with pytest.raises(KeyboardInterrupt):
        scrub(now=NIGHT)
    monkeypatch.undo()
    assert Receipt.objects.get().scrubbed_at is None
    assert scrub(now=NIGHT).done


def test_what_is_removed_while_a_scrub_runs_waits_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delete_a_session()
    real = type(files()).scrub

    def with_a_removal(self: object, *, patience: float) -> str:
        delete_a_session()
        return real(self, patience=patience)  # type: ignore[arg-type]

    monkeypatch.setattr(type(files()), "scrub", with_a_removal)
    assert scrub(now=NIGHT).done
    assert Receipt.objects.filter(scrubbed_at=None).count() == 1
    assert look_whether_due(now=NIGHT).due


@contextmanager
def reader_of_an_older_state() -> Iterator[sqlite3.Connection]:
    with closing(
        sqlite3.connect(
            connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False
        )
    ) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        yield reader


@on_sqlite
def test_a_reader_in_the_way_is_reported_and_nothing_is_stamped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scrubbing, "PATIENCE_SECONDS", 0.2)
    make_session(make_caller("travel"), "chat-2", now=NOON)
    with reader_of_an_older_state():
        delete_a_session()
        done = scrub(now=NIGHT)
        assert (done.done, done.due) == (False, True)
        assert "readers" in str(done.waits_for)
        assert "readers" in str(Scrub.objects.get().problem)
        assert Receipt.objects.get().scrubbed_at is None
    assert scrub(now=NIGHT).done


@on_sqlite
def test_a_reader_that_leaves_is_waited_for() -> None:
    with reader_of_an_older_state() as reader:
        delete_a_session()
        leaving = threading.Timer(0.5, reader.execute, ["COMMIT"])
        leaving.start()
        assert scrub(now=NIGHT).done
        leaving.join()


@on_sqlite
def test_a_scrub_looks_for_room_before_it_takes_any(monkeypatch: pytest.MonkeyPatch) -> None:
    delete_a_session()
    full = (10**12, 10**12, 70 * 2**20)
    monkeypatch.setattr(
        sqlite_files.shutil, "disk_usage", lambda _: sqlite_files.shutil._ntuple_diskusage(*full)
    )
    monkeypatch.setattr(sqlite_files.SQLiteFiles, "size_bytes", lambda _: 10 * 2**20)
    done = scrub(now=NIGHT)
    assert (done.done, done.due) == (False, True)
    assert "84 MB of free disk, and 70 MB are free" in str(done.waits_for)


@on_sqlite
def test_the_log_and_the_free_pages_are_gone_after_a_scrub() -> None:
    delete_a_session()
    assert scrub(now=NIGHT).done
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as raw:
        assert raw.execute("PRAGMA freelist_count").fetchone() == (0,)


@on_sqlite
def test_words_of_removed_rows_leave_a_full_text_index() -> None:
    """Whatever the index is called: SQLite keeps them in old segments until they are merged."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as raw:
        raw.execute("CREATE VIRTUAL TABLE found USING fts5(text)")
        try:
            for number in range(40):
                raw.execute("INSERT INTO found (text) VALUES (?)", (f"zanzibar{number}",))
            raw.execute("DELETE FROM found")
            assert segments(raw, b"zanzibar")
            delete_a_session()
            assert scrub(now=NIGHT).done
            assert not segments(raw, b"zanzibar")
        finally:
            raw.execute("DROP TABLE found")


def segments(raw: sqlite3.Connection, word: bytes) -> bool:
    return any(word in block for (block,) in raw.execute("SELECT block FROM found_data"))


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite keeps no such statistics")
def test_column_statistics_keep_no_content() -> None:
    ann = make_caller()
    for number in range(30):
        make_session(ann, f"chat-{number}", "zanzibar " * 3, now=NOON)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute(
            "SELECT count(*) FROM pg_stats WHERE schemaname = current_schema() AND"
            " (coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, ''))"
            " LIKE '%%zanzibar%%'"
        )
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'message'")
        assert cursor.fetchone() == (True,)
        cursor.execute("SELECT count(*) FROM pg_stats WHERE attname IN ('payload', 'metadata')")
        assert cursor.fetchone() == (0,)


def test_the_journal_tells_what_a_scrub_covered() -> None:
    delete_a_session()
    scrub(now=NIGHT)
    assert Scrub.objects.get().removals_through == Erasure.objects.latest("id").pk
