"""Legal holds: nothing of what they cover is removed or overwritten, at any door."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from memory_app import moments
from memory_app.errors import Forbidden, Held, Invalid, InvalidPrefix, NotFound
from memory_app.models import AgentSession, AuditEntry, HoldKind, LegalHold, Message, Receipt
from memory_app.moments import DAY
from memory_app.operations import previewing, removing
from memory_app.operations.browsing import SessionFilter, list_sessions
from memory_app.operations.cleaning import clean_up
from memory_app.operations.holding import (
    REST,
    HoldView,
    NewHold,
    holds_on,
    list_holds,
    place_hold,
    release_hold,
)
from memory_app.operations.intervening import Chosen, expire_sessions
from memory_app.operations.keys import Caller, verify_key
from memory_app.operations.purging import delete_session, finish_purges
from memory_app.operations.reading import Which
from memory_app.operations.removing import Target, clear_messages
from memory_app.operations.sessions import expire_session, get_session
from tests.batches import in_batches_of
from tests.conftest import Api
from tests.factories import begin_session, make_caller, make_session, say_more
from tests.people import acting

NOW = moments.process_clock()


@pytest.fixture
def caller(api: Api) -> Caller:
    return verify_key(api.key)


def hold(
    kind: HoldKind = HoldKind.SESSION, target: str = "chat", namespace: str = "support", **more: Any
) -> HoldView:
    matter = more.pop("matter", "Miller v. Example")
    asked = NewHold(
        namespace=namespace, kind=kind, target=target, matter=matter, reason="Asked by counsel"
    )
    return place_hold(hold=asked, **more)


def is_held(caller: Caller, session_id: str = "chat") -> bool:
    return bool(get_session(caller=caller, which=Which(session_id)).session.held)


def clear(caller: Caller, session_id: str = "chat", now: int | None = None) -> int:
    target = Target(session_id=session_id)
    return clear_messages(caller=caller, target=target, now=now).deleted


@pytest.mark.parametrize(
    ("kind", "target", "covered", "left"),
    [
        (HoldKind.SESSION, "org-1/ann", ["org-1/ann"], ["org-1/ann/2", "Org-1/ann", "org-1/an"]),
        (HoldKind.PREFIX, "org-1/", ["org-1/ann", "org-1/"], ["Org-1/ann", "org-1", "org-10/ann"]),
        (HoldKind.PREFIX, "größe_", ["größe_1"], ["groesse_1", "GRÖSSE_1", "größe"]),
        (HoldKind.PREFIX, "%_", ["%_1"], ["ab1", "%1"]),
    ],
)
def test_a_hold_covers_what_it_names_and_nothing_beside_it(
    caller: Caller, kind: HoldKind, target: str, covered: list[str], left: list[str]
) -> None:
    other = make_caller("claims")
    for session_id in (*covered, *left):
        make_session(caller, session_id)
        make_session(other, session_id)
    hold(kind, target)
    for session_id in covered:
        assert is_held(caller, session_id), session_id
        assert not is_held(other, session_id), session_id
        with pytest.raises(Held):
            delete_session(caller=caller, session_id=session_id)
    for session_id in left:
        assert not is_held(caller, session_id), session_id
        assert delete_session(caller=caller, session_id=session_id).sessions == 1


def test_a_hold_on_a_subject_covers_the_sessions_of_that_user_only(caller: Caller) -> None:
    for user_id in ("ann", "Ann", "ann2"):
        begin_session(caller, f"chat-{user_id}", user_id=user_id)
    begin_session(caller, "chat-nobody")
    hold(HoldKind.SUBJECT, "ann")
    held = list_sessions(caller=caller, wanted=SessionFilter(held=True)).items
    assert [session.user_id for session in held] == ["ann"]
    others = list_sessions(caller=caller, wanted=SessionFilter(held=False)).items
    assert {session.user_id for session in others} == {"Ann", "ann2", None}


def test_sessions_that_begin_later_are_held_too(caller: Caller) -> None:
    hold(HoldKind.PREFIX, "org-1/")
    hold(HoldKind.SUBJECT, "ann")
    hold(HoldKind.SESSION, "chat")
    begin_session(caller, "org-1/new")
    begin_session(caller, "elsewhere", user_id="ann")
    make_session(caller, "chat", now=NOW - 40 * DAY)
    make_session(caller, "chat")
    make_session(caller, "free")
    assert all(is_held(caller, session_id) for session_id in ("org-1/new", "elsewhere", "chat"))
    assert AgentSession.objects.filter(session_id="chat").count() == 2
    with pytest.raises(Held):
        delete_session(caller=caller, session_id="chat")
    assert not is_held(caller, "free")


def test_what_overlaps_is_held_until_the_last_release(caller: Caller) -> None:
    begin_session(caller, "org-1/ann", user_id="ann")
    holds = [
        hold(HoldKind.SESSION, "org-1/ann"),
        hold(HoldKind.SUBJECT, "ann"),
        hold(HoldKind.PREFIX, "org-1/"),
        hold(HoldKind.PREFIX, "org-1/", matter="Another matter"),
    ]
    for number, one in enumerate(holds):
        assert is_held(caller, "org-1/ann"), number
        with pytest.raises(Held):
            clear(caller, "org-1/ann")
        release_hold(hold_id=one.id, reason="Settled")
    assert not is_held(caller, "org-1/ann")
    assert clear(caller, "org-1/ann") == 0


def test_nothing_is_purged_for_a_day_after_the_last_release(caller: Caller) -> None:
    make_session(caller, "chat", "Hello", now=NOW - 40 * DAY)
    make_session(caller, "other", "Hello", now=NOW - 40 * DAY)
    first, last = hold(now=NOW), hold(now=NOW)
    release_hold(hold_id=first.id, reason="Settled", now=NOW)
    release_hold(hold_id=last.id, reason="Settled", now=NOW + DAY)
    until = NOW + DAY + REST
    assert clean_up(now=until - 1).purged.sessions == 1
    with pytest.raises(Held, match="released less than a day ago"):
        delete_session(caller=caller, session_id="chat", now=until - 1)
    officer = acting(privacy_officer="support")
    uid = AgentSession.objects.get().uid
    shown = previewing.preview(actor=officer, uids=[uid], now=until - 1)
    assert (shown.sessions, shown.held) == (1, 1)
    kept = previewing.execute(actor=officer, token=shown.token, reason="Old", now=until - 1)
    assert (kept.counts["sessions"], kept.counts["held"]) == (0, 1)
    assert AgentSession.objects.get().purge_not_before == until
    assert clean_up(now=until).purged.sessions == 1
    assert AgentSession.objects.count() == 0


def test_many_sessions_rest_after_the_release(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory_app.operations.holding._AT_ONCE", 2)
    for number in range(5):
        begin_session(caller, f"org-1/{number}")
    begin_session(caller, "org-2/1")
    placed = hold(HoldKind.PREFIX, "org-1/")
    released = release_hold(hold_id=placed.id, reason="Settled")
    assert released.released_at is not None
    rested = AgentSession.objects.filter(purge_not_before__gte=released.released_at + REST)
    assert {session.session_id for session in rested} == {f"org-1/{n}" for n in range(5)}


def test_cleanup_leaves_and_counts_what_is_held(caller: Caller) -> None:
    for session_id in ("chat", "org-1/ann", "free"):
        make_session(caller, session_id, "Hello", now=NOW - 40 * DAY)
    hold()
    hold(HoldKind.PREFIX, "org-1/")
    for dry_run in (True, False):
        done = clean_up(dry_run=dry_run, now=NOW)
        assert (done.purged.sessions, done.held) == (1, 2)
    left = AgentSession.objects.order_by("session_id")
    assert [session.session_id for session in left] == ["chat", "org-1/ann"]
    assert Message.objects.count() == 2


def test_a_purge_leaves_and_counts_what_is_held(caller: Caller) -> None:
    for session_id in ("chat", "free", "also-free"):
        make_session(caller, session_id)
    hold()
    officer = acting(privacy_officer="support")
    wanted = SessionFilter(status="any")
    shown = previewing.preview(actor=officer, namespace="support", wanted=wanted)
    assert (shown.sessions, shown.held) == (3, 1)
    receipt = previewing.execute(actor=officer, token=shown.token, reason="Old")
    counts = receipt.counts
    assert (counts["previewed"], counts["sessions"], counts["held"]) == (3, 2, 1)
    assert (counts["changed"], counts["gone"]) == (0, 0)
    assert AgentSession.objects.get().session_id == "chat"


def test_a_hold_placed_after_the_preview_is_found_under_the_lock(caller: Caller) -> None:
    for session_id in ("chat", "free"):
        make_session(caller, session_id)
    officer = acting(privacy_officer="support")
    wanted = SessionFilter(status="any")
    shown = previewing.preview(actor=officer, namespace="support", wanted=wanted)
    assert shown.held == 0
    hold()
    counts = previewing.execute(actor=officer, token=shown.token, reason="Old").counts
    assert (counts["previewed"], counts["sessions"], counts["held"]) == (2, 1, 1)


@pytest.mark.parametrize("size", [2, 7])
def test_a_hold_placed_while_a_purge_runs_keeps_what_is_not_removed_yet(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Also what is left of a session that had begun to be removed."""
    in_batches_of(3, monkeypatch)
    make_session(caller, "a", "first")
    make_session(caller, "chat", *[f"word {n}" for n in range(size)])
    make_session(caller, "z", "last")
    officer = acting(privacy_officer="support")
    wanted = SessionFilter(status="any")
    shown = previewing.preview(actor=officer, namespace="support", wanted=wanted)
    receipt = previewing.execute(actor=officer, token=shown.token, reason="Old", seconds=0)
    assert receipt.purged_at is None
    with pytest.raises(NotFound):
        get_session(caller=caller, which=Which("chat"))
    hold()
    finish_purges()
    session = get_session(caller=caller, which=Which("chat")).session
    assert session.held
    assert session.message_count == Message.objects.count() >= 1
    assert session.purge_receipt is None
    said = say_more(caller, "chat").session
    assert said is not None
    assert said.uid == session.uid
    counts = Receipt.objects.get().counts
    assert (counts["previewed"], counts["sessions"], counts["held"]) == (3, 2, 1)


def test_expiry_and_restart_go_on_under_a_hold(caller: Caller) -> None:
    make_session(caller, "chat", "Hello")
    hold(HoldKind.PREFIX, "chat.", namespace="support")
    hold()
    say_more(caller, "chat")
    expire_session(caller=caller, session_id="chat")
    begun = say_more(caller, "chat").session
    assert begun is not None
    assert begun.message_count == 1
    assert begun.held
    officer = acting(operator="support")
    assert expire_sessions(person=officer, chosen=Chosen(uids=[begun.uid])).done == [begun.uid]
    assert Message.objects.count() == 3


def test_a_prefix_must_end_where_a_level_ends(caller: Caller) -> None:
    with pytest.raises(InvalidPrefix) as refused:
        hold(HoldKind.PREFIX, "org-1")
    assert refused.value.suggestion == "org-1/"
    for end in "/-_:.":
        assert hold(HoldKind.PREFIX, f"org{end}").target == f"org{end}"


@pytest.mark.parametrize("wrong", [{"target": ""}, {"matter": " "}, {"matter": "x" * 201}])
def test_a_hold_names_what_it_covers_and_its_matter(caller: Caller, wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        hold(**wrong)
    assert not LegalHold.objects.exists()


def test_a_hold_says_who_when_and_why_and_is_due_for_review(caller: Caller) -> None:
    officer = acting("olga", privacy_officer="support")
    placed = hold(person=officer, now=NOW)
    assert (placed.placed_by, placed.placed_at, placed.review_at) == ("olga", NOW, NOW + 180 * DAY)
    assert (placed.matter, placed.reason) == ("Miller v. Example", "Asked by counsel")
    released = release_hold(hold_id=placed.id, reason="Settled", person=officer, now=NOW + 5)
    assert (released.released_by, released.released_at) == ("olga", NOW + 5)
    assert released.release_reason == "Settled"
    with pytest.raises(Invalid, match="released already"):
        release_hold(hold_id=placed.id, reason="Again", person=officer)
    with pytest.raises(Invalid):
        release_hold(hold_id=hold().id, reason="  ")


def test_only_a_privacy_officer_of_the_namespace_holds_and_releases(caller: Caller) -> None:
    make_caller("claims")
    placed = hold()
    olaf = acting("olaf", operator="support", privacy_officer="claims")
    adam = acting("adam", administrator="*")
    for person, refusal in ((olaf, Forbidden), (adam, NotFound)):
        with pytest.raises(refusal):
            hold(person=person)
        with pytest.raises(refusal):
            release_hold(hold_id=placed.id, reason="Settled", person=person)
    with pytest.raises(NotFound):
        hold(namespace="nowhere")
    with pytest.raises(NotFound):
        release_hold(hold_id="hld_" + "0" * 32, reason="Settled")
    assert hold(namespace="claims", person=olaf).placed_by == "olaf"


def test_people_see_the_holds_of_their_namespaces(caller: Caller) -> None:
    make_caller("claims")
    first, other, last = hold(now=NOW), hold(namespace="claims"), hold(now=NOW + 1)
    done = release_hold(hold_id=hold().id, reason="Settled")
    viewer = acting("vera", viewer="support")
    assert [one.id for one in list_holds(person=viewer).items] == [last.id, first.id]
    assert [one.id for one in list_holds(person=viewer, released=True).items] == [done.id]
    page = list_holds(person=viewer, limit=1)
    following = list_holds(person=viewer, limit=1, cursor=page.next_cursor)
    assert [one.id for one in (*page.items, *following.items)] == [last.id, first.id]
    assert following.next_cursor is None
    assert other.id not in {one.id for one in list_holds(person=viewer).items}


def test_a_session_names_the_holds_on_it(caller: Caller) -> None:
    uid = begin_session(caller, "chat", user_id="ann").session.uid
    free = begin_session(caller, "free").session.uid
    placed = [hold(now=NOW), hold(HoldKind.SUBJECT, "ann", now=NOW + 1)]
    viewer = acting("vera", viewer="support")
    assert [one.id for one in holds_on(person=viewer, uid=uid)] == [one.id for one in placed]
    assert holds_on(person=viewer, uid=free) == []


def test_the_audit_log_names_the_hold_and_nothing_that_was_written(caller: Caller) -> None:
    placed = hold(target="secret-session")
    release_hold(hold_id=placed.id, reason="secret reason")
    entries = AuditEntry.objects.filter(act__startswith="hold.").order_by("n")
    assert [entry.act for entry in entries] == ["hold.place", "hold.release"]
    for entry in entries:
        assert (entry.actor, entry.namespace) == ("command", "support")
        assert (entry.object_kind, entry.object_id) == ("hold", placed.id)
        assert entry.counts == "{}"


@pytest.mark.django_db(transaction=True)
def test_a_hold_waits_for_the_removal_that_was_there_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When a hold is reported as placed, no removal that did not see it goes on."""
    caller = make_caller("support")
    make_session(caller, "chat", "Hello")
    asked, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def run(work: Callable[[], object]) -> threading.Thread:
        def target() -> None:
            try:
                work()
            finally:
                connection.close()

        thread = threading.Thread(target=target)
        thread.start()
        return thread

    remove = removing.delete_messages

    def slow(*arguments: Any) -> Any:
        asked.set()
        go_on.wait(10)
        removed = remove(*arguments)
        order.append("removed")
        return removed

    monkeypatch.setattr(removing, "delete_messages", slow)
    first = run(lambda: clear(caller))
    assert asked.wait(10)
    second = run(lambda: order.append(hold().kind))
    second.join(0.3)
    assert order == []
    go_on.set()
    first.join(10)
    second.join(10)
    assert order == ["removed", "session"]
    with pytest.raises(Held):
        clear(caller)
