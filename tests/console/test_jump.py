"""The palette as a page: where a word or an id leads, and never content."""

import pytest
from django.test import Client

from memory_app.models import HoldKind, LegalHold, Receipt
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.purging import delete_session
from tests.console.scenes import PART, SECRETS, person, scene
from tests.counting import counted_statements
from tests.factories import begin_session, make_caller, make_session
from tests.people import signed_in

pytestmark = pytest.mark.django_db


def found(client: Client, text: str) -> str:
    answer = client.get("/jump/", {"q": text}, headers=PART)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="jump-found"')
    return answer.text


def test_without_a_word_it_lists_every_page_that_one_may_open() -> None:
    text = found(person("viewer"), "")
    assert 'href="/overview/"' in text
    assert 'href="/policies/"' in text
    assert 'href="/keys/"' not in text
    assert 'href="/keys/"' in found(person("administrator"), "")


def test_words_find_pages_and_acts_by_their_beginnings() -> None:
    text = found(person("privacy_officer"), "clean")
    assert 'href="/runs/"' in text
    assert "Run cleanup now" in text
    assert "1 place found" in found(person("viewer"), "clean")


def test_an_id_or_its_beginning_finds_the_session() -> None:
    uid = scene()
    begin_session(make_caller("support"), "org-2/bob")
    vera = person("viewer")
    assert "org-1/ann" in found(vera, "org-")
    assert "org-2/bob" in found(vera, "org-")
    for text in ("org-1/ann", "org-1/", uid, uid[:6]):
        assert f'href="/sessions/{uid}/"' in found(vera, text), text
    assert "org-2/bob" not in found(vera, "org-1/")


def test_a_data_subject_is_found_by_the_whole_id() -> None:
    scene()
    vera = person("viewer")
    assert "Data subject" in found(vera, "ann")
    assert "Data subject" not in found(vera, "an")


def test_receipts_and_holds_are_found_by_the_beginning_of_their_ids() -> None:
    agent = make_caller("support")
    make_session(agent, "chat")
    delete_session(caller=agent, session_id="chat")
    hold = NewHold(
        namespace="support",
        kind=HoldKind.PREFIX,
        target="org-1/",
        matter="Miller",
        reason="Asked by counsel",
    )
    place_hold(hold=hold)
    receipt, held = Receipt.objects.get().pk, LegalHold.objects.get().pk
    vera = person("viewer")
    assert f'href="/receipts/{receipt}/"' in found(vera, receipt[:9])
    assert f'href="/holds/#row-{held}"' in found(vera, held)
    stranger = person("viewer", "claims", name="eve")
    assert receipt not in found(stranger, receipt).split("</p>", 1)[1]
    assert held not in found(stranger, held).split("</p>", 1)[1]


def test_content_is_never_looked_at_nor_shown() -> None:
    scene()
    for role in ("viewer", "privacy_officer"):
        client = person(role)
        for secret in SECRETS:
            text = found(client, secret)
            assert "0 places found" in text
        assert not [secret for secret in SECRETS if secret in found(client, "org-1/")]


def test_sessions_of_other_namespaces_are_not_there() -> None:
    uid = scene()
    eve = person("viewer", "claims")
    for text in ("org-1/", uid, "ann"):
        assert "0 places found" in found(eve, text)


def test_what_is_purged_is_not_found() -> None:
    uid = scene()
    delete_session(caller=make_caller("support"), session_id="org-1/ann")
    assert "0 places found" in found(person("viewer"), uid)


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "x" * 600,
        '"><script>',
        "%",
        "_",
        "\udcff".encode("utf-8", "replace").decode(),
        "org-1/\U0010ffff",
    ],
)
def test_odd_words_find_nothing_and_break_nothing(text: str) -> None:
    scene()
    assert "<script" not in found(person("viewer"), text)


def test_an_administrator_finds_pages_and_no_sessions() -> None:
    scene()
    ada = person("administrator")
    assert "0 places found" in found(ada, "org-1/")
    assert "API keys" in found(ada, "api")


def test_the_page_works_by_itself() -> None:
    scene()
    text = person("viewer").get("/jump/", {"q": "org-1"}).text
    assert "<h1>Jump to</h1>" in text
    assert "org-1/ann" in text
    assert 'id="jump"' not in text
    assert signed_in("nobody").get("/jump/?q=a").status_code == 200


def test_queries_do_not_grow_with_sessions() -> None:
    agent = make_caller("support")
    make_session(agent, "chat-0")
    vera = person("viewer", "*")
    found(vera, "chat")
    with counted_statements() as few:
        found(vera, "chat")
    for number in range(20):
        make_session(agent, f"chat-{number + 1}")
    with counted_statements() as many:
        text = found(vera, "chat")
    assert len(many) == len(few)
    assert "8 places found" in text
