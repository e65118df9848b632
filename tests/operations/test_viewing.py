"""People see the sessions of their namespaces, and content only where they may read it."""

import pytest

from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import HoldKind
from memory_app.moments import DAY, SECOND, process_clock
from memory_app.operations import listing, previewing, proving, revealing, viewing
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.keys import Caller
from memory_app.operations.proving import ReceiptFilter
from memory_app.operations.purging import delete_session
from memory_app.operations.receipts import ReceiptView
from memory_app.operations.recording import Recording, add_events
from memory_app.operations.revealing import Passage
from memory_app.operations.rights import Person
from tests.counting import counted_statements
from tests.factories import begin_session, make_caller, make_event, make_session
from tests.people import acting

pytestmark = pytest.mark.django_db

ANY = SessionFilter(status="any")
NOW = process_clock()


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Person:
    return acting("olga", operator="support")


@pytest.fixture
def vera(agent: Caller) -> Person:
    return acting("vera", viewer="support")


def names(browsed: viewing.Browsed) -> list[str]:
    return [item.session.session_id for item in browsed.items]


def uid_of(person: Person, session_id: str) -> str:
    wanted = SessionFilter(status="any", prefix=session_id)
    return viewing.browse_sessions(person=person, wanted=wanted).items[0].session.uid


def test_the_sessions_of_all_ones_namespaces_are_in_one_order(agent: Caller) -> None:
    claims = make_caller("claims")
    for number in range(6):
        make_session((agent, claims)[number % 2], f"s-{number}", now=NOW - number * SECOND)
    make_session(make_caller("private"), "hidden")
    anna = acting("anna", viewer="support")
    both = Person(anna.id, anna.username, {**anna.roles, "claims": frozenset({"operator"})})
    browsed = viewing.browse_sessions(person=both, wanted=ANY, limit=4, now=NOW)
    assert names(browsed) == ["s-0", "s-1", "s-2", "s-3"]
    assert [place.name for place in browsed.places] == ["claims", "support"]
    assert browsed.count == (6, False)
    rest = viewing.browse_sessions(
        person=both, wanted=ANY, limit=4, cursor=browsed.next_cursor, now=NOW
    )
    assert names(rest) == ["s-4", "s-5"]
    assert rest.next_cursor is None


def test_one_namespace_can_be_asked_for_when_one_may_see_it(agent: Caller, vera: Person) -> None:
    make_session(agent)
    make_caller("claims")
    found = viewing.browse_sessions(person=vera, wanted=ANY, namespace="support")
    assert names(found) == ["chat-1"]
    for other in ("claims", "nowhere"):
        with pytest.raises(NotFound):
            viewing.browse_sessions(person=vera, wanted=ANY, namespace=other)


def test_without_a_right_to_view_there_is_no_list(agent: Caller) -> None:
    adam = acting("adam", administrator="*")
    with pytest.raises(Forbidden, match="Viewer"):
        viewing.browse_sessions(person=adam, wanted=ANY)


def test_a_title_is_made_from_the_first_message_of_the_user(agent: Caller, olga: Person) -> None:
    make_session(agent, "chat-1", "  Where is\nmy refund?  ", "And when?")
    begin_session(agent, "given", title="Refund of Ann")
    begin_session(agent, "empty")
    listed = viewing.browse_sessions(person=olga, wanted=ANY, sort="created_at").items
    assert [item.title for item in listed] == ["Where is my refund?", "Refund of Ann", None]


def test_viewers_see_no_title_neither_given_nor_made(agent: Caller, vera: Person) -> None:
    make_session(agent, "chat-1", "Where is my refund?")
    begin_session(agent, "given", title="Refund of Ann", metadata={"a": "b"}, state={"c": 1})
    for item in viewing.browse_sessions(person=vera, wanted=ANY).items:
        assert (item.title, item.session.title) == (None, None)
        shown = viewing.view_session(person=vera, uid=item.session.uid)
        assert shown.title is None
        assert (shown.session.title, shown.session.metadata, shown.session.state) == (None,) * 3


def test_viewers_cannot_filter_by_content(agent: Caller, vera: Person, olga: Person) -> None:
    begin_session(agent, "gold", metadata={"plan": "gold"})
    wanted = SessionFilter(status="any", metadata={"plan": "gold"})
    assert names(viewing.browse_sessions(person=olga, wanted=wanted)) == ["gold"]
    with pytest.raises(Forbidden, match="Operator"):
        viewing.browse_sessions(person=vera, wanted=wanted)


def test_a_filter_by_content_looks_only_where_one_may_read(agent: Caller) -> None:
    for caller in (agent, make_caller("claims")):
        begin_session(caller, f"gold-{caller.namespace}", metadata={"plan": "gold"})
    olga = acting("olga", operator="support")
    mixed = Person(olga.id, olga.username, {**olga.roles, "claims": frozenset({"viewer"})})
    wanted = SessionFilter(status="any", metadata={"plan": "gold"})
    found = viewing.browse_sessions(person=mixed, wanted=wanted)
    assert (names(found), found.count) == (["gold-support"], (1, False))


def test_counting_stops_at_a_cap_and_says_so(
    agent: Caller, vera: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "COUNT_CAP", 3)
    for number in range(5):
        make_session(agent, f"s-{number}")
    assert viewing.browse_sessions(person=vera, wanted=ANY, limit=4).count == (3, True)
    found = viewing.browse_sessions(person=vera, wanted=SessionFilter(prefix="s-0"))
    assert found.count == (1, False)


def test_what_takes_long_to_count_is_counted_apart(agent: Caller, vera: Person) -> None:
    for number in range(5):
        make_session(agent, f"s-{number}")
    wanted = SessionFilter(held=False)
    assert viewing.browse_sessions(person=vera, wanted=wanted).count == (5, False)
    for more, count in (({}, None), ({"with_count": True}, (5, False))):
        found = viewing.browse_sessions(person=vera, wanted=wanted, limit=2, **more)
        assert found.count == count
    assert viewing.count_sessions(person=vera, wanted=wanted) == (5, False)


def test_held_sessions_are_found_from_their_holds(agent: Caller, vera: Person) -> None:
    for name in ("a/ann", "a", "a0", "b/1", "b/2", "c"):
        begin_session(agent, name, user_id="cleo" if name == "c" else None)
    for kind, target in (("prefix", "a/"), ("session", "b/1"), ("subject", "cleo")):
        hold = NewHold(
            namespace="support", kind=HoldKind(kind), target=target, matter="M", reason="R"
        )
        place_hold(hold=hold)
    for held, expected in ((True, {"a/ann", "b/1", "c"}), (False, {"a", "a0", "b/2"})):
        found = viewing.browse_sessions(person=vera, wanted=SessionFilter(held=held))
        assert set(names(found)) == expected


def test_statements_do_not_grow_with_the_sessions(agent: Caller, olga: Person) -> None:
    def statements() -> int:
        with counted_statements() as sent:
            viewing.browse_sessions(person=olga, wanted=ANY)
        return len(sent)

    make_session(agent, "s-0")
    with_one = statements()
    for number in range(1, 20):
        make_session(agent, f"s-{number}")
    assert statements() == with_one


@pytest.mark.parametrize("sort", ["title", "-uid", "", "created_at; --"])
def test_an_unknown_order_is_refused(vera: Person, sort: str) -> None:
    with pytest.raises(Invalid):
        viewing.browse_sessions(person=vera, wanted=ANY, sort=sort)


def test_a_session_of_others_looks_like_none(agent: Caller, vera: Person) -> None:
    theirs = make_session(make_caller("claims")).session
    assert theirs is not None
    for uid in (theirs.uid, "0" * 32):
        with pytest.raises(NotFound):
            viewing.view_session(person=vera, uid=uid)


def test_a_session_that_is_being_purged_is_closed(agent: Caller) -> None:
    petra = acting("petra", privacy_officer="support")
    make_session(agent, "chat-1", "Where is my refund?")
    uid = uid_of(petra, "chat-1")
    preview = previewing.preview(actor=petra, uids=[uid])
    previewing.execute(actor=petra, token=preview.token, reason="Test data", seconds=-1.0)
    for read in (viewing.view_session, revealing.read_transcript):
        with pytest.raises(NotFound):
            read(person=petra, uid=uid)
    listed = viewing.browse_sessions(person=petra, wanted=ANY).items
    assert [(item.session.purge_receipt is not None, item.title) for item in listed] == [
        (True, None)
    ]


def test_one_steps_through_the_list_one_came_from(agent: Caller, vera: Person) -> None:
    for number in range(3):
        make_session(agent, f"a-{number}", now=NOW - number * DAY)
        make_session(agent, f"b-{number}", now=NOW - number * DAY)
    wanted = SessionFilter(status="any", prefix="a-")
    first, second, third = (uid_of(vera, f"a-{number}") for number in range(3))
    beside = viewing.find_neighbours(person=vera, uid=second, wanted=wanted)
    assert (beside.previous, beside.following) == (first, third)
    beside = viewing.find_neighbours(person=vera, uid=first, wanted=wanted)
    assert (beside.previous, beside.following) == (None, second)


def test_receipts_are_found_by_the_id_of_what_is_gone(agent: Caller, vera: Person) -> None:
    make_session(agent, "org-1/ann")
    make_session(agent, "org-1/bob")
    for session_id in ("org-1/ann", "org-1/bob"):
        delete_session(caller=agent, session_id=session_id)
    assert len(proving.browse_receipts(person=vera).items) == 2

    def found(known_id: str) -> list[ReceiptView]:
        wanted = ReceiptFilter(known_id=known_id)
        return list(proving.browse_receipts(person=vera, wanted=wanted).items)

    (receipt,) = found("org-1/ann")
    assert found(receipt.id) == [receipt]
    assert found("org-1/") == []
    assert proving.show_receipt(person=vera, receipt=receipt.id).receipt == receipt


def test_receipts_are_paged_and_those_of_others_look_like_none(agent: Caller, vera: Person) -> None:
    for session_id in ("a", "b", "c"):
        make_session(agent, session_id)
        delete_session(caller=agent, session_id=session_id)
    first = proving.browse_receipts(person=vera, limit=2)
    rest = proving.browse_receipts(person=vera, limit=2, cursor=first.next_cursor)
    assert (len(first.items), len(rest.items), rest.next_cursor) == (2, 1, None)
    cleo = acting("cleo", viewer="claims")
    with pytest.raises(NotFound):
        proving.show_receipt(person=cleo, receipt=first.items[0].id)
    assert proving.browse_receipts(person=cleo).items == []


def test_a_transcript_needs_the_right_to_read_content(agent: Caller, vera: Person) -> None:
    make_session(agent)
    uid = uid_of(vera, "chat-1")
    with pytest.raises(Forbidden, match="Operator"):
        revealing.read_transcript(person=vera, uid=uid)
    with pytest.raises(Forbidden, match="Operator"):
        revealing.read_message(person=vera, uid=uid, seq=1)


def seqs(transcript: revealing.Transcript) -> list[int]:
    return [event.seq for event in transcript.events]


def test_a_transcript_is_read_page_by_page(
    agent: Caller, olga: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revealing, "PAGE", 4)
    monkeypatch.setattr(revealing, "_BEFORE", 1)
    make_session(agent, "chat-1", *(f"Message {number}" for number in range(1, 11)))
    uid = uid_of(olga, "chat-1")

    def page(**part: int | bool) -> tuple[list[int], bool, bool]:
        passage = Passage(**part)  # type: ignore[arg-type]
        found = revealing.read_transcript(person=olga, uid=uid, passage=passage)
        return seqs(found), found.has_earlier, found.has_later

    assert page() == ([1, 2, 3, 4], False, True)
    assert page(end=True) == ([7, 8, 9, 10], True, False)
    assert page(after=8) == ([9, 10], True, False)
    assert page(before=3) == ([1, 2], False, True)
    assert page(at=7) == ([6, 7, 8, 9], True, True)
    assert page(after=2**40) == ([], False, False)


def test_what_is_looked_for_is_found_in_texts_and_tool_calls(agent: Caller, olga: Person) -> None:
    call = {"id": "c1", "function": {"name": "find_order", "arguments": '{"note": "R\\u00c9F"}'}}
    make_session(agent, "chat-1", "Straße 7", "where is my refund", "nothing")
    asking = make_event(None, role="assistant", tool_calls=[call])
    add_events(caller=agent, recording=Recording(session_id="chat-1", events=[asking]))
    uid = uid_of(olga, "chat-1")

    def find(query: str, match: int = 1) -> revealing.Finding:
        found = revealing.read_transcript(person=olga, uid=uid, query=query, match=match)
        assert found.finding is not None
        return found.finding

    assert find("STRASSE").seqs == [1]
    assert (find("refund").seq, find("absent").seq) == (2, None)
    assert (find("FIND_ORDER").seqs, find("réf").seqs) == ([4], [2, 4])
    assert (find("find", 1).index, find("find", 99).index) == (1, 1)


def test_a_long_transcript_ends_a_page_by_its_bytes(
    agent: Caller, olga: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revealing, "_PAGE_BYTES", 3_000)
    make_session(agent, "chat-1", *("x" * 1_000 for _ in range(6)))
    found = revealing.read_transcript(person=olga, uid=uid_of(olga, "chat-1"))
    assert seqs(found) == [1, 2]
    assert found.has_later
