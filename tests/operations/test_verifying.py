"""Whatever is done to the audit log behind Lethe's back is found."""

import hashlib
import json
import logging
import stat
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from memory_app import conf, moments
from memory_app.errors import Invalid
from memory_app.models import AuditAct, AuditCheckpoint, AuditEntry, AuditHead, CleanupRun
from memory_app.moments import DAY, HOUR, SECOND
from memory_app.operations import attesting
from memory_app.operations.attesting import (
    checkpoints_path,
    enter_restore,
    export_log,
    keep_audit_log,
    public_key,
    write_checkpoint,
)
from memory_app.operations.auditing import (
    GENESIS,
    About,
    Entered,
    Entry,
    chain_hash,
    write_entries,
)
from memory_app.operations.cleaning import clean_up
from memory_app.operations.verifying import Verified, verify_export, verify_log
from memory_app.storage import engine

pytestmark = pytest.mark.django_db
NOW = moments.process_clock()
YEAR_AND_MORE = attesting.KEPT


@pytest.fixture(autouse=True)
def _clean_folder() -> Iterator[None]:
    def clean() -> None:
        for path in conf.data_dir().glob("audit-checkpoints*"):
            path.unlink()

    clean()
    yield
    clean()


def enter(count: int, now: int = NOW) -> None:
    """Let Olga expire so many sessions."""
    entries = [
        Entry("olga", AuditAct.SESSION_EXPIRE, "support", About("session", f"uid-{n}"))
        for n in range(count)
    ]
    engine().write(lambda db: write_entries(db, entries, now))


@pytest.fixture
def log() -> None:
    """Make a log of twelve entries: checkpoints at 6 and 11, one more entry."""
    enter(5)
    write_checkpoint(actor="cleanup", now=NOW + HOUR)
    enter(4, NOW + HOUR)
    write_checkpoint(actor="cleanup", now=NOW + 2 * HOUR)
    enter(1, NOW + 2 * HOUR)


def row(n: int) -> AuditEntry:
    return AuditEntry.objects.get(n=n)


def rehash(first: int, last: int = 12) -> None:
    """Compute hashes anew, as one who can write the database would."""
    previous = row(first - 1).hash if first > 1 else GENESIS
    for n in range(first, last + 1):
        one = Entered(*AuditEntry.objects.filter(n=n).values_list()[0])
        previous = chain_hash(previous, one.content())
        AuditEntry.objects.filter(n=n).update(hash=previous)


def rehash_all(first: int = 1) -> None:
    last = AuditEntry.objects.latest("n").n
    rehash(first, last)
    AuditHead.objects.update(n=last, hash=row(last).hash)


def edit(n: int = 3, **fields: Any) -> None:
    AuditEntry.objects.filter(n=n).update(**(fields or {"actor": "ben"}))


def delete(*numbers: int) -> None:
    AuditEntry.objects.filter(n__in=numbers).delete()


def edit_and_rehash_the_row() -> None:
    edit(3)
    rehash(3, 3)


def insert() -> None:
    """Make room for a forged entry after the third."""
    for n in range(12, 3, -1):
        AuditEntry.objects.filter(n=n).update(n=n + 1)
    forged = row(3)
    forged.n = 4
    forged.save(force_insert=True)


def insert_at_the_end() -> None:
    forged = row(12)
    forged.n = 13
    forged.save(force_insert=True)
    rehash(13, 13)


def swap() -> None:
    third, fourth = row(3), row(4)
    third.object_id, fourth.object_id = fourth.object_id, third.object_id
    third.save()
    fourth.save()


def rewrite() -> None:
    edit(3)
    rehash_all()


def rewrite_without_the_entry() -> None:
    delete(3)
    for n in range(4, 13):
        AuditEntry.objects.filter(n=n).update(n=n - 1)
    rehash_all()


def cut_and_note_it() -> None:
    delete(11, 12)
    AuditHead.objects.update(n=10, hash=row(10).hash)
    AuditCheckpoint.objects.filter(n=11).delete()


def change_a_checkpoint() -> None:
    AuditCheckpoint.objects.filter(n=6).update(hash=row(5).hash)


def sign_with_another_key() -> None:
    rewrite()
    stranger = Ed25519PrivateKey.generate()
    for one in AuditCheckpoint.objects.all():
        forged = attesting.Checkpoint(one.n, row(one.n).hash, one.at)
        one.hash = forged.hash
        one.signature = stranger.sign(forged.text.encode()).hex()
        one.save()
    checkpoints_path().unlink()


def remove_a_checkpoint_everywhere() -> None:
    AuditCheckpoint.objects.filter(n=6).delete()
    drop_line(6)


def drop_line(n: int) -> None:
    lines = checkpoints_path().read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["n"] != n]
    checkpoints_path().write_text("".join(kept))


def spoil_a_line() -> None:
    path = checkpoints_path()
    path.write_text(path.read_text().replace('"hash": "', '"hash": "0', 1))


def empty_everything() -> None:
    for model in (AuditEntry, AuditHead, AuditCheckpoint):
        model.objects.all().delete()


TAMPERINGS: dict[str, tuple[Callable[[], Any], int, str]] = {
    "edit a field": (edit, 3, "changed"),
    "edit counts": (lambda: edit(3, counts='{"sessions": 5}'), 3, "changed"),
    "spoil counts": (lambda: edit(3, counts="{"), 3, "changed"),
    "edit a time": (lambda: edit(3, at=NOW - SECOND), 3, "changed"),
    "set a time that is none": (lambda: edit(3, at=2**62), 3, "changed"),
    "edit a hash": (lambda: edit(3, hash="0" * 64), 3, "changed"),
    "edit and rehash that row": (edit_and_rehash_the_row, 4, "changed"),
    "edit and rehash the last row": (lambda: (edit(12), rehash(12)), 12, "changed"),
    "delete a middle row": (lambda: delete(4), 4, "missing"),
    "delete the first row": (lambda: delete(1), 2, "cut"),
    "delete the head up to a checkpoint": (lambda: delete(*range(1, 7)), 7, "cut"),
    "delete the last row": (lambda: delete(12), 12, "cut"),
    "delete the tail": (lambda: delete(9, 10, 11, 12), 9, "cut"),
    "delete the tail and note it": (cut_and_note_it, 11, "checkpoint_missing"),
    "insert": (insert, 4, "changed"),
    "insert at the end": (insert_at_the_end, 13, "inserted"),
    "insert before the first": (lambda: AuditEntry.objects.filter(n=12).update(n=0), 0, "inserted"),
    "swap two": (swap, 3, "changed"),
    "rewrite the whole chain": (rewrite, 1, "rewritten"),
    "rewrite what follows a checkpoint": (lambda: (edit(8), rehash_all(8)), 7, "rewritten"),
    "rewrite the chain without an entry": (rewrite_without_the_entry, 5, "checkpoint_missing"),
    "rewrite and sign with another key": (sign_with_another_key, 6, "checkpoint_changed"),
    "change a checkpoint": (change_a_checkpoint, 6, "checkpoint_changed"),
    "change a line of the file": (spoil_a_line, 6, "checkpoint_changed"),
    "remove a checkpoint": (
        lambda: AuditCheckpoint.objects.filter(n=6).delete(),
        6,
        "checkpoint_missing",
    ),
    "remove a line of the file": (lambda: drop_line(6), 6, "checkpoint_missing"),
    "remove a checkpoint from both": (remove_a_checkpoint_everywhere, 6, "checkpoint_missing"),
    "empty everything": (empty_everything, 1, "cut"),
}


def found(verified: Verified) -> tuple[int, str] | None:
    return verified.fault and verified.fault[:2]


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_is_found_and_the_first_entry_named(log: None, name: str) -> None:
    tamper, n, kind = TAMPERINGS[name]
    assert verify_log().fault is None
    tamper()
    assert found(verify_log()) == (n, kind)


def test_an_untouched_log_is_intact(log: None) -> None:
    verified = verify_log()
    assert (verified.fault, verified.entries) == (None, 12)
    assert (verified.first, verified.last, verified.checkpoints) == (1, 12, 2)


def test_an_empty_log_is_intact() -> None:
    verified = verify_log()
    assert (verified.fault, verified.entries, verified.first) == (None, 0, None)


def test_a_log_that_was_rewritten_and_signed_anew_is_found_by_a_copy_kept_elsewhere(
    log: None,
) -> None:
    copy = checkpoints_path().read_text().splitlines()
    own = public_key()
    assert own is not None
    rewrite()
    key = attesting._signing_key()
    for one in AuditCheckpoint.objects.all():
        forged = attesting.Checkpoint(one.n, row(one.n).hash, one.at)
        one.hash, one.signature = forged.hash, key.sign(forged.text.encode()).hex()
        one.save()
    checkpoints_path().unlink()
    assert verify_log().fault is None
    assert found(verify_log(checkpoints=copy)) == (6, "rewritten")
    assert found(verify_log(checkpoints=copy[1:], public_keys=[own])) == (11, "rewritten")


def test_a_copy_with_some_of_the_checkpoints_is_enough(log: None) -> None:
    copy = checkpoints_path().read_text().splitlines()
    for part in ([], copy[:1], copy[1:]):
        assert verify_log(checkpoints=part).fault is None


def test_a_key_that_was_noted_is_trusted_instead_of_the_one_in_the_folder(log: None) -> None:
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    own = public_key()
    assert own is not None
    assert verify_log(public_keys=[stranger, own]).fault is None
    assert found(verify_log(public_keys=[stranger])) == (6, "checkpoint_changed")
    with pytest.raises(Invalid):
        verify_log(public_keys=["not a key"])


def test_the_key_is_readable_by_its_owner_only(log: None) -> None:
    assert stat.S_IMODE((conf.data_dir() / "audit_key").stat().st_mode) == 0o600


def test_a_checkpoint_is_in_the_database_in_the_file_and_in_the_servers_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    enter(2)
    with caplog.at_level(logging.INFO, "lethe.audit"):
        signed = write_checkpoint(actor="command", now=NOW)
    assert signed is not None
    assert signed.n == 3
    assert signed.text == f"audit-v1|3|{row(3).hash}|{moments.to_rfc3339(NOW)}"
    assert AuditCheckpoint.objects.get().signature == signed.signature
    assert json.loads(checkpoints_path().read_text()) == signed.line()
    assert f"{signed.text} {signed.signature}" in caplog.text


def test_nothing_is_signed_again_when_nothing_was_entered_since() -> None:
    assert write_checkpoint(actor="command") is None
    enter(1)
    first = write_checkpoint(actor="command")
    assert write_checkpoint(actor="command") == first
    assert AuditEntry.objects.count() == 2


def test_the_file_gets_what_a_killed_process_left_out(log: None) -> None:
    whole = checkpoints_path().read_text()
    first, second = whole.splitlines(keepends=True)
    for left in ("", first, first + second[:20]):
        checkpoints_path().write_text(left)
        assert verify_log().fault is None
        attesting._file_checkpoints()
        assert checkpoints_path().read_text() == whole


def test_cleanup_signs_when_the_last_checkpoint_is_an_hour_old() -> None:
    def signed(now: int) -> int:
        enter(1, now)
        clean_up(now=now)
        return AuditCheckpoint.objects.count()

    later = [0, HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR]
    assert [signed(NOW + at) for at in later] == [1, 1, 2, 2, 3]
    clean_up(now=NOW + 9 * HOUR, dry_run=True)
    assert AuditCheckpoint.objects.count() == 3
    assert verify_log().fault is None


def test_a_damaged_key_keeps_nothing_from_being_purged(monkeypatch: pytest.MonkeyPatch) -> None:
    enter(1)
    monkeypatch.setattr(attesting, "_key_path", lambda: checkpoints_path().with_suffix(".bad"))
    checkpoints_path().with_suffix(".bad").write_text("no key")
    with pytest.raises(attesting.Unavailable):
        clean_up()
    assert CleanupRun.objects.get().complete


def test_entries_are_cut_at_a_checkpoint_after_400_days_and_the_rest_stays_provable(
    log: None,
) -> None:
    def left(now: int) -> list[int]:
        keep_audit_log(now=now)
        assert verify_log(now=now).fault is None
        return list(AuditEntry.objects.order_by("n").values_list("n", flat=True))

    assert left(NOW + HOUR + YEAR_AND_MORE - 1)[0] == 1
    assert left(NOW + HOUR + YEAR_AND_MORE)[0] == 7
    assert AuditCheckpoint.objects.filter(n=6).exists()
    edit(8)
    assert found(verify_log(now=NOW + HOUR + YEAR_AND_MORE)) == (8, "changed")


def test_a_log_of_which_all_is_old_is_intact_and_goes_on() -> None:
    enter(3)
    keep_audit_log(now=NOW)
    old = NOW + YEAR_AND_MORE
    keep_audit_log(now=old)
    assert AuditEntry.objects.count() == 0
    assert verify_log(now=old).fault is None
    enter(1, old)
    assert row(5).hash == AuditHead.objects.get().hash
    assert verify_log(now=old).fault is None
    delete(5)
    assert found(verify_log(now=old)) == (5, "cut")


def test_what_a_restore_undid_is_still_proved_by_the_file_set_aside(log: None) -> None:
    delete(12, 11, 10)
    AuditHead.objects.update(n=9, hash=row(9).hash)
    AuditCheckpoint.objects.filter(n=11).delete()
    enter_restore(now=NOW + DAY)
    write_checkpoint(actor="cleanup", now=NOW + DAY)
    assert row(10).act == "database.restore"
    assert verify_log().fault is None
    assert len(checkpoints_path().read_text().splitlines()) == 2
    (aside,) = conf.data_dir().glob("audit-checkpoints-before-*.jsonl")
    assert found(verify_log(checkpoints=aside.read_text().splitlines())) == (11, "rewritten")


def test_thousands_of_entries_are_checked_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    enter(2_500)
    write_checkpoint(actor="command")
    assert (verify_log().entries, verify_log().fault) == (2_501, None)
    edit(2_400)
    assert found(verify_log()) == (2_400, "changed")


def exported() -> list[str]:
    lines: list[str] = []
    export_log(actor="command", write=lines.append, now=NOW + 3 * HOUR)
    return lines


def swapped(lines: list[str], at: int) -> list[str]:
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


# Lines 0 to 2 are checkpoints; entry n is line n + 2, and 13 is the last checkpoint's own.
EXPORT_TAMPERINGS: dict[str, tuple[Callable[[list[str]], list[str]], int, str]] = {
    "edit": (lambda x: [line.replace("uid-2", "uid-9") for line in x], 3, "changed"),
    "spoil": (lambda x: [*x[:5], "{\n", *x[6:]], 3, "changed"),
    "delete": (lambda x: x[:5] + x[6:], 3, "missing"),
    "repeat": (lambda x: [*x[:6], *x[5:]], 3, "inserted"),
    "swap": (lambda x: swapped(x, 5), 4, "reordered"),
    "cut the tail": (lambda x: x[:-1], 13, "cut"),
    "cut at a checkpoint": (lambda x: x[:-2], 12, "cut"),
    "cut the head": (lambda x: x[:3] + x[9:], 7, "cut"),
    "change a checkpoint": (
        lambda x: [x[0].replace('"hash": "', '"hash": "0'), *x[1:]],
        6,
        "checkpoint_changed",
    ),
    "remove a checkpoint": (lambda x: x[1:], 6, "checkpoint_missing"),
}


@pytest.mark.parametrize("name", EXPORT_TAMPERINGS)
def test_a_tampering_with_an_export_is_found(log: None, name: str) -> None:
    tamper, n, kind = EXPORT_TAMPERINGS[name]
    lines = exported()
    assert verify_export(export=lines).fault is None
    assert found(verify_export(export=tamper(lines))) == (n, kind)


def test_an_earlier_export_that_passes_for_the_whole_is_found_by_later_checkpoints(
    log: None,
) -> None:
    earlier = exported()
    enter(1, NOW + 4 * HOUR)
    write_checkpoint(actor="cleanup", now=NOW + 4 * HOUR)
    copy = checkpoints_path().read_text().splitlines()
    assert verify_export(export=earlier).fault is None
    assert found(verify_export(export=earlier, checkpoints=copy)) == (14, "cut")


def test_an_export_is_checked_by_a_few_lines_that_are_not_ours(log: None) -> None:
    """What docs/audit.md tells an auditor to do, done without any code of Lethe."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(str(public_key())))
    signed, previous = {}, "0" * 64
    for line in exported():
        read = json.loads(line)
        if "checkpoint" in read:
            one = read["checkpoint"]
            text = f"audit-v1|{one['n']}|{one['hash']}|{one['at']}"
            key.verify(bytes.fromhex(one["signature"]), text.encode())
            signed[one["n"]] = one["hash"]
            continue
        claimed = read.pop("hash")
        canonical = json.dumps(read, sort_keys=True, separators=(",", ":"))
        previous = hashlib.sha256((previous + canonical).encode()).hexdigest()
        assert previous == claimed
        assert signed.pop(read["n"], claimed) == claimed
    assert read["n"] == 13
    assert signed == {}


@pytest.mark.usefixtures("log")
def test_a_check_of_the_newest_begins_at_a_checkpoint_and_says_where() -> None:
    whole, part = verify_log(now=NOW), verify_log(newest=6, now=NOW)
    assert (whole.entries, whole.begun_at, whole.fault) == (12, None, None)
    assert (part.entries, part.begun_at, part.fault) == (6, 7, None)
    # So many are checked at least: eight go back to the beginning.
    assert verify_log(newest=8, now=NOW).entries == 12


@pytest.mark.usefixtures("log")
def test_a_check_of_the_newest_finds_what_was_done_to_them() -> None:
    edit(8)
    found = verify_log(newest=6, now=NOW).fault
    assert found is not None
    assert (found.n, found.kind) == (8, "changed")
    rehash_all(7)
    found = verify_log(newest=6, now=NOW).fault
    assert found is not None
    assert (found.n, found.kind) == (7, "rewritten")


@pytest.mark.usefixtures("log")
def test_a_check_of_the_newest_begins_at_an_entry_that_is_there() -> None:
    delete(*range(1, 8))
    found = verify_log(newest=6, now=NOW).fault
    assert found is not None
    assert found.kind == "cut"
