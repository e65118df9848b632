"""Help inside the product: everybody reaches it, and it says what is so."""

import re
from pathlib import Path

import pytest
from django.test import Client

from memory_app.console.views.help_pages import TOPICS
from memory_app.operations.rights import RIGHTS, Right
from tests.people import signed_in

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = ROOT / "templates" / "console"

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("roles", [{}, *({role: "*"} for role in RIGHTS)], ids=str)
@pytest.mark.parametrize("topic", TOPICS)
def test_everybody_reads_every_page(topic: str, roles: dict[str, str]) -> None:
    answer = signed_in("ann", **roles).get(f"/help/{topic}/")
    assert answer.status_code == 200
    assert f"<h1>{TOPICS[topic]}</h1>" in answer.text


def test_every_page_leads_to_help_and_help_to_every_topic() -> None:
    client = signed_in("ann")
    assert 'href="/help/"' in client.get("/").text
    for path in ("/help/", "/help/roles/"):
        page = client.get(path).text
        assert [topic for topic in TOPICS if f'href="/help/{topic}/"' not in page] == []


def test_there_is_no_other_topic() -> None:
    assert signed_in("ann").get("/help/nonsense/").status_code == 404


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_linked_where_it_is_needed(topic: str) -> None:
    linking = [
        path.relative_to(TEMPLATES)
        for path in TEMPLATES.rglob("*.html")
        if f'{{% help_on "{topic}" %}}' in path.read_text()
    ]
    assert linking, "no page has a question mark that leads there"


def test_every_question_mark_leads_to_a_topic() -> None:
    asked = {
        topic
        for path in TEMPLATES.rglob("*.html")
        for topic in re.findall(r'{% help_on "(\w+)" %}', path.read_text())
    }
    assert asked == set(TOPICS)


def test_the_keyboard_page_names_the_keys_that_the_console_handles_and_no_others() -> None:
    script = (ROOT / "static" / "console" / "console.js").read_text()
    handled = re.search(r"const KEYS = \{\n(.*?)\n  \};", script, flags=re.DOTALL)
    assert handled
    keys = set(re.findall(r'^    "?([^\s"]+?)"?: \(', handled[1], flags=re.MULTILINE))
    page = signed_in("ann", viewer="*").get("/help/keyboard/").text
    article = page[page.index("<article") : page.index("</article>")]
    # What follows `g` are the pages of the side bar.
    article = re.sub(r'<span class="pair">.*?</span>', "", article)
    with_ctrl = set(re.findall(r"<kbd>Ctrl</kbd> <kbd>(.)</kbd>", article))
    handled_with_ctrl = re.findall(
        r'event\.key\.toLowerCase\(\) === "(\w)" && \(event\.ctrlKey', script
    )
    assert {key.lower() for key in with_ctrl} == set(handled_with_ctrl)
    article = re.sub(r"<kbd>Ctrl</kbd> <kbd>.</kbd>", "", article)
    named = set(re.findall(r"<kbd>(.)</kbd>", article))
    assert named == keys
    assert len(keys) > 15


def test_the_table_of_roles_is_what_roles_give() -> None:
    page = signed_in("ann").get("/help/roles/").text
    rows = re.findall(r'<th scope="row">.*?</th>(.*?)</tr>', page)
    shown = [[cell == "yes" for cell in re.findall(r">(yes|no)<", row)] for row in rows]
    assert shown == [[right in given for given in RIGHTS.values()] for right in Right]


def test_strangers_sign_in_first(client: Client) -> None:
    assert client.get("/help/roles/").status_code == 302
