"""The list of sessions: its filter, its address, its parts."""

import re

import pytest
from django.test import Client

from memory_app.models import AgentSession
from memory_app.operations.keys import Caller
from tests.console.scenes import HOSTILE, PART, SECRETS, person, scene
from tests.counting import counted_statements
from tests.factories import begin_session, make_caller, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Client:
    return person("operator")


def shown(text: str) -> list[str]:
    """Return the ids of the sessions in a list, in its order."""
    return re.findall(r'data-copy="([^"]*)"', text)


def test_a_page_and_its_part_show_the_same_rows(agent: Caller, olga: Client) -> None:
    make_session(agent, "chat-1", "Where is my refund?")
    page, part = olga.get("/sessions/"), olga.get("/sessions/", headers=PART)
    assert "Where is my refund?" in page.text
    assert "<html" in page.text
    assert part.text.startswith('<section id="results"')
    assert "<html" not in part.text
    assert shown(part.text) == shown(page.text) == ["chat-1"]


@pytest.mark.parametrize(
    ("box", "found"),
    [
        ("user:ann", {"org-1/ann"}),
        ("tag:vip", {"org-1/ann"}),
        ("tag:vip tag:eu", set()),
        ("prefix:org-1/", {"org-1/ann", "org-1/bob"}),
        ("org-1/b", {"org-1/bob"}),
        ("meta.plan:MetaGold", {"org-1/ann"}),
        ('user:"Bob B"', {"org-1/bob"}),
        ("namespace:support status:active", {"org-1/ann", "org-1/bob"}),
        ("ns:support held:no", {"org-1/ann", "org-1/bob"}),
        ("-tag:vip", {"org-1/bob"}),
        ("!tag:vip -tag:eu", {"org-1/bob"}),
        ("org-1/ -user:ann", {"org-1/bob"}),
        ('-user:"Bob B" -user:ann', set()),
        ("-prefix:org-1/b", {"org-1/ann"}),
        ("status:expired", set()),
        ("created-before:2020-01-01", set()),
        ("active-after:2020-01-01T00:00:00Z", {"org-1/ann", "org-1/bob"}),
    ],
)
def test_the_filter_box_finds(agent: Caller, olga: Client, box: str, found: set[str]) -> None:
    scene(agent)
    begin_session(agent, "org-1/bob", user_id="Bob B")
    answer = olga.post("/sessions/", {"q": box}, follow=True)
    assert answer.status_code == 200
    assert set(shown(answer.text)) == found


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("?q=+user:ann++&status=&namespace=&time=&sort=-last_activity_at", "?q=user%3Aann"),
        ("?q=status:expired+user:ann", "?q=user%3Aann&status=expired"),
        ("?q=org-1/", "?q=prefix%3Aorg-1%2F"),
        ("?status=any", ""),
        ("?q=!tag:vip", "?q=-tag%3Avip"),
        ("?sort=expires_at&time=24h", "?time=24h&sort=expires_at"),
    ],
)
def test_the_address_is_the_same_for_the_same_question(
    olga: Client, asked: str, canonical: str
) -> None:
    answer = olga.get(f"/sessions/{asked}", headers=PART)
    assert answer["HX-Push-Url"] == f"/sessions/{canonical}"


def test_typing_on_corrects_the_address_instead_of_adding_to_the_history(olga: Client) -> None:
    now = {"HX-Current-URL": "http://testserver/sessions/?q=user%3Aan"}
    answer = olga.get("/sessions/?q=user:ann", headers=PART | now)
    assert answer["HX-Replace-Url"] == "/sessions/?q=user%3Aann"
    assert "HX-Push-Url" not in answer
    answer = olga.get("/sessions/?q=user:ann&status=expired", headers=PART | now)
    assert "HX-Push-Url" in answer


def test_an_act_is_no_step_in_the_history(olga: Client) -> None:
    now = {"HX-Current-URL": "http://testserver/sessions/?q=user%3Aann"}
    form = {"do": "clear", "query": "q=user%3Aann"}
    answer = olga.post("/sessions/act/", form, headers=PART | now)
    assert answer.status_code == 200
    assert not {"HX-Push-Url", "HX-Replace-Url"} & set(answer.headers)


def test_a_page_that_refreshes_itself_leaves_the_address_alone(olga: Client) -> None:
    answer = olga.get("/sessions/?q=user:ann", headers=PART | {"HX-Tick": "true"})
    assert answer.status_code == 200
    assert not {"HX-Push-Url", "HX-Replace-Url"} & set(answer.headers)


@pytest.mark.parametrize(
    "box",
    [
        "usr:ann",
        "-tag:",
        "-status:expired",
        "-held:yes",
        "-meta.plan:MetaGold",
        "!ns:support",
        "user:",
        'user:"ann',
        "user:a user:b",
        "held:perhaps",
        "created-after:soon",
        "a%00b",
    ],
)
def test_what_cannot_be_read_is_said_under_the_box_and_the_list_stays(
    olga: Client, box: str
) -> None:
    part = olga.get(f"/sessions/?q={box}", headers=PART)
    assert (part.status_code, part["HX-Retarget"]) == (422, "#problem")
    assert "results" not in part.text
    assert "HX-Push-Url" not in part
    page = olga.get(f"/sessions/?q={box}")
    assert page.status_code == 422
    assert 'role="alert"' in page.text


def test_more_conditions_than_a_statement_takes_are_refused_by_number(olga: Client) -> None:
    box = " ".join(f"-user:u{number}" for number in range(1_000))
    answer = olga.get("/sessions/", {"q": box})
    assert answer.status_code == 422
    assert "t most 32 conditions" in answer.text


@pytest.mark.parametrize("query", ["status=gone", "time=soon", "sort=title", "cursor=abc"])
def test_an_address_that_means_nothing_is_refused(olga: Client, query: str) -> None:
    assert olga.get(f"/sessions/?{query}").status_code == 422


def test_each_condition_is_a_chip_that_leads_to_the_list_without_it(olga: Client) -> None:
    text = olga.get("/sessions/?q=user:ann+tag:vip&status=active").text
    links = re.findall(r'href="([^"]*)" aria-label="Remove the filter', text)
    assert links == [
        "/sessions/?q=tag%3Avip&amp;status=active",
        "/sessions/?q=user%3Aann&amp;status=active",
        "/sessions/?q=user%3Aann+tag%3Avip",
    ]


def test_the_order_is_told_to_those_who_do_not_see_it(olga: Client, agent: Caller) -> None:
    make_session(agent)
    text = olga.get("/sessions/?sort=-message_count").text
    assert text.count("aria-sort=") == 1
    assert re.search(r'aria-sort="descending"><a [^>]*>Messages', text)
    assert "sort=message_count" in text


def test_pages_follow_each_other_without_gap_or_repetition(agent: Caller, olga: Client) -> None:
    for number in range(55):
        make_session(agent, f"s-{number:02}")
    first = olga.get("/sessions/?sort=created_at").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = olga.get(following.group(1).replace("&amp;", "&")).text
    assert shown(first) + shown(second) == [f"s-{number:02}" for number in range(55)]
    assert 'rel="next"' not in second
    assert "First" in second


def link(text: str, rel: str) -> str:
    """Return where a list goes on, or back; nothing at its end."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', text)
    return found.group(1).replace("&amp;", "&") if found else ""


@pytest.mark.parametrize("sort", ["created_at", "-last_activity_at", "size_bytes"])
def test_pages_lead_back_as_they_led_on(agent: Caller, olga: Client, sort: str) -> None:
    for number in range(125):
        make_session(agent, f"s-{number:03}")
    pages = [olga.get(f"/sessions/?sort={sort}").text]
    while following := link(pages[-1], "next"):
        pages.append(olga.get(following).text)
    assert [len(shown(text)) for text in pages] == [50, 50, 25]
    assert link(pages[0], "prev") == ""
    back = olga.get(link(pages[2], "prev")).text
    assert shown(back) == shown(pages[1])
    assert "further on" in back
    assert shown(olga.get(link(back, "next")).text) == shown(pages[2])
    part = olga.get(link(back, "prev"), headers=PART)
    assert shown(part.text) == shown(pages[0])
    assert (link(part.text, "prev"), "further on" in part.text) == ("", False)
    first = "/sessions/" if sort == "-last_activity_at" else f"/sessions/?sort={sort}"
    assert part["HX-Push-Url"] == first, "the first page has one address"


def test_a_way_back_to_few_shows_the_whole_first_page(agent: Caller, olga: Client) -> None:
    for number in range(60):
        make_session(agent, f"s-{number:02}")
    second = olga.get(link(olga.get("/sessions/?sort=created_at").text, "next")).text
    AgentSession.objects.filter(session_id__lt="s-05").delete()
    back = olga.get(link(second, "prev")).text
    assert shown(back) == [f"s-{number:02}" for number in range(5, 55)]
    assert link(back, "prev") == ""


def test_a_page_whose_sessions_are_gone_leads_to_the_first(agent: Caller, olga: Client) -> None:
    for number in range(60):
        make_session(agent, f"s-{number:02}")
    following = link(olga.get("/sessions/?sort=created_at").text, "next")
    AgentSession.objects.filter(session_id__gte="s-50").delete()
    text = olga.get(following).text
    assert "Nothing further on" in text
    assert 'href="/sessions/?sort=created_at">Go to the first page' in text


def test_what_takes_long_to_count_is_counted_by_a_request_of_its_own(
    agent: Caller, olga: Client
) -> None:
    for number in range(55):
        make_session(agent, f"s-{number:02}")
    text = olga.get("/sessions/?q=held:no").text
    assert "more than 50 sessions" in text
    link = re.search(r'href="([^"]+)" hx-get="([^"]+)" hx-trigger="load"', text)
    assert link
    part = olga.get(link.group(2).replace("&amp;", "&"), headers=PART)
    assert part.text.strip() == "55 sessions"
    page = "/sessions/" + link.group(1).replace("&amp;", "&")
    assert "55 sessions" in olga.get(page).text
    assert olga.get(link.group(2).replace("&amp;", "&"))["Location"] == page
    tick = olga.get("/sessions/?q=held:no", headers=PART | {"HX-Tick": "true"})
    assert "<span>55 sessions" in " ".join(tick.text.replace('<span id="counted">', "").split())


def test_statements_do_not_grow_with_the_rows(agent: Caller, olga: Client) -> None:
    def statements() -> int:
        with counted_statements() as sent:
            olga.get("/sessions/")
        return len(sent)

    make_session(agent, "s-0")
    statements()
    with_one = statements()
    for number in range(1, 20):
        make_session(agent, f"s-{number}")
    assert statements() == with_one


def test_nothing_of_a_message_is_markup_in_the_list(agent: Caller, olga: Client) -> None:
    make_session(agent, "chat-1", HOSTILE)
    text = olga.get("/sessions/").text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_viewers_see_rows_and_no_content(agent: Caller) -> None:
    scene(agent)
    vera = person("viewer")
    for headers in ({}, PART):
        text = vera.get("/sessions/", headers=headers).text
        assert shown(text) == ["org-1/ann"]
        assert "vip" in text
        assert not [secret for secret in SECRETS if secret in text]


def test_a_list_says_why_it_is_empty(agent: Caller, olga: Client) -> None:
    assert "No sessions yet" in olga.get("/sessions/").text
    assert "No session matches" in olga.get("/sessions/?status=expired").text
    nia = person("viewer", "*", "nia")
    assert "no namespace yet" not in nia.get("/sessions/").text


def test_sessions_of_other_namespaces_are_neither_listed_nor_named(
    agent: Caller, olga: Client
) -> None:
    make_session(make_caller("claims"), "theirs")
    text = olga.get("/sessions/").text
    assert "claims" not in text
    assert shown(text) == []
    assert olga.get("/sessions/?namespace=claims").status_code == 404
    assert olga.get("/sessions/?namespace=nowhere").status_code == 404
