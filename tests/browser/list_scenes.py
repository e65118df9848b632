"""What the list of sessions and its own pages show."""

import pytest

from memory_app.models import Operator
from memory_app.operations import previewing, saving
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.previewing import PreviewView
from memory_app.operations.rights import Person
from tests.browser.scenes import many
from tests.factories import begin_session, make_caller, make_session

Monkeypatch = pytest.MonkeyPatch


def _ann() -> Person:
    # The person signed in by the tests is always Ann; previews and views are their maker's own.
    number = Operator.objects.get(username="ann").pk
    return Person(number, "ann", {"*": frozenset({"privacy_officer"})})


def _fixed() -> PreviewView:
    wanted = SessionFilter(status="any")
    return previewing.preview(actor=_ann(), namespace="support", wanted=wanted)


def all_chosen(monkeypatch: Monkeypatch) -> str:
    """Return where all sessions of a namespace are selected."""
    return f"{many(monkeypatch)}?namespace=support&set={_fixed().token}"


def export_form(monkeypatch: Monkeypatch) -> str:
    """Return where an export is asked for."""
    many(monkeypatch)
    return f"/sessions/export/{_fixed().token}/"


def long_ids(_: Monkeypatch) -> str:
    """Begin sessions whose ids, users and tags are as long and as foreign as they may be."""
    agent = make_caller("support")
    for text in ("W" * 512, "org-1/" + "課" * 500, "مرحبا/" + "ש" * 200, "a b/" * 100):
        tags = [text[:64].strip(), "שלום עולם"]
        begin_session(agent, text, user_id=text, tags=tags, title=text[:200])
        begin_session(agent, f"{text[:-1]}~", user_id=text)
    return "/sessions/"


def none_match(_: Monkeypatch) -> str:
    """Return where a filter finds nothing."""
    make_session(make_caller("support"))
    return "/sessions/?q=user:nobody+tag:vip&status=expired"


def views(_: Monkeypatch) -> str:
    """Save views, one with a long name; return where they are listed."""
    make_caller("support")
    for name, query in (("Urgent", "status=active"), ("W" * 60, "q=prefix%3Aorg-1%2F")):
        saving.save_view(person=_ann(), name=name, query=query, wanted=SessionFilter())
    return "/sessions/views/"


def tree(_: Monkeypatch) -> str:
    """Return where a deep level with long and foreign names is shown."""
    agent = make_caller("support")
    names = ("team-1/ann", "team-1/bob", "W" * 400 + "/x", "課" * 60, "מרחבא/ש", "cleo")
    for name in names:
        begin_session(agent, f"org-1/{'deep-' * 12}/{name}")
    for number in range(60):
        begin_session(agent, f"org-1/{'deep-' * 12}/z-{number}/a")
    return f"/sessions/tree/?namespace=support&prefix=org-1/{'deep-' * 12}/"


def roots(monkeypatch: Monkeypatch) -> str:
    """Return where the tree begins when there are several namespaces."""
    many(monkeypatch)
    return "/sessions/tree/"
