"""What is entered into the audit log, by whom it can be read, and what it never holds."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from memory_app import moments
from memory_app.console.turns import as_markdown
from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditAct, AuditEntry, AuditHead, Operator
from memory_app.moments import DAY, HOUR, MINUTE
from memory_app.operations import auditing, downloading, intervening, previewing, revealing, viewing
from memory_app.operations.attesting import checkpoints_path
from memory_app.operations.auditing import (
    About,
    Entered,
    Entry,
    EntryFilter,
    enter_reveal,
    list_entries,
    search_about,
    write_entry,
)
from memory_app.operations.intervening import Chosen
from memory_app.operations.keys import Caller, create_key, revoke_key, rotate_key
from memory_app.operations.people import create_person, reset_password
from memory_app.operations.purging import delete_session
from memory_app.operations.rights import Person, find_person
from memory_app.operations.sessions import expire_session
from memory_app.operations.starting import prepare_installation
from memory_app.operations.verifying import verify_log
from memory_app.storage import engine
from tests.factories import begin_session, make_caller, make_session
from tests.people import PASSWORD, make_person, sign_in

NOW = moments.process_clock()
CANARY = "canary-7f3a"


@pytest.fixture(autouse=True)
def _no_checkpoints(db: None) -> Iterator[None]:
    checkpoints_path().unlink(missing_ok=True)
    yield
    checkpoints_path().unlink(missing_ok=True)


def person(name: str = "olga", /, **roles: str) -> Person:
    made = make_person(name, **roles)
    return find_person(operator_id=made.pk, username=name)


def uid_of(caller: Caller, session_id: str = "chat-1", **more: Any) -> str:
    session = make_session(caller, session_id, "Hi", **more).session
    assert session is not None
    return session.uid


def entered() -> list[tuple[str, str, str | None, str | None, str | None]]:
    """Return actor, act, namespace and object of all entries but those that make the scene."""
    rows = AuditEntry.objects.order_by("n").exclude(act=AuditAct.KEY_CREATE)
    return list(rows.values_list("actor", "act", "namespace", "object_kind", "object_id"))


def enter(actor: str = "olga", act: AuditAct = AuditAct.SESSION_EXPIRE, **more: Any) -> Entered:
    at = more.pop("now", NOW)
    return engine().write(lambda db: write_entry(db, Entry(actor, act, **more), at))


def test_opening_a_session_is_one_reveal_whatever_of_it_is_read() -> None:
    uid = uid_of(make_caller())
    olga = person(privacy_officer="support")
    viewing.view_session(person=olga, uid=uid)
    revealing.read_transcript(person=olga, uid=uid)
    revealing.read_transcript(person=olga, uid=uid, query="Hi")
    revealing.read_message(person=olga, uid=uid, seq=1)
    assert entered() == [("olga", "session.reveal", "support", "session", uid)]


@pytest.mark.parametrize("read", ["view", "transcript", "message"])
def test_every_way_to_content_is_a_reveal(read: str) -> None:
    uid = uid_of(make_caller())
    olga = person(operator="support")
    if read == "view":
        viewing.view_session(person=olga, uid=uid)
    elif read == "transcript":
        revealing.read_transcript(person=olga, uid=uid)
    else:
        revealing.read_message(person=olga, uid=uid, seq=1)
    assert entered() == [("olga", "session.reveal", "support", "session", uid)]


def test_a_download_is_an_export_in_either_form_once() -> None:
    uid = uid_of(make_caller())
    olga = person(privacy_officer="support")
    downloading.download_line(person=olga, uid=uid, write=str)
    downloading.download_messages(person=olga, uid=uid, write=str, as_text=as_markdown)
    assert entered() == [("olga", "session.export", "support", "session", uid)]


def test_who_sees_no_content_reveals_none_and_a_list_is_no_reveal() -> None:
    uid = uid_of(make_caller())
    vera, olga = person("vera", viewer="support"), person(operator="support")
    viewing.view_session(person=vera, uid=uid)
    viewing.browse_sessions(person=olga, wanted=viewing.SessionFilter())
    with pytest.raises(Forbidden):
        revealing.read_transcript(person=vera, uid=uid)
    with pytest.raises(NotFound):
        revealing.read_transcript(person=olga, uid="0" * 32)
    assert entered() == []


def test_a_reveal_goes_on_for_fifteen_minutes_for_each_person_and_session() -> None:
    about = About("session", "uid-1")
    olga, ann = person(operator="support"), person("ann", operator="support")

    def reveal(who: Person, what: About, later: int) -> int:
        enter_reveal(person=who, namespace="support", about=what, now=NOW + later)
        return AuditEntry.objects.count()

    assert reveal(olga, about, 0) == 1
    assert reveal(olga, about, 15 * MINUTE - 1) == 1
    assert reveal(ann, about, MINUTE) == 2
    assert reveal(olga, About("session", "uid-2"), MINUTE) == 3
    assert reveal(olga, about, 15 * MINUTE) == 4


def test_the_same_search_is_one_reveal_and_the_query_is_not_kept() -> None:
    olga = person(operator="support")
    for query in (CANARY, CANARY, "refund"):
        about = search_about("support", query)
        enter_reveal(person=olga, namespace="support", about=about)
    assert len(entered()) == 2
    assert CANARY not in str(entered())


def test_content_is_not_handed_over_when_the_reveal_cannot_be_entered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uid = uid_of(make_caller())
    olga = person(privacy_officer="support")

    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(auditing, "write_entry", fail)
    for read in (viewing.view_session, revealing.read_transcript):
        with pytest.raises(ZeroDivisionError):
            read(person=olga, uid=uid)
    with pytest.raises(ZeroDivisionError):
        downloading.download_line(person=olga, uid=uid, write=str)


def test_what_a_person_does_to_sessions_is_entered_for_each() -> None:
    ann = make_caller()
    uids = [uid_of(ann, f"chat-{n}") for n in range(3)]
    olga = person(operator="support")
    chosen = Chosen(uids=uids)
    intervening.extend_sessions(person=olga, chosen=chosen, extend_by=DAY)
    intervening.expire_sessions(person=olga, chosen=chosen)
    intervening.restore_sessions(person=olga, chosen=Chosen(uids=uids[:1]))
    acts = {act: {row[4] for row in entered() if row[1] == act} for _, act, *_ in entered()}
    assert acts == {
        "session.extend": set(uids),
        "session.expire": set(uids),
        "session.restore": {uids[0]},
    }
    assert {row[0] for row in entered()} == {"olga"}


def test_what_was_left_alone_is_not_entered() -> None:
    uid = uid_of(make_caller())
    olga = person(operator="support")
    intervening.restore_sessions(person=olga, chosen=Chosen(uids=[uid]))
    with pytest.raises(Forbidden):
        previewing.preview(actor=olga, uids=[uid])
    assert entered() == []


def test_a_purge_is_entered_with_its_receipt_and_its_size() -> None:
    ann = make_caller()
    uids = [uid_of(ann, f"chat-{n}") for n in range(2)]
    paula = person("paula", privacy_officer="support")
    shown = previewing.preview(actor=paula, uids=uids)
    assert entered() == []
    receipt = previewing.execute(actor=paula, token=shown.token, reason="asked for")
    assert entered() == [("paula", "purge.execute", "support", "receipt", receipt.id)]
    assert json.loads(AuditEntry.objects.latest("n").counts) == {"sessions": 2}


def test_what_a_key_deletes_and_expires_is_entered_and_what_it_writes_is_not() -> None:
    ann = make_caller()
    uid = uid_of(ann)
    begin_session(ann, "other")
    assert entered() == []
    expire_session(caller=ann, session_id="chat-1")
    deleted = delete_session(caller=ann, session_id="chat-1")
    delete_session(caller=ann, session_id="nothing-there")
    assert deleted.receipt is not None
    key = f"key {ann.prefix}"
    assert entered() == [
        (key, "session.expire", "support", "session", uid),
        (key, "session.delete", "support", "receipt", deleted.receipt.id),
    ]


def test_keys_are_entered_by_their_prefix() -> None:
    old = create_key(namespace="support", label=CANARY)[:14]
    new = rotate_key(prefix=old, actor="ada")[:14]
    revoke_key(prefix=old)
    revoke_key(prefix=old)
    rows = AuditEntry.objects.order_by("n").values_list("actor", "act", "namespace", "object_id")
    assert list(rows) == [
        ("command", "key.create", "support", old),
        ("ada", "key.rotate", "support", old),
        ("ada", "key.create", "support", new),
        ("command", "key.revoke", "support", old),
    ]


def test_people_are_entered_by_their_number() -> None:
    create_person(username="ben", actor="ada")
    reset_password(username="ben")
    number = str(Operator.objects.get(username="ben").pk)
    assert entered() == [
        ("ada", "person.create", None, "person", number),
        ("command", "person.reset", None, "person", number),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_first_person_and_the_first_key_are_the_first_entries() -> None:
    prepare_installation()
    rows = AuditEntry.objects.order_by("n").values_list("actor", "act")
    assert list(rows) == [("command", "person.create"), ("command", "key.create")]


@pytest.mark.parametrize("name", ["command", "Cleanup", "stranger", "replay", "key lethe_abcdefgh"])
def test_no_person_has_a_name_that_the_log_gives_to_others(name: str) -> None:
    with pytest.raises(Invalid):
        create_person(username=name)


def test_signing_in_and_out_is_entered(client: Client) -> None:
    number = str(make_person("ann").pk)
    client.post("/sign-in/", {"username": "ann", "password": PASSWORD})
    client.post("/sign-out/")
    client.post("/sign-out/")
    assert entered() == [
        ("ann", "person.sign_in", None, "person", number),
        ("ann", "person.sign_out", None, "person", number),
    ]


def test_a_failed_sign_in_is_entered_without_the_name_that_was_typed(client: Client) -> None:
    number = str(make_person("ann").pk)
    for name in ("ann", "ann", CANARY, f"{CANARY}-2"):
        client.post("/sign-in/", {"username": name, "password": "wrong"})
    client.post("/sign-in/", {"username": "", "password": ""})
    assert entered() == [
        ("stranger", "person.sign_in_failed", None, "person", number),
        ("stranger", "person.sign_in_failed", None, "person", "unknown"),
    ]


def test_an_entry_is_undone_with_its_act(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make_caller()
    uid_of(ann)
    before = AuditEntry.objects.count()
    write = auditing.write_entries

    def write_and_fail(*arguments: Any) -> None:
        write(*arguments)
        raise ZeroDivisionError

    monkeypatch.setattr(auditing, "write_entries", write_and_fail)
    for act in (expire_session, delete_session):
        with pytest.raises(ZeroDivisionError):
            act(caller=ann, session_id="chat-1")
    assert AuditEntry.objects.count() == before == AuditHead.objects.get().n
    monkeypatch.undo()
    expire_session(caller=ann, session_id="chat-1")
    assert verify_log().fault is None


@pytest.mark.django_db(transaction=True)
def test_acts_at_the_same_moment_make_one_chain() -> None:
    callers = [make_caller(f"space-{n}") for n in range(4)]
    for caller in callers:
        for n in range(5):
            make_session(caller, f"chat-{n}", "Hi")
    start = Barrier(len(callers))

    def act(caller: Caller) -> None:
        start.wait(30)
        for n in range(5):
            expire_session(caller=caller, session_id=f"chat-{n}")
            delete_session(caller=caller, session_id=f"chat-{n}")
        connection.close()

    with ThreadPoolExecutor(len(callers)) as threads:
        list(threads.map(act, callers))
    assert len(entered()) == 40
    verified = verify_log()
    assert (verified.fault, verified.entries) == (None, 44)


@pytest.mark.django_db(transaction=True)
def test_the_first_acts_of_all_at_the_same_moment_make_one_chain() -> None:
    start = Barrier(4)

    def act(number: int) -> None:
        start.wait(30)
        enter(f"person-{number}")
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(act, range(4)))
    assert (verify_log().fault, AuditEntry.objects.count()) == (None, 4)


@pytest.mark.django_db(transaction=True)
def test_pages_opened_at_the_same_moment_are_one_reveal() -> None:
    olga = person(operator="support")
    start = Barrier(4)

    def reveal(_: int) -> None:
        start.wait(30)
        enter_reveal(person=olga, namespace="support", about=About("session", "uid-1"))
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(reveal, range(4)))
    assert len(entered()) == 1


def test_no_entry_holds_what_a_caller_or_a_person_wrote(client: Client) -> None:
    ann = make_caller()
    uids = [
        begin_session(
            ann,
            f"{CANARY}-{n}",
            user_id=f"user-{CANARY}",
            title=f"title {CANARY}",
            tags=[CANARY],
            metadata={CANARY: CANARY},
        ).session.uid
        for n in range(4)
    ]
    paula = person("paula", privacy_officer="support")
    viewing.view_session(person=paula, uid=uids[0])
    revealing.read_transcript(person=paula, uid=uids[0], query=CANARY)
    downloading.download_line(person=paula, uid=uids[0], write=str)
    intervening.expire_sessions(person=paula, chosen=Chosen(uids=uids))
    intervening.restore_sessions(person=paula, chosen=Chosen(uids=uids))
    intervening.extend_sessions(person=paula, chosen=Chosen(uids=uids), extend_by=DAY)
    expire_session(caller=ann, session_id=f"{CANARY}-3")
    wanted = viewing.SessionFilter(user_id=f"user-{CANARY}", tags=[CANARY])
    shown = previewing.preview(actor=paula, namespace="support", wanted=wanted)
    previewing.execute(actor=paula, token=shown.token, reason=f"{CANARY} asked")
    delete_session(caller=ann, session_id=f"{CANARY}-3")
    client.post("/sign-in/", {"username": CANARY, "password": CANARY})
    rows = list(AuditEntry.objects.values_list())
    assert len(rows) >= 15
    assert CANARY not in str(rows)


def test_neither_writing_messages_nor_a_list_is_entered() -> None:
    ann = make_caller()
    before = AuditEntry.objects.count(), AuditHead.objects.get().n
    make_session(ann, "chat-1", "Hi", "Ho")
    viewing.browse_sessions(person=person(operator="*"), wanted=viewing.SessionFilter())
    assert (AuditEntry.objects.count(), AuditHead.objects.get().n) == before


def test_a_viewer_reads_nothing_an_operator_their_own_and_the_others_where_they_answer() -> None:
    for name in ("support", "billing"):
        make_caller(name)
    AuditEntry.objects.all().delete()
    AuditHead.objects.all().delete()
    enter("olga", namespace="support")
    enter("olga", namespace="billing")
    enter("ben", namespace="support")
    enter("ben", AuditAct.PERSON_SIGN_IN)

    def seen(name: str, **roles: str) -> set[int]:
        return {one.n for one in list_entries(person=person(name, **roles)).items}

    with pytest.raises(Forbidden, match="Operator"):
        seen("vera", viewer="*")
    assert seen("olga", operator="billing") == {1, 2}
    assert seen("paula", privacy_officer="support") == {1, 3}
    assert seen("ada", administrator="billing") == {2}
    assert seen("ben", privacy_officer="billing") == {2, 3, 4}
    assert seen("pam", privacy_officer="*") == seen("adam", administrator="*") == {1, 2, 3, 4}


def test_entries_are_found_by_actor_act_namespace_object_and_time() -> None:
    ada = person("ada", administrator="*")
    enter("ann", AuditAct.SESSION_EXPIRE, namespace="a", about=About("session", "u-1"), now=NOW)
    enter("ben", AuditAct.SESSION_EXTEND, namespace="b", now=NOW + HOUR)
    enter("ann", AuditAct.SESSION_EXTEND, namespace="b", now=NOW + 2 * HOUR)

    def found(**wanted: Any) -> list[int]:
        return [one.n for one in list_entries(person=ada, wanted=EntryFilter(**wanted)).items]

    assert found() == [3, 2, 1]
    assert found(actor="ann") == [3, 1]
    assert found(act="session.extend") == [3, 2]
    assert found(namespace="a") == [1]
    assert found(object_id="u-1") == [1]
    assert found(after=NOW + HOUR) == [3, 2]
    assert found(before=NOW + HOUR) == [1]
    assert found(actor="ann", namespace="b") == [3]


def test_pages_give_every_entry_once_the_newest_first() -> None:
    ada = person("ada", administrator="*")
    for _ in range(7):
        enter()
    seen, cursor = [], None
    while True:
        page = list_entries(person=ada, limit=3, cursor=cursor)
        seen += [one.n for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    first = list_entries(person=ada, limit=3).next_cursor
    with pytest.raises(Invalid):
        list_entries(person=ada, wanted=EntryFilter(actor="olga"), cursor=first)


def test_a_session_page_that_a_person_opens_is_in_the_log(client: Client) -> None:
    uid = uid_of(make_caller())
    sign_in(client, make_person("olga", operator="support"))
    for path in ("", "?view=raw", "messages/1/"):
        assert client.get(f"/sessions/{uid}/{path}").status_code == 200
    assert entered() == [("olga", "session.reveal", "support", "session", uid)]


def test_the_documentation_says_when_each_act_is_entered() -> None:
    text = (settings.BASE_DIR / "docs" / "audit.md").read_text()
    table = text[text.index("| act |") : text.index("The actor is")]
    # The second and later ones of a row may stand without what comes before their full stop.
    missing = [
        act.value
        for act in AuditAct
        if f"`{act.value}`" not in table and f"`.{act.value.partition('.')[2]}`" not in table
    ]
    assert missing == []
