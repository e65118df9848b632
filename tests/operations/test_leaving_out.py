"""A filter that leaves something out means the same to lists, counts, previews and purges."""

from collections.abc import Sequence
from itertools import combinations

import pytest

from memory_app.errors import Invalid, InvalidPrefix
from memory_app.models import AgentSession, HoldKind
from memory_app.moments import process_clock
from memory_app.operations import previewing, saving, tracking, viewing
from memory_app.operations.browsing import SessionFilter, list_sessions
from memory_app.operations.closing import keep_filter, read_filter
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.keys import Caller
from memory_app.operations.previewing import PreviewView
from memory_app.operations.rights import Person
from memory_app.operations.sessions import update_session
from tests.factories import begin_session, make_caller
from tests.people import acting

pytestmark = pytest.mark.django_db

USERS = (None, "ann", "Ann")
TAGS = ((), ("vip",), ("vip", "eu"), ("VIP",))
IDS = ("org-1/a", "org-1/", "org-10/a", "ORG-1/a", "org-2", "\U0010ffffz")

FILTERS = [
    SessionFilter(status="any", without_tags=["vip"]),
    SessionFilter(status="any", without_tags=["vip", "VIP"]),
    SessionFilter(status="any", tags=["vip"], without_tags=["eu"]),
    SessionFilter(status="any", without_users=["ann"]),
    SessionFilter(status="any", without_users=["ann", "Ann"]),
    SessionFilter(status="any", user_id="ann", without_users=["ann"]),
    SessionFilter(status="any", without_prefixes=["org-1/"]),
    SessionFilter(status="any", prefix="org-1", without_prefixes=["org-1/", "org-10/a"]),
    SessionFilter(status="any", without_prefixes=["\U0010ffff"]),
    SessionFilter(without_tags=["vip"], without_users=["Ann"], without_prefixes=["org-2"]),
    SessionFilter(status="any", held=False, without_tags=["nobody has it"]),
    SessionFilter(status="expired", without_tags=["vip"]),
]


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def petra(agent: Caller) -> Person:
    return acting("petra", privacy_officer="*")


def fill(caller: Caller) -> list[AgentSession]:
    """Begin sessions with every combination; return them."""
    for number, user in enumerate(USERS):
        for place, tags in enumerate(TAGS):
            for name in IDS:
                begin_session(caller, f"{name}{number}{place}", user_id=user, tags=list(tags))
    return list(AgentSession.objects.filter(namespace_id=caller.namespace_id))


def suits(session: AgentSession, wanted: SessionFilter) -> bool:
    """Tell in plain words what a filter means; nothing here is held or past its time."""
    tags, user, name = str(session.tags), session.user_id, str(session.session_id)
    return (
        wanted.status in ("any", "active")
        and all(f'"{tag}"' in tags for tag in wanted.tags)
        and not any(f'"{tag}"' in tags for tag in wanted.without_tags)
        and wanted.user_id in (None, user)
        and user not in wanted.without_users
        and name.startswith(wanted.prefix or "")
        and not name.startswith(tuple(wanted.without_prefixes))
    )


@pytest.mark.parametrize("wanted", FILTERS)
def test_all_who_take_a_filter_leave_out_the_same(
    agent: Caller, petra: Person, wanted: SessionFilter
) -> None:
    theirs = fill(make_caller("claims"))
    ours = fill(agent)
    expected = {one.uid for one in ours if suits(one, wanted)}
    everywhere = expected | {one.uid for one in theirs if suits(one, wanted)}
    listed = viewing.browse_sessions(person=petra, wanted=wanted, limit=1_000)
    assert {one.session.uid for one in listed.items} == everywhere
    assert viewing.count_sessions(person=petra, wanted=wanted).number == len(everywhere)
    answered = list_sessions(caller=agent, wanted=wanted, limit=1_000, with_total=True)
    assert {one.uid for one in answered.items} == expected
    assert answered.total == len(expected)
    preview = previewing.preview(actor=petra, namespace="support", wanted=wanted)
    assert preview.sessions == len(expected)
    assert read_filter(keep_filter(wanted)) == read_filter(keep_filter(preview.wanted))
    counts = previewing.execute(actor=petra, token=preview.token, reason="Old").counts
    assert counts["sessions"] == len(expected)
    left = set(AgentSession.objects.values_list("uid", flat=True))
    assert left == {one.uid for one in (*ours, *theirs)} - expected


def fix(person: Person, wanted: SessionFilter) -> PreviewView:
    return previewing.preview(actor=person, namespace="support", wanted=wanted)


def test_a_purge_takes_no_more_than_its_preview_whatever_changes_meanwhile(
    agent: Caller, petra: Person
) -> None:
    for name in ("a", "b", "c", "d"):
        begin_session(agent, f"org-1/{name}", tags=["vip"] if name in "cd" else [])
    preview = fix(petra, SessionFilter(status="any", prefix="org-1/", without_tags=["vip"]))
    assert preview.sessions == 2
    # One that goes is tagged, one that stays loses its tag, and another begins.
    update_session(caller=agent, session_id="org-1/a", change={"tags": ["vip"]})
    update_session(caller=agent, session_id="org-1/c", change={"tags": []})
    begin_session(agent, "org-1/e")
    counts = previewing.execute(actor=petra, token=preview.token, reason="Old").counts
    assert (counts["sessions"], counts["changed"], counts["previewed"]) == (1, 1, 2)
    left = AgentSession.objects.order_by("session_id").values_list("session_id", flat=True)
    assert list(left) == ["org-1/a", "org-1/c", "org-1/d", "org-1/e"]


def test_a_tag_that_only_the_filter_sees_is_looked_at_under_the_lock(
    agent: Caller, petra: Person
) -> None:
    begin_session(agent, "org-1/a")
    preview = fix(petra, SessionFilter(status="any", prefix="org-1/", without_users=["ann"]))
    # As no door does it: without a new revision.
    AgentSession.objects.update(user_id="ann")
    counts = previewing.execute(actor=petra, token=preview.token, reason="Old").counts
    assert (counts["sessions"], counts["changed"]) == (0, 1)


def test_what_is_held_stays_besides_what_is_left_out(agent: Caller, petra: Person) -> None:
    for name in ("a", "b", "c"):
        begin_session(agent, f"org-1/{name}", tags=["vip"] if name == "c" else [])
    place_hold(
        hold=NewHold(
            namespace="support",
            kind=HoldKind.SESSION,
            target="org-1/a",
            matter="Miller",
            reason="Asked",
        )
    )
    preview = fix(petra, SessionFilter(status="any", prefix="org-1/", without_tags=["vip"]))
    assert (preview.sessions, preview.held, preview.going) == (2, 1, 1)
    counts = previewing.execute(actor=petra, token=preview.token, reason="Old").counts
    assert (counts["sessions"], counts["held"]) == (1, 1)


@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.parametrize("field", ["without_tags", "without_users", "without_prefixes"])
def test_a_purge_names_what_goes_and_not_only_what_stays(
    agent: Caller, petra: Person, field: str, everything: bool
) -> None:
    wanted = SessionFilter(status="any", **{field: ["vip/"]})  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="not only which stay"):
        tracking.preview_filter(
            person=petra, namespace="support", wanted=wanted, everything=everything
        )


def test_a_beginning_that_is_left_out_ends_as_one_that_is_purged(
    agent: Caller, petra: Person
) -> None:
    wanted = SessionFilter(status="any", prefix="org-1/", without_prefixes=["org-1/a"])
    with pytest.raises(InvalidPrefix):
        tracking.preview_filter(person=petra, namespace="support", wanted=wanted)


def test_a_view_that_is_kept_leaves_out_no_person(agent: Caller, petra: Person) -> None:
    with pytest.raises(Invalid, match="cannot filter by user"):
        saving.check_kept(SessionFilter(without_users=["ann"]))


def test_pages_of_what_is_left_follow_each_other(agent: Caller, petra: Person) -> None:
    expected = {one.uid for one in fill(agent) if '"vip"' not in one.tags}
    for sort, other in combinations(("created_at", "-size_bytes"), 2):
        assert pages(petra, sort) == pages(petra, other) == expected


def pages(person: Person, sort: str) -> set[str]:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        wanted = SessionFilter(status="any", without_tags=["vip"])
        page = viewing.browse_sessions(
            person=person, wanted=wanted, sort=sort, limit=7, cursor=cursor, now=process_clock()
        )
        seen += uids(page.items)
        cursor = page.next_cursor
        if cursor is None:
            assert len(seen) == len(set(seen))
            return set(seen)


def uids(items: Sequence[viewing.Listed]) -> list[str]:
    return [one.session.uid for one in items]
