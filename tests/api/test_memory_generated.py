"""Whatever is sent to a memory operation, it answers in JSON and never fails."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Api

BOUNDED = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TEXTS = st.sampled_from(["m-1", "user", "Ünï", "10", "a//b", "🙂"]) | st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=8
)
NUMBERS = st.one_of(
    st.integers(-3, 5),
    st.sampled_from([2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, -(2**63), 5e-324, 1e300, -0.0]),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "text", "user_id"]) | TEXTS, parts)
    ),
    max_leaves=6,
)
# What no field takes, or few do.
HOSTILE = VALUES | st.sampled_from(
    [float("nan"), float("inf"), 2**63, 10**400, "\x00", "\ud800", "", "a" * 513, "a\nb", "ａ" * 9]
)
DOCUMENTS = st.none() | st.dictionaries(TEXTS | st.just("user_id"), VALUES, max_size=3)
WHOLE = st.integers(0, 5)


@st.composite
def nearly(
    draw: st.DrawFn,
    required: dict[str, st.SearchStrategy[Any]],
    optional: dict[str, st.SearchStrategy[Any]],
) -> Any:
    """Return an object that is right, or wrong in one place."""
    value = draw(st.fixed_dictionaries(required, optional=optional))
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from([*required, *optional, "unknown"]))
        value[name] = draw(HOSTILE)
    elif required and draw(st.integers(0, 15)) == 0:
        del value[draw(st.sampled_from(sorted(required)))]
    return value


CONTENTS = st.none() | TEXTS | st.lists(VALUES, max_size=3) | DOCUMENTS
CALLS = st.none() | st.lists(st.dictionaries(st.just("id"), VALUES, max_size=1), max_size=2)
MESSAGES = nearly(
    {"role": st.sampled_from(["user", "assistant", "tool", "system", "developer"])},
    {
        "id": st.none() | TEXTS,
        "content": CONTENTS,
        "timestamp": st.none() | st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
        "name": st.none() | TEXTS,
        "tool_calls": CALLS,
        "tool_call_id": st.none() | TEXTS,
        "other": VALUES,
    },
)
PATCHES = st.none() | nearly(
    {},
    {
        "title": st.none() | TEXTS,
        "tags": st.none() | st.lists(TEXTS, max_size=3),
        "metadata": DOCUMENTS,
        "state": DOCUMENTS,
    },
)
SESSION = {"session_id": st.sampled_from(["chat", None]) | TEXTS}
CONDITION = {"expected_revision": st.none() | WHOLE}
OF_AN_ADD = {
    **SESSION,
    **CONDITION,
    "user_id": st.none() | TEXTS,
    "session_patch": PATCHES,
    "create": st.booleans(),
}
BODIES: dict[str, st.SearchStrategy[Any]] = {
    "add": nearly({"message": MESSAGES}, {**OF_AN_ADD, "state": DOCUMENTS}),
    "add_list": nearly(
        {"events": st.lists(nearly({"message": MESSAGES}, {"state": DOCUMENTS}), max_size=4)},
        OF_AN_ADD,
    ),
    "retrieve": nearly({"query": TEXTS}, {**SESSION, "limit": WHOLE, "offset": WHOLE}),
    "update": st.one_of(
        nearly({"id": st.sampled_from(["m-1", "m-2"]), "content": CONTENTS}, SESSION),
        nearly(
            {"id": st.sampled_from(["m-1", "m-2"]), "message": MESSAGES},
            {**SESSION, **CONDITION, "state": DOCUMENTS},
        ),
    ),
    "delete": st.one_of(
        nearly({"id": TEXTS}, {**SESSION, **CONDITION}),
        nearly({"index": st.integers(-1, 2) | st.integers(-(2**63), 2**63 - 1)}, SESSION),
    ),
    "pop": nearly({}, {**SESSION, **CONDITION}),
    "clear": nearly({"session_id": TEXTS}, CONDITION),
}
COUNT = st.integers(0, 9).map(str)
QUERIES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "list": nearly(
        {},
        {
            **SESSION,
            "role": st.sampled_from(["user", "tool"]),
            "after_seq": COUNT,
            "before_seq": COUNT,
            "after_timestamp": st.datetimes().map(lambda time: f"{time.isoformat()}-03:30"),
            "order": st.sampled_from(["asc", "desc"]),
            "offset": COUNT,
            "limit": COUNT,
            "max_tokens": COUNT,
        },
    ),
    "retrieve": nearly({"query": TEXTS}, {**SESSION, "limit": COUNT, "offset": COUNT}),
    "get": nearly({"id": st.sampled_from(["m-1", "m-2"])}, SESSION),
    "count": nearly({}, SESSION),
}


@pytest.fixture
def filled(api: Api) -> Api:
    """Return an agent with sessions to hit."""
    for session_id in ("chat", "default"):
        for name in ("m-1", "m-2"):
            api.add(session_id, "user", id=name)
    return api


def check(response: Any) -> None:
    assert response.status_code < 500, response.content
    if response.status_code < 400:
        assert response["Content-Type"] == "application/json"
    else:
        assert response["Content-Type"] == "application/problem+json"
    answer = json.loads(response.content.decode(), parse_constant=pytest.fail)
    assert isinstance(answer, dict)
    if response.status_code >= 400:
        assert answer["status"] == response.status_code
        assert answer["code"]
        assert all(fault["loc"][0] in ("body", "query") for fault in answer.get("errors", []))


@pytest.mark.parametrize("operation", BODIES)
def test_any_body_is_answered_in_json(filled: Api, operation: str) -> None:
    @BOUNDED
    @given(BODIES[operation])
    def send(body: Any) -> None:
        check(filled.post(f"memory/{operation}", json.dumps(body).encode()))

    send()


@pytest.mark.parametrize("operation", BODIES)
def test_any_bytes_are_answered_in_json(filled: Api, operation: str) -> None:
    @BOUNDED
    @given(BODIES[operation], st.integers(0, 200), st.binary(max_size=3), st.integers(0, 3))
    def send(body: Any, place: int, instead: bytes, length: int) -> None:
        whole = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        spoiled = whole[:place] + instead + whole[place + length :]
        check(filled.post(f"memory/{operation}", spoiled))

    send()


@pytest.mark.parametrize("operation", QUERIES)
def test_any_query_is_answered_in_json(filled: Api, operation: str) -> None:
    @BOUNDED
    @given(QUERIES[operation])
    def send(query: dict[str, Any]) -> None:
        texts = {name: str(value) for name, value in query.items() if value is not None}
        encoded = {name: text.encode("utf-8", "replace").decode() for name, text in texts.items()}
        check(filled.get(f"memory/{operation}", **encoded))

    send()


@pytest.mark.parametrize("operation", QUERIES)
def test_any_query_string_is_answered_in_json(filled: Api, operation: str) -> None:
    pieces = st.sampled_from(
        ["session_id=chat", "&", "=", "%", "%00", "%FF", "+", "limit=1", "id=m-1", ";", "[]", "é"]
    )

    @BOUNDED
    @given(st.lists(pieces, max_size=6).map("".join))
    def send(query: str) -> None:
        check(filled.client.get(f"/api/v1/memory/{operation}?{query}", headers=filled.headers))

    send()
