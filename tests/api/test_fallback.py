"""Under /api/ every answer is JSON: where no operation answers, and where one fails."""

import logging
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from memory_app.api import fallback
from memory_app.operations import reading
from memory_app.operations.keys import Caller
from tests.api.refusals import assert_refused
from tests.conftest import Api

OPERATIONS = {
    "memory/add": ["POST"],
    "memory/add_list": ["POST"],
    "memory/list": ["GET"],
    "memory/retrieve": ["GET", "POST"],
    "memory/get": ["GET"],
    "memory/update": ["POST"],
    "memory/delete": ["POST"],
    "memory/pop": ["POST"],
    "memory/clear": ["POST"],
    "memory/count": ["GET"],
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_method_is_refused_and_the_right_one_named(api: Api, operation: str) -> None:
    allowed = OPERATIONS[operation]
    for method in METHODS:
        if method in allowed:
            continue
        # Also without a key: which methods there are is in the public description.
        for headers in (api.headers, {}):
            response = api.client.generic(method, f"/api/v1/{operation}", headers=headers)
            assert response.status_code == 405
            assert response["Allow"] == ", ".join(allowed)
            assert response["Content-Type"] == "application/problem+json"
            if method != "HEAD":
                assert_refused(response, "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api/v1/",
        "/api/v1",
        "/api/v2/memory/list",
        "/api/v1/memory",
        "/api/v1/memory/",
        "/api/v1/memory/list/",
        "/api/v1/memory/List",
        "/api/v1/memory/list/org-1",
        "/api/v1//memory/list",
        "/api/v1/memory/%00",
        "/api/v1/memory/%FF",
        "/api/v1/memory/..%2f..%2fetc",
        "/api/v1/<script>",
        "/api/v1/" + "x" * 5_000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
def test_an_unknown_path_is_not_found(api: Api, path: str, method: str) -> None:
    for headers in (api.headers, {}, {"accept": "text/html"}):
        response = api.client.generic(method, path, headers=headers)
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
        if method != "HEAD":
            problem = assert_refused(response, "not_found")
            assert "script" not in str(problem)


def test_the_description_of_the_api_is_served(api: Api) -> None:
    response = api.client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    paths = response.json()["paths"]
    for operation, methods in OPERATIONS.items():
        described = paths[f"/api/v1/{operation}"]
        assert sorted(described) == [method.lower() for method in methods]


def test_an_error_of_ours_is_a_problem_and_its_text_goes_nowhere(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**arguments: Any) -> int:
        raise RuntimeError("the secret of Mira")

    monkeypatch.setattr(reading, "count_messages", fail)
    with caplog.at_level(logging.ERROR):
        response = api.get("memory/count", session_id="the-session-of-Mira")
    problem = assert_refused(response, "internal")
    assert "Mira" not in str(problem)
    (record,) = [one for one in caplog.records if one.name == "lethe.api"]
    assert vars(record)["request_id"] == problem["request_id"]
    assert vars(record)["operation"] == "/api/v1/memory/count"
    assert "Mira" not in record.getMessage()


def test_an_error_outside_the_operations_is_a_problem_too(
    api: Api, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def fail(*arguments: Any, **more: Any) -> Caller:
        raise RuntimeError("the secret of Mira")

    monkeypatch.setattr("ninja.openapi.views.Response", fail)
    # Django's debugging page would show the request, with everything in it.
    for settings.DEBUG in (False, True):
        response = api.client.get("/api/v1/openapi.json")
        problem = assert_refused(response, "internal")
        assert "Mira" not in str(problem)
        assert_refused(api.client.get("/api/v1/nothing"), "not_found")


def test_a_refusal_in_another_form_becomes_a_problem(api: Api) -> None:
    for status, code in (
        (400, "invalid"),
        (403, "forbidden"),
        (413, "too_large"),
        (502, "internal"),
    ):
        middleware = fallback.ProblemsOnly(
            lambda request, status=status: HttpResponse("<html>", status=status)
        )
        request = HttpRequest()
        request.path_info = "/api/v1/memory/list"
        response = middleware(request)
        assert response["Content-Type"] == "application/problem+json"
        assert f'"code": "{code}"'.encode() in response.content
        assert b"html" not in response.content
        request.path_info = "/sign-in"
        assert middleware(request).content == b"<html>"
