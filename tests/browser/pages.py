"""Every page of the console, once: tests/browser/test_every_page.py opens each in many ways."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from memory_app.console import navigation
from memory_app.console.views.help_pages import TOPICS
from memory_app.models import Role
from tests.browser import list_scenes, scenes


class Screen(NamedTuple):
    """A page: its address, or what lays out its data and returns the address, and who sees it."""

    name: str
    address: str | Callable[[pytest.MonkeyPatch], str]
    role: str | None = Role.PRIVACY_OFFICER
    signed_in: bool = True


def failing(monkeypatch: pytest.MonkeyPatch) -> str:
    """Break a page, and return where it is."""

    def fail(*_: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(navigation, "first_page", fail)
    return "/"


PAGES = [
    Screen("sign-in", "/sign-in/", signed_in=False),
    Screen("no-role", "/", role=None),
    Screen("not-found", "/nothing-is-here"),
    Screen("not-found-outside", "/nothing-is-here", signed_in=False),
    Screen("method-not-allowed", "/sign-out/"),
    Screen("error", failing),
    Screen("empty-overview", "/overview/"),
    Screen("overview", scenes.overview),
    Screen("overview-of-an-administrator", scenes.overview, role=Role.ADMINISTRATOR),
    Screen("overdue", scenes.overdue),
    Screen("no-runs", "/runs/"),
    Screen("runs", scenes.runs),
    Screen("run", scenes.one_run),
    Screen("settings", "/settings/", role=Role.ADMINISTRATOR),
    Screen("jump", "/jump/?q="),
    Screen("jump-nowhere", "/jump/?q=nowhere-at-all"),
    Screen("no-sessions", "/sessions/"),
    Screen("sessions", scenes.many),
    Screen("sessions-of-a-viewer", scenes.many, role=Role.VIEWER),
    Screen("sessions-all-chosen", list_scenes.all_chosen),
    Screen("sessions-export", list_scenes.export_form),
    Screen("sessions-hostile-ids", list_scenes.long_ids),
    Screen("sessions-misread", "/sessions/?q=usr:ann"),
    Screen("sessions-none-match", list_scenes.none_match),
    Screen("tree", list_scenes.tree),
    Screen("tree-of-namespaces", list_scenes.roots),
    Screen("no-tree", "/sessions/tree/"),
    Screen("saved-views", list_scenes.views),
    Screen("no-saved-views", "/sessions/views/"),
    Screen("session", scenes.one),
    Screen("session-of-long-names", scenes.long_names),
    Screen("empty-session", scenes.empty),
    Screen("session-of-a-viewer", scenes.one, role=Role.VIEWER),
    Screen("closed-session", scenes.closed),
    Screen("reason", scenes.asked_why),
    Screen("states", scenes.states),
    Screen("branch", scenes.branch),
    Screen("purged-session", scenes.gone),
    Screen("message", scenes.one_message),
    Screen("purge", scenes.confirmation),
    Screen("account", "/account/"),
    Screen("second-factor", "/account/second-factor/", role=None),
    Screen("second-factor-begun", scenes.begun_factor, role=Role.VIEWER),
    Screen("second-factor-there", scenes.own_factor, role=Role.VIEWER),
    Screen("people", scenes.people, role=Role.ADMINISTRATOR),
    Screen("person", scenes.one_person, role=Role.ADMINISTRATOR),
    Screen("help", "/help/", role=None),
    *(Screen(f"help-{topic}", f"/help/{topic}/") for topic in TOPICS),
    Screen("join", "/join/", signed_in=False),
    Screen("search", "/search/"),
    Screen("search-found", scenes.searched),
    Screen("search-over", f"/search/sch_{'0' * 32}/"),
    Screen("no-holds", "/holds/"),
    Screen("holds", scenes.holds),
    Screen("holds-of-a-viewer", scenes.holds, role=Role.VIEWER),
    Screen("hold", scenes.one_hold),
    Screen("released-hold", scenes.released_hold),
    Screen("new-hold", scenes.new_hold),
    Screen("held-session", scenes.held_session),
    Screen("policies", scenes.policies, role=Role.ADMINISTRATOR),
    Screen("policies-of-a-viewer", scenes.policies, role=Role.VIEWER),
    Screen("policy", scenes.policy, role=Role.ADMINISTRATOR),
    Screen("policies-half-applied", scenes.half_applied, role=Role.ADMINISTRATOR),
    Screen("new-policy", scenes.new_policy, role=Role.ADMINISTRATOR),
    Screen("remove-policy", scenes.removal, role=Role.ADMINISTRATOR),
    Screen("audit", scenes.audit),
    Screen("audit-of-an-administrator", scenes.audit, role=Role.ADMINISTRATOR),
    Screen("audit-of-an-operator", "/audit/", role=Role.OPERATOR),
    Screen("audit-broken", scenes.broken_audit),
    Screen("audit-misread", "/audit/?since=soon"),
    Screen("no-keys", "/keys/", role=Role.ADMINISTRATOR),
    Screen("keys", scenes.keys, role=Role.ADMINISTRATOR),
    Screen("key", scenes.key, role=Role.ADMINISTRATOR),
    Screen("new-key", scenes.new_key, role=Role.ADMINISTRATOR),
    Screen("revoke-key", scenes.revocation, role=Role.ADMINISTRATOR),
    Screen("no-namespaces", "/namespaces/", role=Role.ADMINISTRATOR),
    Screen("namespaces", scenes.namespaces, role=Role.ADMINISTRATOR),
    Screen("new-namespace", "/namespaces/new/", role=Role.ADMINISTRATOR),
    Screen("no-receipts", "/receipts/"),
    Screen("receipts", scenes.receipts),
    Screen("receipts-misread", "/receipts/?since=soon"),
    Screen("receipt", scenes.one_receipt),
    Screen("no-purges", "/purges/"),
    Screen("purges", scenes.purges),
    Screen("purges-of-a-viewer", scenes.purges, role=Role.VIEWER),
    Screen("purge-by-filter", scenes.purge_by_filter),
    Screen("purge-queued", scenes.purge_queued),
    Screen("purge-running", scenes.purge_running),
    Screen("purge-cancelled", scenes.purge_cancelled),
    Screen("no-erasures", "/erasures/"),
    Screen("erasures", scenes.erasures),
    Screen("erasure-restricted", scenes.erasure_restricted),
    Screen("subjects", "/subjects/"),
    Screen("subject", scenes.subject),
    Screen("subject-of-a-viewer", scenes.subject, role=Role.VIEWER),
    Screen("subject-not-found", scenes.nobody),
    Screen("erasure", scenes.erasure),
    Screen("erasure-confirm", scenes.erasure_confirm),
]
