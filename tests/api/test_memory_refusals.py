"""Bad input: refused with the named code at the named place, and nothing of it stored."""

import json
from typing import Any

import pytest

from memory_app import conf
from memory_app.errors import Refusal, StorageFull, Unavailable
from memory_app.models import AgentSession, Namespace
from memory_app.operations import recording
from memory_app.operations.keys import forget_cached_keys
from tests.api.memory_calls import GETS, MEMORY, POSTS
from tests.api.refusals import assert_refused
from tests.conftest import Api
from tests.factories import make_key

MESSAGES: list[tuple[Any, list[Any]]] = [
    (None, []),
    ("Hi", []),
    ([], []),
    (5, []),
    ({}, ["role"]),
    ({"role": None}, ["role"]),
    ({"role": "User"}, ["role"]),
    ({"role": "bot"}, ["role"]),
    ({"role": ["user"]}, ["role"]),
    ({"role": "user", "content": 5}, ["content"]),
    ({"role": "user", "content": 1.5}, ["content"]),
    ({"role": "user", "content": True}, ["content"]),
    ({"role": "user", "content": False}, ["content"]),
    ({"role": "user", "name": 5}, ["name"]),
    ({"role": "user", "tool_call_id": []}, ["tool_call_id"]),
    ({"role": "user", "tool_calls": {}}, ["tool_calls"]),
    ({"role": "user", "tool_calls": ["c"]}, ["tool_calls"]),
    ({"role": "user", "timestamp": 1_700_000_000}, ["timestamp"]),
    ({"role": "user", "timestamp": "yesterday"}, ["timestamp"]),
    ({"role": "user", "timestamp": {}}, ["timestamp"]),
]


@pytest.mark.parametrize(("message", "loc"), MESSAGES)
def test_a_wrong_message_is_refused_where_it_is_wrong(
    watched: Api, message: Any, loc: list[Any]
) -> None:
    assert_refused(
        watched.post("memory/add", message=message), "invalid", ["body", "message", *loc]
    )
    good = {"message": {"role": "user"}}
    events = [good, good, good, {"message": message}]
    response = watched.post("memory/add_list", events=events)
    assert_refused(response, "invalid", ["body", "events", 3, "message", *loc])


def test_the_detail_alone_says_what_would_be_right(watched: Api) -> None:
    def detail(response: Any) -> str:
        return str(response.json()["detail"])

    hello = {"role": "user", "content": "Hi"}
    assert detail(watched.post("memory/add")) == "message: this is required"
    assert "one of user, assistant" in detail(watched.post("memory/add", message={"role": "bot"}))
    misspelt = watched.post("memory/add", message=hello, sesion_id="x")
    assert detail(misspelt).startswith("sesion_id: there is no such field; /api/v1/docs")
    long = watched.get("memory/retrieve", session_id="x", query="x" * 501)
    assert detail(long) == "query: send at most 500 characters"
    tags = watched.post("sessions/create", tags=["t"] * 33)
    assert detail(tags) == "tags: send at most 32 items"
    how = watched.post("sessions/create", if_exists="retrun")
    assert detail(how) == "if_exists: should be 'error' or 'return'"
    both = watched.get("memory/list", last=2, limit=2)
    assert detail(both) == "query: last excludes order, offset and limit"


def test_every_fault_of_a_message_is_named(watched: Api) -> None:
    message = {"role": "x", "content": 5, "name": 5, "id": "", "timestamp": ""}
    response = watched.post("memory/add", message=message)
    places = [["body", "message", name] for name in ("role", "content", "name", "id", "timestamp")]
    assert_refused(response, "invalid", *places)


@pytest.mark.parametrize("state", ["x", 5, True, [], [{}], 0, ""])
def test_a_state_is_an_object_or_null(watched: Api, state: Any) -> None:
    response = watched.post("memory/add", message={"role": "user"}, state=state)
    assert_refused(response, "invalid", ["body", "state"])
    events = [{"message": {"role": "user"}}, {"message": {"role": "user"}, "state": state}]
    response = watched.post("memory/add_list", events=events)
    assert_refused(response, "invalid", ["body", "events", 1, "state"])


@pytest.mark.parametrize(
    ("operation", "fields", "loc"),
    [
        ("add", {}, ["message"]),
        ("add_list", {}, ["events"]),
        ("add_list", {"events": None}, ["events"]),
        ("add_list", {"events": {}}, ["events"]),
        ("add_list", {"events": [[]]}, ["events", 0]),
        ("add_list", {"events": [{}]}, ["events", 0, "message"]),
        ("add_list", {"events": [{"message": {"role": "user"}, "x": 1}]}, ["events", 0, "x"]),
        ("add_list", {"events": [], "message": {"role": "user"}}, ["message"]),
        ("add", {"message": {"role": "user"}, "events": []}, ["events"]),
        ("add", {"message": {"role": "user"}, "create": 1}, ["create"]),
        ("add", {"message": {"role": "user"}, "create": "false"}, ["create"]),
        ("add", {"message": {"role": "user"}, "create": None}, ["create"]),
        ("add", {"message": {"role": "user"}, "uid": "x"}, ["uid"]),
        ("retrieve", {}, ["query"]),
        ("retrieve", {"query": 5}, ["query"]),
        ("retrieve", {"query": None}, ["query"]),
        ("update", {"content": "x"}, ["id"]),
        ("pop", {"index": 0}, ["index"]),
        ("pop", {"uid": "x"}, ["uid"]),
        ("clear", {}, ["session_id"]),
        ("clear", {"session_id": "default", "everything": True}, ["everything"]),
    ],
)
def test_a_wrong_body_is_refused_where_it_is_wrong(
    watched: Api, operation: str, fields: dict[str, Any], loc: list[Any]
) -> None:
    assert_refused(watched.post(f"memory/{operation}", **fields), "invalid", ["body", *loc])


def test_what_was_sent_is_not_repeated_in_a_refusal(watched: Api) -> None:
    secret = "the-secret-of-Mira"
    for operation, fields in (
        ("add", {"message": {"role": secret, "content": 5, "name": [secret]}}),
        ("add", {"message": secret}),
        ("add", {"message": {"role": "user"}, "create": secret, "expected_revision": secret}),
        ("add", {"message": {"role": "user"}, "session_patch": {"tags": [{"x": secret}]}}),
        ("add", {"message": {"role": "user"}, "user_id": [secret]}),
        ("delete", {"index": secret}),
        ("update", {"id": "m-1", "message": {"role": "user", "id": secret}}),
        ("retrieve", {"query": secret, "limit": secret}),
    ):
        response = watched.post(f"memory/{operation}", **fields)
        assert secret.encode() not in response.content
        assert_refused(response, "invalid", *[one["loc"] for one in response.json()["errors"]])
    for query in ({"limit": secret}, {"role": secret}, {"order": secret}, {"last": secret}):
        assert secret.encode() not in watched.get("memory/list", **query).content
    conflict = watched.post("memory/add", message={"id": "m-1", "role": "user", "content": secret})
    assert secret.encode() not in conflict.content


def test_the_name_of_an_unknown_field_is_cut_and_the_faults_are_counted_out(watched: Api) -> None:
    fields = {f"{number:03}{'x' * 100_000}": 1 for number in range(50)}
    response = watched.post("memory/pop", **fields)
    assert response.status_code == 422
    assert len(response.content) < 10_000
    assert response.json()["errors"][0]["loc"] == ["body", "000" + "x" * 61 + "…"]


@pytest.mark.parametrize("operation", GETS)
def test_an_unknown_or_repeated_parameter_is_refused(watched: Api, operation: str) -> None:
    query = "&".join(f"{name}={value}" for name, value in GETS[operation].items())
    for extra, loc in (
        ("limt=5", ["query", "limt"]),
        ("Session_id=x", ["query", "Session_id"]),
        ("session_id[]=x", ["query", "session_id[]"]),
        ("expected_revision=1", ["query", "expected_revision"]),
        ("=x", ["query", ""]),
        ("session_id=a&session_id=a", ["query", "session_id"]),
        ("session_id=a&session_id=b", ["query", "session_id"]),
        ("session_id=a&session%5Fid=b", ["query", "session_id"]),
        ("session_id=a&session_id=", ["query", "session_id"]),
    ):
        response = watched.client.get(
            f"{MEMORY}{operation}?{query}&{extra}", headers=watched.headers
        )
        assert_refused(response, "invalid", loc)


@pytest.mark.parametrize("operation", POSTS)
def test_a_call_with_a_body_takes_no_parameters(watched: Api, operation: str) -> None:
    for extra, loc in (("session_id=x", "session_id"), ("a=1&a=2", "a"), ("x", "x")):
        response = watched.post(f"memory/{operation}?{extra}", **POSTS[operation])
        assert_refused(response, "invalid", ["query", loc])


@pytest.mark.parametrize("count", [64, 2_000])
def test_a_query_of_very_many_parameters_is_refused(watched: Api, count: int) -> None:
    query = "&".join(f"p{number}=1" for number in range(count + 1))
    response = watched.client.get(f"{MEMORY}list?{query}", headers=watched.headers)
    assert (response.status_code, response.json()["code"]) == (422, "invalid")
    assert response["Content-Type"] == "application/problem+json"
    response = watched.post(f"memory/pop?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("operation", [*GETS, *POSTS])
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer lethe_x",
        "Basic eDp5",
        "lethe_aaaaaaaa_" + "a" * 43,
        "Bearer lethe_aaaaaaaa_" + "a" * 43,
        "Bearer \u00e9",
        "Bearer lethe_aaaaaaaa_" + "a" * 9_999,
    ],
)
def test_without_a_valid_key_nothing_is_answered(
    watched: Api, operation: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    if operation in GETS:
        response = watched.client.get(MEMORY + operation, GETS[operation], headers=headers)
        assert_refused(response, "unauthenticated")
        assert response["WWW-Authenticate"] == "Bearer"
    if operation in POSTS:
        for body in (json.dumps(POSTS[operation]), "spoiled"):
            response = watched.client.post(
                MEMORY + operation, body, content_type="application/json", headers=headers
            )
            assert_refused(response, "unauthenticated")


def test_a_full_session_is_refused_with_its_own_code(api: Api) -> None:
    api.add("chat", id="m-1")
    AgentSession.objects.update(last_seq=conf.MAX_SEQ - 1)
    events = [{"message": {"id": name, "role": "user"}} for name in ("a", "b")]
    assert_refused(api.post("memory/add_list", session_id="chat", events=events), "session_full")
    # The one that is there already needs no place.
    hello = {"message": {"id": "m-1", "role": "user", "content": "Hello"}}
    answer = api.post("memory/add_list", session_id="chat", events=[hello, events[0]])
    assert [item["seq"] for item in answer.json()["items"]] == [1, conf.MAX_SEQ]
    response = api.post("memory/add", session_id="chat", message={"role": "user"})
    assert_refused(response, "session_full")
    assert api.get("memory/list", session_id="chat").json()["items"][1]["seq"] == conf.MAX_SEQ
    assert api.post("memory/pop", session_id="chat").json()["item"]["id"] == "a"


@pytest.mark.parametrize(
    ("refusal", "status"), [(Unavailable("busy"), 503), (StorageFull("full"), 507)]
)
def test_what_can_be_repeated_later_says_when(
    watched: Api, monkeypatch: pytest.MonkeyPatch, refusal: Refusal, status: int
) -> None:
    def refuse(**arguments: Any) -> None:
        raise refusal

    monkeypatch.setattr(recording, "add_events", refuse)
    response = watched.post("memory/add", message={"role": "user"})
    assert (response.status_code, response.json()["code"]) == (status, refusal.code)
    assert int(response["Retry-After"]) > 0


def test_a_namespace_may_refuse_calls_that_name_no_session(watched: Api) -> None:
    Namespace.objects.update(shares_default=False)
    forget_cached_keys()
    for operation, query in GETS.items():
        response = watched.get(f"memory/{operation}", **query)
        assert_refused(response, "invalid", ["query", "session_id"])
    for operation, fields in POSTS.items():
        for named in ({"session_id": None}, {}):
            body = {name: value for name, value in fields.items() if name != "session_id"}
            response = watched.post(f"memory/{operation}", **body, **named)
            assert_refused(response, "invalid", ["body", "session_id"])
    assert watched.get("memory/count", session_id="default").json() == {"count": 1}
    Namespace.objects.update(shares_default=True)
    forget_cached_keys()


def test_a_session_of_another_namespace_answers_as_one_that_does_not_exist(watched: Api) -> None:
    uid = watched.get("memory/list").json()["session"]["uid"]
    other = Api(make_key("sales"))
    pairs: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"uid": uid}, {"uid": "0" * 32}),
        ({"session_id": "default"}, {"session_id": "nobody"}),
    ]
    for theirs, missing in pairs:
        for operation, query in GETS.items():
            answers = []
            for named in (theirs, missing):
                response = other.get(f"memory/{operation}", **named, **query)
                text = response.content.decode().replace(response["X-Request-ID"], "")
                answers.append((response.status_code, text))
            assert answers[0] == answers[1]
