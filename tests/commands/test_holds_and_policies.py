"""place_hold, release_hold, set_policy, restore_session: what they print and how they end."""

import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from memory_app.models import AuditEntry, LegalHold, RetentionPolicy
from memory_app.moments import DAY, HOUR, NEVER, from_duration, to_duration
from memory_app.operations.keys import Caller
from memory_app.operations.reading import Which
from memory_app.operations.sessions import expire_session, get_session
from tests.factories import begin_session, make_caller, make_session

WHY = ("--matter", "Miller v. Example", "--reason", "Asked by counsel")


@pytest.fixture
def caller(db: None) -> Caller:
    return make_caller("support")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def refusal(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value.returncode, str(caught.value)


def is_held(caller: Caller, session_id: str) -> bool:
    return bool(get_session(caller=caller, which=Which(session_id)).session.held)


@pytest.mark.parametrize(
    ("covers", "kind"),
    [
        (["--session-id", "org-1/ann"], "session"),
        (["--user-id", "ann"], "subject"),
        (["--prefix", "org-1/"], "prefix"),
    ],
)
def test_place_hold_prints_the_id_which_release_hold_takes(
    caller: Caller, covers: list[str], kind: str
) -> None:
    begin_session(caller, "org-1/ann", user_id="ann")
    printed = run("place_hold", "support", *covers, *WHY, "--review", "30d").removesuffix("\n")
    placed = LegalHold.objects.get(pk=printed)
    assert (placed.kind, placed.placed_by) == (kind, "command")
    assert placed.review_at - placed.placed_at == 30 * DAY
    assert is_held(caller, "org-1/ann")
    assert run("release_hold", printed, "--reason", "Settled") == ""
    assert not is_held(caller, "org-1/ann")
    assert [e.act for e in AuditEntry.objects.filter(act__startswith="hold.").order_by("n")] == [
        "hold.place",
        "hold.release",
    ]


def test_a_hold_that_cannot_be_placed_is_status_1_and_says_why(caller: Caller) -> None:
    status, said = refusal("place_hold", "support", "--prefix", "org-1", *WHY)
    assert status == 1
    assert "org-1/" in said
    assert refusal("place_hold", "nowhere", "--prefix", "org-1/", *WHY)[0] == 1
    assert refusal("release_hold", "hld_unknown", "--reason", "Settled")[0] == 1
    assert not LegalHold.objects.exists()


def test_set_policy_says_what_it_does(caller: Caller) -> None:
    make_session(caller, "chat")
    said = run("set_policy", "support", "--idle", "60d", "--max-age", "never")
    assert "idle 60d, maximum age never, grace 7d, restart when expired" in said
    assert "Of 1 live sessions 0 expire now, 0 sooner than before and 1 later." in said
    policy = RetentionPolicy.objects.get()
    assert (policy.idle_for, policy.max_age) == (60 * DAY, NEVER)


def test_a_dry_run_changes_nothing(caller: Caller) -> None:
    assert "idle 1d" in run("set_policy", "support", "--idle", "1d", "--dry-run")
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY


def test_shortening_asks_first(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten = ("set_policy", "support", "--prefix", "org-1/", "--grace", "1d")

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    status, said = refusal(*shorten)
    assert (status, "--yes" in said) == (1, True)
    for answer, done in (("n", False), ("", False), ("y", True)):
        monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
        if not done:
            assert refusal(*shorten) == (1, "nothing was changed")
        assert RetentionPolicy.objects.filter(prefix="org-1/").exists() is False
    run(*shorten)
    assert RetentionPolicy.objects.get(prefix="org-1/").grace == DAY
    run(*shorten[:-1], "12h", "--yes")
    assert RetentionPolicy.objects.get(prefix="org-1/").grace == 12 * HOUR


@pytest.mark.parametrize(
    "wrong",
    [["--idle", "30"], ["--grace", "never"], ["--on-expired", "perhaps"], ["--idle", "for ever"]],
)
def test_a_limit_that_cannot_be_read_is_refused(caller: Caller, wrong: list[str]) -> None:
    with pytest.raises(CommandError):
        run("set_policy", "support", *wrong)
    assert RetentionPolicy.objects.get().grace == 7 * DAY


def test_restore_session_lets_an_expired_session_live_again(caller: Caller) -> None:
    uid = begin_session(caller, "chat").session.uid
    assert refusal("restore_session", uid, "--reason", "Ann asked")[0] == 1
    expire_session(caller=caller, session_id="chat")
    assert run("restore_session", uid, "--reason", "Ann asked") == ""
    at = get_session(caller=caller, which=Which("chat"))
    assert (at.session.uid, at.session.status(at.now)) == (uid, "active")
    entry = AuditEntry.objects.get(act="session.restore")
    assert (entry.actor, entry.object_id) == ("command", uid)
    assert refusal("restore_session", "0" * 32, "--reason", "Ann asked")[0] == 1


def test_restore_session_is_refused_where_the_id_is_live(caller: Caller) -> None:
    uid = begin_session(caller, "chat").session.uid
    expire_session(caller=caller, session_id="chat")
    begin_session(caller, "chat")
    status, said = refusal("restore_session", uid, "--reason", "Ann asked")
    assert (status, "live" in said) == (1, True)


@pytest.mark.parametrize("text", ["45s", "5m", "12h", "30d", "36h", "90s"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert to_duration(from_duration(text)) == text


def test_for_ever_is_written_as_never() -> None:
    assert to_duration(NEVER) == "never"
