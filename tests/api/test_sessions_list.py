"""sessions/list: filters, order, pages."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from memory_app import moments
from memory_app.moments import DAY, SECOND
from memory_app.operations.keys import Caller, verify_key
from tests import databases
from tests.conftest import Api
from tests.counting import counted_statements
from tests.factories import begin_session, make_key, make_session
from tests.refusals import at, refused

NOW = moments.process_clock()


@pytest.fixture
def caller(api: Api) -> Caller:
    return verify_key(api.key)


def listed(api: Api, **query: Any) -> list[str]:
    response = api.get("sessions/list", **query)
    assert response.status_code == 200, response.content
    return [item["session_id"] for item in response.json()["items"]]


def found(api: Api, **query: Any) -> set[str]:
    return set(listed(api, **query))


def walk(api: Api, **query: Any) -> list[str]:
    """Follow the cursors to the end."""
    met = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("sessions/list", **query, **cursor).json()
        met += [item["session_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return met
        cursor = {"cursor": page["next_cursor"]}


PREFIX_CASES = {
    "org-1/": {"org-1/ann", "org-1/team-2/bob"},
    "org-1": {
        "org-1",
        "org-1/ann",
        "org-1/team-2/bob",
        "org-10/cid",
        "org-1\ue000",
        "org-1\ud7ff/jan",
    },
    "ORG-1/": {"ORG-1/dee"},
    "org-1/ann": {"org-1/ann"},
    "é": {"é/eve"},
    "%": {"%/fay"},
    "_": {"_/gil"},
    "\\": {"\\/hal"},
    "\U0010ffff": {"\U0010ffff/ida"},
    "org-1\ud7ff": {"org-1\ud7ff/jan"},
    "nobody/": set(),
}


@pytest.mark.parametrize("prefix", PREFIX_CASES)
def test_a_prefix_is_compared_character_by_character_with_its_case(
    api: Api, caller: Caller, prefix: str
) -> None:
    every = set().union(*PREFIX_CASES.values()) | {"É/other", "e\u0301/decomposed", "org_1/x"}
    for name in every:
        begin_session(caller, name)
    assert found(api, prefix=prefix) == PREFIX_CASES[prefix]


def test_the_test_database_has_a_locale_that_sorts_unlike_code_points(db: None) -> None:
    """Otherwise nothing would show that prefixes and order do not follow a locale."""
    if connection.vendor != "postgresql" or not databases.has_locale():
        pytest.skip("SQLite has no locales; PostgreSQL has those of the machine")
    with connection.cursor() as cursor:
        cursor.execute("SELECT datcollate FROM pg_database WHERE datname = current_database()")
        assert cursor.fetchone()[0].lower().replace("-", "") == "en_us.utf8"
        cursor.execute("SELECT 'a' < 'B', 'a' COLLATE \"C\" < 'B' COLLATE \"C\"")
        assert cursor.fetchone() == (True, False)


def test_the_session_of_a_user_is_found_by_the_exact_user_id(api: Api, caller: Caller) -> None:
    begin_session(caller, "a", user_id="Ann")
    begin_session(caller, "b", user_id="ann")
    begin_session(caller, "c", user_id="ann ")
    begin_session(caller, "d")
    assert found(api, user_id="ann") == {"b"}
    assert found(api, user_id="Bob") == set()


def test_the_status_is_active_unless_another_is_asked_for(api: Api, caller: Caller) -> None:
    begin_session(caller, "live")
    begin_session(caller, "over", now=NOW - 31 * DAY)
    assert found(api) == {"live"}
    assert found(api, status="active") == {"live"}
    assert found(api, status="expired") == {"over"}
    assert found(api, status="purging") == set()
    assert found(api, status="any") == {"live", "over"}


def test_a_session_that_was_followed_by_another_is_still_listed_as_expired(
    api: Api, caller: Caller
) -> None:
    first = begin_session(caller, "chat", now=NOW - 31 * DAY)
    second = api.add("chat")["session"]
    items = api.get("sessions/list", status="any", sort="created_at").json()["items"]
    assert [(item["uid"], item["status"]) for item in items] == [
        (first.session.uid, "expired"),
        (second["uid"], "active"),
    ]


def test_of_an_expired_session_only_the_stub_is_listed(api: Api, caller: Caller) -> None:
    begin_session(caller, "over", title="Divorce", metadata={"plan": "gold"}, now=NOW - 31 * DAY)
    (item,) = api.get("sessions/list", status="expired").json()["items"]
    assert set(item) == {
        "uid",
        "session_id",
        "status",
        "revision",
        "created_at",
        "last_activity_at",
        "expires_at",
        "expires_because",
        "purge_after",
    }


def test_tags_must_all_be_there(api: Api, caller: Caller) -> None:
    begin_session(caller, "both", tags=["vip", "refund"])
    begin_session(caller, "one", tags=["vip"])
    begin_session(caller, "none")
    assert found(api, tags="vip") == {"both", "one"}
    assert found(api, tags="vip,refund") == {"both"}
    assert found(api, tags="refund,vip") == {"both"}
    assert found(api, tags="VIP") == set()
    assert found(api, tags="vi") == set()


def test_a_tag_with_a_comma_or_a_backslash_is_found_by_escaping_it(
    api: Api, caller: Caller
) -> None:
    begin_session(caller, "comma", tags=["red, white", "vip"])
    begin_session(caller, "two", tags=["red", " white"])
    begin_session(caller, "backslash", tags=["a\\b"])
    assert found(api, tags="red\\, white") == {"comma"}
    assert found(api, tags="red\\, white,vip") == {"comma"}
    assert found(api, tags="red, white") == {"two"}
    assert found(api, tags="a\\b") == {"backslash"}
    assert found(api, tags="a\\\\b") == {"backslash"}


def test_metadata_is_found_by_equal_top_level_entries_types_counted(
    api: Api, caller: Caller
) -> None:
    values = {
        "int": 1,
        "float": 1.0,
        "true": True,
        "text": "1",
        "null": None,
        "list": [1],
        "object": {"b": 2, "a": 1},
    }
    for name, value in values.items():
        begin_session(caller, name, metadata={"v": value, "other": "x"})
    begin_session(caller, "nested", metadata={"deep": {"v": 1}})
    begin_session(caller, "bare")
    for name, value in values.items():
        assert found(api, metadata=json.dumps({"v": value})) == {name}
    assert found(api, metadata='{"v": {"a": 1, "b": 2}}') == {"object"}
    assert found(api, metadata='{"v": 1.00}') == {"float"}
    assert found(api, metadata='{"v": {"a": 1}}') == set()
    assert found(api, metadata='{"v": 1, "other": "x"}') == {"int"}
    assert found(api, metadata='{"v": 1, "other": "y"}') == set()


def test_ranges_take_the_first_moment_in_and_leave_the_last_one_out(
    api: Api, caller: Caller
) -> None:
    start = NOW - 5 * DAY
    for day in range(4):
        begin_session(caller, f"day-{day}", now=start + day * DAY)
    second, third = (moments.to_rfc3339(start + day * DAY) for day in (1, 2))
    for field in ("created", "active"):
        assert found(api, **{f"{field}_after": second}) == {"day-1", "day-2", "day-3"}
        assert found(api, **{f"{field}_before": second}) == {"day-0"}
        both = {f"{field}_after": second, f"{field}_before": third}
        assert found(api, **both) == {"day-1"}
    expiry = moments.to_rfc3339(start + 31 * DAY)
    assert found(api, expires_after=expiry) == {"day-1", "day-2", "day-3"}
    assert found(api, expires_before=expiry) == {"day-0"}


def test_nothing_is_held_without_a_hold(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat")
    assert found(api, held="true") == set()
    assert found(api, held="false") == {"chat"}


def test_filters_are_combined(api: Api, caller: Caller) -> None:
    begin_session(caller, "org-1/a", user_id="ann", tags=["vip"], metadata={"plan": "gold"})
    begin_session(caller, "org-1/b", user_id="ann", tags=["vip"])
    begin_session(caller, "org-2/c", user_id="ann", tags=["vip"], metadata={"plan": "gold"})
    query = {"prefix": "org-1/", "user_id": "ann", "tags": "vip", "metadata": '{"plan":"gold"}'}
    assert found(api, **query) == {"org-1/a"}


@pytest.mark.parametrize("name", ["created_at", "last_activity_at", "expires_at"])
def test_times_sort_both_ways(api: Api, caller: Caller, name: str) -> None:
    for place, session_id in enumerate(["c", "a", "b"]):
        begin_session(caller, session_id, now=NOW - DAY + place * SECOND)
    assert listed(api, sort=name) == ["c", "a", "b"]
    assert listed(api, sort=f"-{name}") == ["b", "a", "c"]


@pytest.mark.parametrize("name", ["message_count", "size_bytes"])
def test_counts_sort_both_ways(api: Api, caller: Caller, name: str) -> None:
    for session_id, count in (("two", 2), ("three", 3), ("one", 1)):
        make_session(caller, session_id, *["Hello"] * count)
    assert listed(api, sort=name) == ["one", "two", "three"]
    assert listed(api, sort=f"-{name}") == ["three", "two", "one"]


def test_the_latest_activity_comes_first_unless_another_order_is_asked_for(
    api: Api, caller: Caller
) -> None:
    begin_session(caller, "early", now=NOW - 2 * SECOND)
    begin_session(caller, "late", now=NOW - SECOND)
    assert listed(api) == ["late", "early"]
    api.add("early")
    assert listed(api) == ["early", "late"]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "message_count", "-expires_at"])
def test_pages_of_any_size_make_up_the_list(api: Api, caller: Caller, sort: str) -> None:
    """Also where many sessions share the value that is sorted by."""
    for number in range(7):
        begin_session(caller, f"s-{number}", now=NOW - DAY)
    whole = walk(api, sort=sort)
    assert sorted(whole) == [f"s-{number}" for number in range(7)]
    for limit in (1, 2, 3, 6, 7, 8):
        assert walk(api, sort=sort, limit=limit) == whole


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
def test_by_creation_every_session_is_met_once_while_others_begin(sort: str) -> None:
    api = Api(make_key())
    caller = verify_key(api.key)
    before = {f"before-{number}" for number in range(30)}
    for name in sorted(before):
        begin_session(caller, name)
    stop = threading.Event()

    def begin_more() -> int:
        number = 0
        while not stop.is_set():
            begin_session(caller, f"meanwhile-{number}")
            number += 1
        connection.close()
        return number

    met: list[str] = []
    with ThreadPoolExecutor(1) as threads:
        begun = threads.submit(begin_more)
        try:
            cursor: dict[str, str] = {}
            while not before <= set(met):
                page = api.get("sessions/list", sort=sort, limit=4, **cursor).json()
                met += [item["session_id"] for item in page["items"]]
                assert page["next_cursor"] or before <= set(met)
                cursor = {"cursor": page["next_cursor"]}
        finally:
            stop.set()
        assert begun.result() > 0
    assert len(met) == len(set(met))


def test_a_cursor_goes_on_when_its_session_is_gone(api: Api, caller: Caller) -> None:
    for number in range(4):
        begin_session(caller, f"s-{number}", now=NOW - DAY + number)
    page = api.get("sessions/list", sort="created_at", limit=2).json()
    api.post("sessions/delete", session_id="s-1")
    rest = listed(api, sort="created_at", limit=2, cursor=page["next_cursor"])
    assert rest == ["s-2", "s-3"]


def cursor_of(api: Api, **query: Any) -> str:
    cursor = api.get("sessions/list", limit=1, **query).json()["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


@pytest.fixture
def several(caller: Caller) -> None:
    for number in range(3):
        begin_session(caller, f"org-1/{number}", user_id="ann", tags=["vip"], metadata={"v": 1})


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    "other",
    [
        {"sort": "created_at"},
        {"sort": "last_activity_at"},
        {"prefix": "org-1/"},
        {"user_id": "ann"},
        {"status": "any"},
        {"tags": "vip"},
        {"metadata": '{"v": 1}'},
        {"created_after": "2020-01-01T00:00:00Z"},
        {"expires_before": "2999-01-01T00:00:00Z"},
        {"held": "false"},
    ],
)
def test_a_cursor_of_another_order_or_filter_is_refused(api: Api, other: dict[str, str]) -> None:
    cursor = cursor_of(api)
    assert at(refused(api.get("sessions/list", cursor=cursor, **other), "invalid")) == [
        ["query", "cursor"]
    ]
    if "held" not in other:
        refused(api.get("sessions/list", cursor=cursor_of(api, **other)), "invalid")


@pytest.mark.usefixtures("several")
def test_a_cursor_of_another_namespace_is_refused(api: Api) -> None:
    billing = Api(make_key("billing"))
    refused(billing.get("sessions/list", cursor=cursor_of(api)), "invalid")


@pytest.mark.usefixtures("several")
def test_the_same_filter_in_other_words_takes_the_cursor(api: Api, caller: Caller) -> None:
    begin_session(caller, "x", tags=["a", "b"], metadata={"p": 1, "q": 2})
    begin_session(caller, "y", tags=["a", "b"], metadata={"p": 1, "q": 2})
    cursor = cursor_of(api, tags="a,b", metadata='{"p": 1, "q": 2}')
    response = api.get(
        "sessions/list", tags="b,a", metadata='{"q":2,"p":1}', limit=7, cursor=cursor
    )
    assert response.status_code == 200
    assert len(response.json()["items"]) == 1


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "not a cursor",
        "é",
        "====",
        "A" * 1_000,
        "A" * 100_000,
        base64.urlsafe_b64encode(b"\x00" * 12 + b"[1,2]").decode(),
    ],
)
def test_what_is_no_cursor_is_refused(api: Api, cursor: str) -> None:
    refused(api.get("sessions/list", cursor=cursor), "invalid")


def test_a_changed_cursor_is_refused(api: Api, caller: Caller) -> None:
    for number in range(2):
        begin_session(caller, f"s-{number}")
    cursor = cursor_of(api)
    for place in range(0, len(cursor), 5):
        other = "A" if cursor[place] != "A" else "B"
        changed = cursor[:place] + other + cursor[place + 1 :]
        refused(api.get("sessions/list", cursor=changed), "invalid")


def test_the_total_is_given_on_request_only_and_counts_all_pages(api: Api, caller: Caller) -> None:
    for number in range(3):
        begin_session(caller, f"s-{number}", tags=["vip"] * (number > 0))
    assert "total" not in api.get("sessions/list", limit=1).json()
    assert "total" not in api.get("sessions/list", limit=1, total="false").json()
    assert api.get("sessions/list", limit=1, total="true").json()["total"] == 3
    assert api.get("sessions/list", tags="vip", total="true").json()["total"] == 2
    assert api.get("sessions/list", prefix="none/", total="true").json() == {
        "items": [],
        "next_cursor": None,
        "total": 0,
    }


def test_a_list_holds_no_state_and_no_message_text(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat", title="Refund", metadata={"plan": "gold"}, state={"s": "canary"})
    api.add("chat", "canary")
    response = api.get("sessions/list")
    assert b"canary" not in response.content
    (item,) = response.json()["items"]
    assert "state" not in item
    assert (item["title"], item["metadata"]) == ("Refund", {"plan": "gold"})
    assert set(item) == SESSION_FIELDS - {"state"}


SESSION_FIELDS = {
    "uid",
    "session_id",
    "namespace",
    "user_id",
    "title",
    "tags",
    "metadata",
    "state",
    "status",
    "revision",
    "message_count",
    "token_count",
    "size_bytes",
    "held",
    "created_at",
    "last_activity_at",
    "expires_at",
    "expires_because",
    "purge_after",
    "ended_at",
}


@pytest.mark.parametrize(
    ("operation", "query"),
    [
        ("sessions/list", {"limit": 1_000}),
        ("sessions/list", {"limit": 1_000, "tags": "vip", "status": "any", "total": "true"}),
        ("sessions/list", {"prefix": "s-", "metadata": '{"plan": "gold"}', "sort": "size_bytes"}),
        ("memory/list", {"session_id": "s-0"}),
        ("memory/retrieve", {"session_id": "s-0", "query": "hello"}),
    ],
)
def test_the_number_of_statements_does_not_grow_with_rows(
    api: Api, caller: Caller, operation: str, query: dict[str, Any]
) -> None:
    def statements() -> int:
        with counted_statements() as sent:
            assert api.get(operation, **query).status_code == 200
        return len(sent)

    for number in range(2):
        begin_session(caller, f"s-{number}", tags=["vip"], metadata={"plan": "gold"})
    api.add("s-0", "Hello")
    statements()
    few = statements()
    assert few > 0
    for number in range(2, 30):
        begin_session(caller, f"s-{number}", tags=["vip"], metadata={"plan": "gold"})
        api.add("s-0", "Hello again")
    assert statements() == few


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefix", ""),
        ("prefix", "x" * 513),
        ("prefix", "a\x00b"),
        ("user_id", ""),
        ("user_id", "x" * 513),
        ("status", "live"),
        ("status", ""),
        ("tags", ""),
        ("tags", "vip,"),
        ("tags", ",vip"),
        ("tags", "x" * 65),
        ("tags", ",".join(f"t{number}" for number in range(33))),
        ("metadata", ""),
        ("metadata", "{}"),
        ("metadata", "gold"),
        ("metadata", "[1]"),
        ("metadata", "null"),
        ("metadata", '{"a": 1, "a": 2}'),
        ("metadata", '{"a": NaN}'),
        ("metadata", '{"a": 1e400}'),
        ("metadata", '{"a": 99999999999999999999}'),
        ("metadata", '{"a": "\\ud800"}'),
        ("metadata", '{"a": "\\u0000"}'),
        ("metadata", '{"a":' + "[" * 64 + "]" * 64 + "}"),
        ("metadata", json.dumps({f"k{number}": 1 for number in range(33)})),
        ("created_after", "yesterday"),
        ("created_before", "2026-01-31"),
        ("active_after", "2026-01-31T12:00:00"),
        ("active_before", "2026-02-30T12:00:00Z"),
        ("expires_after", "1769860800"),
        ("expires_before", "0001-01-01T00:00:00+23:59"),
        ("held", "yes"),
        ("held", "1"),
        ("sort", "title"),
        ("sort", "+created_at"),
        ("sort", "created_at; DROP TABLE message"),
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "-1"),
        ("limit", "1.0"),
        ("limit", "\u0661"),
        ("limit", "99999999999999999999"),
        ("total", "True"),
        ("offset", "1"),
        ("statuses", "any"),
    ],
)
def test_nonsense_in_a_filter_is_refused_by_name(api: Api, name: str, value: str) -> None:
    assert at(refused(api.get("sessions/list", **{name: value}), "invalid"))[0][:2] == [
        "query",
        name,
    ]


def test_a_filter_given_twice_is_refused(api: Api) -> None:
    problem = refused(api.get("sessions/list", prefix=["a", "b"]), "invalid")
    assert at(problem) == [["query", "prefix"]]


def test_a_filter_that_is_not_utf_8_is_refused(api: Api) -> None:
    response = api.client.get("/api/v1/sessions/list?prefix=%ff", headers=api.headers)
    refused(response, "invalid")
