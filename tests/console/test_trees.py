"""JSON as a tree: what is large is fetched branch by branch, by places and never by keys."""

import re
from typing import Any

import pytest
from django.test import Client

from memory_app.console.trees import TreeWriter, find_branch
from memory_app.console.visible import visible
from memory_app.operations.keys import Caller
from memory_app.operations.recording import Recording, add_events
from memory_app.operations.unfolding import open_value
from tests.console.scenes import HOSTILE, PART, person
from tests.factories import begin_session, make_caller, make_event, make_session


def tree(value: Any) -> str:
    return TreeWriter("/branch/?in=state").write(value)


def links(text: str) -> list[str]:
    return [one.replace("&amp;", "&") for one in re.findall(r'href="([^"]*)" data-fill', text)]


def test_a_small_value_is_whole() -> None:
    text = tree(open_value('{"a": [1.50, {"b": null}], "c": "text"}'))
    assert links(text) == []
    for shown in ("1.50", "null", "“text”", "2 items"):
        assert shown in text


def test_many_children_end_with_a_link_to_the_rest() -> None:
    assert links(tree(list(range(250)))) == ["/branch/?in=state&path=&after=100"]
    inner = tree({"SecretKey": {"a": list(range(101))}})
    assert links(inner) == ["/branch/?in=state&path=0.0&after=100"]
    assert not [one for one in links(inner) if "Secret" in one]


def test_a_large_tree_opens_what_fits_and_fetches_the_rest() -> None:
    value = {f"key-{number}": list(range(90)) for number in range(50)}
    text = tree(value)
    assert len(re.findall("<details open>", text)) >= 1
    assert all(f"key-{number}" in text for number in range(50)), "what follows is not crowded out"
    fetched = links(text)
    assert fetched[-1] == "/branch/?in=state&path=49&after=0"
    assert text.count('class="nn"') < 1_000


def test_a_long_text_is_cut() -> None:
    text = tree({"a": "x" * 5_000})
    assert "Show 4,000 more characters" in text
    assert links(text) == ["/branch/?in=state&path=0&after=1000"]


def test_a_branch_is_found_by_its_places() -> None:
    value = open_value('{"a": {"b": [1, {"c": "deep"}]}}')
    assert find_branch(value, (0, 0, 1, 0)) == "deep"
    assert find_branch(value, ()) == value
    for wrong in ((1,), (0, 0, 5), (0, 0, 0, 0)):
        with pytest.raises(LookupError):
            find_branch(value, wrong)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "ESC[31m"),
        ("a\x07b", "^G"),
        ("over\rwritten", "^M"),
        ("\u202egnp.exe", "RLO"),
        ("zero\u200bwidth", "ZWSP"),
        ("tag\U000e0041", "U+E0041"),
        ("<b>\u2066", "&lt;b&gt;"),
    ],
)
def test_what_hides_or_turns_text_is_shown_by_its_name(text: str, shown: str) -> None:
    made = visible(text)
    assert shown in made
    assert not re.search("[\x00-\x08\x0e-\x1f\u200b\u202a-\u202e\u2066-\u2069\U000e0041]", made)


def test_what_scripts_and_emoji_need_stays() -> None:
    for text in ("line\nbreak\ttab", "as\r\non Windows", "👩‍👩‍👧", "نمی‌خواهم", "退款"):
        assert visible(text) == text


@pytest.fixture
def agent(db: None) -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Client:
    return person("operator")


def test_each_link_of_a_session_leads_to_what_it_promises(agent: Caller, olga: Client) -> None:
    call = {
        "id": "c",
        "function": {"name": "orders", "arguments": f'{{"ids": {list(range(150))}}}'},
    }
    events = [
        make_event({"rows": list(range(1_000))}, state={"seen": list(range(300))}),
        make_event("y" * 30_000 + "END"),
        make_event(None, role="assistant", tool_calls=[call]),
    ]
    began = begin_session(agent, "big", state={"s": list(range(200))}, metadata={"m": "z" * 2_000})
    add_events(caller=agent, recording=Recording(session_id="big", events=events, batch=True))
    page = olga.get(f"/sessions/{began.session.uid}/").text
    found = links(page)
    assert {re.search("in=([^&]*)", one).group(1) for one in found} == {  # type: ignore[union-attr]
        "1.t0",
        "1.s",
        "2.w0",
        "3.c0",
        "state",
        "metadata",
    }
    ends = {
        "1.t0": "199",
        "1.s": "199",
        "2.w0": "END",
        "3.c0": "149",
        "state": "199",
        "metadata": "zz",
    }
    for link in found:
        part = re.search("in=([^&]*)", link).group(1)  # type: ignore[union-attr]
        fragment = olga.get(link, headers=PART).text
        assert "<html" not in fragment
        assert ends[part] in fragment
        whole = olga.get(link).text
        assert fragment.strip() in whole
        assert "In the transcript" in whole


@pytest.mark.parametrize(
    "query",
    [
        "",
        "in=",
        "in=title",
        "in=1.t5",
        "in=1.x0",
        "in=99.w0",
        "in=1.w0&path=0",
        "in=state",
        "in=1.w0&path=a",
        "in=1.w0&after=-1",
        "in=0.w0",
        "in=metadata&path=1.2.3",
    ],
)
def test_a_part_that_is_not_there_is_not_found(agent: Caller, olga: Client, query: str) -> None:
    made = make_session(agent, "chat-1").session
    assert made is not None
    assert olga.get(f"/sessions/{made.uid}/branch/?{query}").status_code == 404


def test_a_branch_is_text_whatever_it_holds(agent: Caller, olga: Client) -> None:
    made = make_session(agent, "chat-1", {HOSTILE: [HOSTILE]}, HOSTILE).session
    assert made is not None
    for part in ("1.t0", "2.w0"):
        text = olga.get(f"/sessions/{made.uid}/branch/?in={part}").text
        assert "<script>alert" not in text
        assert "<b hx-get" not in text
