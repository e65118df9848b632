"""Message search in the console: who finds what, and where words may not be."""

import json
import re

import pytest
from django.db import connection
from django.test import Client

from memory_app import moments
from memory_app.models import AgentSession, AuditAct, AuditEntry, KeptSearch, Namespace
from memory_app.moments import HOUR
from memory_app.operations import keeping
from memory_app.operations.indexing import index_pending
from tests.console.scenes import HOSTILE, PART, person, scene
from tests.counting import counted_statements
from tests.factories import make_caller, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga(db: None) -> Client:
    return person("operator", name="olga")


def fill(namespace: str = "support", **sessions: str) -> None:
    agent = make_caller(namespace)
    for name, text in sessions.items():
        make_session(agent, name, text)
    index_pending()


def search(client: Client, q: str, **fields: str) -> str:
    """Search as the form does without a script, and return the page of the results."""
    answer = client.post("/search/", {"q": q, **fields})
    assert answer.status_code == 303, answer.text
    shown = client.get(answer["Location"])
    assert shown.status_code == 200, shown.text
    return str(shown.text)


def found(text: str) -> list[str]:
    return re.findall(r'aria-label="Session ([^"]*)"', text)


def test_an_operator_finds_messages_of_every_namespace_they_may_read(db: None) -> None:
    fill("support", a="The refund of Ann")
    fill("claims", b="A refund for Bob")
    fill("secret", c="A refund for Carol")
    both = person("operator", namespace="support", name="both")
    assert found(search(both, "refund")) == ["a"]
    everywhere = person("operator", namespace="*", name="everywhere")
    assert found(search(everywhere, "refund")) == ["c", "b", "a"]
    assert found(search(everywhere, "refund", namespace="claims")) == ["b"]


@pytest.mark.parametrize("role", ["viewer", "administrator"])
def test_those_who_may_not_read_content_cannot_search_it(role: str) -> None:
    fill(a="The refund of Ann")
    client = person(role)
    answers = [client.get("/search/"), client.post("/search/", {"q": "refund"})]
    for answer in answers:
        if answer.status_code == 303:
            answer = client.get(answer["Location"])
        assert answer.status_code == 403
        assert "The refund of Ann" not in answer.text
    assert "Message search" not in client.get("/sessions/").text


def test_a_passage_is_marked_escaped_and_leads_to_its_message(olga: Client) -> None:
    uid = scene()
    index_pending()
    page = search(olga, "bold")
    assert "&lt;b hx-get=/x hx-trigger=load&gt;<mark>bold</mark>&lt;/b&gt;" in page
    assert HOSTILE not in page
    assert f'href="/sessions/{uid}/?at=4#m-4"' in page


def test_no_address_holds_what_was_typed(olga: Client) -> None:
    fill(a="The refund of Ann")
    answer = olga.post("/search/", {"q": "refund", "user": "ann"})
    assert re.fullmatch(r"/search/sch_[0-9a-f]{32}/", answer["Location"])
    part = olga.post("/search/", {"q": "refund"}, headers=PART)
    assert part.status_code == 200
    assert re.fullmatch(r"/search/sch_[0-9a-f]{32}/", part["HX-Push-Url"])
    assert "<mark>refund</mark>" in part.text
    assert "<html" not in part.text
    for href in re.findall(r'(?:href|hx-get|action)="([^"]*)"', search(olga, "refund", user="ann")):
        assert "refund" not in href
        assert "ann" not in href


def test_what_is_kept_says_nothing_without_its_address(olga: Client) -> None:
    olga.post("/search/", {"q": "quokkaword"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, sealed FROM kept_search")
        rows = cursor.fetchall()
    assert b"quokkaword" not in b"".join(bytes(sealed) for _, sealed in rows)
    assert KeptSearch.objects.count() == 1


def test_an_address_shows_its_results_again_to_the_same_person_only(olga: Client) -> None:
    fill(a="The quokka of Ann")
    url = olga.post("/search/", {"q": "quokka"})["Location"]
    assert found(olga.get(url).text) == ["a"]
    assert 'value="quokka"' in olga.get(url).text
    ben = person("operator", name="ben")
    answer = ben.get(url)
    assert answer.status_code == 403
    assert "another person’s" in answer.text
    assert "quokka" not in answer.text.lower()


def test_a_search_is_forgotten_after_an_hour(olga: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    url = olga.post("/search/", {"q": "refund"})["Location"]
    KeptSearch.objects.update(kept_until=moments.process_clock() - 1)
    answer = olga.get(url)
    assert answer.status_code == 404
    assert "This search is over" in answer.text
    olga.post("/search/", {"q": "other"})
    assert KeptSearch.objects.count() == 1
    assert keeping.KEPT_FOR == HOUR


def test_one_entry_for_a_search_in_a_quarter_of_an_hour(olga: Client) -> None:
    fill(a="The refund of Ann")
    for _ in range(2):
        search(olga, "refund")
    search(olga, "other words")
    entries = list(AuditEntry.objects.filter(act=AuditAct.CONTENT_SEARCH))
    assert [(e.actor, e.namespace, e.object_kind) for e in entries] == [
        ("olga", "support", "search")
    ] * 2
    assert not any("refund" in str(e.object_id) for e in entries)


def test_a_search_of_several_namespaces_is_entered_with_their_number() -> None:
    fill("support", a="refund")
    fill("claims", b="refund")
    search(person("operator", namespace="*", name="everywhere"), "refund")
    (entry,) = AuditEntry.objects.filter(act=AuditAct.CONTENT_SEARCH)
    assert (entry.namespace, json.loads(entry.counts)) == (None, {"namespaces": 2})


def test_expired_sessions_are_found_and_marked_purging_ones_never(olga: Client) -> None:
    fill(live="refund one", expired="refund two", purging="refund three")
    AgentSession.objects.filter(session_id="expired").update(expires_at=1)
    AgentSession.objects.filter(session_id="purging").update(purge_receipt="rct_1")
    page = search(olga, "refund")
    assert found(page) == ["expired", "live"]
    assert page.count("badge-expired") == 1
    assert found(search(olga, "refund", status="expired")) == ["expired"]
    assert found(search(olga, "refund", status="active")) == ["live"]


def test_filters_narrow_what_is_found(olga: Client) -> None:
    scene()
    fill(b="WordsOfAnn again")
    assert found(search(olga, "WordsOfAnn")) == ["b", "org-1/ann"]
    assert found(search(olga, "WordsOfAnn", user="ann")) == ["org-1/ann"]
    assert found(search(olga, "WordsOfAnn", prefix="org-1/")) == ["org-1/ann"]
    assert found(search(olga, "ArgumentSku", tool="orders")) == ["org-1/ann"]
    assert found(search(olga, "ArgumentSku", tool="other")) == []
    assert found(search(olga, "ArgumentSku", role="assistant")) == ["org-1/ann"]
    assert found(search(olga, "WordsOfAnn", until="2020-01-01")) == []
    assert found(search(olga, "WordsOfAnn", since="2020-01-01")) == ["b", "org-1/ann"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"q": ""}, "Type a word to look for"),
        ({"q": '"'}, "Type a word to look for"),
        ({"q": "-refund"}, "Name a word that must be there"),
        ({"q": "a" * 501}, "at most 500 characters"),
        ({"q": "a", "since": "soon"}, "takes a day like"),
        ({"q": "a", "role": "nobody"}, "a role is one of"),
        ({"q": "a\x00b"}, "NUL"),
    ],
)
def test_what_cannot_be_searched_is_said_and_stays_in_the_form(
    olga: Client, fields: dict[str, str], said: str
) -> None:
    fill(a="Hello")
    for headers in ({}, PART):
        answer = olga.post("/search/", fields, headers=headers)
        assert answer.status_code == 422
        assert said.lower() in answer.text.lower()
    assert KeptSearch.objects.count() == 0


def test_a_page_says_how_much_was_searched_and_how_long_it_took(olga: Client) -> None:
    fill(a="refund one", b="refund two")
    page = search(olga, "refund")
    assert "2 messages in 2 sessions" in page
    assert re.search(r"searched 2 messages in \d+ ms", page)
    assert "No message has this" in search(olga, "quokka")


def test_results_go_on_page_by_page(olga: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from memory_app.operations import finding

    monkeypatch.setattr(finding, "PAGE", 2)
    fill(**{f"s{n}": "refund" for n in range(5)})
    page, seen = search(olga, "refund"), []
    while True:
        seen += found(page)
        following = re.search(r'rel="next" href="([^"]*)"', page)
        if following is None:
            break
        page = olga.get(following.group(1)).text
    assert seen == ["s4", "s3", "s2", "s1", "s0"]


def test_a_search_that_was_cut_short_says_so_and_can_be_continued(
    olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memory_app.operations import scanning

    monkeypatch.setattr(scanning, "MOST_EXAMINED", 1)
    monkeypatch.setattr(scanning, "_SESSIONS", -1)
    agent = make_caller("support")
    make_session(agent, "old", "refund of the oldest")
    for number in range(60):
        make_session(agent, f"s{number}", "refund")
    AgentSession.objects.filter(session_id="old").update(user_id="ann")
    index_pending()
    page = search(olga, "refund", user="ann")
    assert "The search stopped before it had looked at everything" in page
    assert "Nothing so far" in page
    following = re.search(r'rel="next" href="([^"]*)"', page)
    assert following is not None
    assert found(olga.get(following.group(1)).text) == ["old"]


def test_namespaces_that_demand_a_reason_are_left_out_until_one_is_given(db: None) -> None:
    fill("support", a="The refund of Ann")
    fill("claims", b="A refund for Bob")
    Namespace.objects.filter(name="claims").update(demands_reason=True)
    olga = person("operator", namespace="*", name="olga")
    page = search(olga, "refund")
    assert found(page) == ["a"]
    assert "Not searched" in page
    asked = olga.post("/search/", {"q": "refund", "namespace": "claims"})
    reason = olga.get(asked["Location"])
    assert reason.status_code == 303
    assert reason["Location"].startswith("/reasons/?namespace=claims")
    stated = {"namespace": "claims", "next": asked["Location"], "reason": "Ticket 7"}
    given = olga.post("/reasons/", stated)
    assert given["Location"] == asked["Location"]
    assert found(search(olga, "refund")) == ["b", "a"]
    assert found(olga.get(asked["Location"]).text) == ["b"]


def test_statements_do_not_grow_with_what_is_found(olga: Client) -> None:
    def count(times: int) -> int:
        fill(**{f"s{times}-{n}": "refund" for n in range(times)})
        url = olga.post("/search/", {"q": "refund"})["Location"]
        olga.get(url)
        with counted_statements() as statements:
            olga.get(url)
        # FTS5 reads its own tables by statements of its own.
        return sum("search_words_" not in statement for statement in statements)

    assert count(2) == count(30)


def test_words_only_left_out_or_wrong_leave_the_results_alone(olga: Client) -> None:
    answer = olga.post("/search/", {"q": "-a"}, headers=PART)
    assert answer["HX-Retarget"] == "#problem"
