"""The audit log in the console: who sees what of it, how it is found, taken away and checked."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from memory_app.models import AuditAct, AuditEntry, Namespace, Operator, RetentionPolicy
from memory_app.moments import DAY
from memory_app.operations import overseeing
from memory_app.operations.attesting import checkpoints_path, write_checkpoint
from memory_app.operations.auditing import About, Entry, write_entries
from memory_app.operations.keys import Caller
from memory_app.operations.policies import PolicyChange, set_policy
from memory_app.operations.purging import delete_session
from memory_app.storage import engine
from tests.console.scenes import PART, SECRETS, person, scene
from tests.counting import counted_statements
from tests.factories import make_caller

pytestmark = pytest.mark.django_db

NOW = 1_790_000_000_000_000


def enter(actor: str = "olga", act: AuditAct = AuditAct.SESSION_EXTEND, **more: Any) -> None:
    at = more.pop("now", NOW)
    times = more.pop("times", 1)
    entry = Entry(actor, act, more.pop("namespace", "support"), **more)
    engine().write(lambda db: write_entries(db, [entry] * times, at))


def rows(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'id="row-(\d+)"', page)]


@pytest.fixture(autouse=True)
def _no_checkpoints(db: None) -> Iterator[None]:
    checkpoints_path().unlink(missing_ok=True)
    yield
    checkpoints_path().unlink(missing_ok=True)


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def petra(agent: Caller) -> Client:
    return person("privacy_officer", name="petra")


def test_an_entry_is_said_in_words_with_its_time_actor_and_object(
    agent: Caller, petra: Client
) -> None:
    uid = scene(agent)
    enter("olga", AuditAct.SESSION_EXPIRE, about=About("session", uid), counts={"sessions": 1})
    shown = petra.get("/audit/").text
    assert "Expired a session" in shown
    assert "2026-09-21 14:13:20 UTC" in shown
    assert f'href="/sessions/{uid}/"' in shown
    assert "1 session<" in shown


def test_an_object_that_is_gone_is_named_and_not_linked(agent: Caller, petra: Client) -> None:
    uid = scene(agent)
    enter(about=About("session", uid))
    delete_session(caller=agent, session_id="org-1/ann")
    shown = petra.get("/audit/").text
    assert f'href="/sessions/{uid}/"' not in shown
    assert f'href="/audit/?object={uid}"' in shown
    assert re.search(r'href="/receipts/rct_[0-9a-f]{32}/"', shown)


def test_a_stated_reason_is_told_to_those_who_answer_for_the_log(agent: Caller) -> None:
    Namespace.objects.update(demands_reason=True)
    olga = person("operator", name="olga")
    olga.post("/reasons/", {"namespace": "support", "reason": "Ticket <4711>"})
    assert "“Ticket &lt;4711&gt;”" in olga.get("/audit/").text
    assert "“Ticket &lt;4711&gt;”" in person("privacy_officer", name="petra").get("/audit/").text
    assert "4711" not in person("administrator", name="adam").get("/audit/").text


def test_keys_and_people_are_linked_for_those_who_manage_them(agent: Caller) -> None:
    adam, petra = person("administrator", "*", "adam"), person("privacy_officer", "*", "petra")
    key = f'href="/keys/{agent.prefix}/"'
    someone = r'href="/people/\d+/">'
    assert key in adam.get("/audit/").text
    assert key not in petra.get("/audit/").text
    number = str(Operator.objects.get(username="petra").pk)
    enter("root", AuditAct.PERSON_RESET, about=About("person", number))
    assert re.search(someone, adam.get("/audit/").text)
    assert not re.search(someone, petra.get("/audit/").text)
    assert ">petra</a>" in petra.get("/audit/").text


def test_each_filter_finds_its_entries_and_is_shown_as_a_chip(petra: Client) -> None:
    AuditEntry.objects.all().delete()
    enter("ben", AuditAct.SESSION_REVEAL, about=About("session", "u-1"))
    enter("olga", AuditAct.SESSION_EXTEND, now=NOW + DAY)
    enter("olga", AuditAct.HOLD_PLACE, now=NOW + 2 * DAY, about=About("hold", "hld_1"))
    first = AuditEntry.objects.order_by("n").values_list("n", flat=True)[0]

    def found(query: str) -> list[int]:
        answer = petra.get(f"/audit/?{query}")
        assert answer.status_code == 200, answer.text
        assert "Filtered by" in answer.text
        return [n - first + 1 for n in rows(answer.text)]

    assert found("actor=olga") == [3, 2]
    assert found("act=session.reveal") == [1]
    assert found("object=hld_1") == [3]
    assert found("namespace=support&actor=ben") == [1]
    assert found("since=2026-09-22") == [3, 2]
    assert found("until=2026-09-21") == [1]
    assert found(f"entry={first + 1}") == [2, 1]


@pytest.mark.parametrize(
    "query", ["since=yesterday", "until=0000-01-01", "act=session.read", "entry=x", "cursor=x"]
)
def test_a_filter_that_cannot_be_read_is_refused_by_name_and_kept(
    petra: Client, query: str
) -> None:
    answer = petra.get(f"/audit/?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    part = petra.get(f"/audit/?{query}", headers=PART)
    assert (part.status_code, part["HX-Retarget"]) == (422, "#problem")
    assert "HX-Push-Url" not in part


def test_pages_meet_every_entry_once(petra: Client) -> None:
    enter(times=120)
    seen: list[int] = []
    url = "/audit/?actor=olga"
    while True:
        answer = petra.get(url, headers=PART)
        assert answer["HX-Push-Url"] == url
        seen += rows(answer.text)
        following = re.search(r'rel="next" href="([^"]+)"', answer.text)
        if following is None:
            break
        url = following.group(1).replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


def test_a_viewer_sees_none_an_operator_their_own_and_the_link_follows(agent: Caller) -> None:
    enter("ben")
    enter("olga")
    vera, olga = person("viewer", name="vera"), person("operator", name="olga")
    assert vera.get("/audit/").status_code == 403
    assert 'href="/audit/"' not in vera.get("/sessions/").text
    shown = olga.get("/audit/").text
    assert 'href="/audit/"' in olga.get("/sessions/").text
    assert "Everything by olga" in shown
    assert "Everything by ben" not in shown
    assert "Verify now" not in shown
    assert olga.post("/audit/verify/").status_code == 403
    assert vera.get("/audit/audit.csv").status_code == 403


def test_an_administrator_reads_acts_and_meets_no_content(agent: Caller, petra: Client) -> None:
    uid = scene(agent)
    petra.get(f"/sessions/{uid}/")
    shown = person("administrator", name="adam").get("/audit/").text
    assert "Opened content" in shown
    assert uid in shown
    assert f'href="/sessions/{uid}/"' not in shown
    for secret in (*SECRETS, "org-1/ann"):
        assert secret not in shown


def test_ones_own_entries_of_a_former_role_name_nothing_of_that_namespace(agent: Caller) -> None:
    make_caller("claims")
    change = PolicyChange(namespace="claims", prefix="org-1/", idle_for=DAY)
    set_policy(change=change, confirmed=True)
    number = RetentionPolicy.objects.get(prefix="org-1/").pk
    about = About("policy", str(number))
    enter("adam", AuditAct.POLICY_SET, namespace="claims", about=about)
    shown = person("administrator", "support", "adam").get("/audit/").text
    assert "Set a retention policy" in shown
    assert "org-1/" not in shown
    assert "claims org-1/" in person("administrator", "claims", "ada").get("/audit/").text


def test_another_namespace_stays_unseen(agent: Caller) -> None:
    make_caller("billing")
    enter("ben", namespace="billing", about=About("session", "u-b"))
    bea = person("privacy_officer", namespace="support", name="bea")
    for url in ("/audit/", "/audit/?namespace=billing", "/audit/?object=u-b"):
        assert "Everything by ben" not in bea.get(url).text
    assert "u-b" not in body(bea.get("/audit/audit.jsonl"))


def body(answer: Any) -> str:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_a_csv_has_the_entries_of_the_filter_with_formulas_defused(petra: Client) -> None:
    enter('=HYPERLINK("http://evil")', about=About("session", "u-1"))
    enter("olga")
    answer = petra.get("/audit/audit.csv?object=u-1")
    assert answer["Content-Disposition"] == 'attachment; filename="audit.csv"'
    head, *lines = csv.reader(io.StringIO(body(answer)))
    assert head[:4] == ["number", "time", "actor", "act"]
    assert [line[2] for line in lines] == ['\'=HYPERLINK("http://evil")']


def test_json_lines_have_what_the_hashes_cover_and_the_export_is_entered(petra: Client) -> None:
    enter(times=1_001)
    lines = [
        json.loads(line) for line in body(petra.get("/audit/audit.jsonl?actor=olga")).splitlines()
    ]
    assert len(lines) == 1_001
    assert lines[0]["act"] == "session.extend"
    assert len(lines[0]["hash"]) == 64
    last = AuditEntry.objects.order_by("-n")[0]
    assert (last.act, last.actor, json.loads(last.counts)) == (
        "audit.export",
        "petra",
        {"entries": 1_001},
    )


def test_a_log_that_holds_is_said_to_be_intact_with_its_last_checkpoint(petra: Client) -> None:
    enter()
    write_checkpoint(actor="cleanup")
    assert "Not verified from here yet" in petra.get("/audit/").text
    shown = petra.post("/audit/verify/", follow=True).text
    assert "Intact when last verified" in shown
    assert "checked by petra" in shown
    assert re.search(r"Last checkpoint at entry \d+, signed <time", shown)
    assert "Verified the audit log" in shown


def test_a_log_that_was_edited_is_said_to_be_broken_and_where(petra: Client) -> None:
    enter(times=5)
    wrong = AuditEntry.objects.order_by("-n")[2].n
    AuditEntry.objects.filter(n=wrong).update(actor="nobody")
    shown = petra.post("/audit/verify/", follow=True).text
    assert f"The log is broken at entry {wrong}" in shown
    assert f'href="/audit/?entry={wrong}"' in shown
    assert "was edited or put in" in shown
    # It goes on saying so when somebody else opens the page.
    assert "broken at entry" in person("administrator", name="adam").get("/audit/").text


def test_a_long_log_is_checked_in_part_and_that_is_said(
    petra: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(times=3)
    write_checkpoint(actor="cleanup")
    enter(times=2)
    first = AuditEntry.objects.get(act="audit.checkpoint").n + 1
    monkeypatch.setattr(overseeing, "MOST", 2)
    shown = petra.post("/audit/verify/", follow=True).text
    assert f"entry {first} and all after it were checked" in shown
    assert f"from entry {first} on, checked by petra" in shown
    assert "manage.py verify_audit" in shown


def test_more_than_a_page_can_wait_for_is_not_exported_from_it(
    petra: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(times=1_200)
    monkeypatch.setattr(overseeing, "MOST", 1_000)
    refused = petra.get("/audit/audit.csv")
    assert refused.status_code == 422
    assert "manage.py export_audit" in refused.text
    assert not AuditEntry.objects.filter(act="audit.export").exists()
    assert petra.get("/audit/audit.csv?act=audit.verify").status_code == 200


def test_verifying_takes_a_form(petra: Client) -> None:
    assert petra.get("/audit/verify/").status_code == 405


def test_fifty_entries_take_no_more_queries_than_five(agent: Caller, petra: Client) -> None:
    def entries(number: int) -> None:
        for n in range(number):
            enter(about=About("session", f"u-{number}-{n}"))
            enter(act=AuditAct.SESSION_DELETE, about=About("receipt", f"r-{number}-{n}"))

    def asked() -> int:
        with counted_statements() as statements:
            assert petra.get("/audit/").status_code == 200
        return len(statements)

    entries(2)
    few = asked()
    entries(25)
    assert asked() <= few
