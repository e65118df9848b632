"""Legal holds in the console: who sees, places and releases them, and where they are shown."""

import re
from typing import Any

import pytest
from django.test import Client

from memory_app import moments
from memory_app.models import AgentSession, HoldKind, LegalHold
from memory_app.moments import DAY
from memory_app.operations.holding import HoldView, NewHold, place_hold, release_hold
from memory_app.operations.keys import Caller
from tests.console.scenes import HOSTILE, ask_to_purge, person, scene
from tests.counting import counted_statements
from tests.factories import make_caller, make_session

pytestmark = pytest.mark.django_db

FORM = {
    "namespace": "support",
    "kind": "prefix",
    "target": "org-1/",
    "matter": "Miller v. Example",
    "reason": "Asked by counsel",
    "review": "30",
}


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Client:
    return person("privacy_officer", name="olga")


def hold(target: str = "org-1/ann", **more: Any) -> HoldView:
    fields = {"matter": "Miller v. Example", "reason": "Asked by counsel"} | more
    asked = NewHold(namespace="support", kind=HoldKind.SESSION, target=target, **fields)
    return place_hold(hold=asked)


def test_a_privacy_officer_places_and_releases_a_hold(olga: Client) -> None:
    placed = olga.post("/holds/new/", FORM, follow=True)
    assert "is placed" in placed.text
    made = LegalHold.objects.get()
    assert (made.kind, made.target, made.placed_by) == ("prefix", "org-1/", "olga")
    assert made.review_at - made.placed_at == 30 * DAY
    assert made.id in olga.get("/holds/").text
    released = olga.post(f"/holds/{made.id}/release/", {"reason": "Settled"}, follow=True)
    assert "24 hours" in released.text
    assert made.id not in olga.get("/holds/").text
    assert "Settled" in olga.get("/holds/?state=released").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"target": "org-1"}, "org-1/"),
        ({"target": ""}, "prefix"),
        ({"matter": ""}, "matter"),
        ({"reason": ""}, "reason"),
        ({"review": "soon"}, "days"),
        ({"kind": "everything"}, "what is held"),
    ],
)
def test_what_cannot_be_held_is_said_and_what_was_typed_stays(
    olga: Client, wrong: dict[str, str], said: str
) -> None:
    answer = olga.post("/holds/new/", FORM | wrong)
    assert answer.status_code == 422
    assert said in answer.text
    kept = "Miller v. Example" if "matter" not in wrong else "Asked by counsel"
    assert f'value="{kept}"' in answer.text
    assert not LegalHold.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "operator", "administrator"])
def test_nobody_else_places_or_releases(agent: Caller, role: str) -> None:
    placed = hold()
    client = person(role)
    assert client.post("/holds/new/", FORM).status_code in (403, 404)
    answer = client.post(f"/holds/{placed.id}/release/", {"reason": "Settled"})
    assert answer.status_code in (403, 404)
    shown = client.get("/holds/")
    assert shown.status_code == (403 if role == "administrator" else 200)
    assert "Place the hold" not in shown.text
    assert "Release the hold" not in shown.text
    assert LegalHold.objects.get().released_at is None


def test_a_release_without_a_reason_releases_nothing(olga: Client) -> None:
    placed = hold()
    answer = olga.post(f"/holds/{placed.id}/release/", {"reason": " "})
    assert answer.status_code == 422
    assert "Give a reason" in answer.text
    assert LegalHold.objects.get().released_at is None


def test_the_page_of_a_session_names_its_holds(agent: Caller, olga: Client) -> None:
    uid = scene(agent)
    page = f"/sessions/{uid}/"
    before = olga.get(page).text
    assert "On legal hold" not in before
    leads = re.search(r'href="(/holds/new/\?[^"]*)"', before)
    assert leads
    form = olga.get(leads.group(1).replace("&amp;", "&")).text
    assert 'value="org-1/ann"' in form
    assert f'name="back" value="{page}"' in form
    given = FORM | {"kind": "session", "target": "org-1/ann", "back": page}
    assert olga.post("/holds/new/", given)["Location"] == page
    shown = olga.get(page).text
    assert "<strong>On legal hold</strong> for" in shown
    assert "Miller v. Example" in shown
    assert "badge-held" in shown
    placed = LegalHold.objects.get().id
    assert f'href="/holds/{placed}/?back=' in shown
    release = f"/holds/{placed}/release/"
    assert olga.post(release, {"reason": "Settled", "back": page})["Location"] == page
    assert "badge-held" not in olga.get(page).text


def test_what_a_hold_would_cover_is_said_before_it_is_placed(agent: Caller, olga: Client) -> None:
    for session_id in ("org-1/ann", "org-1/bob", "org-2/cid"):
        make_session(agent, session_id)
    asked = olga.post("/holds/new/", FORM | {"do": "preview"})
    assert asked.status_code == 200
    assert "<b>2</b><span>sessions covered now</span>" in asked.text
    assert not LegalHold.objects.exists()
    assert 'value="Asked by counsel"' in asked.text
    prefilled = olga.get("/holds/new/?namespace=support&kind=subject&target=nobody").text
    assert "<b>0</b><span>sessions covered now</span>" in prefilled
    assert "The hold covers those that come later." in prefilled


def test_the_page_of_a_hold_says_what_it_covers_and_what_was_done(
    agent: Caller, olga: Client
) -> None:
    scene(agent)
    placed = olga.post("/holds/new/", FORM)["Location"]
    shown = olga.get(placed).text
    for said in ("Miller v. Example", "Asked by counsel", "<b>1</b><span>session now</span>"):
        assert said in shown
    assert "Placed a hold" in shown
    assert "Release the hold" in shown
    olga.post(f"{placed}release/", {"reason": "Settled"})
    after = olga.get(placed).text
    assert "Settled" in after
    assert "Release the hold" not in after


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_see_a_hold_and_cannot_end_it(agent: Caller, role: str) -> None:
    placed = hold()
    shown = person(role).get(f"/holds/{placed.id}/")
    assert "Miller v. Example" in shown.text
    assert "Release the hold" not in shown.text
    assert person(role, name="other").get("/holds/new/").status_code == 403


def test_a_hold_of_another_namespace_is_not_there(agent: Caller) -> None:
    placed = hold()
    other = person("privacy_officer", namespace="claims")
    assert other.get(f"/holds/{placed.id}/").status_code == 404


def test_the_list_says_how_many_sessions_each_hold_covers_in_one_query(
    agent: Caller, olga: Client
) -> None:
    def statements() -> int:
        olga.get("/holds/")
        with counted_statements() as sent:
            olga.get("/holds/")
        return len(sent)

    make_session(agent, "org-1/ann")
    hold()
    with_one = statements()
    make_session(agent, "org-1/bob")
    place_hold(
        hold=NewHold(
            namespace="support",
            kind=HoldKind.PREFIX,
            target="org-1/",
            matter="Both",
            reason="Asked by counsel",
        )
    )
    assert statements() == with_one
    rows = olga.get("/holds/").text.split("<tr data-row")[1:]
    numbers = [re.findall(r'<td class="num">([0-9,+]*)<', row) for row in rows]
    assert numbers == [["2"], ["1"]]


def test_the_list_marks_and_finds_what_is_held(agent: Caller, olga: Client) -> None:
    scene(agent)
    make_session(agent, "free")
    hold()
    assert "badge-held" in olga.get("/sessions/").text
    held, free = olga.get("/sessions/?q=held:yes").text, olga.get("/sessions/?q=held:no").text
    assert "org-1/ann" in held
    assert 'value="free"' not in held
    assert "badge-held" not in free


def test_a_purge_shows_and_leaves_what_is_held(agent: Caller, olga: Client) -> None:
    uid = scene(agent)
    make_session(agent, "free")
    uids = list(AgentSession.objects.values_list("uid", flat=True))
    hold()
    token = ask_to_purge(olga, *uids)
    text = olga.get(f"/purges/{token}/").text
    assert re.search(r"<b>1</b><span>on hold, will stay", text)
    assert "Purge 1 session for good?" in text
    assert "<b>1</b><span>message<" in text, "only what goes is counted"
    assert re.search(rf'On hold</dt><dd><a [^>]*href="/sessions/{uid}/"[^>]*>org-1/ann<', text)
    answer = olga.post(f"/purges/{token}/", {"typed": "purge 1", "reason": "Old"}, follow=True)
    assert re.search(r"<b>1</b><span>on hold, stayed", answer.text)
    assert AgentSession.objects.get().uid == uid


def test_nothing_is_asked_to_confirm_when_all_is_held(agent: Caller, olga: Client) -> None:
    uid = scene(agent)
    placed = hold()
    text = olga.get(f"/purges/{ask_to_purge(olga, uid)}/").text
    assert "It cannot be purged now" in text
    assert "to confirm" not in text
    release_hold(hold_id=placed.id, reason="Settled")
    text = olga.get(f"/purges/{ask_to_purge(olga, uid)}/").text
    assert "It cannot be purged now" in text
    assert "released, kept until" in text


def test_the_page_of_a_held_session_says_why_it_cannot_be_purged(
    agent: Caller, olga: Client
) -> None:
    uid = scene(agent)
    assert "Purge…" in olga.get(f"/sessions/{uid}/").text
    placed = hold()

    def refusal() -> str:
        text = olga.get(f"/sessions/{uid}/").text
        assert ("Purge…" in text, 'href="#spared"' in text) == (False, True)
        return text.split('id="spared"')[1].split("</div>")[0]

    assert "Nothing of it is removed or overwritten" in refusal()
    release_hold(hold_id=placed.id, reason="Settled")
    assert "It can be purged from" in refusal()
    AgentSession.objects.update(purge_not_before=moments.process_clock() - 1)
    assert "Purge…" in olga.get(f"/sessions/{uid}/").text


def test_a_hold_of_another_namespace_is_not_shown(agent: Caller) -> None:
    placed = hold()
    other = person("privacy_officer", "claims")
    make_caller("claims")
    assert placed.id not in other.get("/holds/").text
    assert other.post(f"/holds/{placed.id}/release/", {"reason": "x"}).status_code == 404


def test_what_people_wrote_is_shown_as_text(agent: Caller, olga: Client) -> None:
    placed = hold(matter=HOSTILE, reason=HOSTILE)
    assert "<script>alert" not in olga.get("/holds/").text
    release_hold(hold_id=placed.id, reason=HOSTILE)
    assert "<script>alert" not in olga.get("/holds/?state=released").text
