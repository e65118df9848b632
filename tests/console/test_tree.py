"""The hierarchy that session ids make, one level at a time, for those who may view it."""

import re

import pytest
from django.test import Client

from memory_app.operations import branching
from memory_app.operations.branching import Bough
from memory_app.operations.intervening import Chosen, expire_sessions
from memory_app.operations.keys import Caller
from tests.console.scenes import PART, SECRETS, person, scene
from tests.counting import counted_statements
from tests.factories import begin_session, make_caller
from tests.people import acting, signed_in

pytestmark = pytest.mark.django_db

IDS = ("org-1", "org-1/team-1/ann", "org-1/team-1/bob", "org-1/team-2/cleo", "org-1/x", "solo")


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def vera(agent: Caller) -> Client:
    return person("viewer")


def fill(agent: Caller) -> None:
    for session_id in IDS:
        begin_session(agent, session_id)


def shown(text: str) -> list[str]:
    """Return the children in their order, each with its count."""
    row = r'<li data-row>.*?<span>(.*?)</span></a>\s*<span class="n">(.*?)</span>'
    rows = re.findall(row, text, re.DOTALL)
    return [f"{label}: {count}" for label, count in rows]


def test_each_level_has_its_branches_and_sessions(agent: Caller, vera: Client) -> None:
    fill(agent)
    text = vera.get("/sessions/tree/").text
    assert shown(text) == ["org-1: 0 messages", "org-1/: 4 sessions", "solo: 0 messages"]
    text = vera.get("/sessions/tree/?namespace=support&prefix=org-1/").text
    assert shown(text) == ["team-1/: 2 sessions", "team-2/: 1 session", "x: 0 messages"]
    assert 'href="/sessions/tree/?namespace=support&amp;prefix=org-1%2Fteam-1%2F"' in text
    assert 'href="/sessions/?q=prefix%3Aorg-1%2F&amp;status=active&amp;namespace=support"' in text


def test_a_level_and_its_part_show_the_same(agent: Caller, vera: Client) -> None:
    fill(agent)
    path = "/sessions/tree/?namespace=support&prefix=org-1/"
    part = vera.get(path, headers=PART)
    assert part.text.startswith('<section id="tree"')
    assert part["HX-Push-Url"] == path
    assert shown(part.text) == shown(vera.get(path).text)


def test_several_namespaces_are_the_first_level(agent: Caller) -> None:
    fill(agent)
    begin_session(make_caller("claims"), "theirs")
    begin_session(make_caller("hidden"), "secret-id")
    nia = signed_in("nia", viewer="support")
    assert "secret-id" not in nia.get("/sessions/tree/").text
    for other in ("hidden", "nowhere"):
        assert nia.get(f"/sessions/tree/?namespace={other}").status_code == 404
    olga = signed_in("olga", viewer="*")
    assert shown(olga.get("/sessions/tree/").text) == [
        "claims: 1 session",
        "hidden: 1 session",
        "support: 6 sessions",
    ]


def test_administrators_see_no_ids(agent: Caller) -> None:
    fill(agent)
    assert person("administrator", "*").get("/sessions/tree/").status_code == 403


def test_pages_follow_each_other_without_gap_or_repetition(agent: Caller) -> None:
    for number in range(7):
        begin_session(agent, f"{number}/a")
        begin_session(agent, f"{number}/b")
    vera = acting("vera", viewer="support")
    found: list[str] = []
    cursor = None
    for _ in range(3):
        level = branching.climb(person=vera, namespace="support", limit=3, cursor=cursor)
        found += [item.prefix for item in level.items if isinstance(item, Bough)]
        cursor = level.next_cursor
    assert found == [f"{number}/" for number in range(7)]
    assert cursor is None


def test_counting_a_branch_stops_and_says_so(
    agent: Caller, vera: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(branching, "MOST_COUNTED", 2)
    for number in range(4):
        begin_session(agent, f"org-1/{number}")
    begin_session(agent, "org-2/a")
    assert shown(vera.get("/sessions/tree/").text) == ["org-1/: 2+ sessions", "org-2/: 1 session"]


def test_what_is_past_its_time_is_not_in_the_tree(agent: Caller, vera: Client) -> None:
    gone = begin_session(agent, "org-1/ann").session
    begin_session(agent, "org-1/bob")
    olga = acting("olga", operator="support")
    expire_sessions(person=olga, chosen=Chosen(uids=[gone.uid]))
    assert shown(vera.get("/sessions/tree/?prefix=org-1/").text) == ["bob: 0 messages"]
    assert "No active session begins so" in vera.get("/sessions/tree/?prefix=org-2/").text


def test_statements_do_not_grow_with_the_branches(agent: Caller, vera: Client) -> None:
    def statements() -> int:
        with counted_statements() as sent:
            vera.get("/sessions/tree/")
        return len(sent)

    begin_session(agent, "a/1")
    begin_session(agent, "leaf")
    statements()
    with_one = statements()
    for number in range(20):
        begin_session(agent, f"b-{number}/1")
    assert statements() == with_one


def test_the_tree_holds_no_content(agent: Caller) -> None:
    scene(agent)
    text = person("operator").get("/sessions/tree/?namespace=support&prefix=org-1/").text
    assert "ann: 4 messages" in shown(text)
    assert not [secret for secret in SECRETS if secret in text]


def test_a_list_by_prefix_leads_to_the_levels_above_and_to_the_tree(
    agent: Caller, vera: Client
) -> None:
    fill(agent)
    text = vera.get("/sessions/?q=org-1/team-1/+tag:vip&status=active").text
    steps = text.partition('aria-label="Levels of the id"')[2].partition("</nav>")[0]
    assert re.findall(r'href="([^"]*)"[^>]*>([^<]*)<', steps) == [
        ("/sessions/?q=tag%3Avip&amp;status=active", "Any id"),
        ("/sessions/?q=prefix%3Aorg-1%2F+tag%3Avip&amp;status=active", "org-1/"),
    ]
    assert 'href="/sessions/tree/?prefix=org-1%2Fteam-1%2F"' in text
