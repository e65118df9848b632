"""Where a namespace demands it, content opens to a person only after a written reason."""

from collections.abc import Callable

import pytest

from memory_app.errors import Forbidden, Invalid, NotFound, ReasonNeeded
from memory_app.models import AuditEntry, Namespace, StatedReason
from memory_app.moments import MINUTE, SECOND, process_clock
from memory_app.operations import (
    attesting,
    comparing,
    downloading,
    exporting_chosen,
    justifying,
    previewing,
    retrieving,
    revealing,
    subjects,
    viewing,
)
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.reading import Which
from memory_app.operations.rights import Person, Right, find_person
from tests.console.scenes import SECRETS, scene
from tests.factories import make_caller
from tests.people import acting, make_person

pytestmark = pytest.mark.django_db

NOW = process_clock()
METADATA = SessionFilter(status="any", metadata={"plan": "MetaGold"})


def demand(namespace: str = "support") -> None:
    Namespace.objects.filter(name=namespace).update(demands_reason=True)


@pytest.fixture
def uid() -> str:
    made = scene(make_caller("support"))
    demand()
    return made


@pytest.fixture
def petra(uid: str) -> Person:
    return acting("petra", privacy_officer="*")


def again(person: Person, now: int | None = None) -> Person:
    return find_person(operator_id=person.id, username=person.username, now=now)


ASKS: list[Callable[[Person, str], object]] = [
    lambda person, uid: revealing.read_transcript(person=person, uid=uid),
    lambda person, uid: revealing.read_message(person=person, uid=uid, seq=1),
    lambda person, uid: downloading.download_line(person=person, uid=uid, write=str),
    lambda person, uid: downloading.download_messages(
        person=person, uid=uid, write=str, as_text=str
    ),
    lambda person, uid: viewing.browse_sessions(
        person=person, wanted=METADATA, namespace="support"
    ),
    lambda person, uid: previewing.preview(actor=person, namespace="support", wanted=METADATA),
    lambda person, uid: previewing.preview(actor=person, uids=[uid], right=Right.EXPORT),
    lambda person, uid: comparing.compare_states(person=person, uid=uid),
    lambda person, uid: subjects.hand_out_subject(
        person=person, namespace="support", user_id="ann", write=str
    ),
]


@pytest.mark.parametrize("ask", ASKS)
def test_content_is_closed_until_a_reason_is_given(
    petra: Person, uid: str, ask: Callable[[Person, str], object]
) -> None:
    with pytest.raises(ReasonNeeded, match="'support' asks why") as refused:
        ask(petra, uid)
    assert refused.value.namespace == "support"
    justifying.give_reason(person=petra, namespace="support", reason="Ticket 7")
    ask(again(petra), uid)


def test_the_page_of_a_closed_session_has_facts_and_is_no_reveal(petra: Person, uid: str) -> None:
    view = viewing.view_session(person=petra, uid=uid)
    assert not [secret for secret in SECRETS if secret in repr(view)]
    assert view.session.session_id == "org-1/ann"
    assert not AuditEntry.objects.filter(act="session.reveal").exists()
    justifying.give_reason(person=petra, namespace="support", reason="Ticket 7")
    assert "StateOpen" in repr(viewing.view_session(person=again(petra), uid=uid))


def test_it_is_open_for_fifteen_minutes_and_to_nobody_else(petra: Person) -> None:
    given = justifying.give_reason(person=petra, namespace="support", reason="Why", now=NOW)
    assert given.open_until == NOW + 15 * MINUTE
    assert again(petra, NOW).may(Right.EXPORT, "support")
    assert again(petra, given.open_until - SECOND).may(Right.READ_CONTENT, "support")
    assert not again(petra, given.open_until).may(Right.READ_CONTENT, "support")
    olga = make_person("olga", operator="support")
    assert find_person(operator_id=olga.pk, username="olga", now=NOW).lacks_reason(
        Right.READ_CONTENT, "support"
    )


def test_other_rights_and_other_namespaces_ask_for_none(petra: Person) -> None:
    make_caller("claims")
    assert petra.may(Right.READ_CONTENT, "claims")
    for right in (Right.VIEW, Right.EXPIRE, Right.PURGE, Right.HOLD):
        assert petra.may(right, "support")
    assert not petra.lacks_reason(Right.EXPORT, "claims")


def test_lists_show_no_titles_there_also_while_it_is_open(petra: Person) -> None:
    scene(make_caller("claims"))
    justifying.give_reason(person=petra, namespace="support", reason="Ticket 7")
    person = again(petra)
    browsed = viewing.browse_sessions(person=person, wanted=SessionFilter(status="any"))
    assert {item.place.name: item.title for item in browsed.items} == {
        "support": None,
        "claims": "RefundOfAnn",
    }
    assert "RefundOfAnn" not in repr([i for i in browsed.items if i.place.name == "support"])


def test_a_filter_by_content_looks_past_what_is_closed(petra: Person) -> None:
    scene(make_caller("claims"))
    found = viewing.browse_sessions(person=petra, wanted=METADATA)
    assert [item.place.name for item in found.items] == ["claims"]


def test_the_audit_log_names_the_reason_and_does_not_hold_it(petra: Person) -> None:
    given = justifying.give_reason(person=petra, namespace="support", reason=" Ann's complaint ")
    entry = AuditEntry.objects.get(act="reason.give")
    assert (entry.actor, entry.namespace, entry.object_kind, entry.object_id) == (
        "petra",
        "support",
        "reason",
        given.id,
    )
    assert "Ann" not in repr(AuditEntry.objects.values_list())
    assert justifying.read_reasons(person=petra, ids=[given.id]) == {given.id: "Ann's complaint"}


def test_reasons_are_read_by_their_writers_and_by_those_who_read_the_log(petra: Person) -> None:
    olga = acting("olga", operator="support")
    hers = justifying.give_reason(person=olga, namespace="support", reason="Ticket 8").id
    mine = justifying.give_reason(person=petra, namespace="support", reason="Ticket 7").id
    assert justifying.read_reasons(person=olga, ids=[hers, mine]) == {hers: "Ticket 8"}
    assert set(justifying.read_reasons(person=petra, ids=[hers, mine])) == {hers, mine}
    assert justifying.read_reasons(person=petra, ids=[]) == {}


def test_a_reason_goes_with_the_entries_that_are_cut(petra: Person) -> None:
    long_ago = NOW - attesting.KEPT - MINUTE
    justifying.give_reason(person=petra, namespace="support", reason="Old", now=long_ago)
    justifying.give_reason(person=petra, namespace="support", reason="New", now=NOW)
    attesting.keep_audit_log(now=NOW)
    assert list(StatedReason.objects.values_list("reason", flat=True)) == ["New"]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_nothing_is_no_reason(petra: Person, reason: str) -> None:
    with pytest.raises(Invalid, match="give a reason of at most 500 characters"):
        justifying.give_reason(person=petra, namespace="support", reason=reason)
    assert again(petra).lacks_reason(Right.READ_CONTENT, "support")


def test_a_reason_opens_nothing_that_a_role_does_not(uid: str) -> None:
    vera, olga = acting("vera", viewer="support"), acting("olga", operator="claims")
    with pytest.raises(Forbidden, match="Operator"):
        justifying.give_reason(person=vera, namespace="support", reason="I am curious")
    for name in ("support", "nowhere"):
        with pytest.raises(NotFound):
            justifying.give_reason(person=olga, namespace=name, reason="I am curious")
    with pytest.raises(Invalid, match="opens without a reason"):
        justifying.give_reason(person=olga, namespace="claims", reason="Just so")
    assert not StatedReason.objects.exists()


def test_keys_are_not_asked(uid: str) -> None:
    which = Which(session_id="org-1/ann")
    found = retrieving.retrieve_messages(
        caller=make_caller("support"), which=which, query="wordsofann", limit=20, offset=0
    )
    assert found.total == 1


def test_a_set_that_was_fixed_while_it_was_open_is_closed_with_it(petra: Person, uid: str) -> None:
    justifying.give_reason(person=petra, namespace="support", reason="Ticket 7", now=NOW)
    token = previewing.preview(
        actor=again(petra, NOW), uids=[uid], right=Right.EXPORT, now=NOW
    ).token
    written: list[str] = []
    late = NOW + 16 * MINUTE
    for export in (exporting_chosen.export_lines, exporting_chosen.export_table):
        with pytest.raises(ReasonNeeded):
            export(person=again(petra, late), token=token, write=written.append, now=late)
    assert written == []
