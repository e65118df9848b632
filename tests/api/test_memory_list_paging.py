"""What memory/list leaves out it names, and following that gives every message once."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_app import conf
from memory_app.operations.recording import Recording, add_events
from tests.conftest import Api
from tests.factories import make_caller, make_event


@st.composite
def _pagings(draw: st.DrawFn) -> tuple[list[str], set[int], dict[str, Any]]:
    """Return the roles of a session, the places removed from it, and a query to follow."""
    roles = draw(st.lists(st.sampled_from(["user", "assistant"]), max_size=12))
    removed = draw(st.sets(st.integers(1, 12), max_size=5))
    query: dict[str, Any] = draw(
        st.one_of(
            st.fixed_dictionaries({"limit": st.integers(1, 5)}, optional={"order": st.just("asc")}),
            st.fixed_dictionaries({"order": st.just("desc"), "limit": st.integers(1, 5)}),
            st.fixed_dictionaries({"last": st.integers(1, 5)}),
            st.fixed_dictionaries({"max_tokens": st.integers(20, 60)}),
            st.fixed_dictionaries(
                {"limit": st.integers(1, 5), "max_tokens": st.integers(20, 60)},
                optional={"order": st.sampled_from(["asc", "desc"])},
            ),
            st.fixed_dictionaries({"last": st.integers(1, 5), "max_tokens": st.integers(20, 60)}),
        )
    )
    query |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "role": st.just("user"),
                "after_seq": st.integers(0, 5),
                "before_seq": st.integers(4, 13),
            },
        )
    )
    return roles, removed, query


def follow(api: Api, query: dict[str, Any], seen: list[int]) -> None:
    """List, and then list whatever the answer says is left."""
    answer = api.get("memory/list", **query).json()
    assert answer["truncated"] == ("next_after_seq" in answer or "next_before_seq" in answer)
    places = [item["seq"] for item in answer["items"]]
    assert places == sorted(places, reverse=query.get("order") == "desc")
    assert places or not answer["truncated"], "nothing came, and nothing else would next time"
    seen += places
    if "next_after_seq" in answer:
        follow(api, query | {"after_seq": answer["next_after_seq"]}, seen)
    if "next_before_seq" in answer:
        follow(api, query | {"before_seq": answer["next_before_seq"]}, seen)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(paging=_pagings())
def test_following_what_is_left_gives_every_matching_message_once(
    api: Api, paging: tuple[list[str], set[int], dict[str, Any]]
) -> None:
    roles, removed, query = paging
    api.post("memory/clear", session_id="chat")
    events = [{"message": {"id": f"{n:04}", "role": role}} for n, role in enumerate(roles)]
    stored = api.post("memory/add_list", session_id="chat", events=events).json()["items"]
    first = stored[0]["seq"] - 1 if stored else 0
    for seq in removed & set(range(1, len(roles) + 1)):
        api.post("memory/delete", session_id="chat", id=f"{seq - 1:04}")
    shifted = {
        name: value + first if name.endswith("_seq") else value for name, value in query.items()
    }
    seen: list[int] = []
    follow(api, shifted | {"session_id": "chat"}, seen)
    expected = [
        seq
        for seq, role in enumerate(roles, 1)
        if seq not in removed
        and role == query.get("role", role)
        and query.get("after_seq", 0) < seq < query.get("before_seq", 99)
    ]
    assert sorted(seq - first for seq in seen) == expected


def fill(session_id: str, count: int) -> None:
    caller = make_caller()
    for start in range(0, count, 1_000):
        numbers = range(start + 1, min(start + 1_000, count) + 1)
        events = [make_event(None, id=str(number)) for number in numbers]
        add_events(caller=caller, recording=Recording(session_id=session_id, events=events))


def test_an_answer_holds_at_most_10_000_messages(api: Api) -> None:
    fill("long", conf.MAX_LIST + 2)

    def ends(**query: Any) -> tuple[int, int, int, dict[str, Any]]:
        answer = api.get("memory/list", session_id="long", **query).json()
        assert answer["total"] == conf.MAX_LIST + 2
        items = answer["items"]
        more = {key: answer[key] for key in answer if key.startswith("next")}
        return len(items), items[0]["seq"], items[-1]["seq"], more

    assert ends() == (10_000, 1, 10_000, {"next_after_seq": 10_000})
    assert ends(after_seq=10_000) == (2, 10_001, 10_002, {})
    assert ends(order="desc") == (10_000, 10_002, 3, {"next_before_seq": 3})
    assert ends(last=10_000) == (10_000, 3, 10_002, {"next_before_seq": 3})
    assert ends(limit=10_000, offset=2) == (10_000, 3, 10_002, {})
    # The newest that fit are the newest of all, not of the first ten thousand.
    tokens = ends(last=1, max_tokens=1_000)
    assert tokens[1:3] == (10_002, 10_002)
    count, first, last, more = ends(max_tokens=100)
    assert (last, more) == (10_002, {"next_before_seq": first})
    assert count == last - first + 1
    assert ends(max_tokens=10**9) == (10_000, 3, 10_002, {"next_before_seq": 3})
    assert ends(max_tokens=10**9, offset=3) == (9_999, 4, 10_002, {})


def test_an_answer_holds_at_most_32_mb(api: Api) -> None:
    caller = make_caller()
    for number in range(10):
        # The ninth begins within the limit and ends beyond it by what is around the messages.
        event = make_event("x" * (2**22 - 60), id=str(number))
        add_events(caller=caller, recording=Recording(session_id="large", events=[event]))

    seen: list[int] = []
    query: dict[str, Any] = {}
    while True:
        response = api.get("memory/list", session_id="large", **query)
        assert len(response.content) <= conf.MAX_ANSWER_BYTES
        answer = response.json()
        assert answer["items"]
        seen += [item["seq"] for item in answer["items"]]
        if not answer["truncated"]:
            break
        query = {"after_seq": answer["next_after_seq"]}
    assert seen == list(range(1, 11))

    newest = api.get("memory/list", session_id="large", last=10)
    assert len(newest.content) <= conf.MAX_ANSWER_BYTES
    answer = newest.json()
    assert answer["items"][-1]["seq"] == 10
    assert answer["next_before_seq"] == answer["items"][0]["seq"] > 1
