"""The whole table of roles and addresses: whom each page and each act of the console lets in.

A page that is added needs a line in TABLE, and a part of an address that is new one in `parts`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from memory_app.models import (
    AgentSession,
    ApiKey,
    CleanupRun,
    HoldKind,
    LegalHold,
    Message,
    Namespace,
    Operator,
    Purge,
    RetentionPolicy,
)
from memory_app.moments import DAY
from memory_app.operations import previewing
from memory_app.operations.cleaning import clean_up
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.keys import prefix_of
from memory_app.operations.purging import delete_session
from memory_app.operations.rights import Person
from memory_app.operations.sessions import expire_session
from tests.console.scenes import scene
from tests.factories import make_caller, make_key
from tests.people import make_person, sign_in

pytestmark = pytest.mark.django_db

NOT_FOR_PEOPLE = ("api/", "healthz", "readyz", "metrics")
# Nobody holds no role; everybody is who is signed in.
ROLES = {
    "N": None,
    "V": "viewer",
    "O": "operator",
    "P": "privacy_officer",
    "A": "administrator",
}
ALL = "NVOPA"


class Row(NamedTuple):
    """Who may look and who may send; None where there is no such verb."""

    get: str | None
    post: str | None


# What a form of an address sends, where an empty one says nothing of who may send it. A line is
# named by its address and what is done there.
FORMS: dict[str, dict[str, str]] = {
    "console:act expire": {"do": "expire", "sel": "{uid}"},
    "console:act extend": {"do": "extend-30d", "sel": "{uid}"},
    "console:act restore": {"do": "restore", "sel": "{expired}"},
    "console:act purge": {"do": "purge", "sel": "{uid}"},
    "console:act export": {"do": "export", "sel": "{uid}"},
    "console:hold_sessions hold": {
        "do": "hold",
        "sel": "{uid}",
        "matter": "Miller",
        "reason": "Asked by counsel",
    },
    "console:new_hold placed": {
        "namespace": "support",
        "kind": "session",
        "target": "org-1/ann",
        "matter": "Miller",
        "reason": "Asked by counsel",
    },
    "console:purge confirmed": {"typed": "purge 1", "reason": "Asked for"},
    "console:release with a reason": {"reason": "The matter is closed"},
    "console:policy apply": {
        "namespace": "support",
        "idle": "40d",
        "max_age": "365d",
        "grace": "7d",
        "on_expired": "restart",
        "do": "apply",
        "confirmed": "yes",
    },
    "console:reason for support": {"namespace": "support", "reason": "A complaint"},
    "console:people invite": {"username": "new", "namespace": "support", "role": "viewer"},
    "console:roles viewer": {"namespace": "support", "role": "viewer"},
    "console:act_on_person deactivate": {"do": "deactivate"},
    "console:new_key made": {"namespace": "support", "scopes": "read", "once": "0" * 32},
    "console:rotate_key now": {"once": "0" * 32, "overlap": str(DAY)},
    "console:erase confirmed": {
        "namespace": "support",
        "user_id": "ann",
        "typed": "erase 3",
        "reason": "Asked for",
    },
    "console:new_namespace made": {"name": "travel"},
}

# What a page is asked about, where without it it says nothing of who may look.
QUERIES: dict[str, dict[str, str]] = {
    "console:erase": {"namespace": "support", "user_id": "ann"},
    "console:erasure": {"namespace": "support", "user_id": "ann"},
    "console:subject_export": {"namespace": "support", "user_id": "ann"},
    "console:subjects": {"user_id": "ann"},
    "console:remove_policy": {"namespace": "support", "prefix": "a/"},
}

TABLE: dict[str, Row] = {
    "console:account": Row(get="NVOPA", post=None),
    "console:act expire": Row(get=None, post="OP"),
    "console:act export": Row(get=None, post="P"),
    "console:act extend": Row(get=None, post="OP"),
    "console:act purge": Row(get=None, post="P"),
    "console:act restore": Row(get=None, post="OP"),
    "console:act": Row(get=None, post="NVOPA"),
    "console:act_on_person deactivate": Row(get=None, post="A"),
    "console:act_on_person": Row(get=None, post="NVOPA"),
    "console:applying": Row(get="NVOPA", post=None),
    "console:audit": Row(get="OPA", post=None),
    "console:audit_export": Row(get="OPA", post=None),
    "console:branch": Row(get="", post=None),
    "console:cancel_purge": Row(get=None, post="P"),
    "console:count": Row(get="NVOPA", post=None),
    "console:download": Row(get="P", post=None),
    "console:end_sign_in": Row(get=None, post="NVOPA"),
    "console:erase confirmed": Row(get=None, post="P"),
    "console:erase": Row(get="P", post="NVOPA"),
    "console:erasure": Row(get="P", post=None),
    "console:erasures": Row(get="VOP", post=None),
    "console:export": Row(get="P", post="P"),
    "console:find": Row(get="NVOPA", post="OP"),
    "console:help": Row(get="NVOPA", post=None),
    "console:help_erasure": Row(get="NVOPA", post=None),
    "console:help_holds": Row(get="NVOPA", post=None),
    "console:help_keyboard": Row(get="NVOPA", post=None),
    "console:help_lifetime": Row(get="NVOPA", post=None),
    "console:help_roles": Row(get="NVOPA", post=None),
    "console:hold": Row(get="VOP", post=None),
    "console:hold_sessions hold": Row(get=None, post="P"),
    "console:hold_sessions": Row(get=None, post="NVOPA"),
    "console:holds": Row(get="VOP", post=None),
    "console:home": Row(get="NVOPA", post=None),
    "console:join": Row(get="NVOPA", post="NVOPA"),
    "console:jump": Row(get="NVOPA", post=None),
    "console:key": Row(get="A", post=None),
    "console:keys": Row(get="A", post=None),
    "console:message": Row(get="OP", post=None),
    "console:namespace": Row(get="A", post="A"),
    "console:namespaces": Row(get="A", post=None),
    "console:new_hold placed": Row(get=None, post="P"),
    "console:new_hold": Row(get="P", post="P"),
    "console:new_key made": Row(get=None, post="A"),
    "console:new_key": Row(get="A", post="A"),
    "console:new_namespace made": Row(get=None, post="A"),
    "console:new_namespace": Row(get="A", post="A"),
    "console:new_purge": Row(get="P", post="P"),
    "console:overview": Row(get="VOPA", post=None),
    "console:password": Row(get=None, post="NVOPA"),
    "console:people invite": Row(get=None, post="A"),
    "console:people": Row(get="A", post="A"),
    "console:person": Row(get="A", post=None),
    "console:policies": Row(get="VOPA", post=None),
    "console:policy apply": Row(get=None, post="A"),
    "console:policy": Row(get="A", post="A"),
    "console:preferences": Row(get=None, post="NVOPA"),
    "console:purge confirmed": Row(get=None, post="P"),
    "console:purge": Row(get="P", post="P"),
    "console:purge_progress": Row(get="VOP", post=None),
    "console:purges": Row(get="VOP", post=None),
    "console:reason for support": Row(get=None, post="OP"),
    "console:reason": Row(get="OP", post="OP"),
    "console:receipt": Row(get="VOP", post=None),
    "console:receipt_file": Row(get="VOP", post=None),
    "console:receipts": Row(get="VOP", post=None),
    "console:received": Row(get="A", post=None),
    "console:release with a reason": Row(get=None, post="P"),
    "console:release": Row(get=None, post="VOP"),
    "console:remove_policy": Row(get="", post=""),
    "console:revoke_key": Row(get="A", post="A"),
    "console:roles viewer": Row(get=None, post="A"),
    "console:roles": Row(get=None, post=""),
    "console:rotate_key now": Row(get=None, post="A"),
    "console:rotate_key": Row(get=None, post="NVOPA"),
    "console:run": Row(get="VOPA", post=None),
    "console:run_now": Row(get=None, post="P"),
    "console:runs": Row(get="VOPA", post=None),
    "console:search": Row(get="OP", post="OP"),
    "console:searched": Row(get="", post=None),
    "console:second_factor": Row(get="NVOPA", post="NVOPA"),
    "console:session": Row(get="VOP", post=None),
    "console:sessions": Row(get="VOP", post="NVOPA"),
    "console:settings": Row(get="A", post=None),
    "console:sign_in": Row(get="NVOPA", post="NVOPA"),
    "console:sign_in_code": Row(get="NVOPA", post="NVOPA"),
    "console:sign_out": Row(get=None, post="NVOPA"),
    "console:states": Row(get="OP", post=None),
    "console:staying": Row(get="NVOPA", post="NVOPA"),
    "console:subject_export": Row(get="P", post=None),
    "console:subjects": Row(get="VOP", post=None),
    "console:tree": Row(get="VOP", post=None),
    "console:verify": Row(get=None, post="PA"),
    "console:views": Row(get="NVOPA", post="NVOPA"),
}


@pytest.fixture
def parts() -> dict[str, list[Any]]:
    return make_parts()


def make_parts() -> dict[str, list[Any]]:
    """Make and return what may stand for each part of an address."""
    agent = make_caller("support")
    scene(agent, "gone")
    receipt = delete_session(caller=agent, session_id="gone").receipt
    assert receipt is not None
    clean_up()
    uid, expired = scene(agent), scene(agent, "expired")
    expire_session(caller=agent, session_id="expired")
    # The first of all that are made here, so that the token is of whoever is signed in.
    me = Person(0, "ann", {"support": frozenset({"privacy_officer"})})
    scene(agent, "bye")
    bye = AgentSession.objects.get(session_id="bye").uid
    shown = previewing.preview(actor=me, uids=[bye])
    previewing.execute(actor=me, token=shown.token, reason="Asked for", seconds=0)
    hold = NewHold(
        namespace="support",
        kind=HoldKind.SESSION,
        target="another",
        matter="Miller",
        reason="Asked by counsel",
    )
    return {
        "uid": [uid],
        "expired": [expired],
        "seq": [1],
        "kind": ["jsonl", "csv"],
        "hold": [place_hold(hold=hold).id],
        "prefix": [prefix_of(make_key("support"))],
        "receipt": [receipt.id],
        "purge": [Purge.objects.get().pk],
        "token": [previewing.preview(actor=me, uids=[uid]).token],
        "name": ["support"],
        "number": [make_person("zoë").pk],
        "console:run number": [CleanupRun.objects.get().pk],
    }


def patterns(resolver: URLResolver, names: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the variable parts of every address for people."""
    for entry in resolver.url_patterns:
        if str(entry.pattern).startswith(NOT_FOR_PEOPLE):
            continue
        if isinstance(entry, URLResolver):
            inner = (*names, entry.namespace) if entry.namespace else names
            yield from patterns(entry, inner)
        elif isinstance(entry, URLPattern):
            yield ":".join((*names, str(entry.name))), list(entry.pattern.regex.groupindex)


ADDRESSES = dict(patterns(get_resolver()))


LINES = sorted({*ADDRESSES, *FORMS})


def test_every_address_has_a_line_in_the_table_and_every_line_an_address() -> None:
    assert sorted(TABLE) == LINES
    assert {line.split()[0] for line in LINES} == set(ADDRESSES)


def address(name: str, parts: dict[str, list[Any]]) -> str:
    wanted = {part: parts.get(f"{name} {part}", parts.get(part, [])) for part in ADDRESSES[name]}
    unknown = [part for part, values in wanted.items() if not values]
    assert not unknown, f"say in `parts` what stands for {unknown} in the address of {name}"
    for choice in range(2):
        chosen = {part: values[min(choice, len(values) - 1)] for part, values in wanted.items()}
        try:
            return reverse(name, kwargs=chosen)
        except NoReverseMatch:
            continue
    raise AssertionError(f"nothing in `parts` fits the address of {name}")


def everything() -> list[Any]:
    """Return all that an act may change."""
    sessions = AgentSession.objects.order_by("id").values_list(
        "id", "revision", "ended_at", "expires_at", "purge_receipt", "message_count"
    )
    return [
        *sessions,
        *LegalHold.objects.order_by("id").values_list("id", "released_at"),
        *ApiKey.objects.order_by("id").values_list("id", "expires_at", "revoked_at"),
        *RetentionPolicy.objects.order_by("id").values_list("id", "idle_for"),
        *Operator.objects.order_by("id").values_list("id", "is_active", "roles"),
        (Message.objects.count(), Namespace.objects.count()),
    ]


def who_gets_in(line: str, parts: dict[str, list[Any]], verb: str) -> str | None:
    """Ask as each role in turn; return the letters of those who are not turned away.

    Of an act, those are who brought something about, if anybody did.
    """
    admitted = acted = ""
    name = line.split()[0]
    given = QUERIES.get(line, {}) if verb == "get" else FORMS.get(line, {})
    sent = {field: text.format(**parts) for field, text in given.items()}
    sent = {field: text.strip("[']") for field, text in sent.items()}
    for letter, role in ROLES.items():
        # All under one name: a preview is its actor's.
        Operator.objects.filter(username="ann").update(username=f"was {letter} {verb}")
        person = make_person("ann", **({role: "*"} if role else {}))
        client = sign_in(Client(raise_request_exception=False), person)
        before = everything()
        with transaction.atomic():
            answer = getattr(client, verb)(address(name, parts), sent)
            after = everything()
            transaction.set_rollback(True)
        assert answer.status_code < 500, f"{line} fails for {role}"
        if answer.status_code == 405:
            return None
        if answer.status_code not in (403, 404):
            admitted += letter
        else:
            assert after == before, f"{line} refuses {role} and does it all the same"
        if after != before:
            acted += letter
    return acted or admitted


@pytest.mark.parametrize("line", LINES)
def test_a_page_lets_in_whom_the_table_names(line: str, parts: dict[str, list[Any]]) -> None:
    looks = None if line in FORMS else who_gets_in(line, parts, "get")
    found = Row(looks, who_gets_in(line, parts, "post"))
    assert found == TABLE.get(line), f'the line would be     "{line}": {found},'


def test_nobody_below_privacy_officer_removes_holds_or_takes_out() -> None:
    for line in (
        "console:act export",
        "console:act purge",
        "console:cancel_purge",
        "console:erase confirmed",
        "console:hold_sessions hold",
        "console:new_hold placed",
        "console:purge",
        "console:purge confirmed",
        "console:release with a reason",
    ):
        assert TABLE[line].post == "P"
    assert {TABLE[line].get for line in ("console:download", "console:export")} == {"P"}
