"""Sessions as the console's tests show them, and what is content in them."""

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

from memory_app.operations.keys import Caller
from memory_app.operations.recording import Recording, add_events
from tests.factories import begin_session, make_caller, make_event
from tests.people import signed_in

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}
HOSTILE = "<b hx-get=/x hx-trigger=load>bold</b><script>alert(1)</script><img src=x onerror=x>"
# Everything in Ann's session that only those may see who may read content.
SECRETS = ("RefundOfAnn", "MetaGold", "StateOpen", "WordsOfAnn", "ArgumentSku", "SnapshotTwo")

ROLES = ("viewer", "operator", "privacy_officer", "administrator")


def scene(agent: Caller | None = None, session_id: str = "org-1/ann") -> str:
    """Begin Ann's session, with content in every place there is; return its uid."""
    agent = agent or make_caller("support")
    began = begin_session(
        agent,
        session_id,
        title="RefundOfAnn",
        tags=["vip"],
        user_id="ann",
        metadata={"plan": "MetaGold"},
        state={"ticket": "StateOpen"},
    )
    call = {"id": "c1", "function": {"name": "orders", "arguments": '{"sku": "ArgumentSku"}'}}
    events = [
        make_event("WordsOfAnn"),
        make_event(None, role="assistant", tool_calls=[call], state={"step": "SnapshotTwo"}),
        make_event('{"found": 1.50}', role="tool", tool_call_id="c1"),
        make_event(HOSTILE),
    ]
    add_events(caller=agent, recording=Recording(session_id=session_id, events=events, batch=True))
    return began.session.uid


def person(role: str, namespace: str = "support", name: str = "") -> Client:
    """Return a client with a new person of a role signed in."""
    return signed_in(name or role, **{role: namespace})


def token_in(answer: HttpResponse) -> str:
    """Return the preview that a confirmation is for."""
    found = re.search(r"/purges/(prv_[0-9a-f]{32})/", answer.get("Location", "") + answer.text)
    assert found, answer.text
    return found.group(1)


def ask_to_purge(client: Client, *uids: str, **more: Any) -> str:
    """Choose sessions for a purge, as the list does; return the preview."""
    answer = client.post("/sessions/act/", {"do": "purge", "sel": uids, **more})
    assert answer.status_code == 303, answer.text
    return token_in(answer)
