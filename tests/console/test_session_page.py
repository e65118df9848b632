"""One session's page: what it shows to whom, and that messages are text."""

import re
from typing import Any

import pytest
from django.test import Client

from memory_app import moments
from memory_app.models import KeptSearch
from memory_app.operations import previewing
from memory_app.operations.keys import Caller
from memory_app.operations.recording import Recording, add_events
from memory_app.operations.rights import Person
from tests.console.scenes import HOSTILE, PART, SECRETS, ask_to_purge, person, scene
from tests.counting import counted_statements
from tests.factories import make_caller, make_event, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Client:
    return person("operator")


def uid(agent: Caller, *contents: object) -> str:
    made = make_session(agent, "chat-1", *contents).session
    assert made is not None
    return made.uid


def test_operators_read_everything_of_a_session(agent: Caller, olga: Client) -> None:
    text = olga.get(f"/sessions/{scene(agent)}/").text
    assert [secret for secret in SECRETS if secret not in text] == []
    assert "1.50" in text, "numbers are shown as they were spelled"


def test_viewers_read_the_facts_and_no_content(agent: Caller) -> None:
    session, vera = scene(agent), person("viewer")
    answer = vera.get(f"/sessions/{session}/?view=raw&at=1")
    assert answer.status_code == 200
    assert "needs the role Operator in support" in answer.text
    assert "org-1/ann" in answer.text
    assert not [secret for secret in SECRETS if secret in answer.text]
    refused = vera.get(f"/sessions/{session}/messages/1/")
    assert refused.status_code == 403
    assert "Operator" in refused.text


def find(client: Client, session: str, what: str, **more: Any) -> str:
    """Return the page that finds something in a session."""
    answer = client.post(f"/sessions/{session}/find/", {"find": what, **more}, follow=True)
    assert answer.status_code == 200
    return answer.text


def address(client: Client, session: str, what: str, **more: Any) -> str:
    """Return where something that was looked for is found again."""
    answer = client.post(f"/sessions/{session}/find/", {"find": what, **more})
    assert answer.status_code == 303
    return str(answer["Location"])


@pytest.mark.parametrize("view", ["", "raw"])
@pytest.mark.parametrize("found", ["", "bold", "script"])
def test_a_message_is_text_whatever_it_holds(
    agent: Caller, olga: Client, view: str, found: str
) -> None:
    session = uid(agent, HOSTILE, [{"type": "text", "text": HOSTILE}, {HOSTILE: HOSTILE}])
    text = find(olga, session, found, view=view)
    assert "<script>alert" not in text
    assert "<b hx-get" not in text
    assert "<img src=x" not in text
    assert "<ol hx-ignore>" in text


def test_names_of_tools_tags_and_ids_are_text_too(agent: Caller, olga: Client) -> None:
    call = {"id": HOSTILE, "function": {"name": HOSTILE, "arguments": f'{{"{HOSTILE}": 1}}'}}
    events = [
        make_event(None, role="assistant", tool_calls=[call], state={HOSTILE: HOSTILE}),
        make_event("done", role="tool", tool_call_id=HOSTILE, name=HOSTILE),
    ]
    recording = Recording(session_id=HOSTILE, user_id=HOSTILE, events=events, batch=True)
    made = add_events(caller=agent, recording=recording).session
    assert made is not None
    for path in ("", "?view=raw", "messages/1/", "messages/2/"):
        text = olga.get(f"/sessions/{made.uid}/{path}").text
        assert "<script>alert" not in text
        assert "<b hx-get" not in text
    assert "<b hx-get" not in olga.get("/sessions/").text


def test_a_long_session_is_shown_page_by_page(agent: Caller, olga: Client) -> None:
    session = uid(agent, *(f"Message {number};" for number in range(1, 131)))
    first = olga.get(f"/sessions/{session}/").text
    assert ("Message 50;" in first, "Message 51;" in first) == (True, False)
    assert f"/sessions/{session}/?after=50" in first
    last = olga.get(f"/sessions/{session}/?end=1").text
    assert ("Message 80;" in last, "Message 81;" in last, "Message 130;" in last) == (
        False,
        True,
        True,
    )
    linked = olga.get(f"/sessions/{session}/?at=100").text
    assert 'id="m-100"' in linked


@pytest.mark.parametrize("query", ["after=x", "at=-1", "before=99999999999999999999", "match=0"])
def test_places_that_are_none_lead_to_the_beginning(
    agent: Caller, olga: Client, query: str
) -> None:
    assert 'id="m-1"' in olga.get(f"/sessions/{uid(agent)}/?{query}").text


def test_what_is_looked_for_is_marked_and_counted(agent: Caller, olga: Client) -> None:
    session = uid(agent, "My refund", "Nothing", "A REFUND, a refund", "Straße")
    text = olga.get(f"{address(olga, session, 'refund')}&match=2").text
    assert "2 of 2 messages" in text
    assert text.count("<mark>") == 3
    assert "<mark>REFUND</mark>" in text
    assert 'class="msg user here" id="m-3"' in text
    assert "<mark>Straße</mark>" in find(olga, session, "STRASSE")
    assert "no match" in find(olga, session, "absent")
    long = olga.post(f"/sessions/{session}/find/", {"find": "x" * 501})
    assert (long.status_code, "has at most 500 characters" in long.text) == (422, True)


@pytest.mark.parametrize(
    ("typed", "marked"),
    [
        ("uber", "Über"),
        ("ÜBER", "Über"),
        ("Zoe", "Zoë"),
        ("zoe\u0308", "Zoë"),
        ("smorrebrod", "smørrebrød"),
        ("cafe", "cafe\u0301"),
        ("fi", "ﬁ"),
        ("ガラス", "ｶﾞﾗｽ"),
        ("退款", "退款"),
        ("한", "\u1112\u1161\u11ab"),
        ("مرحبا", "مَرْحَبًا"),
    ],
)
def test_case_accents_and_widths_do_not_count(
    agent: Caller, olga: Client, typed: str, marked: str
) -> None:
    session = uid(agent, f"Then {marked}, and so on", {"deep": [{marked: 1}]}, "Something else")
    text = find(olga, session, typed)
    assert "1 of 2 messages" in text
    assert text.count(f"<mark>{marked}</mark>") == text.count("<mark>") == 2


def test_what_is_marked_is_what_is_counted(agent: Caller, olga: Client) -> None:
    parts = [{"type": "text", "text": "Hello"}, {"type": "image_url", "url": "a.png"}]
    events = [
        make_event(parts, extra={"note": "seen"}),
        make_event("Nothing", state={"text": "seen"}),
        make_event("orders are late", role="tool", name="orders"),
    ]
    made = add_events(
        caller=agent, recording=Recording(session_id="chat-1", events=events, batch=True)
    ).session
    assert made is not None
    for what, messages, marks in (
        ("text", 0, 0),
        ("hello", 1, 1),
        ("image_url", 1, 1),
        ("seen", 1, 1),
        ("orders", 1, 2),
        ("user", 0, 0),
    ):
        text = find(olga, made.uid, what)
        counted = f"1 of {messages} message" if messages else "no match"
        assert (counted in text, text.count("<mark>")) == (True, marks), what
    assert "1 of 2 messages" in find(olga, made.uid, '"user"', view="raw")


def test_what_is_looked_for_stands_in_no_address(agent: Caller, olga: Client) -> None:
    session = uid(agent, "My refund", "Nothing", *(f"refund {n}" for n in range(60)))
    text = find(olga, session, "refund")
    addresses = re.findall(r'(?:href|action|hx-get|hx-post)="([^"]*)"', text)
    assert not [one for one in addresses if "refund" in one]
    part = olga.post(f"/sessions/{session}/find/", {"find": "refund"}, headers=PART)
    there = part["HX-Push-Url"]
    assert re.fullmatch(rf"/sessions/{session}/\?find=sch_[0-9a-f]{{32}}", there)
    assert "<html" not in part.text
    assert "Match 1 of 61, in message 1<" in part.text
    step = olga.get(f"{there}&match=2", headers=PART)
    assert step["HX-Replace-Url"] == f"{there}&match=2"
    assert "HX-Push-Url" not in step
    assert "Match 2 of 61, in message 3<" in step.text


def test_what_is_looked_for_is_found_again_at_its_address(agent: Caller, olga: Client) -> None:
    session = uid(agent, "My refund", *(f"Message {n}" for n in range(120)), "refund", "refund")
    there = address(olga, session, "refund")
    first = olga.get(there).text
    assert ("1 of 3 messages" in first, first.count("<mark>")) == (True, 1)
    assert 'name="find" data-key="f" value="refund"' in first
    elsewhere = olga.get(f"{there}&after=20").text
    assert ">3 messages<" in elsewhere
    assert f'{there.replace("&", "&amp;")}&amp;match=2" hx-get' in elsewhere
    assert olga.get(f"{there}&end=1").text.count("<mark>") == 2


def test_the_address_of_a_find_is_for_one_person_and_an_hour(agent: Caller, olga: Client) -> None:
    session = uid(agent, "My refund")
    there = address(olga, session, "refund")
    ben = person("operator", name="ben").get(there)
    assert (ben.status_code, "<mark>" in ben.text) == (200, False)
    assert "another person looks for something" in ben.text
    assert "My refund" in ben.text
    KeptSearch.objects.update(kept_until=moments.process_clock() - 1)
    over = olga.get(there)
    assert (over.status_code, "<mark>" in over.text) == (200, False)
    assert "kept for an hour and then forgotten" in over.text
    assert "My refund" in over.text


def test_the_address_of_a_find_leads_to_the_session(agent: Caller, olga: Client) -> None:
    session = uid(agent)
    assert olga.get(f"/sessions/{session}/find/")["Location"] == f"/sessions/{session}/"
    assert address(olga, session, " ") == f"/sessions/{session}/"
    assert "<mark>" not in olga.get(f"/sessions/{session}/?find=Hi").text


def test_viewers_find_nothing(agent: Caller) -> None:
    session, vera = scene(agent), person("viewer")
    assert vera.post(f"/sessions/{session}/find/", {"find": "words"}).status_code == 403
    assert not KeptSearch.objects.exists()


def test_finding_keeps_roles_view_and_list(agent: Caller, olga: Client) -> None:
    session = scene(agent)
    given = {"role": ["assistant", "tool"], "from": "sort=created_at"}
    text = find(olga, session, "argumentsku", **given)
    assert "2 of 5" in text
    assert '<input type="hidden" name="role" value="tool">' in text
    assert '<input type="hidden" name="from" value="sort=created_at">' in text
    raw = find(olga, session, "argumentsku", view="raw")
    assert "<mark>ArgumentSku</mark>" in raw
    assert '"arguments"' in raw.replace("&quot;", '"')
    readable = re.search(r'href="([^"]*)">[^>]*>[^>]*></use></svg>Readable', raw)
    assert readable
    other = olga.get(readable.group(1).replace("&amp;", "&")).text
    assert "<mark>ArgumentSku</mark>" in other
    assert '"arguments"' not in other.replace("&quot;", '"')


def test_the_rest_of_what_is_shown_in_part_is_marked_too(agent: Caller, olga: Client) -> None:
    rows = {"rows": [f"row {n}" for n in range(130)] + ["a refund"]}
    session = uid(agent, rows, "x" * 30_000 + " refund")
    text = find(olga, session, "REFUND")
    rest = re.findall(r'href="([^"]*)" data-fill>([^<]*)<', text)
    assert [said for _, said in rest] == [
        "Show 31 more, a match among them",
        "Show the other 10,007 characters, a match among them",
    ]
    for url, _ in rest:
        assert "<mark>refund</mark>" in olga.get(url.replace("&amp;", "&"), headers=PART).text


def test_statements_do_not_grow_with_the_messages(agent: Caller, olga: Client) -> None:
    def statements(session: str) -> int:
        olga.get(f"/sessions/{session}/")
        with counted_statements() as sent:
            olga.get(f"/sessions/{session}/?from=")
        return len(sent)

    with_one = statements(uid(agent))
    many = make_session(agent, "chat-2", *(f"Message {number}" for number in range(60))).session
    assert many is not None
    assert statements(many.uid) <= with_one + 1, "one more looks whether messages follow"


def test_roles_can_be_left_out(agent: Caller, olga: Client) -> None:
    session = scene(agent)
    text = olga.get(f"/sessions/{session}/?role=assistant&role=tool").text
    assert ("WordsOfAnn" in text, "ArgumentSku" in text) == (False, True)
    assert "2 of 5" in text
    assert "No message of these roles" in olga.get(f"/sessions/{session}/?role=system").text


def test_a_huge_message_is_folded_and_has_a_page_of_its_own(agent: Caller, olga: Client) -> None:
    session = uid(agent, "begin" + "x" * 500_000 + "end")
    text = olga.get(f"/sessions/{session}/").text
    assert len(text) < 100_000
    assert "500,008 characters" in text
    whole = olga.get(f"/sessions/{session}/messages/1/").text
    assert "xend" in whole


def test_a_huge_state_is_cut_and_says_so(agent: Caller, olga: Client) -> None:
    session = uid(agent, {"list": list(range(10_000)), "text": "y" * 50_000})
    text = olga.get(f"/sessions/{session}/").text
    assert len(text) < 120_000
    assert "Show 9,900 more" in text
    assert "Show 49,000 more characters" in text


def test_deeply_nested_text_that_looks_like_json_is_shown_as_text(
    agent: Caller, olga: Client
) -> None:
    session = uid(agent, "[" * 900 + "]" * 900)
    assert olga.get(f"/sessions/{session}/").status_code == 200


@pytest.mark.parametrize("text", ['{"cut": "\\ud83d"}', '["\\udc00"]', f'{{"n": 1{"0" * 5_000}}}'])
def test_text_that_looks_like_json_and_cannot_be_written_is_shown_as_text(
    agent: Caller, text: str
) -> None:
    session, petra = uid(agent, text), person("privacy_officer")
    for path in ("", "?view=raw", "messages/1/"):
        assert petra.get(f"/sessions/{session}/{path}").status_code == 200, path
    whole = b"".join(petra.get(f"/sessions/{session}/session.md")).decode()
    assert text[-8:-2] in whole
    assert find(petra, session, text[2:5])


def test_a_call_stands_with_its_result(agent: Caller, olga: Client) -> None:
    text = olga.get(f"/sessions/{scene(agent)}/").text
    called = text.split('id="m-2"')[1].split('<li class="msg')[0]
    assert "ArgumentSku" in called
    assert '<div class="result" id="m-3" data-row>' in called
    assert text.count('id="m-3"') == 1


def test_a_result_without_its_call_on_the_page_stands_alone(agent: Caller, olga: Client) -> None:
    session = scene(agent)
    text = olga.get(f"/sessions/{session}/?role=tool").text
    assert '<li class="msg tool" id="m-3" data-row>' in text


def test_an_error_of_a_tool_is_said_where_it_was_called(agent: Caller, olga: Client) -> None:
    call = {"id": "c1", "function": {"name": "orders", "arguments": "{}"}}
    events = [
        make_event(None, role="assistant", tool_calls=[call]),
        make_event("Error: no such order", role="tool", tool_call_id="c1"),
    ]
    made = add_events(
        caller=agent, recording=Recording(session_id="chat-9", events=events, batch=True)
    ).session
    assert made is not None
    assert '<div class="result err" id="m-2" data-row>' in olga.get(f"/sessions/{made.uid}/").text


def test_a_page_parts_no_call_from_its_result(agent: Caller, olga: Client) -> None:
    call = {"id": "c1", "function": {"name": "orders", "arguments": "{}"}}
    events = [make_event(f"Message {number}") for number in range(1, 50)]
    events += [
        make_event(None, role="assistant", tool_calls=[call]),
        make_event("the answer", role="tool", tool_call_id="c1"),
        make_event("Thanks"),
    ]
    recording = Recording(session_id="chat-9", events=events, batch=True)
    made = add_events(caller=agent, recording=recording).session
    assert made is not None
    text = olga.get(f"/sessions/{made.uid}/").text
    assert ('id="m-51"' in text, 'id="m-52"' in text) == (True, False)
    assert f"/sessions/{made.uid}/?after=51" in text
    earlier = olga.get(f"/sessions/{made.uid}/?after=50").text
    assert 'id="m-50"' in earlier


def test_one_steps_to_the_next_session_of_the_same_list(agent: Caller, olga: Client) -> None:
    first, second = scene(agent, "org-1/ann"), scene(agent, "org-1/bob")
    scene(agent, "zoe")
    query = "from=q%3Dprefix%253Aorg-1%252F%26sort%3Dcreated_at"
    text = olga.get(f"/sessions/{first}/?{query}").text
    assert f"/sessions/{second}/?{query}" in text
    assert "first session of the list" in text
    assert "last session of the list" in olga.get(f"/sessions/{second}/?{query}").text
    assert olga.get(f"/sessions/{first}/?from=usr:nonsense").status_code == 200


@pytest.mark.parametrize("path", ["", "messages/1/", "session.md", "session.jsonl"])
def test_a_session_of_others_is_not_there(agent: Caller, path: str) -> None:
    theirs = scene(make_caller("claims"))
    petra = person("privacy_officer")
    assert petra.get(f"/sessions/{theirs}/{path}").status_code == 404
    assert petra.get(f"/sessions/{'0' * 32}/{path}").status_code == 404


def test_a_text_is_unfolded_where_what_is_found_begins_before_the_fold(agent: Caller) -> None:
    made = make_session(agent, "long", "x" * 1990 + " refund me " + "y" * 3000).session
    assert made is not None
    petra = person("privacy_officer")
    there = petra.post(f"/sessions/{made.uid}/find/", {"find": "refund me"})["Location"]
    assert '<details class="fold" open>' in petra.get(there).text
    assert '<details class="fold">' in petra.get(f"/sessions/{made.uid}/").text


def test_nothing_of_a_purged_session_can_be_opened(agent: Caller) -> None:
    session, petra = scene(agent), person("privacy_officer")
    token = ask_to_purge(petra, session)
    petra.post(f"/purges/{token}/", {"typed": "purge 1", "reason": "over"})
    for path in ("messages/1/", "states/", "branch/?in=state", "session.md", "session.jsonl"):
        assert petra.get(f"/sessions/{session}/{path}").status_code == 404
    assert petra.post(f"/sessions/{session}/find/", {"find": "a"}).status_code == 410
    # In the transcript that somebody has open there is no room for the page that says so.
    for part in (
        petra.post(f"/sessions/{session}/find/", {"find": "a"}, headers=PART),
        petra.get(f"/sessions/{session}/", headers=PART),
    ):
        assert (part.status_code, part["HX-Redirect"]) == (204, f"/sessions/{session}/")


def test_the_page_of_a_purged_session_names_the_receipt(agent: Caller) -> None:
    session, petra = scene(agent), person("privacy_officer")
    token = ask_to_purge(petra, session)
    purged = petra.post(f"/purges/{token}/", {"typed": "purge 1", "reason": "over"})
    answer = petra.get(f"/sessions/{session}/")
    assert answer.status_code == 410
    assert "This session was purged" in answer.text
    assert f'href="{purged["Location"]}"' in answer.text
    others = person("privacy_officer", namespace="claims", name="carl")
    assert others.get(f"/sessions/{session}/").status_code == 404


def test_a_session_that_is_being_purged_is_closed_and_names_the_receipt(agent: Caller) -> None:
    session, petra = scene(agent), person("privacy_officer")
    token = ask_to_purge(petra, session)
    # Only so far as the time of one request allows: none is left.
    paula = Person(0, "privacy_officer", {"*": frozenset({"privacy_officer"})})
    receipt = previewing.execute(actor=paula, token=token, reason="over", seconds=-1).id
    answer = petra.get(f"/sessions/{session}/")
    assert answer.status_code == 410
    assert "This session is being purged" in answer.text
    assert f"/receipts/{receipt}/" in answer.text


def test_downloads_are_files_with_names_that_say_nothing(agent: Caller) -> None:
    session, petra = scene(agent), person("privacy_officer")
    for kind, words in (("jsonl", '"WordsOfAnn"'), ("md", "WordsOfAnn")):
        answer = petra.get(f"/sessions/{session}/session.{kind}")
        content = b"".join(answer).decode()
        assert words in content
        assert answer["Content-Disposition"] == f'attachment; filename="session.{kind}"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_downloads_need_the_right_to_export(agent: Caller, role: str) -> None:
    session, client = scene(agent), person(role)
    for kind in ("jsonl", "md"):
        answer = client.get(f"/sessions/{session}/session.{kind}")
        assert answer.status_code == 403
        assert "Privacy officer" in answer.text
        assert not [secret for secret in SECRETS if secret in answer.text]
    assert "session.md" not in client.get(f"/sessions/{session}/").text
