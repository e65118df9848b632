"""Purges in the console: asked for by a filter, followed, cancelled, and proved by a receipt."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from memory_app.models import AgentSession, AuditEntry, HoldKind, Purge, Receipt
from memory_app.moments import DAY
from memory_app.operations import previewing
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.keys import Caller
from memory_app.operations.purging import delete_session, finish_purges, finish_receipt
from memory_app.operations.recording import Recording, add_events
from tests.batches import in_batches_of
from tests.console.scenes import PART, SECRETS, person
from tests.counting import counted_statements
from tests.factories import make_caller, make_event, make_session

pytestmark = pytest.mark.django_db

FILTER = {"namespace": "support", "q": "org-1/"}


@pytest.fixture
def agent() -> Caller:
    caller = make_caller("support")
    for name in ("ann", "bob", "cem"):
        make_session(caller, f"org-1/{name}", "Hello", "And more")
    make_session(caller, "org-2/dora")
    return caller


@pytest.fixture
def petra(agent: Caller) -> Client:
    return person("privacy_officer", name="petra")


@pytest.fixture
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a purge of three sessions be one that waits for cleanup."""
    monkeypatch.setattr(previewing, "MOST_SESSIONS_AT_ONCE", 2)


def preview(client: Client, **more: str) -> str:
    answer = client.post("/purges/new/", FILTER | more)
    assert answer.status_code == 303, answer.text
    return str(answer["Location"])


def execute(client: Client, **more: str) -> Any:
    where = preview(client)
    return client.post(where, {"typed": "purge 3", "reason": "Contract ended"} | more)


def test_a_filter_is_shown_in_words_and_numbers_then_purged_with_a_receipt(petra: Client) -> None:
    where = preview(petra, status="active")
    asked = petra.get(where).text
    assert "Purge 3 sessions for good?" in asked
    assert "status is active, session id begins with org-1/" in asked
    assert AgentSession.objects.count() == 4
    answer = petra.post(where, {"typed": "purge 3", "reason": "Contract ended"})
    assert re.fullmatch(r"/receipts/rct_[0-9a-f]{32}/", answer["Location"])
    shown = petra.get(answer["Location"]).text
    assert "Done, and checked that nothing is left" in shown
    assert "Contract ended" in shown
    assert list(AgentSession.objects.values_list("session_id", flat=True)) == ["org-2/dora"]


def test_what_a_filter_leaves_out_is_said_and_stays(petra: Client) -> None:
    where = preview(petra, q="org-1/ -prefix:org-1/bob/ -tag:vip -user:cem")
    asked = petra.get(where).text
    assert "without the tag vip, user is not cem" in asked
    assert "session id does not begin with org-1/bob/" in asked
    AgentSession.objects.filter(session_id="org-1/cem").update(user_id="cem")
    petra.post(where, {"typed": "purge 3", "reason": "Contract ended"})
    left = AgentSession.objects.order_by("session_id").values_list("session_id", flat=True)
    assert list(left) == ["org-1/cem", "org-2/dora"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"q": ""}, "all of them are meant"),
        ({"q": "-tag:vip"}, "name which sessions go"),
        ({"q": "-tag:vip", "everything": "yes"}, "name which sessions go"),
        ({"q": "org-1/ -prefix:org-1/a"}, "org-1/a/"),
        ({"q": "org-1"}, "org-1/"),
        ({"q": "usr:ann"}, "usr:"),
        ({"q": "", "time": "soon"}, "a time is one of"),
        ({"everything": "yes"}, "no filter"),
    ],
)
def test_a_filter_that_names_no_part_or_cannot_be_read_is_refused_and_kept(
    petra: Client, given: dict[str, str], said: str
) -> None:
    answer = petra.post("/purges/new/", FILTER | given)
    assert answer.status_code == 422
    assert said in answer.text.lower()
    assert f'value="{(FILTER | given)["q"]}"' in answer.text


def test_the_whole_namespace_is_purged_only_when_that_is_said(petra: Client) -> None:
    where = preview(petra, q="", everything="yes")
    assert "Purge 4 sessions for good?" in petra.get(where).text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"typed": "purge 4"}, "Type “purge 3” to confirm"), ({"reason": " "}, "Give a reason")],
)
def test_wrong_words_remove_nothing_and_keep_what_was_typed(
    petra: Client, wrong: dict[str, str], said: str
) -> None:
    answer = execute(petra, **wrong)
    assert answer.status_code == 422
    assert said in answer.text
    kept = 'value="Contract ended"' if "typed" in wrong else 'value="purge 3"'
    assert kept in answer.text
    assert AgentSession.objects.count() == 4


def test_a_preview_is_used_once(petra: Client) -> None:
    where = preview(petra)
    words = {"typed": "purge 3", "reason": "Contract ended"}
    petra.post(where, words)
    again = petra.post(where, words, follow=True)
    assert "Nothing was removed by it now" in again.text.replace("\n", " ")
    assert Receipt.objects.count() == 1


def test_what_a_hold_or_a_message_changed_meanwhile_stays_and_is_counted(
    agent: Caller, petra: Client
) -> None:
    where = preview(petra)
    hold = NewHold(
        namespace="support",
        kind=HoldKind.SESSION,
        target="org-1/ann",
        matter="Miller",
        reason="Asked by counsel",
    )
    place_hold(hold=hold)
    add_events(
        caller=agent, recording=Recording(session_id="org-1/bob", events=[make_event("Wait")])
    )
    delete_session(caller=agent, session_id="org-1/cem")
    answer = petra.post(where, {"typed": "purge 3", "reason": "Contract ended"}, follow=True)
    table = re.search(r'<table class="reckoning">.*?</table>', answer.text, re.S)
    assert table is not None
    numbers = re.findall(r'<td class="num">(\d+)</td>', table.group())
    assert numbers == ["0", "1", "1", "1", "3"]


@pytest.mark.usefixtures("_large")
def test_a_large_purge_waits_shows_how_far_it_is_and_ends_in_its_receipt(petra: Client) -> None:
    assert "removed by the next cleanup" in petra.get(preview(petra)).text
    where = execute(petra)["Location"]
    assert re.fullmatch(r"/purges/prg_[0-9a-f]{32}/", where)
    waiting = petra.get(where, headers=PART).text
    assert "Waiting for cleanup: 3 sessions" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    assert "Cancel the purge" in waiting
    assert "Queued" in petra.get("/purges/?state=queued").text
    finish_purges()
    done = petra.get(where, headers=PART).text
    assert "Done: 3 sessions purged" in done
    assert "hx-trigger" not in done
    assert f"/receipts/{Receipt.objects.get().id}/" in done


@pytest.mark.usefixtures("_large")
def test_one_that_is_under_way_goes_on_and_cannot_be_cancelled(
    petra: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_batches_of(6, monkeypatch)
    where = execute(petra)["Location"]
    receipt = Receipt.objects.get().id
    finish_receipt(receipt, seconds=-1.0)
    running = petra.get(where, headers=PART).text
    assert "Under way: 1 of 3 sessions" in running
    assert "Cancel the purge" not in running
    answer = petra.post(f"{where}cancel/", follow=True)
    assert "It could not be cancelled" in answer.text
    finish_purges()
    assert "Done: 3 sessions purged" in petra.get(where).text


@pytest.mark.usefixtures("_large")
def test_a_purge_is_cancelled_before_it_starts_and_nothing_is_gone(petra: Client) -> None:
    where = execute(petra)["Location"]
    answer = petra.post(f"{where}cancel/", follow=True)
    assert "The purge is cancelled" in answer.text
    assert "Cancelled before it started" in answer.text
    assert "by petra" in answer.text
    assert AgentSession.objects.filter(purge_receipt=None, ended_at=None).count() == 4
    assert not Receipt.objects.exists()
    assert AuditEntry.objects.filter(act="purge.cancel", actor="petra").count() == 1
    assert "Cancelled purge" in petra.get("/purges/?state=cancelled").text
    finish_purges()
    assert AgentSession.objects.count() == 4


@pytest.mark.usefixtures("_large")
def test_cancelling_too_late_says_so_and_changes_nothing(petra: Client) -> None:
    where = execute(petra)["Location"]
    finish_purges()
    answer = petra.post(f"{where}cancel/", follow=True)
    assert "It could not be cancelled: it has started, 3 of 3 sessions" in answer.text.replace(
        "\n", " "
    )
    assert Receipt.objects.get().purged_at is not None


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("role", ["viewer", "operator", "administrator"])
def test_nobody_else_purges_or_cancels_and_viewers_see_counts(petra: Client, role: str) -> None:
    where = execute(petra)["Location"]
    other = person(role, name="other")
    assert other.get("/purges/new/").status_code == 403
    assert other.post("/purges/new/", FILTER).status_code in (403, 404)
    assert other.post(f"{where}cancel/").status_code in (403, 404)
    shown = other.get(where)
    assert shown.status_code == (403 if role == "administrator" else 200)
    assert "Cancel the purge" not in shown.text
    assert AgentSession.objects.filter(purge_receipt=None).count() == 1


@pytest.mark.usefixtures("_large")
def test_purges_of_other_namespaces_look_like_none(petra: Client) -> None:
    where = execute(petra)["Location"]
    cleo = person("privacy_officer", "claims", "cleo")
    assert cleo.get(where).status_code == 404
    assert cleo.post(f"{where}cancel/").status_code == 404
    assert "prg_" not in cleo.get("/purges/").text


@pytest.mark.parametrize("query", ["state=lost", "cursor=x"])
def test_a_list_that_cannot_be_read_is_refused(petra: Client, query: str) -> None:
    assert petra.get(f"/purges/?{query}").status_code == 422


def test_purges_are_paged_with_as_many_queries_for_many_as_for_few(
    agent: Caller, petra: Client
) -> None:
    def asked() -> int:
        with counted_statements() as statements:
            assert petra.get("/purges/").status_code == 200
        return len(statements)

    for n in range(55):
        Purge.objects.create(
            id=f"prg_{n:032x}",
            namespace_id=agent.namespace_id,
            receipt=f"rct_{n:032x}",
            sessions=1,
            actor="olga",
            requested_at=n // 2,
            cancelled_at=n,
        )
        if n == 4:
            few = asked()
    assert asked() == few
    first = petra.get("/purges/").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    second = petra.get(following.group(1).replace("&amp;", "&")).text
    seen = re.findall(r'id="row-(prg_[0-9a-f]+)"', first + second)
    assert len(seen) == len(set(seen)) == 55


def test_a_receipt_is_found_by_id_kind_namespace_and_day_and_taken_as_json(
    agent: Caller, petra: Client
) -> None:
    receipt = execute(petra)["Location"].split("/")[2]
    Receipt.objects.filter(id=receipt).update(requested_at=20_000 * DAY)

    def found(query: str) -> bool:
        return receipt in petra.get(f"/receipts/?{query}").text

    assert found("id=org-1/ann")
    assert found("kind=purge&namespace=support")
    assert found("since=2024-10-04&until=2024-10-04")
    assert not found("id=org-2/dora")
    assert not found("kind=erasure")
    assert not found("since=2024-10-05")
    assert petra.get("/receipts/?since=soon").status_code == 422
    answer = petra.get(f"/receipts/{receipt}/receipt.json")
    read = json.loads(answer.content)["receipt"]
    assert (read["id"], read["counts"]["sessions"], read["reason"]) == (
        receipt,
        3,
        "Contract ended",
    )
    assert answer["Content-Disposition"].endswith(f'"{receipt}.json"')


def test_a_receipt_says_what_it_proves_and_what_not(petra: Client) -> None:
    shown = petra.get(execute(petra)["Location"]).text
    for said in (
        "scrub due",
        "waits for",
        "Backups made before",
        "write-ahead log",
        "keyed digest",
    ):
        assert said in shown
    for secret in (*SECRETS, "org-1/ann"):
        assert secret not in shown
