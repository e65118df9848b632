"""Where a reason is demanded, pages ask for it and lead back to where one was."""

import re

import pytest
from django.test import Client

from memory_app.models import AuditEntry, Namespace, StatedReason
from memory_app.operations.indexing import index_pending
from tests.console.scenes import PART, SECRETS, person, scene
from tests.factories import make_caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def uid() -> str:
    made = scene(make_caller("support"))
    Namespace.objects.update(demands_reason=True)
    return made


@pytest.fixture
def petra(uid: str) -> Client:
    return person("privacy_officer")


def give(client: Client, back: str, reason: str = "Ticket 7") -> str:
    given = {"namespace": "support", "next": back, "reason": reason}
    answer = client.post("/reasons/", given)
    assert answer.status_code == 303, answer.text
    return answer["Location"]


def test_the_page_of_a_session_asks_in_place(petra: Client, uid: str) -> None:
    text = petra.get(f"/sessions/{uid}/?at=2").text
    assert "Its content is closed" in text
    assert f'name="next" value="/sessions/{uid}/?at=2"' in text
    assert "org-1/ann" in text
    assert not [secret for secret in SECRETS if secret in text]


def test_a_reason_opens_it_and_leads_back(petra: Client, uid: str) -> None:
    assert give(petra, f"/sessions/{uid}/?at=2") == f"/sessions/{uid}/?at=2"
    text = petra.get(f"/sessions/{uid}/?at=2").text
    assert [secret for secret in SECRETS if secret not in text] == []
    assert "The content of support is open to you for 15 minutes." in text
    acts = list(AuditEntry.objects.order_by("n").values_list("act", flat=True))
    assert acts[-2:] == ["reason.give", "session.reveal"]


@pytest.mark.parametrize("path", ["session.md", "session.jsonl", "messages/1/"])
def test_what_leads_past_the_page_asks_too(petra: Client, uid: str, path: str) -> None:
    wanted = f"/sessions/{uid}/{path}"
    asked = petra.get(wanted, follow=True)
    assert "support asks why its content is opened" in asked.text
    assert f'name="next" value="{wanted}"' in asked.text
    assert give(petra, wanted) == wanted
    answer = petra.get(wanted)
    body = b"".join(answer) if answer.streaming else answer.content
    assert b"WordsOfAnn" in body


@pytest.mark.parametrize("path", ["messages/1/", "branch/?in=state", "branch/?in=1.w0", "?at=1"])
def test_a_part_that_is_asked_for_leads_to_the_question(petra: Client, uid: str, path: str) -> None:
    headers = {**PART, "HX-Current-URL": f"http://testserver/sessions/{uid}/"}
    answer = petra.get(f"/sessions/{uid}/{path}", headers=headers)
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == f"/reasons/?namespace=support&next=%2Fsessions%2F{uid}%2F"


def test_a_find_asks_at_its_own_address(petra: Client, uid: str) -> None:
    headers = {**PART, "HX-Current-URL": f"http://testserver/sessions/{uid}/"}
    answer = petra.post(f"/sessions/{uid}/find/", {"find": "words"}, headers=headers)
    assert answer.status_code == 204
    there = answer["HX-Redirect"]
    assert re.fullmatch(rf"/sessions/{uid}/\?find=sch_[0-9a-f]{{32}}", there)
    assert "Its content is closed" in petra.get(there).text
    assert give(petra, there) == there
    assert "<mark>Words</mark>OfAnn" in petra.get(there).text


def test_a_list_by_metadata_asks_at_its_own_address(petra: Client) -> None:
    answer = petra.post("/sessions/", {"q": "meta.plan:MetaGold"}, headers=PART)
    assert answer.status_code == 204
    there = answer["HX-Redirect"]
    assert re.fullmatch(r"/sessions/\?kept=sch_[0-9a-f]{32}", there)
    asked = petra.get(there, follow=True).text
    assert "support asks why its content is opened" in asked
    assert give(petra, there) == there
    assert "org-1/ann" in petra.get(there).text


@pytest.mark.parametrize(
    ("wanted", "out"),
    [
        ("/sessions/{uid}/messages/1/", "/sessions/{uid}/"),
        ("/search/sch_0123456789abcdef0123456789abcdef/", "/search/"),
        ("/sessions/?kept=sch_0123456789abcdef0123456789abcdef", "/sessions/"),
        ("/nowhere", "/"),
    ],
)
def test_who_gives_no_reason_leaves_by_a_link(
    petra: Client, uid: str, wanted: str, out: str
) -> None:
    text = petra.get("/reasons/", {"namespace": "support", "next": wanted.format(uid=uid)}).text
    assert f'<a class="btn" href="{out.format(uid=uid)}">Cancel</a>' in text


@pytest.mark.parametrize("path", ["", "messages/1/", "states/", "branch/?in=state"])
def test_a_page_that_shows_content_closes_with_its_reason(
    petra: Client, uid: str, path: str
) -> None:
    assert "http-equiv" not in petra.get(f"/sessions/{uid}/{path}", follow=True).text
    give(petra, "/sessions/")
    text = petra.get(f"/sessions/{uid}/{path}").text
    seconds = re.findall(r'(?:data-closes|http-equiv="refresh" content)="(\d+)"', text)
    assert [890 < int(one) <= 902 for one in seconds] == [True, True]
    assert "open to you until" in text
    assert "<noscript>" in text.split("</head>")[0]


def test_what_was_found_closes_with_its_reason(petra: Client, uid: str) -> None:
    index_pending()
    give(petra, "/search/")
    there = petra.post("/search/", {"q": "WordsOfAnn"})["Location"]
    text = petra.get(there).text
    assert "<mark>WordsOfAnn</mark>" in text
    assert text.count("data-closes=") == text.count('http-equiv="refresh"') == 1
    part = petra.post("/search/", {"q": "WordsOfAnn"}, headers=PART).text
    assert "data-closes=" in part


def test_no_reason_is_said_beside_the_field(petra: Client, uid: str) -> None:
    answer = petra.post("/reasons/", {"namespace": "support", "next": "/sessions/", "reason": " "})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "Give a reason of at most 500 characters." in answer.text
    assert not StatedReason.objects.exists()


def test_who_may_not_read_is_not_asked(uid: str) -> None:
    vera = person("viewer")
    assert "needs the role Operator" in vera.get(f"/sessions/{uid}/").text
    for answer in (
        vera.get("/reasons/?namespace=support"),
        vera.post("/reasons/", {"namespace": "support", "reason": "I am curious"}),
    ):
        assert answer.status_code == 403
    assert not StatedReason.objects.exists()


def test_what_is_open_is_not_asked_about_again(petra: Client, uid: str) -> None:
    give(petra, "/sessions/")
    answer = petra.get(f"/reasons/?namespace=support&next=/sessions/{uid}/")
    assert (answer.status_code, answer["Location"]) == (303, f"/sessions/{uid}/")


def test_one_is_never_led_to_another_site(petra: Client) -> None:
    assert give(petra, "https://evil.example/") == "/"


def test_lists_show_no_titles(petra: Client, uid: str) -> None:
    give(petra, "/sessions/")
    text = petra.get("/sessions/").text
    assert "org-1/ann" in text
    assert "RefundOfAnn" not in text
