"""Data subjects in the console: found by the user id, exported, erased with a receipt."""

import html
import json
import re
from typing import Any

import pytest
from django.test import Client

from memory_app.models import AgentSession, AuditEntry, HoldKind, Namespace, Receipt
from memory_app.operations.cleaning import clean_up
from memory_app.operations.holding import NewHold, place_hold, release_hold
from memory_app.operations.keys import Caller
from memory_app.operations.purging import delete_session
from tests.console.scenes import PART, SECRETS, person, scene
from tests.counting import counted_statements
from tests.factories import begin_session, make_caller, say_more

pytestmark = pytest.mark.django_db

ANN = {"namespace": "support", "user_id": "ann"}
WORDS = ANN | {"typed": "erase 2", "reason": "Request 118"}


@pytest.fixture
def agent() -> Caller:
    caller = make_caller("support")
    scene(caller, "org-1/ann")
    scene(caller, "org-1/ann-again")
    begin_session(caller, "org-1/Ann", user_id="Ann")
    return caller


@pytest.fixture
def petra(agent: Caller) -> Client:
    return person("privacy_officer", name="petra")


def hold() -> str:
    asked = NewHold(
        namespace="support",
        kind=HoldKind.SESSION,
        target="org-1/ann",
        matter="Miller",
        reason="Asked by counsel",
    )
    return place_hold(hold=asked).id


def body(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return b"".join(answer.streaming_content).decode()


def tiles(page: str) -> list[str]:
    return re.findall(r"<div[^>]*><b>([^<]+)</b>", page)


def test_a_person_is_found_by_the_exact_user_id(petra: Client) -> None:
    shown = petra.get("/subjects/?user_id=ann").text
    assert "2 sessions in 1 namespace" in shown
    assert tiles(shown)[:2] == ["2", "8"]
    assert "q=user%3Aann&amp;namespace=support" in shown
    assert "1 session in 1 namespace" in petra.get("/subjects/?user_id=Ann").text


def test_nobody_found_says_zero_and_how_to_prove_it(petra: Client) -> None:
    shown = petra.get("/subjects/?user_id=nobody").text
    assert "0 sessions found" in shown
    assert "Prove that nothing is there" in shown


@pytest.mark.parametrize("wrong", ["x" * 513, "a\nb"])
def test_what_is_no_user_id_is_refused(petra: Client, wrong: str) -> None:
    answer = petra.get("/subjects/", {"user_id": wrong})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_a_hold_of_the_person_begins_on_their_page(petra: Client) -> None:
    shown = petra.get("/subjects/?user_id=ann").text
    found = re.search(r'href="(/holds/new/[^"]*)" aria-label="Hold what support keeps"', shown)
    assert found
    form = petra.get(html.unescape(found[1])).text
    assert '<option value="subject" selected>' in form
    assert 'name="target" value="ann"' in form
    assert 'name="back" value="/subjects/?user_id=ann"' in form
    assert "<b>2</b><span>sessions covered now</span>" in form


def test_a_viewer_sees_counts_and_no_content_and_may_do_nothing(agent: Caller) -> None:
    vera = person("viewer", name="vera")
    shown = vera.get("/subjects/?user_id=ann").text
    assert "2 sessions in 1 namespace" in shown
    assert "/holds/new/" not in shown
    assert "Erase" not in re.sub(r"<nav.*?</nav>|<dl.*?</dl>", "", shown, flags=re.S)
    for secret in SECRETS:
        assert secret not in shown
    for url in ("/subjects/subject.jsonl", "/subjects/erase/", "/subjects/erase/confirm/"):
        assert vera.get(url, ANN).status_code == 403
    assert vera.post("/subjects/erase/confirm/", WORDS).status_code == 403
    assert AgentSession.objects.count() == 3
    assert person("administrator", name="adam").get("/subjects/?user_id=ann").status_code == 403


def test_the_page_opens_nothing_and_enters_nothing(petra: Client) -> None:
    before = AuditEntry.objects.count()
    petra.get("/subjects/?user_id=ann")
    petra.get("/subjects/erase/", ANN)
    assert AuditEntry.objects.count() == before


def test_an_export_has_every_session_and_is_entered_without_the_user_id(petra: Client) -> None:
    lines = [
        json.loads(one) for one in body(petra.get("/subjects/subject.jsonl", ANN)).splitlines()
    ]
    assert [line["session_id"] for line in lines] == ["org-1/ann", "org-1/ann-again"]
    assert lines[0]["messages"][0]["content"] == "WordsOfAnn"
    entry = AuditEntry.objects.get(act="subject.export")
    assert (entry.actor, json.loads(entry.counts)) == ("petra", {"messages": 8, "sessions": 2})
    assert entry.object_id != "ann"
    found = petra.get("/subjects/?user_id=ann").text
    log = re.search(r'href="(/audit/\?object=[0-9a-f]+)"', found)
    assert log is not None
    assert "Exported a data subject" in petra.get(log.group(1)).text


def test_an_export_asks_for_a_reason_where_one_is_demanded(petra: Client) -> None:
    Namespace.objects.filter(name="support").update(demands_reason=True)
    answer = petra.get("/subjects/subject.jsonl", ANN)
    assert answer.status_code == 303
    assert answer["Location"].startswith("/reasons/?namespace=support&next=%2Fsubjects%2F")
    petra.post("/reasons/", {"namespace": "support", "reason": "Request 118"})
    assert "WordsOfAnn" in body(petra.get("/subjects/subject.jsonl", ANN))


def test_an_erasure_is_previewed_confirmed_and_proved(agent: Caller, petra: Client) -> None:
    begin_session(make_caller("claims"), "c-1", user_id="ann")
    person("viewer", "claims", "cleo")
    preview = petra.get("/subjects/erase/", ANN).text
    assert tiles(preview)[:2] == ["2", "8"]
    assert "occurs in no other namespace" in preview
    asked = petra.get("/subjects/erase/confirm/", ANN, headers=PART).text
    assert "<dialog" in asked
    assert "erase 2" in asked
    answer = petra.post("/subjects/erase/confirm/", WORDS)
    shown = petra.get(answer["Location"]).text
    assert "Erasure of 2 sessions" in shown
    assert "Request 118" in shown
    left = AgentSession.objects.values_list("session_id", flat=True)
    assert sorted(left) == ["c-1", "org-1/Ann"]
    again = petra.get("/subjects/?user_id=ann").text
    assert "0 sessions found" in again
    assert answer["Location"] in again


def test_other_namespaces_of_the_same_user_id_are_named_to_who_may_see_them(agent: Caller) -> None:
    begin_session(make_caller("claims"), "c-1", user_id="ann")
    both = person("privacy_officer", "*", "pam").get("/subjects/erase/", ANN).text
    assert "claims: 1 session" in both


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"typed": "erase 3"}, "Type “erase 2” to confirm"), ({"reason": ""}, "Give a reason")],
)
def test_wrong_words_erase_nothing_and_keep_what_was_typed(
    petra: Client, wrong: dict[str, str], said: str
) -> None:
    answer = petra.post("/subjects/erase/confirm/", WORDS | wrong)
    assert answer.status_code == 422
    assert said in answer.text
    assert ('value="Request 118"' if "typed" in wrong else 'value="erase 2"') in answer.text
    assert AgentSession.objects.count() == 3


def test_what_came_meanwhile_is_shown_before_it_is_erased(agent: Caller, petra: Client) -> None:
    scene(agent, "org-1/ann-new")
    answer = petra.post("/subjects/erase/confirm/", WORDS)
    assert answer.status_code == 422
    assert "Type “erase 3” to confirm" in answer.text


def test_what_is_held_is_restricted_listed_and_completed_after_the_release(
    agent: Caller, petra: Client
) -> None:
    held = hold()
    assert "1 session is under legal hold" in petra.get("/subjects/erase/", ANN).text
    where = petra.post("/subjects/erase/confirm/", WORDS)["Location"]
    assert "Done but for what a hold keeps" in petra.get(where).text
    assert "until a day after the hold is released" in petra.get("/erasures/").text
    assert "1 session more is closed" in petra.get("/subjects/?user_id=ann").text
    release_hold(hold_id=held, reason="Settled")
    assert re.search(r"1 session, until <time", petra.get("/erasures/").text)
    due = AgentSession.objects.get(session_id="org-1/ann").purge_not_before
    clean_up(now=due + 1)
    assert "Done, and checked that nothing is left" in petra.get(where).text
    assert not AgentSession.objects.filter(user_id="ann").exists()


def test_erasing_nobody_leaves_a_receipt_that_says_zero(petra: Client) -> None:
    given = {"namespace": "support", "user_id": "nobody", "typed": "erase 0", "reason": "Asked"}
    shown = petra.post("/subjects/erase/confirm/", given, follow=True).text
    assert "Erasure of 0 sessions" in shown
    assert Receipt.objects.get().kind == "erasure"


def test_a_namespace_of_others_looks_like_none(agent: Caller) -> None:
    cleo = person("privacy_officer", "claims", "cleo")
    assert "0 sessions found" in cleo.get("/subjects/?user_id=ann").text
    for url in ("/subjects/subject.jsonl", "/subjects/erase/", "/subjects/erase/confirm/"):
        assert cleo.get(url, ANN).status_code == 404
    assert cleo.post("/subjects/erase/confirm/", WORDS).status_code == 404


def test_earlier_removals_are_found_by_the_digest(agent: Caller, petra: Client) -> None:
    say_more(agent, "org-1/ann")
    receipt = delete_session(caller=agent, session_id="org-1/ann").receipt
    assert receipt is not None
    assert f"/receipts/{receipt.id}/" in petra.get("/subjects/?user_id=ann").text
    assert f"/receipts/{receipt.id}/" not in petra.get("/subjects/?user_id=Ann").text


def test_many_sessions_take_as_many_queries_as_few(agent: Caller, petra: Client) -> None:
    def asked() -> int:
        with counted_statements() as statements:
            assert petra.get("/subjects/?user_id=ann").status_code == 200
        return len(statements)

    few = asked()
    for n in range(30):
        begin_session(agent, f"org-1/more-{n}", user_id="ann")
    assert asked() == few


def test_without_a_user_id_the_people_are_listed_by_their_last_activity(petra: Client) -> None:
    begin_session(make_caller("claims"), "c-1", user_id="zoe")
    shown = petra.get("/subjects/").text
    assert "2 data subjects" in shown
    found = re.findall(r'href="/subjects/\?user_id=([^"]+)"', shown)
    assert found == ["Ann", "ann"], "of the namespaces that Petra may see"
    assert "/sessions/?q=user%3Aann&amp;namespace=support" in shown


def test_a_viewer_sees_who_there_is_and_no_content_and_the_list_enters_nothing(
    agent: Caller,
) -> None:
    vera = person("viewer", name="vera")
    before = AuditEntry.objects.count()
    shown = vera.get("/subjects/").text
    assert "2 data subjects" in shown
    for secret in SECRETS:
        assert secret not in shown
    assert AuditEntry.objects.count() == before
    assert person("administrator", name="adam").get("/subjects/").status_code == 403


def test_the_list_is_of_one_namespace_when_one_is_chosen(agent: Caller) -> None:
    begin_session(make_caller("claims"), "c-1", user_id="zoe")
    pam = person("privacy_officer", "*", "pam")
    assert re.findall(r"user_id=(\w+)", pam.get("/subjects/?namespace=claims").text) == ["zoe"]
    assert "3 data subjects" in pam.get("/subjects/").text
    assert pam.get("/subjects/?namespace=none").status_code == 404


def test_the_list_goes_on_to_its_next_page_by_address_and_in_place(
    agent: Caller, petra: Client
) -> None:
    for number in range(60):
        begin_session(agent, f"more-{number}", user_id=f"user-{number}")
    first = petra.get("/subjects/").text
    following = html.unescape(re.findall(r'rel="next" href="([^"]+)"', first)[0])
    part = petra.get(following, headers=PART)
    assert part["HX-Push-Url"] == following
    assert "<html" not in part.text
    met = re.findall(r"/subjects/\?user_id=([^\"]+)", first + petra.get(following).text)
    assert len(met) == len(set(met)) == 62


def test_where_nobody_is_the_list_says_how_people_come_to_be_there() -> None:
    make_caller("support")
    shown = person("viewer", name="vera").get("/subjects/").text
    assert "Sessions are about nobody yet" in shown


def test_sessions_whose_ids_hold_the_user_id_are_shown_where_an_erasure_begins(
    agent: Caller, petra: Client
) -> None:
    begin_session(agent, "org-2/ann/notes")
    for url in ("/subjects/?user_id=ann", "/subjects/erase/?namespace=support&user_id=ann"):
        shown = petra.get(url).text
        assert "an erasure leaves them" in shown
        assert "q=prefix%3Aorg-2%2Fann&amp;namespace=support" in shown
        assert ">org-2/ann</a> in support: 1 session<" in shown
