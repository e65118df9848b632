"""Lists that are filtered by metadata: the values are content, and no address holds them."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from memory_app import moments
from memory_app.models import KeptSearch
from memory_app.moments import HOUR
from memory_app.operations import keeping
from memory_app.operations.keys import Caller
from tests.console.scenes import PART, person, scene
from tests.console.test_sessions_list import shown
from tests.factories import begin_session, make_caller

pytestmark = pytest.mark.django_db

BOX = "meta.plan:MetaGold"


@pytest.fixture
def agent() -> Caller:
    caller = make_caller("support")
    scene(caller)
    begin_session(caller, "org-1/bob", metadata={"plan": "MetaSilver"})
    return caller


@pytest.fixture
def olga(agent: Caller) -> Client:
    return person("operator")


def filtered(client: Client, box: str = BOX, **more: str) -> str:
    """Send the form of the list without scripts; return the address of the answer."""
    answer: HttpResponse = client.post("/sessions/", {"q": box, **more})
    assert answer.status_code == 303, answer.text
    return answer["Location"]


def addresses(text: str) -> list[str]:
    """Return every address a page leads to, and every list that its forms name."""
    return re.findall(r'(?:href|hx-get|hx-post|action)="([^"]*)"', text) + re.findall(
        r'name="(?:query|back)" value="([^"]*)"', text
    )


def test_no_address_of_the_list_holds_the_value(olga: Client) -> None:
    url = filtered(olga, f"{BOX} tag:vip", status="active")
    assert re.fullmatch(r"/sessions/\?q=tag%3Avip&kept=sch_[0-9a-f]{32}&status=active", url)
    part = olga.post("/sessions/", {"q": BOX}, headers=PART)
    assert re.fullmatch(r"/sessions/\?kept=sch_[0-9a-f]{32}", part["HX-Push-Url"])
    for text in (olga.get(url).text, part.text):
        assert shown(text) == ["org-1/ann"]
        assert "metadata plan is <b>MetaGold</b>" in text
        assert not [one for one in addresses(text) if "MetaGold" in one]
    (open_session,) = {one for one in addresses(olga.get(url).text) if "?from=" in one}
    session = olga.get(open_session.replace("&amp;", "&")).text
    assert not [one for one in addresses(session) if "MetaGold" in one]


def test_the_box_shows_what_is_filtered_by_and_a_chip_takes_it_out(olga: Client) -> None:
    text = olga.get(filtered(olga, f"org-1/ {BOX}")).text
    assert f'value="prefix:org-1/ {BOX}"' in text
    assert 'href="/sessions/?q=prefix%3Aorg-1%2F" aria-label="Remove the filter: metadata' in text


def test_an_address_that_spells_a_value_out_is_refused(olga: Client) -> None:
    answer = olga.get("/sessions/", {"q": BOX})
    assert answer.status_code == 422
    assert "no address holds" in answer.text
    assert shown(answer.text) == []


def test_all_that_match_are_those_of_the_kept_filter(olga: Client) -> None:
    query = filtered(olga).partition("?")[2]
    form = {"do": "select-all", "query": query, "whole": "support"}
    text = olga.post("/sessions/act/", form, headers=PART).text
    assert "All <b>1</b>" in text or "1 session" in text
    assert shown(text) == ["org-1/ann"]


def test_the_address_is_of_use_to_the_same_person_only(olga: Client) -> None:
    url = filtered(olga)
    answer = person("operator", name="ben").get(url)
    assert answer.status_code == 403
    assert "another person typed" in answer.text
    assert "MetaGold" not in answer.text
    assert shown(answer.text) == []


def test_after_an_hour_the_list_says_that_its_filter_is_over(olga: Client) -> None:
    url = filtered(olga)
    KeptSearch.objects.update(kept_until=moments.process_clock() - 1)
    answer = olga.get(url)
    assert answer.status_code == 404
    assert "type it again" in answer.text
    assert shown(answer.text) == []
    assert keeping.KEPT_FOR == HOUR
    # A part that is not shown for its status would say nothing.
    assert olga.get(url, headers=PART).status_code == 422


def test_a_search_of_content_is_no_filter_of_the_list(olga: Client) -> None:
    token = olga.post("/search/", {"q": "WordsOfAnn"})["Location"].split("/")[2]
    answer = olga.get(f"/sessions/?kept={token}")
    assert answer.status_code == 404
    assert shown(answer.text) == []
    kept = filtered(olga).partition("kept=")[2]
    assert olga.get(f"/search/{kept}/").status_code == 404


@pytest.mark.parametrize("token", ["", "sch_00", "' OR 1=1 --"])
def test_what_was_never_kept_filters_nothing_and_says_so(olga: Client, token: str) -> None:
    answer = olga.get("/sessions/", {"kept": token})
    assert answer.status_code == 404
    assert shown(answer.text) == []


def test_whoever_may_not_read_content_is_told_whose_role_may(agent: Caller) -> None:
    vera = person("viewer")
    for answer in (
        vera.post("/sessions/", {"q": BOX}, headers=PART),
        vera.get(filtered(vera)),
    ):
        assert answer.status_code == 403
        assert "Operator" in answer.text
        assert not shown(answer.text)
