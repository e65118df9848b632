"""Saved views: a list under a name, one's own or shared, with nothing that is to be forgotten."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from memory_app.operations.keys import Caller
from memory_app.storage import engine
from tests.console.scenes import person, scene
from tests.factories import make_caller
from tests.people import signed_in

pytestmark = pytest.mark.django_db

ACTIVE = "status=active&namespace=support&sort=expires_at"


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Client:
    return person("operator")


def save(client: Client, name: str = "Urgent", query: str = ACTIVE, **more: str) -> HttpResponse:
    form = {"do": "save", "name": name, "query": query, **more}
    return client.post("/sessions/views/", form)  # type: ignore[return-value]


def act(client: Client, do: str, view: str = "Urgent", name: str = "Other") -> HttpResponse:
    row = engine().read(lambda db: db.row("SELECT id FROM saved_view WHERE name = %s", (view,)))
    form = {"do": do, "view": row[0] if row else "", "name": name}
    return client.post("/sessions/views/", form)  # type: ignore[return-value]


def tabs(client: Client, query: str = "?all=1") -> list[str]:
    """Return the names of the views above the list; the one that is shown with an asterisk."""
    text = client.get(f"/sessions/{query}").text
    nav = text.partition('aria-label="Views">')[2].partition("</nav>")[0]
    links = re.findall(r"<a href([^>]*)><span[^>]*>([^<]*)", nav)
    return [name + ("*" if "aria-current" in attributes else "") for attributes, name in links]


BUILT_IN = ["All", "Expiring next", "Expired", "On hold", "Largest"]


def test_a_saved_list_is_a_tab_of_its_own(olga: Client) -> None:
    assert tabs(olga) == ["All*", *BUILT_IN[1:]]
    answer = save(olga)
    assert (answer.status_code, answer["Location"]) == (303, f"/sessions/?{ACTIVE}")
    assert tabs(olga, f"?{ACTIVE}") == [*BUILT_IN, "Urgent*"]
    # The same question in other words is the same view.
    assert tabs(olga, "?q=ns:support+status:active&sort=expires_at&time=")[-1] == "Urgent*"


@pytest.mark.parametrize(
    ("query", "current"), [("status=expired", "Expired"), ("q=held:yes", "On hold")]
)
def test_built_in_views_are_told_by_what_they_ask(olga: Client, query: str, current: str) -> None:
    assert f"{current}*" in tabs(olga, f"?{query}")


def test_a_view_is_ones_own_unless_it_is_shared(agent: Caller, olga: Client) -> None:
    save(olga, "Mine")
    save(olga, "Ours", shared="yes")
    oskar = signed_in("oskar", viewer="support")
    assert tabs(oskar) == ["All*", *BUILT_IN[1:], "Ours"]
    assert "shared by operator" in oskar.get("/sessions/?all=1").text
    make_caller("claims")
    cleo = signed_in("cleo", viewer="claims")
    assert tabs(cleo) == ["All*", *BUILT_IN[1:]]


def test_only_a_list_of_one_namespace_can_be_shared(olga: Client) -> None:
    answer = save(olga, query="status=active", shared="yes")
    assert answer.status_code == 422
    assert "filter by a namespace first" in answer.text
    assert tabs(olga) == ["All*", *BUILT_IN[1:]]


@pytest.mark.parametrize("query", ["q=user:ann", "kept", "q=org-1/+user:ann"])
def test_a_view_names_no_person_and_holds_no_content(olga: Client, query: str) -> None:
    if query == "kept":
        query = olga.post("/sessions/", {"q": "meta.plan:gold"})["Location"].partition("?")[2]
    answer = save(olga, query=query)
    assert answer.status_code == 422
    assert "cannot filter by user or metadata" in answer.text
    assert 'name="name" value="Urgent"' in answer.text
    assert "cannot filter by user or metadata" in olga.get(f"/sessions/?{query}").text


@pytest.mark.parametrize("name", ["", "   ", "a" * 61, "a\x00b", "urgent"])
def test_a_name_is_short_printable_and_ones_only_one(olga: Client, name: str) -> None:
    save(olga)
    assert save(olga, name, "status=expired").status_code == 422
    assert tabs(olga)[5:] == ["Urgent"]


def test_a_view_is_renamed_and_removed_by_its_owner_alone(agent: Caller, olga: Client) -> None:
    save(olga, shared="yes")
    oskar = signed_in("oskar", operator="support")
    for do in ("rename", "delete"):
        assert act(oskar, do, name="Urgent").status_code == 404
    assert act(olga, "rename", "Urgent", name="Soon gone").status_code == 303
    assert tabs(oskar)[5:] == ["Soon gone"]
    assert act(olga, "delete", "Soon gone").status_code == 303
    assert tabs(oskar) == tabs(olga) == ["All*", *BUILT_IN[1:]]


def test_ones_list_can_begin_with_a_view(agent: Caller, olga: Client) -> None:
    scene(agent)
    save(olga, first="yes")
    assert olga.get("/sessions/")["Location"] == f"/sessions/?{ACTIVE}"
    text = olga.get(f"/sessions/?{ACTIVE}").text
    assert 'href="/sessions/?all=1"' in text
    assert tabs(olga) == ["All*", *BUILT_IN[1:], "Urgent"]
    act(olga, "begin-with-all")
    assert olga.get("/sessions/").status_code == 200
    act(olga, "begin")
    act(olga, "delete")
    assert olga.get("/sessions/").status_code == 200


def test_nobody_begins_with_a_namespace_that_was_taken_from_them(
    agent: Caller, olga: Client
) -> None:
    save(olga, first="yes")
    engine().write(lambda db: db.run("UPDATE operator_role SET role = %s", ("administrator",)))
    assert olga.get("/sessions/").status_code == 403


def test_the_page_says_what_views_show_and_who_sees_them(olga: Client) -> None:
    assert "No saved views yet" in olga.get("/sessions/views/").text
    save(olga, shared="yes")
    text = olga.get("/sessions/views/").text
    assert "status is active, namespace is support, next to expire first" in text
    assert "all who may view support" in text
    assert olga.post("/sessions/views/", {"do": "nonsense"}).status_code == 422


def test_columns_are_as_the_person_chose_them(agent: Caller, olga: Client) -> None:
    scene(agent)

    def heads() -> list[str]:
        text = olga.get("/sessions/?all=1").text.partition("<thead>")[2].partition("</thead>")[0]
        found = re.findall(r'<th scope="col"[^>]*>(?:<a [^>]*>)?\s*([A-Z][a-z ]+[a-z])', text)
        return [head.strip() for head in found]

    assert heads() == ["Session", "Status", "User", "Messages", "Size", "Last activity", "Expires"]
    chosen = {"columns": ["", "tags", "tokens", "status"], "density": "compact"}
    olga.post("/preferences/", {**chosen, "next": "/sessions/?all=1"})
    assert heads() == ["Session", "Tags", "Tokens", "Status"]
    assert 'data-density="compact"' in olga.get("/sessions/?all=1").text
