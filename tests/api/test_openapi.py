"""The OpenAPI document and its page: complete, true, and enough to work from offline."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from memory_app.api import api as the_api
from memory_app.api.problems import STATUS
from tests.conftest import Api
from tests.contract import OPERATIONS
from tests.factories import make_key

DOCUMENT: dict[str, Any] = json.loads(json.dumps(the_api.get_openapi_schema()))
PREFIX = "/api/v1/"
DESCRIBED = [
    (method, path.removeprefix(PREFIX), operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
NAMES = [f"{method} {name}" for method, name, _ in DESCRIBED]

# Codes that no single operation can promise: another method, a bug.
EVERYWHERE = {"method_not_allowed", "internal"}
CODES = {
    "invalid",
    "session_full",
    "unauthenticated",
    "forbidden",
    "not_found",
    "session_exists",
    "message_conflict",
    "user_conflict",
    "revision_conflict",
    "preview_stale",
    "session_expired",
    "too_large",
    "unsupported_media_type",
    "held",
    "rate_limited",
    "unavailable",
    "storage_full",
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def codes_of(operation: dict[str, Any]) -> set[str]:
    return {
        code
        for response in operation["responses"].values()
        for code in response["content"].get("application/problem+json", {}).get("examples", {})
    }


def test_the_document_is_served_to_everybody_as_json(db: None) -> None:
    response = Client().get("/api/v1/openapi.json")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("application/json")
    assert response.json()["paths"].keys() == DOCUMENT["paths"].keys()
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_operation_of_the_contract_is_there_and_no_other() -> None:
    assert sorted(NAMES) == sorted(str(operation) for operation in OPERATIONS)


@pytest.mark.parametrize(("method", "name", "operation"), DESCRIBED, ids=NAMES)
def test_an_operation_says_what_it_does_and_what_it_takes(
    method: str, name: str, operation: dict[str, Any]
) -> None:
    scopes = {(one.method, one.name): one.scope for one in OPERATIONS}
    assert len(operation["summary"]) > 10
    assert f"Takes the scope `{scopes[method, name]}`." in operation["description"]
    assert operation["tags"] == [name.partition("/")[0]]
    assert operation["security"] == [{"ApiKeyAuth": []}]
    for parameter in operation["parameters"]:
        assert parameter.get("description"), parameter["name"]
        assert '"null"' not in json.dumps(parameter["schema"])
    assert ("requestBody" in operation) == (method == "post")


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in DESCRIBED]
    assert len(set(names)) == len(names)
    assert {"memory_add", "memory_retrieve", "memory_retrieve_post", "sessions_list"} <= set(names)


def test_every_tag_is_described() -> None:
    used = {tag for _, _, operation in DESCRIBED for tag in operation["tags"]}
    assert {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]} == used


@pytest.mark.parametrize(("method", "name", "operation"), DESCRIBED, ids=NAMES)
def test_an_operation_names_its_refusals(method: str, name: str, operation: dict[str, Any]) -> None:
    codes = codes_of(operation)
    assert {"invalid", "unauthenticated", "forbidden", "rate_limited", "unavailable"} <= codes
    assert {"too_large", "unsupported_media_type"} <= codes or method == "get"
    for status, response in operation["responses"].items():
        assert response["description"]
        if int(status) < 400:
            continue
        problem = response["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
        for code, example in problem["examples"].items():
            assert str(STATUS[code][0]) == status
            assert example["value"]["code"] == code
            assert f"`{code}`" in response["description"]


def test_all_codes_of_the_contract_are_named_somewhere_and_no_others() -> None:
    named = {code for _, _, operation in DESCRIBED for code in codes_of(operation)}
    assert named == CODES
    assert STATUS.keys() - EVERYWHERE == CODES


def test_every_reference_leads_somewhere() -> None:
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(DOCUMENT)))
    assert used == DOCUMENT["components"]["schemas"].keys()


SESSION = "org-1/team-2/user-3"


@pytest.fixture
def agent(db: None) -> Api:
    """Return an agent whose session the examples are about."""
    agent = Api(make_key())
    for number in (1, 2, 3):
        agent.add(SESSION, "Where is my refund?", id=f"m-{number}")
    agent.post("sessions/update", session_id=SESSION, user_id="user-3")
    return agent


def example_of(method: str, operation: dict[str, Any]) -> dict[str, Any]:
    if method == "get":
        return {p["name"]: p["example"] for p in operation["parameters"] if "example" in p}
    body: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["example"]
    return dict(body)


def fill(agent: Api, name: str, example: dict[str, Any]) -> dict[str, Any]:
    """Put real ids where an example says where they come from."""
    if name == "receipts/get":
        agent.add("another")
        deleted = agent.post("sessions/delete", session_id="another").json()
        return {"id": deleted["receipt"]["id"]}
    if name in ("purges/execute", "purges/get", "purges/cancel"):
        preview = agent.post("purges/preview", filter={"prefix": "org-1/", "status": "any"}).json()
        if name == "purges/execute":
            return example | {"token": preview["token"]}
        executed = agent.post("purges/execute", token=preview["token"], reason="A reason")
        return {"id": executed.json()["purge"]["id"]}
    return example


@pytest.mark.parametrize(("method", "name", "operation"), DESCRIBED, ids=NAMES)
def test_every_example_is_accepted_and_answered_as_described(
    agent: Api, method: str, name: str, operation: dict[str, Any]
) -> None:
    example = example_of(method, operation)
    assert example
    if name == "memory/add":
        # The example begins its session.
        agent.post("sessions/delete", session_id=SESSION)
    if name == "memory/add_list":
        agent.post("memory/clear", session_id=SESSION)
    call = fill(agent, name, example)
    response = agent.get(name, **call) if method == "get" else agent.post(name, **call)
    if name == "purges/cancel":
        # A purge as small as this one is done before it can be cancelled.
        assert response.status_code not in (401, 403, 405, 422)
        return
    assert response.status_code < 300, response.content
    if name == "subjects/export":
        return
    described = operation["responses"][str(response.status_code)]["content"]["application/json"]
    assert list(differences(response.json(), described["schema"])) == []


TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "null": type(None),
}


def differences(value: Any, schema: dict[str, Any], at: str = "") -> Iterator[str]:
    """Yield where an answer is not what its schema says: a type, a missing or unknown name."""
    schema = resolved(schema)
    kind = schema.get("type")
    if "anyOf" in schema:
        results = [list(differences(value, option, at)) for option in schema["anyOf"]]
        yield from min(results, key=len)
    elif kind is not None and not isinstance(value, TYPES[kind]):
        yield f"{at} is no {kind}"
    elif kind == "array":
        for index, item in enumerate(value):
            yield from differences(item, schema.get("items", {}), f"{at}[{index}]")
    elif kind == "object" and "properties" in schema:
        yield from wrong_members(value, schema, at)


def wrong_members(value: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
    yield from (
        f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value
    )
    for name, part in value.items():
        if name in schema["properties"]:
            yield from differences(part, schema["properties"][name], f"{at}.{name}")
        else:
            yield f"{at}.{name} is not described"


def test_the_document_holds_no_example_that_is_not_a_whole_call() -> None:
    def examples(part: Any, at: str) -> Any:
        if isinstance(part, dict):
            for key, value in part.items():
                if key in ("example", "examples"):
                    yield at
                else:
                    yield from examples(value, f"{at}/{key}")
        elif isinstance(part, list):
            for value in part:
                yield from examples(value, at)

    assert list(examples(DOCUMENT["components"], "")) == []
    places = {at.rpartition("/")[2] for at in examples(DOCUMENT["paths"], "")}
    assert places <= {"parameters", "json", "problem+json"}


class Page(HTMLParser):
    """What a page loads, and what it holds inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.assets: list[str] = []
        self.inline: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one element loads or holds."""
        given = dict(attrs)
        self.assets += [given[name] or "" for name in ("src", "href") if name in given]
        self.inline += [f"{tag} {name}" for name in given if name.startswith("on")]
        self.inline += [tag] * (tag == "style" or "style" in given)
        data = given.get("type") == "application/json"
        self.inline += ["script"] * (tag == "script" and "src" not in given and not data)


def test_the_page_works_offline_under_a_strict_policy(db: None) -> None:
    response = Client().get("/api/v1/docs")
    assert response.status_code == 200
    page = Page(response.content.decode())
    assert page.inline == []
    assert len(page.assets) >= 3
    for asset in page.assets:
        assert asset.startswith("/static/"), asset
        answer = Client().get(asset)
        assert answer.status_code == 200
        assert sum(map(len, answer)) > 0  # type: ignore[arg-type]
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy


def test_the_page_names_no_other_host(db: None) -> None:
    text = Client().get("/api/v1/docs").content.decode()
    assert "http://" not in text
    assert "https://" not in text
    assert '"validatorUrl": null' in text


def test_bounds_of_parameters_are_spelt_as_json_schema_does() -> None:
    for method, name, operation in DESCRIBED:
        for parameter in operation.get("parameters", ()):
            assert {"ge", "le"} & parameter["schema"].keys() == set(), (method, name)
    (limit,) = [
        parameter["schema"]
        for method, name, operation in DESCRIBED
        if (method, name) == ("get", "memory/list")
        for parameter in operation["parameters"]
        if parameter["name"] == "limit"
    ]
    assert (limit["minimum"], limit["maximum"]) == (0, 10_000)
