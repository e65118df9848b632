"""API keys: who may call, what for, and for how long."""

import json
import time
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from memory_app import conf, moments
from memory_app.errors import Invalid, NotFound, Unauthenticated
from memory_app.models import ApiKey, Message
from memory_app.moments import DAY, HOUR, SECOND
from memory_app.operations.keys import create_key, revoke_key, rotate_key, verify_key
from tests.conftest import Api
from tests.contract import OPERATIONS, Operation
from tests.factories import make_key
from tests.refusals import refused

NOW = moments.process_clock()
SCOPES = {"read", "write", "purge"}


def call(api: Api, operation: Operation) -> HttpResponse:
    if operation.method == "get":
        return api.get(operation.name, **operation.arguments)
    return api.post(operation.name, **operation.arguments)


def prefix_of(token: str) -> str:
    return token[: len("lethe_12345678")]


def with_header(value: str | None) -> HttpResponse:
    headers = {} if value is None else {"authorization": value}
    return Client().get("/api/v1/sessions/list", headers=headers)  # type: ignore[return-value]


def nameless(response: HttpResponse) -> bytes:
    return response.content.replace(response["X-Request-ID"].encode(), b"")


def test_whoever_has_no_valid_key_gets_the_same_answer(api: Api) -> None:
    key = api.key
    prefix, secret = prefix_of(key), key[-43:]
    other = make_key("billing")
    wrong = [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        key,
        f"Basic {key}",
        f"Token {key}",
        f"Bearer {key} {key}",
        f"Bearer {key}x",
        f"Bearer {key[:-1]}",
        f"Bearer {key.upper()}",
        f"Bearer {prefix}",
        f"Bearer {secret}",
        f"Bearer {prefix}_{other[-43:]}",
        f"Bearer lethe_00000000_{secret}",
        f"Bearer other{key[5:]}",
        "Bearer " + "x" * 10_000,
        "Bearer lethe_\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9_" + secret,
        "Bearer ' OR 1=1 --",
    ]
    answers = {nameless(with_header(value)) for value in wrong}
    assert len(answers) == 1
    for value in wrong:
        response = with_header(value)
        refused(response, "unauthenticated")
        assert response["WWW-Authenticate"] == "Bearer"


def test_the_word_bearer_is_read_in_any_case(api: Api) -> None:
    for word in ("Bearer", "bearer", "BEARER"):
        assert with_header(f"{word} {api.key}").status_code == 200


def test_a_key_is_taken_from_the_header_only(api: Api) -> None:
    client = Client()
    client.cookies["authorization"] = f"Bearer {api.key}"
    refused(client.get("/api/v1/sessions/list"), "unauthenticated")  # type: ignore[arg-type]
    url = f"/api/v1/sessions/list?authorization={api.key}"
    refused(client.get(url), "unauthenticated")  # type: ignore[arg-type]


def test_a_key_without_scopes_named_may_read_and_write(db: None) -> None:
    assert verify_key(create_key(namespace="support")).scopes == {"read", "write"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_operation_takes_its_scope(db: None, operation: Operation) -> None:
    others = tuple(SCOPES - {operation.scope})
    without = call(Api(make_key("support", others)), operation)
    assert operation.scope in refused(without, "forbidden")["detail"]
    alone = call(Api(make_key("support", (operation.scope,))), operation)
    assert alone.status_code not in (401, 403, 405, 422), alone.content


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_operation_needs_a_key(db: None, operation: Operation) -> None:
    refused(call(Api("nobody"), operation), "unauthenticated")


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_operation_has_its_method_only(api: Api, operation: Operation) -> None:
    methods = {other.method for other in OPERATIONS if other.name == operation.name}
    for method in {"get", "post", "put", "patch", "delete"} - methods:
        send = getattr(api.client, method)
        response = send(f"/api/v1/{operation.name}", headers=api.headers)
        refused(response, "method_not_allowed")
        assert response["Allow"]


def test_a_refused_call_changes_nothing(db: None) -> None:
    reader, writer = Api(make_key("support", ("read",))), Api(make_key("support", ("write",)))
    writer.add("chat")
    message = {"role": "user", "content": "Hello"}
    refused(reader.post("memory/add", session_id="chat", message=message), "forbidden")
    refused(writer.post("sessions/delete", session_id="chat"), "forbidden")
    assert reader.get("memory/count", session_id="chat").json() == {"count": 1}


def test_only_a_digest_is_kept(api: Api) -> None:
    key = ApiKey.objects.get()
    stored = repr([getattr(key, field.name) for field in ApiKey._meta.fields])
    assert api.key[-43:] not in stored
    assert key.prefix == prefix_of(api.key)
    assert len(bytes(key.digest)) == 32


def test_messages_remember_which_key_wrote_them(api: Api) -> None:
    other = Api(make_key())
    api.add("chat", id="one")
    other.add("chat", id="two")
    writers = dict(Message.objects.values_list("message_id", "api_key_id"))
    prefixes = {
        name: ApiKey.objects.get(pk=number).prefix for name, number in writers.items() if number
    }
    assert prefixes == {"one": prefix_of(api.key), "two": prefix_of(other.key)}


def test_the_last_use_is_noted(api: Api) -> None:
    assert ApiKey.objects.get().last_used_at is None
    api.get("sessions/list")
    used = ApiKey.objects.get().last_used_at
    assert used is not None
    assert NOW <= used <= moments.process_clock()


def test_a_key_ends_at_that_very_microsecond(db: None) -> None:
    key = create_key(namespace="support", expires_at=NOW + HOUR)
    assert verify_key(key, now=NOW + HOUR - 1).namespace == "support"
    with pytest.raises(Unauthenticated):
        verify_key(key, now=NOW + HOUR)


def test_a_key_that_ended_is_refused_like_an_unknown_one(api: Api) -> None:
    key = create_key(namespace="support", expires_at=NOW - HOUR, now=NOW - DAY)
    ended = with_header(f"Bearer {key}")
    refused(ended, "unauthenticated")
    assert nameless(ended) == nameless(with_header("Bearer nobody"))


def test_a_revoked_key_is_refused_at_once_here(api: Api) -> None:
    assert api.get("sessions/list").status_code == 200
    revoke_key(prefix=prefix_of(api.key))
    refused(api.get("sessions/list"), "unauthenticated")
    revoked = ApiKey.objects.get().revoked_at
    revoke_key(prefix=prefix_of(api.key), now=NOW + DAY)
    assert ApiKey.objects.get().revoked_at == revoked


def test_a_key_revoked_by_another_process_is_refused_within_seconds(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert conf.KEY_CACHE_SECONDS <= 5
    monkeypatch.setattr(conf, "KEY_CACHE_SECONDS", 0.2)
    assert api.get("sessions/list").status_code == 200
    ApiKey.objects.update(revoked_at=NOW)
    deadline = time.monotonic() + 5
    while api.get("sessions/list").status_code == 200:
        assert time.monotonic() < deadline
    refused(api.get("sessions/list"), "unauthenticated")


def test_a_successor_has_the_same_rights_and_both_work_for_a_while(api: Api) -> None:
    old = create_key(namespace="support", scopes=("read", "purge"), label="bot", now=NOW)
    new = rotate_key(prefix=prefix_of(old), overlap=HOUR, now=NOW)
    assert new != old
    assert verify_key(new).scopes == {"read", "purge"}
    assert verify_key(new).namespace == "support"
    assert ApiKey.objects.get(prefix=prefix_of(new)).label == "bot"
    assert verify_key(old, now=NOW + HOUR - 1)
    with pytest.raises(Unauthenticated):
        verify_key(old, now=NOW + HOUR)
    assert verify_key(new, now=NOW + 1000 * DAY)


def test_a_successor_lives_as_long_as_its_predecessor_did(db: None) -> None:
    old = create_key(namespace="support", expires_at=NOW + 10 * DAY, now=NOW)
    later = NOW + 10 * DAY - HOUR
    new = rotate_key(prefix=prefix_of(old), overlap=DAY, now=later)
    ends = dict(ApiKey.objects.values_list("prefix", "expires_at"))
    assert ends == {prefix_of(old): NOW + 10 * DAY, prefix_of(new): later + 10 * DAY}


def test_only_a_valid_key_has_a_successor(api: Api) -> None:
    ended = create_key(namespace="support", expires_at=NOW - HOUR, now=NOW - DAY)
    revoked = create_key(namespace="support")
    revoke_key(prefix=prefix_of(revoked))
    for prefix in (prefix_of(ended), prefix_of(revoked), "lethe_00000000", "", revoked):
        with pytest.raises(NotFound):
            rotate_key(prefix=prefix)
    with pytest.raises(NotFound):
        revoke_key(prefix="lethe_00000000")


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": ()},
        {"scopes": ("admin",)},
        {"scopes": ("read", "READ")},
        {"expires_at": NOW - SECOND},
        {"label": "x" * 201},
        {"label": "a\nb"},
        {"namespace": ""},
        {"namespace": "Support"},
        {"namespace": "a b"},
        {"namespace": "-a"},
        {"namespace": "x" * 65},
        {"namespace": "a/b"},
    ],
)
def test_a_key_is_not_made_with_nonsense(db: None, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        create_key(**({"namespace": "support"} | wrong))
    assert not ApiKey.objects.exists()


def test_no_refusal_repeats_a_key(api: Api) -> None:
    revoke_key(prefix=prefix_of(api.key))
    problem = refused(api.get("sessions/list"), "unauthenticated")
    assert api.key[-43:] not in json.dumps(problem)
