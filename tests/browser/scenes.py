"""What the pages with sessions show: real shapes of conversations, made in a moment."""

import pyotp
import pytest

from memory_app.models import (
    AuditEntry,
    CleanupRun,
    HoldKind,
    Namespace,
    Operator,
    Purge,
    RetentionPolicy,
)
from memory_app.moments import DAY, MINUTE, SECOND, process_clock
from memory_app.operations import (
    administering,
    inviting,
    previewing,
    purging,
    second_factor,
    tracking,
)
from memory_app.operations.attesting import checkpoints_path, write_checkpoint
from memory_app.operations.cleaning import clean_up
from memory_app.operations.holding import NewHold, list_holds, place_hold, release_hold
from memory_app.operations.indexing import index_pending
from memory_app.operations.keeping import keep_search
from memory_app.operations.keys import Caller, create_key, prefix_of, rotate_key
from memory_app.operations.namespaces import NamespaceChange, create_namespace
from memory_app.operations.overseeing import check_log
from memory_app.operations.policies import PolicyChange, set_policy
from memory_app.operations.purging import delete_session
from memory_app.operations.recording import Recording, add_events
from memory_app.operations.rights import Person, find_person
from memory_app.operations.subjects import erase_subject
from tests.batches import in_batches_of
from tests.console.scenes import scene
from tests.factories import begin_session, make_caller, make_event, make_session
from tests.people import acting, make_person

Monkeypatch = pytest.MonkeyPatch

# The person signed in by the tests is always Ann, and a preview is its maker's own.
ANN = Person(0, "ann", {"*": frozenset({"privacy_officer"})})


def many(_: Monkeypatch) -> str:
    """Begin enough sessions for two pages, in two namespaces; return where the list is."""
    support, claims = make_caller("support"), make_caller("claims")
    scene(support)
    begin_session(
        support, "org-2/" + "long-" * 30, title="A title " * 20, tags=["a", "b", "c", "d", "e"]
    )
    for number in range(60):
        make_session((support, claims)[number % 3 == 0], f"chat-{number}", f"Question {number}")
    return "/sessions/"


def searched(_: Monkeypatch) -> str:
    """Say much the same in several sessions of every kind; return where a search of it is."""
    support, claims = make_caller("support"), make_caller("claims")
    scene(support)
    make_session(support, "org-2/" + "long-" * 30, "A refund " + "W" * 400, "我想要退款 refund")
    make_session(support, "chat-1", "The refund of Zoë", "When does the refund come?")
    make_session(claims, "chat-2", "word " * 50 + "refund " + "word " * 50, now=DAY)
    index_pending()
    asked = {"q": "refund*", "role": "user", "since": "1970-01-01"}
    ann = Operator.objects.get(username="ann")
    person = find_person(operator_id=ann.pk, username="ann")
    return f"/search/{keep_search(person=person, asked=asked)}/"


def overview(monkeypatch: Monkeypatch) -> str:
    """Let a month happen, with all that can need attention; return where the overview is."""
    holds(monkeypatch)
    support, now = make_caller("support"), process_clock()
    for day in range(1, 45):
        for number in range(day * 7 % 5):
            make_session(support, f"day-{day}-{number}", now=now - day * DAY)
    create_key(namespace="a-namespace-of-sixty-four-characters-" + "x" * 27, expires_at=now + DAY)
    clean_up()
    for number in range(90):
        problem = "OperationalError" if number == 80 else None
        begun = now - (90 - number) * 5 * MINUTE
        CleanupRun.objects.create(
            started_at=begun,
            finished_at=None if number == 30 else begun + number * SECOND,
            complete=problem is None and number % 20 > 0,
            problem=problem,
            sessions=number % 3,
            scrubbed=number == 50,
        )
    return "/overview/"


def overdue(_: Monkeypatch) -> str:
    """Leave a session that should be gone; return where the overview is."""
    make_session(make_caller("support"), "old", now=process_clock() - 38 * DAY)
    return "/overview/"


def runs(monkeypatch: Monkeypatch) -> str:
    """Let a month happen; return where the runs are, with what the next will do."""
    overview(monkeypatch)
    return "/runs/?next="


def one_run(monkeypatch: Monkeypatch) -> str:
    """Purge what is due; return where the run is."""
    overdue(monkeypatch)
    return f"/runs/{clean_up().run}/"


def one(_: Monkeypatch) -> str:
    """Begin a session with everything in it; return where its page is."""
    return f"/sessions/{everything(make_caller('support'))}/"


def everything(agent: Caller) -> str:
    """Begin a session with each kind of message there is; return its uid."""
    uid = scene(agent)
    parts = [{"type": "text", "text": "See this"}, {"type": "image_url", "image_url": {"url": "x"}}]
    events = [
        make_event("You help.", role="system"),
        make_event("Be brief.", role="developer"),
        make_event(parts),
        make_event("word " * 3_000),
        make_event("W" * 400),
        make_event("Error: no such order", role="tool"),
        make_event(None, role="assistant"),
        make_event("שלום עולם"),
    ]
    add_events(caller=agent, recording=Recording(session_id="org-1/ann", events=events, batch=True))
    return uid


def closed(monkeypatch: Monkeypatch) -> str:
    """Return where a session is shown whose namespace demands a reason."""
    address = one(monkeypatch)
    Namespace.objects.update(demands_reason=True)
    return address


def asked_why(monkeypatch: Monkeypatch) -> str:
    """Return where a reason is asked for."""
    closed(monkeypatch)
    return "/reasons/?namespace=support&next=/sessions/"


def long_names(_: Monkeypatch) -> str:
    """Begin a session whose every name is as long as it may be; return where its page is."""
    agent = make_caller("support")
    began = begin_session(
        agent,
        "i" * 512,
        user_id="u" * 512,
        title="T" * 200,
        tags=[f"{number:02}" + "t" * 62 for number in range(32)],
        metadata={"k" * 400: "v" * 400},
        state={"s" * 400: {"t" * 400: "w" * 400}},
    )
    hold = NewHold(
        namespace="support",
        kind=HoldKind.SESSION,
        target="i" * 512,
        matter="M" * 200,
        reason="R" * 500,
    )
    place_hold(hold=hold)
    return f"/sessions/{began.session.uid}/?from="


def empty(_: Monkeypatch) -> str:
    """Begin a session without messages that has expired; return where its page is."""
    agent = make_caller("support")
    began = begin_session(agent, "org-1/nothing", now=process_clock() - 31 * DAY)
    return f"/sessions/{began.session.uid}/"


def states(monkeypatch: Monkeypatch) -> str:
    """Return where two states of a session are compared."""
    return f"{one(monkeypatch)}states/"


def branch(_: Monkeypatch) -> str:
    """Return where a part of a large message is shown alone."""
    made = make_session(make_caller("support"), "big", {"rows": list(range(500))}).session
    assert made is not None
    return f"/sessions/{made.uid}/branch/?in=1.t0&path=0&after=100"


def gone(_: Monkeypatch) -> str:
    """Remove a session; return where its page was."""
    agent = make_caller("support")
    uid = scene(agent)
    delete_session(caller=agent, session_id="org-1/ann")
    return f"/sessions/{uid}/"


def one_message(monkeypatch: Monkeypatch) -> str:
    """Return where one message is shown whole."""
    return f"{one(monkeypatch)}messages/2/"


def confirmation(_: Monkeypatch) -> str:
    """Choose a session for a purge; return where that is confirmed."""
    uid = scene(make_caller("support"))
    # The person signed in by the tests is always Ann, and a preview is its maker's own.
    officer = Person(0, "ann", {"*": frozenset({"privacy_officer"})})
    return f"/purges/{previewing.preview(actor=officer, uids=[uid]).token}/"


def receipts(_: Monkeypatch) -> str:
    """Remove a session; return where the receipts are."""
    agent = make_caller("support")
    scene(agent)
    delete_session(caller=agent, session_id="org-1/ann")
    return "/receipts/"


def one_receipt(monkeypatch: Monkeypatch) -> str:
    """Purge a session; return where the receipt is."""
    token = confirmation(monkeypatch).split("/")[2]
    officer = Person(0, "ann", {"*": frozenset({"privacy_officer"})})
    receipt = previewing.execute(actor=officer, token=token, reason="Test data")
    return f"/receipts/{receipt.id}/"


def holds(monkeypatch: Monkeypatch) -> str:
    """Place holds of each kind; return where they are listed."""
    held_session(monkeypatch)
    return "/holds/"


def held_session(_: Monkeypatch) -> str:
    """Begin a session under three holds; return where its page is."""
    uid = scene(make_caller("support"))
    make_caller("claims")
    for kind, target in (("session", "org-1/ann"), ("subject", "ann"), ("prefix", "org-1/")):
        hold = NewHold(
            namespace="support",
            kind=HoldKind(kind),
            target=target,
            matter="Miller v. Example " * 5,
            reason="Asked by counsel " * 10,
        )
        # One is long due for review.
        place_hold(hold=hold, now=DAY if kind == "prefix" else None)
    return f"/sessions/{uid}/"


def one_hold(monkeypatch: Monkeypatch) -> str:
    """Place holds; return where the one that is due for review is shown."""
    held_session(monkeypatch)
    due = min(list_holds(person=ANN).items, key=lambda hold: hold.placed_at)
    return f"/holds/{due.id}/"


def released_hold(monkeypatch: Monkeypatch) -> str:
    """Release a hold; return where it is shown."""
    address = one_hold(monkeypatch)
    release_hold(hold_id=address.split("/")[2], reason="Settled out of court " * 10)
    return address


def new_hold(_: Monkeypatch) -> str:
    """Return where a hold is placed on a session."""
    scene(make_caller("support"))
    return "/holds/new/?namespace=support&kind=session&target=org-1/ann"


def policies(_: Monkeypatch) -> str:
    """Make a policy for a prefix; return where policies are listed."""
    make_caller("support")
    make_caller("claims")
    change = PolicyChange(namespace="support", prefix="org-1/" + "long-" * 30, idle_for=DAY)
    set_policy(change=change, confirmed=True)
    return "/policies/"


def policy(monkeypatch: Monkeypatch) -> str:
    """Return where a policy is changed."""
    return f"{policies(monkeypatch)}change/?namespace=support&prefix="


def new_policy(monkeypatch: Monkeypatch) -> str:
    """Return where a policy is made."""
    return f"{policies(monkeypatch)}change/"


def removal(monkeypatch: Monkeypatch) -> str:
    """Return where the policy of a prefix is removed."""
    policies(monkeypatch)
    return f"/policies/remove/?namespace=support&prefix=org-1/{'long-' * 30}"


def half_applied(monkeypatch: Monkeypatch) -> str:
    """Leave changes half applied; return where policies are listed."""
    where = policies(monkeypatch)
    RetentionPolicy.objects.filter(prefix="").update(
        applied=False, sessions_to_change=5_000, sessions_changed=1_000
    )
    return where


def audit(monkeypatch: Monkeypatch) -> str:
    """Have a purge, holds and a checkpoint entered; return where the log is."""
    held_session(monkeypatch)
    scene(make_caller("billing"), "org-9/bea")
    delete_session(caller=make_caller("billing"), session_id="org-9/bea")
    checkpoints_path().unlink(missing_ok=True)
    write_checkpoint(actor="cleanup")
    return "/audit/"


def broken_audit(monkeypatch: Monkeypatch) -> str:
    """Have somebody edit the log, and a person check it; return where the log is."""
    address = audit(monkeypatch)
    AuditEntry.objects.filter(n=2).update(actor="nobody")
    ann = Person(0, "ann", {"*": frozenset({"privacy_officer"})})
    check_log(person=ann)
    return address


def keys(_: Monkeypatch) -> str:
    """Make keys in every state; return where they are listed."""
    now = process_clock()
    ended = {"expires_at": now - DAY, "now": now - 2 * DAY}
    for label, more in (("night shift", {}), ("", {}), ("over " * 30, ended)):
        create_key(namespace="support", label=label, **more)  # type: ignore[arg-type]
    old = create_key(namespace="claims", label="a label " * 20, scopes=("read", "write", "purge"))
    rotate_key(prefix=prefix_of(old))
    return "/keys/"


def key(monkeypatch: Monkeypatch) -> str:
    """Return where one key is shown, with the programs that call with it."""
    return f"{keys(monkeypatch)}{make_caller('support').prefix}/"


def new_key(monkeypatch: Monkeypatch) -> str:
    """Return where a key is made."""
    return f"{keys(monkeypatch)}new/"


def revocation(monkeypatch: Monkeypatch) -> str:
    """Return where a key is revoked."""
    return f"{key(monkeypatch)}revoke/"


def namespaces(_: Monkeypatch) -> str:
    """Make namespaces with rules of all kinds; return where they are listed."""
    root = Person(0, "ann", {"*": frozenset({"administrator"})})
    make_session(make_caller("support"))
    change = NamespaceChange(
        name="n" * 64, shares_default=False, demands_reason=True, on_expired="reject"
    )
    create_namespace(person=root, change=change)
    return "/namespaces/"


def ann() -> Person:
    """Return whom the tests have signed in."""
    made = Operator.objects.get(username="ann")
    return find_person(operator_id=made.pk, username="ann")


def begun_factor(_: Monkeypatch) -> str:
    """Begin Ann's second factor; return where it is confirmed."""
    second_factor.begin_factor(person=ann(), issuer="Lethe")
    return "/account/second-factor/"


def own_factor(_: Monkeypatch) -> str:
    """Add Ann's second factor; return where it is changed."""
    enrol()
    return "/account/second-factor/"


def enrol(now: int = DAY) -> str:
    """Add Ann's second factor; return its secret."""
    secret = second_factor.begin_factor(person=ann(), issuer="Lethe", now=now).secret
    code = pyotp.TOTP(secret).at(now // SECOND)
    second_factor.confirm_factor(person=ann(), code=code, now=now)
    return secret


def people(_: Monkeypatch) -> str:
    """Let people in, in every state; return where they are listed."""
    make_caller("support")
    make_caller("claims")
    olga = acting("olga", administrator="*")
    inviting.invite_person(person=olga, username="zoë", roles=["viewer"], namespace="support")
    inviting.invite_person(person=olga, username="late", roles=["viewer"], now=DAY)
    gone = make_person("gone-" + "long-" * 28, operator="support", privacy_officer="claims")
    administering.deactivate(person=olga, number=gone.pk)
    make_person("pia", privacy_officer="*", administrator="claims")
    return "/people/"


def one_person(monkeypatch: Monkeypatch) -> str:
    """Return where one of several people is."""
    people(monkeypatch)
    return f"/people/{Operator.objects.get(username='pia').pk}/"


def _petra() -> Person:
    """Return a privacy officer, whoever looks at what she did."""
    return Person(0, "petra", {"*": frozenset({"privacy_officer"})})


def _purge(name: str, *, seconds: float, sessions: int = 2, reason: str = "Contract ended") -> str:
    """Have Petra purge some sessions that are begun for it; return the id of the purge."""
    agent = make_caller("support")
    ids = [f"org-7/{name}-{n}" for n in range(sessions)]
    uids = [begin_session(agent, one, user_id="bea").session.uid for one in ids]
    preview = previewing.preview(actor=_petra(), uids=uids)
    asked = tracking.execute_preview(
        person=_petra(), token=preview.token, reason=reason, seconds=seconds
    )
    return asked.id


def purges(_: Monkeypatch) -> str:
    """Have purges in every state; return where they are listed."""
    make_caller("claims")
    _purge("done", seconds=8)
    tracking.cancel_queued(person=_petra(), purge=_purge("cancelled", seconds=0))
    _purge("queued", seconds=0, reason="A reason that goes on " * 15)
    purge_running(_)
    return "/purges/"


def purge_by_filter(_: Monkeypatch) -> str:
    """Return where sessions are purged by a filter."""
    make_caller("support")
    return "/purges/new/?q=org-1/&status=expired"


def purge_queued(_: Monkeypatch) -> str:
    """Return where a purge is shown that waits for cleanup."""
    return f"/purges/{_purge('waits', seconds=0)}/"


def purge_running(monkeypatch: Monkeypatch) -> str:
    """Return where a purge is shown of which one session is removed."""
    in_batches_of(5, monkeypatch)
    purge = _purge("runs", seconds=0, sessions=4)
    purging.finish_receipt(Purge.objects.get(id=purge).receipt, seconds=-1.0)
    return f"/purges/{purge}/"


def purge_cancelled(_: Monkeypatch) -> str:
    """Return where a purge is shown that was cancelled."""
    purge = _purge("back", seconds=0)
    tracking.cancel_queued(person=_petra(), purge=purge)
    return f"/purges/{purge}/"


def subject(_: Monkeypatch) -> str:
    """Begin sessions of one person in two namespaces, one of them held; return where she is."""
    for namespace in ("support", "claims"):
        scene(make_caller(namespace))
        delete_session(caller=make_caller(namespace), session_id="org-1/ann")
        scene(make_caller(namespace))
        scene(make_caller(namespace), "org-2/ann")
    hold = NewHold(
        namespace="support",
        kind=HoldKind.SESSION,
        target="org-1/ann",
        matter="Miller v. Example",
        reason="Asked by counsel",
    )
    place_hold(hold=hold)
    return "/subjects/?user_id=ann"


def nobody(_: Monkeypatch) -> str:
    """Return where nobody is found, by a very long user id."""
    make_caller("support")
    return f"/subjects/?user_id={'long-' * 60}"


def erasure(monkeypatch: Monkeypatch) -> str:
    """Return where an erasure is previewed."""
    subject(monkeypatch)
    return "/subjects/erase/?namespace=support&user_id=ann"


def erasure_confirm(monkeypatch: Monkeypatch) -> str:
    """Return where an erasure is confirmed."""
    subject(monkeypatch)
    return "/subjects/erase/confirm/?namespace=support&user_id=ann"


def erasure_restricted(monkeypatch: Monkeypatch) -> str:
    """Erase a person of whom something is held; return where the receipt is."""
    subject(monkeypatch)
    receipt = erase_subject(
        actor=_petra(), namespace="support", user_id="ann", reason="Request 118"
    )
    return f"/receipts/{receipt.id}/"


def erasures(monkeypatch: Monkeypatch) -> str:
    """Erase a person of whom something is held; return where erasures are listed."""
    erasure_restricted(monkeypatch)
    return "/erasures/"
