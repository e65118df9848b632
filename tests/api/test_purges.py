"""purges/: see what would go, then let that go and nothing else; or put it back."""

import io
import json
import os
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_app import moments
from memory_app.models import (
    AgentSession,
    AuditEntry,
    HoldKind,
    LegalHold,
    Message,
    Preview,
    PreviewedSession,
    Purge,
    Receipt,
    ReceiptSubject,
)
from memory_app.operations import previewing, purging
from memory_app.operations.cleaning import clean_up
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.keys import forget_cached_keys
from tests.batches import in_batches_of
from tests.conftest import Api
from tests.factories import make_key
from tests.refusals import at, refused

EVERYTHING = {"status": "any", "everything": True}
REASON = "The customer left"


def preview(api: Api, **wanted: Any) -> dict[str, Any]:
    response = api.post("purges/preview", filter=wanted)
    assert response.status_code == 200, response.content
    shown: dict[str, Any] = response.json()
    return shown


def execute(api: Api, token: str, status: int = 200) -> dict[str, Any]:
    response = api.post("purges/execute", token=token, reason=REASON)
    assert response.status_code == status, response.content
    purge: dict[str, Any] = response.json()["purge"]
    return purge


def receipt_of(api: Api, purge: dict[str, Any]) -> dict[str, Any]:
    receipt: dict[str, Any] = api.get("receipts/get", id=purge["receipt_id"]).json()["receipt"]
    return receipt


def state_of(api: Api, purge: dict[str, Any]) -> str:
    state: str = api.get("purges/get", id=purge["id"]).json()["purge"]["state"]
    return state


def ids(api: Api, **query: Any) -> list[str]:
    items = api.get("sessions/list", **({"sort": "created_at"} | query)).json()["items"]
    return [item["session_id"] for item in items]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take any set for one that waits for cleanup."""
    monkeypatch.setattr(previewing, "MOST_SESSIONS_AT_ONCE", 0)


def test_a_preview_shows_numbers_and_removes_nothing(api: Api) -> None:
    for name in ("org-1/a", "org-1/a", "org-1/b", "org-2/a"):
        last = api.add(name)["session"]
    shown = preview(api, prefix="org-1/")
    listed = api.get("sessions/list", prefix="org-1/", sort="last_activity_at").json()["items"]
    assert shown == {
        "token": shown["token"],
        "sessions": 2,
        "messages": 3,
        "bytes": sum(item["size_bytes"] for item in listed),
        "held": 0,
        "oldest": listed[0]["last_activity_at"],
        "newest": listed[-1]["last_activity_at"],
        "filter": {"prefix": "org-1/", "status": "active"},
    }
    assert AgentSession.objects.count() == 3
    assert last["session_id"] == "org-2/a"


def test_what_was_shown_goes_and_the_receipt_says_so(api: Api) -> None:
    for name in ("org-1/a", "org-1/b", "org-2/a"):
        api.add(name)
    purge = execute(api, preview(api, prefix="org-1/")["token"])
    assert purge == purge | {"state": "done", "done": 2, "total": 2}
    assert ids(api, status="any") == ["org-2/a"]
    receipt = receipt_of(api, purge)
    assert (receipt["kind"], receipt["reason"]) == ("purge", REASON)
    assert receipt["actor"] == f"key {api.key[:14]}"
    assert receipt["counts"] == receipt["counts"] | {"previewed": 2, "sessions": 2, "messages": 2}
    assert receipt["verification"]["result"] == "clear"
    assert api.get("purges/get", id=purge["id"]).json() == {"purge": purge}


def test_similar_prefixes_survive(api: Api) -> None:
    for name in ("org-1/a", "Org-1/a", "org-10/a", "org-1", "org-1/", "ORG-1/A", "org_1/a"):
        api.add(name)
    execute(api, preview(api, prefix="org-1/")["token"])
    assert ids(api) == ["Org-1/a", "org-10/a", "org-1", "ORG-1/A", "org_1/a"]


@pytest.mark.parametrize("end", "/-_:.")
def test_a_prefix_of_a_purge_ends_where_a_level_ends(api: Api, end: str) -> None:
    assert preview(api, prefix=f"org{end}")["sessions"] == 0
    problem = refused(api.post("purges/preview", filter={"prefix": f"org{end}1"}), "invalid")
    assert problem["suggestion"] == f"org{end}1/"
    assert at(problem) == [["body", "filter", "prefix"]]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"status": "any"},
        {"status": "active"},
        {"prefix": None, "user_id": None},
        {"tags": []},
        {"held": False},
        {"everything": False},
        {"status": "any", "prefix": None, "everything": None},
    ],
)
def test_an_empty_filter_never_means_everything(api: Api, wanted: dict[str, Any]) -> None:
    api.add("chat")
    problem = refused(api.post("purges/preview", filter=wanted), "invalid")
    assert at(problem) == [["body", "filter"]]
    assert not Preview.objects.exists()


@pytest.mark.parametrize("wanted", [EVERYTHING | {"prefix": None}, {"everything": True}])
def test_everything_is_said_in_words(api: Api, wanted: dict[str, Any]) -> None:
    for name in ("a", "b", "c"):
        api.add(name)
    api.post("sessions/expire", session_id="b")
    shown = preview(api, **wanted)
    assert shown["sessions"] == 3
    assert shown["filter"] == EVERYTHING | {"prefix": None}
    execute(api, shown["token"])
    assert not AgentSession.objects.exists()


def test_everything_goes_with_no_other_filter(api: Api) -> None:
    response = api.post("purges/preview", filter=EVERYTHING | {"prefix": "a/"})
    assert at(refused(response, "invalid")) == [["body", "filter", "everything"]]


def test_a_filter_has_the_names_of_the_list(api: Api) -> None:
    for name in ("one", "two"):
        api.post(
            "sessions/create",
            session_id=name,
            user_id=f"user-{name}",
            tags=[name, "a,b"],
            metadata={"n": name, "x": 1.50},
        )
    for wanted in (
        {"user_id": "user-one"},
        {"tags": ["one"]},
        {"tags": ["a,b", "one"]},
        {"metadata": {"n": "one"}},
        {"metadata": {"x": 1.5}, "tags": ["one"]},
        {"created_after": "2020-01-01T00:00:00Z", "user_id": "user-one"},
    ):
        assert preview(api, **wanted)["sessions"] == 1, wanted
    assert preview(api, created_before="2020-01-01T00:00:00Z")["sessions"] == 0
    shown = preview(api, active_after="2020-01-01T00:00:00+01:00")
    assert shown["filter"] == {"status": "active", "active_after": "2019-12-31T23:00:00.000000Z"}
    token = preview(api, metadata={"n": "one", "x": 1.50})["token"]
    execute(api, token)
    assert ids(api) == ["two"]


@pytest.mark.parametrize(
    ("wanted", "loc"),
    [
        ({"prefix": ""}, ["prefix"]),
        ({"prefix": "a\n/"}, ["prefix"]),
        ({"prefix": 1}, ["prefix"]),
        ({"user_id": ""}, ["user_id"]),
        ({"status": "gone"}, ["status"]),
        ({"tags": "gold"}, ["tags"]),
        ({"tags": [""]}, ["tags", 0]),
        ({"metadata": {}}, ["metadata"]),
        ({"metadata": []}, ["metadata"]),
        ({"created_after": "yesterday"}, ["created_after"]),
        ({"held": "true"}, ["held"]),
        ({"everything": "true"}, ["everything"]),
        ({"prefix": "a/", "limit": 1}, ["limit"]),
        ({"prefix": "a/", "sort": "created_at"}, ["sort"]),
        ({"prefx": "a/"}, ["prefx"]),
    ],
)
def test_wrong_filters_are_refused_by_name(api: Api, wanted: Any, loc: list[Any]) -> None:
    problem = refused(api.post("purges/preview", filter=wanted), "invalid")
    assert at(problem) == [["body", "filter", *loc]]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_purge_needs_a_reason(api: Api, reason: str) -> None:
    api.add("a/1")
    token = preview(api, prefix="a/")["token"]
    response = api.post("purges/execute", token=token, reason=reason)
    assert at(refused(response, "invalid")) == [["body", "reason"]]
    execute(api, token)


def test_a_preview_that_cannot_be_used_is_stale(api: Api) -> None:
    api.add("a/1")
    used = preview(api, prefix="a/")["token"]
    execute(api, used)
    api.add("a/1")
    old = preview(api, prefix="a/")["token"]
    Preview.objects.filter(pk=old).update(created_at=moments.process_clock() - previewing.VALID_FOR)
    others = preview(Api(make_key()), prefix="a/")["token"]
    foreign = preview(Api(make_key("billing")), prefix="a/")["token"]
    answers = set()
    for token in (used, old, others, foreign, "prv_unknown"):
        response = api.post("purges/execute", token=token, reason=REASON)
        problem = refused(response, "preview_stale")
        answers.add(json.dumps(problem | {"request_id": ""}))
    assert len(answers) == 1
    assert ids(api) == ["a/1"]


def test_what_changed_was_held_or_went_is_counted_and_left(api: Api) -> None:
    for name in ("same", "changed", "gone", "held"):
        api.add(f"a/{name}")
    shown = preview(api, prefix="a/")
    api.add("a/changed")
    api.post("sessions/delete", session_id="a/gone")
    hold("a/held")
    api.add("a/later")
    counts = receipt_of(api, execute(api, shown["token"]))["counts"]
    assert counts == counts | {"previewed": 4, "sessions": 1, "changed": 1, "gone": 1, "held": 1}
    assert ids(api) == ["a/changed", "a/held", "a/later"]


def hold(session_id: str) -> None:
    LegalHold.objects.create(
        id=f"hld_{session_id}",
        namespace=AgentSession.objects.get(session_id=session_id).namespace,
        kind="session",
        target=session_id,
        matter="Case 7",
        reason="A suit",
        placed_by="ann",
        placed_at=1,
        review_at=2,
    )


def test_what_is_held_is_shown_before(api: Api) -> None:
    for name in ("a/1", "a/2"):
        api.add(name)
    hold("a/2")
    assert preview(api, prefix="a/")["held"] == 1
    assert preview(api, prefix="a/", held=True)["sessions"] == 1


@pytest.mark.usefixtures("large")
def test_a_large_purge_is_queued_closed_at_every_door(api: Api) -> None:
    uid = api.add("a/1")["session"]["uid"]
    purge = execute(api, preview(api, prefix="a/")["token"], 202)
    assert (purge["state"], purge["total"], "receipt_id" in purge) == ("queued", 1, False)
    assert ids(api) == []
    assert api.get("sessions/tree").json()["items"] == []
    assert api.get("memory/list", session_id="a/1").json()["session"] is None
    assert api.get("memory/list", uid=uid).json()["items"] == []
    refused(api.get("sessions/get", uid=uid), "not_found")
    assert api.get("subjects/export", user_id="ann").getvalue() == b""
    assert Message.objects.count() == 1
    clean_up()
    assert state_of(api, purge) == "done"
    assert Message.objects.count() == AgentSession.objects.count() == 0


@pytest.mark.usefixtures("large")
def test_the_cleanup_command_carries_out_what_is_queued(api: Api) -> None:
    api.add("a/1")
    purge = execute(api, preview(api, prefix="a/")["token"], 202)
    call_command("cleanup", "--json", stdout=io.StringIO())
    assert state_of(api, purge) == "done"


@pytest.mark.usefixtures("large")
def test_a_cancelled_purge_puts_back_what_it_closed(api: Api) -> None:
    for name in ("a/1", "a/2", "a/3"):
        api.add(name)
    api.post("sessions/expire", session_id="a/3")
    api.add("a/3")
    before = everything(api)
    purge = execute(api, preview(api, status="any", prefix="a/")["token"], 202)
    assert everything(api) != before
    response = api.post("purges/cancel", id=purge["id"])
    assert response.json()["purge"] == {
        "id": purge["id"],
        "state": "cancelled",
        "done": 0,
        "total": 4,
    }
    assert everything(api) == before
    assert api.post("purges/cancel", id=purge["id"]).json() == response.json()
    for model in (Receipt, ReceiptSubject, Preview, PreviewedSession):
        assert not model.objects.exists()
    assert purging.finish_purges() == 0
    assert everything(api) == before
    token = preview(api, prefix="a/")["token"]
    assert execute(api, token, 202)["total"] == 3


def everything(api: Api) -> Any:
    return (
        api.get("sessions/list", status="any", sort="created_at").json(),
        [api.get("memory/list", session_id=f"a/{number}").json() for number in (1, 2, 3)],
        list(AgentSession.objects.order_by("id").values()),
    )


@pytest.mark.usefixtures("large")
def test_a_session_whose_id_was_taken_comes_back_expired(api: Api) -> None:
    old = api.add("a/1", "Old")["session"]["uid"]
    purge = execute(api, preview(api, prefix="a/")["token"], 202)
    new = api.add("a/1", "New")["session"]["uid"]
    api.post("purges/cancel", id=purge["id"])
    assert api.get("sessions/get", session_id="a/1").json()["session"]["uid"] == new
    assert api.get("sessions/get", uid=old).json()["session"]["status"] == "expired"


@pytest.mark.usefixtures("large")
def test_a_cancellation_that_died_is_finished_by_the_next_cleanup(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        api.add(f"a/{number}")
    purge = execute(api, preview(api, prefix="a/")["token"], 202)
    in_batches_of(8, monkeypatch)
    die(monkeypatch, purging, "reopen", 2)
    assert api.post("purges/cancel", id=purge["id"]).status_code == 500
    assert state_of(api, purge) == "cancelled"
    purging.finish_purges()
    assert len(ids(api)) == 5
    assert not Receipt.objects.exists()


@pytest.mark.usefixtures("large")
def test_what_a_cancelled_purge_was_to_remove_is_forgotten_step_by_step(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the process that closed it was killed: all that was previewed is still there."""
    for number in range(9):
        api.add(f"a/{number}")
    die(monkeypatch, purging, "close_next", 1)
    token = preview(api, prefix="a/")["token"]
    assert api.post("purges/execute", token=token, reason="Asked").status_code == 500
    assert PreviewedSession.objects.count() == 9
    in_batches_of(4, monkeypatch)
    steps: list[int] = []
    forget = purging.forget_some_shown

    def counting(*arguments: Any) -> int:
        steps.append(forget(*arguments))
        return steps[-1]

    monkeypatch.setattr(purging, "forget_some_shown", counting)
    cancelled = api.post("purges/cancel", id=Purge.objects.get().pk).json()["purge"]
    assert cancelled["state"] == "cancelled"
    assert max(steps) <= 4
    for model in (Receipt, Preview, PreviewedSession):
        assert not model.objects.exists()
    assert len(ids(api)) == 9


@pytest.mark.usefixtures("large")
def test_a_purge_that_is_cancelled_while_it_closes_its_sessions_is_refused_to_its_caller(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add("a/1")
    token = preview(api, prefix="a/")["token"]
    close_all = purging.close_all

    def cancelled_meanwhile(*arguments: Any) -> None:
        close_all(*arguments)
        api.post("purges/cancel", id=Purge.objects.get().pk)

    monkeypatch.setattr(purging, "close_all", cancelled_meanwhile)
    refused(api.post("purges/execute", token=token, reason="Asked"), "preview_stale")
    assert ids(api) == ["a/1"]


def die(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, at_call: int) -> None:
    """Let one call of a function die after its work and before it is committed."""
    work: Callable[..., Any] = getattr(module, name)
    calls = 0

    def work_and_die(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        result = work(*arguments, **named)
        if calls == at_call:
            raise RuntimeError("the process ends here")
        return result

    monkeypatch.setattr(module, name, work_and_die)


@pytest.mark.parametrize(
    ("step", "call"),
    [("close_next", 1), ("close_next", 2), ("delete_closed", 1), ("delete_closed", 2)],
)
def test_a_purge_that_died_is_finished_as_it_was_shown(
    api: Api, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    for number in range(5):
        api.add(f"a/{number}")
    api.add("other")
    shown = preview(api, prefix="a/")
    in_batches_of(8, monkeypatch)
    die(monkeypatch, purging, step, call)
    assert api.post("purges/execute", token=shown["token"], reason=REASON).status_code == 500
    refused(api.post("purges/execute", token=shown["token"], reason=REASON), "preview_stale")
    assert purging.finish_purges() == 1
    assert ids(api) == ["other"]
    (receipt,) = api.get("receipts/list").json()["items"]
    assert receipt["counts"] == receipt["counts"] | {"previewed": 5, "sessions": 5, "messages": 5}
    assert receipt["purged_at"] is not None


def test_a_purge_that_has_started_is_not_cancelled(api: Api) -> None:
    api.add("a/1")
    purge = execute(api, preview(api, prefix="a/")["token"])
    assert api.post("purges/cancel", id=purge["id"]).json()["purge"] == purge
    assert not AgentSession.objects.exists()


@pytest.mark.usefixtures("large")
def test_purges_of_another_namespace_are_not_there(api: Api) -> None:
    api.add("a/1")
    purge = execute(api, preview(api, prefix="a/")["token"], 202)
    other = Api(make_key("billing"))
    refused(other.get("purges/get", id=purge["id"]), "not_found")
    refused(other.post("purges/cancel", id=purge["id"]), "not_found")
    assert state_of(api, purge) == "queued"


def test_an_empty_set_is_purged_too(api: Api) -> None:
    purge = execute(api, preview(api, prefix="nobody/")["token"])
    assert purge == purge | {"state": "done", "done": 0, "total": 0}


@pytest.mark.usefixtures("large")
def test_a_queue_of_nothing_is_done_by_the_next_cleanup(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "MOST_SESSIONS_AT_ONCE", -1)
    purge = execute(api, preview(api, prefix="nobody/")["token"], 202)
    clean_up()
    assert state_of(api, purge) == "done"


@pytest.mark.usefixtures("large")
def test_executing_and_cancelling_are_in_the_audit_log_without_ids(api: Api) -> None:
    api.add("canary/1")
    purge = execute(api, preview(api, prefix="canary/")["token"], 202)
    api.post("purges/cancel", id=purge["id"])
    entries = AuditEntry.objects.filter(act__startswith="purge").order_by("n")
    assert [entry.act for entry in entries] == ["purge.execute", "purge.cancel"]
    assert {entry.actor for entry in entries} == {f"key {api.key[:14]}"}
    assert "canary" not in repr(list(entries.values()))


NAME = st.text(st.sampled_from("aA/1-"), min_size=1, max_size=4)
ACT = st.sampled_from(["add", "delete", "expire", "hold", "none"])
EXAMPLES = int(os.environ.get("LETHE_PROVE_EXAMPLES", "20"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    names=st.lists(NAME, unique=True, max_size=6),
    prefix=NAME.map(lambda name: f"{name}/"),
    acts=st.lists(ACT, min_size=6, max_size=6),
    batch=st.integers(1, 3),
)
def test_what_was_shown_what_went_and_the_receipt_agree(
    db: None, names: list[str], prefix: str, acts: list[str], batch: int
) -> None:
    """Whatever became active, held, expired or ended in between."""
    forget_cached_keys()
    namespace = f"n{secrets.token_hex(6)}"
    agent = Api(make_key(namespace))
    for name in names:
        agent.add(name)
    shown = preview(agent, prefix=prefix, status="any")
    matching = {name for name in names if name.startswith(prefix)}
    assert shown["sessions"] == len(matching)
    untouched = set(matching)
    for name, act in zip(names, acts, strict=False):
        if act == "none":
            continue
        untouched.discard(name)
        if act == "add":
            agent.add(name)
        elif act == "hold":
            why = {"matter": "Miller", "reason": "Asked by counsel"}
            place_hold(hold=NewHold(namespace=namespace, kind=HoldKind.SESSION, target=name, **why))
        else:
            agent.post(f"sessions/{act}", session_id=name)
    deleted = {name for name, act in zip(names, acts, strict=False) if act == "delete"}
    held = {name for name, act in zip(names, acts, strict=False) if act == "hold"} & matching
    with pytest.MonkeyPatch.context() as patch:
        in_batches_of(4 * batch, patch)
        counts = receipt_of(agent, execute(agent, shown["token"]))["counts"]
    assert set(ids(agent, status="any")) == set(names) - untouched - deleted
    assert counts["previewed"] == shown["sessions"]
    assert counts["sessions"] == len(untouched)
    assert counts["gone"] == len(deleted & matching)
    assert counts["held"] == len(held)
    assert counts["changed"] == len(matching) - len(untouched) - len(deleted & matching) - len(held)
    assert counts["messages"] == len(untouched)
