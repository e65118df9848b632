"""What people do to sessions in the console: each role exactly what the contract says."""

import csv
import io
import json
import re

import pytest
from django.http import HttpResponse
from django.test import Client

from memory_app.operations import previewing
from memory_app.operations.keys import Caller
from memory_app.operations.purging import finish_purges
from memory_app.operations.reading import Which
from memory_app.operations.sessions import get_session
from memory_app.storage import engine
from tests.console.scenes import PART, ROLES, SECRETS, ask_to_purge, person, scene, token_in
from tests.factories import begin_session, make_caller, make_session
from tests.people import acting, signed_in

pytestmark = pytest.mark.django_db

MAY = {
    ("viewer", "list"),
    ("viewer", "open"),
    ("viewer", "receipts"),
    *(("operator", act) for act in ("list", "open", "receipts", "read", "expire", "extend-7d")),
    ("operator", "restore"),
    *(("privacy_officer", act) for act in ("list", "open", "receipts", "read", "expire")),
    *(("privacy_officer", act) for act in ("extend-7d", "restore", "purge", "download")),
    *(("privacy_officer", act) for act in ("hold", "release", "export")),
}
READS = {
    "list": "/sessions/",
    "open": "/sessions/{uid}/",
    "read": "/sessions/{uid}/messages/1/",
    "download": "/sessions/{uid}/session.md",
    "receipts": "/receipts/",
}


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def petra(agent: Caller) -> Client:
    return person("privacy_officer")


def status(agent: Caller, uid: str) -> str:
    at = get_session(caller=agent, which=Which("", uid))
    return at.session.status(at.now)


@pytest.mark.parametrize(
    "act", [*READS, "expire", "extend-7d", "restore", "purge", "hold", "release", "export"]
)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_this_and_no_more(agent: Caller, role: str, act: str) -> None:
    uid, client = scene(agent), person(role)
    before = status(agent, uid)
    if act in READS:
        answer = client.get(READS[act].format(uid=uid))
    elif act in ("hold", "release"):
        form = {"do": act, "sel": uid, "matter": "M", "reason": "R"}
        answer = client.post("/sessions/hold/", form)
    else:
        answer = client.post("/sessions/act/", {"do": act, "sel": uid})
    allowed = (role, act) in MAY
    # An administrator sees no sessions: to them there is none, and what is chosen is gone.
    refused = (403, 404, 303) if role == "administrator" else (403,)
    assert answer.status_code in ((200, 303) if allowed else refused)
    if not allowed:
        changed = status(agent, uid) != before
        assert not changed
    if answer.status_code == 403:
        assert "role" in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_buttons_are_shown_to_those_who_may_press_them(agent: Caller, role: str) -> None:
    text = person(role).get(f"/sessions/{scene(agent)}/").text
    for act, button in (("expire", 'value="expire"'), ("purge", "purge-button")):
        assert (button in text) == ((role, act) in MAY)


@pytest.mark.parametrize("path", ["/sessions/act/", f"/purges/prv_{'0' * 32}/"])
def test_acts_need_their_own_form(petra: Client, path: str) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = petra.cookies
    assert careful.post(path, {"do": "expire"}).status_code == 403


def test_acts_are_not_done_by_opening_an_address(petra: Client) -> None:
    assert petra.get("/sessions/act/?do=expire").status_code == 405


def test_selected_sessions_are_expired_and_one_is_told_and_may_undo_it(
    agent: Caller, petra: Client
) -> None:
    first, second, third = (scene(agent, name) for name in "abc")
    answer = petra.post(
        "/sessions/act/",
        {"do": "expire", "sel": [first, second], "query": "status=active"},
        headers=PART,
    )
    assert answer.text.startswith('<section id="results"')
    assert "2 sessions expired" in answer.text
    assert [status(agent, uid) for uid in (first, second, third)] == [
        "expired",
        "expired",
        "active",
    ]
    undo = undo_in(answer)
    back = petra.post("/sessions/act/", {"do": "undo", "undo": undo, "back": "/sessions/"})
    assert (back.status_code, back["Location"]) == (303, "/sessions/")
    assert status(agent, first) == "active"
    assert "2 sessions as before, and not expired" in petra.get("/sessions/").text
    again = petra.post("/sessions/act/", {"do": "undo", "undo": undo}, headers=PART)
    assert "Nothing was undone" in again.text


def undo_in(answer: HttpResponse) -> str:
    """Return what undoes the act that a notification tells of."""
    found = re.search(r'name="undo" value="([^"]+)"', answer.text)
    assert found, answer.text
    return found.group(1)


def test_selected_sessions_are_held_with_matter_and_reason_and_let_go(
    agent: Caller, petra: Client
) -> None:
    both = [scene(agent, name) for name in "ab"]
    asked = petra.post("/sessions/act/", {"do": "hold", "sel": both})
    assert "Hold 2 sessions" in asked.text
    assert asked.text.count('name="sel"') == 2
    form = {"do": "hold", "sel": both, "matter": "Miller", "reason": " "}
    refused = petra.post("/sessions/hold/", form)
    assert refused.status_code == 422
    assert 'name="matter" value="Miller"' in refused.text
    assert 'aria-describedby="reason-error"' in refused.text
    done = petra.post("/sessions/hold/", form | {"reason": "Asked by counsel"}, headers=PART)
    assert "2 sessions held" in done.text
    assert done.text.count("badge-held") == 2
    again = petra.post("/sessions/hold/", form | {"reason": "Once more"}, headers=PART)
    assert "2 left as they were: held for this matter already" in again.text
    released = {"do": "release", "sel": both, "reason": "Settled"}
    text = petra.post("/sessions/hold/", released, headers=PART)
    assert "2 sessions let go" in text.text
    undone = petra.post("/sessions/act/", {"do": "undo", "undo": undo_in(text)}, headers=PART)
    assert "2 sessions held again" in undone.text
    assert undone.text.count("badge-held") == 2


def test_an_export_says_what_goes_and_is_entered(agent: Caller, petra: Client) -> None:
    both = [scene(agent, name) for name in ("=cmd()", "b")]
    begin_session(agent, "c")
    address = petra.post("/sessions/act/", {"do": "export", "sel": both})["Location"]
    assert "Export 2 sessions" in petra.get(address).text
    assert petra.post(
        "/sessions/act/", {"do": "export", "sel": both}, headers=PART
    ).text.startswith("<dialog")
    lines = petra.post(address, {"as": "jsonl"})
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [one["session_id"] for one in told] == ["=cmd()", "b"]
    assert [len(one["messages"]) for one in told] == [4, 4]
    table = petra.post(address, {"as": "csv"}).getvalue().decode()
    head, first, second = csv.reader(io.StringIO(table))
    assert head[:5] == ["uid", "session_id", "namespace", "user_id", "status"]
    assert first[:5] == [both[0], "'=cmd()", "support", "ann", "active"]
    assert second[1] == "b"
    assert not [secret for secret in SECRETS if secret in table]
    entries = engine().read(
        lambda db: db.rows(
            "SELECT actor, object_kind, counts FROM audit_entry WHERE act = %s",
            ("session.export",),
        )
    )
    assert entries == [("privacy_officer", "selection", '{"sessions": 2}')] * 2


def test_where_a_reason_is_demanded_an_export_asks_for_it(agent: Caller, petra: Client) -> None:
    uid = scene(agent)
    engine().write(lambda db: db.run("UPDATE namespace SET demands_reason = %s", (True,)))
    answer = petra.post("/sessions/act/", {"do": "export", "sel": uid})
    assert "/reason" in answer["Location"]
    for headers in ({}, PART):
        text = petra.get("/sessions/", headers=headers).text
        assert "org-1/ann" in text
        assert not [secret for secret in SECRETS if secret in text]


def test_what_is_not_done_is_told_with_its_reason(agent: Caller, petra: Client) -> None:
    uid = scene(agent)
    text = petra.post("/sessions/act/", {"do": "restore", "sel": uid}, headers=PART).text
    assert "1 left as it was: the session is not expired" in text


def test_without_javascript_one_comes_back_to_the_list_one_was_in(
    agent: Caller, petra: Client
) -> None:
    form = {"do": "expire", "sel": scene(agent), "query": "q=tag%3Avip&status=active"}
    answer = petra.post("/sessions/act/", form)
    assert (answer.status_code, answer["Location"]) == (303, "/sessions/?q=tag%3Avip&status=active")


@pytest.mark.parametrize("back", ["https://example.org/", "//example.org/", "javascript:1"])
def test_nobody_is_sent_to_another_site(agent: Caller, petra: Client, back: str) -> None:
    answer = petra.post("/sessions/act/", {"do": "expire", "sel": scene(agent), "back": back})
    assert answer["Location"] == "/sessions/"


def test_with_nothing_selected_nothing_happens(agent: Caller, petra: Client) -> None:
    uid = scene(agent)
    text = petra.post("/sessions/act/", {"do": "expire"}, headers=PART).text
    assert "No session is selected" in text
    assert status(agent, uid) == "active"


def test_an_unknown_act_is_refused(agent: Caller, petra: Client) -> None:
    uid = scene(agent)
    assert petra.post("/sessions/act/", {"do": "forget", "sel": uid}).status_code == 422


def test_all_that_match_are_fixed_as_a_set_and_exactly_these_are_acted_on(
    agent: Caller, petra: Client
) -> None:
    for number in range(60):
        make_session(agent, f"a-{number}")
    make_session(agent, "b-1")
    form = {"do": "select-all", "query": "q=prefix%3Aa-", "whole": "support"}
    answer = petra.post("/sessions/act/", form)
    address = answer["Location"]
    page = petra.get(address).text
    assert "<strong>All 60</strong> that match are selected" in page
    make_session(agent, "a-late")
    token = address.partition("set=")[2]
    told = petra.post("/sessions/act/", {"do": "expire", "set": token}, headers=PART).text
    assert "60 sessions expired" in told
    assert "<strong>All 60</strong> that match are selected" in told
    row = engine().read(
        lambda db: db.row(
            "SELECT count(*) FROM agent_session WHERE explicit_because = %s", ("operator",)
        )
    )
    assert row == (60,)


def test_a_purge_shows_its_numbers_and_the_filter_in_words(agent: Caller, petra: Client) -> None:
    scene(agent)
    form = {"do": "select-all", "query": "q=user%3Aann", "whole": "support"}
    token = petra.post("/sessions/act/", form)["Location"].partition("set=")[2]
    address = petra.post("/sessions/act/", {"do": "purge", "set": token})["Location"]
    text = petra.get(address).text
    assert "<b>1</b><span>session</span>" in text
    assert "<b>4</b><span>messages</span>" in text
    assert "All sessions in support, user is ann" in text
    assert "Type <code>purge 1</code>" in text


def test_the_way_out_of_a_purge_is_a_link_and_comes_before_the_button(
    agent: Caller, petra: Client
) -> None:
    token = ask_to_purge(petra, scene(agent))
    text = petra.get(f"/purges/{token}/").text
    form = text.partition('<form class="modal"')[2].partition("</form>")[0]
    assert form.count("<button") == 1
    assert '<a class="btn" href="/sessions/" data-close>Keep it</a>' in form


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("", "over"), ("purge", "over"), ("purge 2", "over"), ("purge 1", ""), ("purge 1", "  ")],
)
def test_a_purge_that_is_not_confirmed_in_words_keeps_what_was_typed(
    agent: Caller, petra: Client, typed: str, reason: str
) -> None:
    uid = scene(agent)
    token = ask_to_purge(petra, uid)
    for headers in ({}, PART):
        answer = petra.post(
            f"/purges/{token}/", {"typed": typed, "reason": reason}, headers=headers
        )
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
        assert f'name="typed" value="{typed}"' in answer.text
        assert f'name="reason" value="{reason}"' in answer.text
    assert status(agent, uid) == "active"


@pytest.mark.parametrize("typed", ["purge 1", " Purge  1 "])
def test_a_confirmed_purge_leads_to_its_receipt(agent: Caller, petra: Client, typed: str) -> None:
    uid = scene(agent)
    token = ask_to_purge(petra, uid)
    answer = petra.post(f"/purges/{token}/", {"typed": typed, "reason": "Asked by Ann's lawyer"})
    assert answer.status_code == 303
    text = petra.get(answer["Location"]).text
    assert "Purge of 1 session" in text
    assert "Asked by Ann&#x27;s lawyer" in text
    assert "Done, and checked that nothing is left" in text
    for gone in (uid, "org-1/ann", "WordsOfAnn"):
        assert gone not in text
        assert gone not in petra.get("/sessions/").text
        assert gone not in petra.get("/receipts/").text


def test_in_a_dialog_a_purge_asks_confirms_and_leads_on(agent: Caller, petra: Client) -> None:
    form = {"do": "purge", "sel": scene(agent)}
    asked = petra.post("/sessions/act/", form, headers=PART)
    assert asked.text.startswith('<dialog id="confirm"')
    address = f"/purges/{token_in(asked)}/"
    assert petra.get(address, headers=PART).text.startswith("<dialog")
    done = petra.post(address, {"typed": "purge 1", "reason": "over"}, headers=PART)
    assert done.status_code == 204
    assert done["HX-Redirect"].startswith("/receipts/rct_")


def test_a_confirmation_is_good_once_and_for_its_maker(agent: Caller, petra: Client) -> None:
    token = ask_to_purge(petra, scene(agent))
    paul = person("privacy_officer", name="paul")
    answer = paul.post(f"/purges/{token}/", {"typed": "purge 1", "reason": "x"}, follow=True)
    assert "Nothing was removed by it now" in answer.text
    petra.post(f"/purges/{token}/", {"typed": "purge 1", "reason": "over"})
    scene(agent)
    again = petra.post(f"/purges/{token}/", {"typed": "purge 1", "reason": "over"}, follow=True)
    assert "Nothing was removed by it now" in again.text
    assert "org-1/ann" in petra.get("/sessions/").text


def test_sessions_of_two_namespaces_are_purged_apart(agent: Caller) -> None:
    both = [scene(agent), scene(make_caller("claims"))]
    pia = signed_in("pia", privacy_officer="*")
    answer = pia.post("/sessions/act/", {"do": "purge", "sel": both})
    assert answer.status_code == 422
    assert "one namespace" in answer.text


def test_a_receipt_is_found_by_the_id_of_what_is_gone(agent: Caller, petra: Client) -> None:
    token = ask_to_purge(petra, scene(agent))
    petra.post(f"/purges/{token}/", {"typed": "purge 1", "reason": "over"})
    for known in ("org-1/ann", "ann"):
        assert "Purge: over" in petra.get("/receipts/", {"id": known}).text
    assert "No receipt for this" in petra.get("/receipts/", {"id": "org-1"}).text
    assert petra.get("/receipts/", {"id": "a\x00b"}).status_code == 422
    assert petra.get("/receipts/", {"kind": "nonsense"}).status_code == 422
    claire = person("viewer", "claims", "claire")
    assert "Purge: over" not in claire.get("/receipts/").text
    assert claire.get(f"/receipts/rct_{'0' * 32}/").status_code == 404


def test_a_purge_under_way_is_looked_at_until_it_is_done(agent: Caller) -> None:
    ann = acting("ann", privacy_officer="support")
    preview = previewing.preview(actor=ann, uids=[scene(agent)])
    begun = previewing.execute(actor=ann, token=preview.token, reason="over", seconds=-1.0)
    vera = person("viewer")
    under_way = vera.get(f"/receipts/{begun.id}/", headers=PART).text
    assert "Under way: 0 of 1 session removed" in under_way
    assert 'hx-trigger="every 2s"' in under_way
    finish_purges()
    done = vera.get(f"/receipts/{begun.id}/", headers=PART).text
    assert "Done, and checked that nothing is left" in done
    assert "hx-trigger" not in done
