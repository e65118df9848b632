"""sessions/tree: one level of the hierarchy of ids, counted."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_app.operations.branching import Branch, Leaf, list_children
from memory_app.operations.keys import Caller, forget_cached_keys
from tests.conftest import Api
from tests.counting import counted_statements
from tests.factories import make_caller, make_key, make_session
from tests.refusals import at, refused


def tree(api: Api, **query: Any) -> list[dict[str, Any]]:
    response = api.get("sessions/tree", **query)
    assert response.status_code == 200, response.content
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def branch(prefix: str, sessions: int, messages: int | None = None) -> dict[str, Any]:
    return {"prefix": prefix, "sessions": sessions, "messages": messages or sessions}


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item.get("prefix") or item["session_id"] for item in items]


def test_a_level_holds_branches_and_sessions_with_their_counts(api: Api) -> None:
    for session_id in ("org-1/team-2/ann", "org-1/team-2/bob", "org-1/eve", "org-2/x/y/z", "solo"):
        api.add(session_id)
    last = api.add("org-1/eve")
    assert tree(api) == [
        branch("org-1/", 3, 4),
        branch("org-2/", 1),
        {"session_id": "solo", "uid": api.add("solo")["session"]["uid"], "messages": 1},
    ]
    assert tree(api, prefix="org-1/") == [
        {"session_id": "org-1/eve", "uid": last["session"]["uid"], "messages": 2},
        branch("org-1/team-2/", 2),
    ]
    assert names(tree(api, prefix="org-1/team-2/")) == ["org-1/team-2/ann", "org-1/team-2/bob"]
    assert tree(api, prefix="org-3/") == []


def test_the_order_is_that_of_code_points(api: Api) -> None:
    for name in ("b", "B", "ä", "a/1", "a-1", "a", "日本/1", "\U0001f600", "\ufffd"):
        api.add(name)
    shown = names(tree(api))
    assert shown == sorted(shown)
    assert shown == ["B", "a", "a-1", "a/", "b", "ä", "日本/", "\ufffd", "\U0001f600"]


def test_a_prefix_may_end_anywhere_and_keeps_case(api: Api) -> None:
    for name in ("org-1/a", "org-10/a", "Org-1/a", "org-1"):
        api.add(name)
    assert names(tree(api, prefix="org-1")) == ["org-1", "org-1/", "org-10/"]
    assert names(tree(api, prefix="org-1/")) == ["org-1/a"]


def test_slashes_in_odd_places_are_levels_too(api: Api) -> None:
    for name in ("/", "//", "a/", "a//b", "a"):
        api.add(name)
    assert tree(api) == [branch("/", 2), tree(api)[1], branch("a/", 2)]
    assert names(tree(api, prefix="/")) == ["/", "//"]
    assert names(tree(api, prefix="a/")) == ["a/", "a//"]


def test_only_active_sessions_are_counted(api: Api) -> None:
    for name in ("org/active", "org/expired", "gone/1"):
        api.add(name)
    api.post("sessions/expire", session_id="org/expired")
    api.post("sessions/delete", session_id="gone/1")
    assert tree(api) == [branch("org/", 1)]


def test_pages_join_without_a_gap(api: Api) -> None:
    for name in ("a/1", "a/2", "b", "c/1", "d", "e/1/2"):
        api.add(name)
    met: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        page = api.get("sessions/tree", **query).json()
        assert len(page["items"]) <= 2
        met += page["items"]
        query["cursor"] = page["next_cursor"]
    assert page["next_cursor"] is None
    assert met == tree(api)


def test_a_page_goes_on_though_its_place_is_gone(api: Api) -> None:
    for name in ("a/1", "b/1", "c/1"):
        api.add(name)
    cursor = api.get("sessions/tree", limit=1).json()["next_cursor"]
    api.post("sessions/delete", session_id="a/1")
    api.add("b/0")
    assert tree(api, cursor=cursor) == [branch("b/", 2), branch("c/", 1)]


def test_a_cursor_of_another_prefix_or_namespace_is_refused(api: Api) -> None:
    for name in ("a/1", "a/2", "b/1"):
        api.add(name)
    cursor = api.get("sessions/tree", limit=1).json()["next_cursor"]
    other = Api(make_key("billing"))
    for response in (
        api.get("sessions/tree", prefix="a/", cursor=cursor),
        other.get("sessions/tree", cursor=cursor),
        api.get("sessions/tree", cursor="nonsense"),
    ):
        assert at(refused(response, "invalid")) == [["query", "cursor"]]


@pytest.mark.parametrize(
    ("name", "value"),
    [("prefix", ""), ("prefix", "x" * 513), ("limit", "0"), ("limit", "1001"), ("depth", "1")],
)
def test_wrong_queries_are_refused_by_name(api: Api, name: str, value: str) -> None:
    assert at(refused(api.get("sessions/tree", **{name: value}), "invalid")) == [["query", name]]


def test_the_number_of_statements_does_not_grow_with_the_tree(api: Api) -> None:
    api.add("a/1")
    tree(api)
    with counted_statements() as few:
        tree(api)
    for number in range(30):
        api.add(f"branch-{number}/{number}")
    with counted_statements() as many:
        assert len(tree(api)) == 31
    assert len(many) == len(few)


PART = st.text(st.sampled_from("ab/0.é\U0001f600"), min_size=1, max_size=6)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ids=st.sets(PART, max_size=12), prefix=st.one_of(st.none(), PART), limit=st.integers(1, 4))
def test_a_tree_is_what_grouping_the_ids_gives(
    db: None, ids: set[str], prefix: str | None, limit: int
) -> None:
    forget_cached_keys()
    caller = make_caller(f"n{abs(hash((frozenset(ids), prefix, limit))) % 10**12}")
    for session_id in ids:
        make_session(caller, session_id)
    expected: dict[str, int] = {}
    for session_id in ids:
        if session_id.startswith(prefix or ""):
            rest = session_id[len(prefix or "") :]
            name, slash, _ = rest.partition("/")
            child = (prefix or "") + name + slash
            expected[child] = expected.get(child, 0) + 1
    assert walk(caller, prefix, limit) == dict(sorted(expected.items()))


def walk(caller: Caller, prefix: str | None, limit: int) -> dict[str, int]:
    met: dict[str, int] = {}
    cursor = None
    while True:
        level = list_children(caller=caller, prefix=prefix, limit=limit, cursor=cursor)
        assert len(level.items) <= limit
        for item in level.items:
            key = item.prefix if isinstance(item, Branch) else item.session_id
            assert key not in met
            met[key] = item.sessions if isinstance(item, Branch) else 1
            assert isinstance(item, Branch | Leaf)
        cursor = level.next_cursor
        if cursor is None:
            return met
