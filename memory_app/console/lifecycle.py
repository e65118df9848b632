"""The life of a session as steps in time, and what happens next, in words."""

from collections.abc import Sequence
from typing import NamedTuple

from memory_app.moments import NEVER
from memory_app.operations.holding import HoldView
from memory_app.operations.viewing import SessionView


class Step(NamedTuple):
    """One step: its word, when, why, and whether it lies ahead. `at` is None when never."""

    word: str
    icon: str
    at: int | None
    note: str = ""
    ahead: bool = False


BECAUSE = {
    "idle": "too long without a message",
    "max_age": "the maximum age",
    "operator": "a person expired it",
    "explicit": "a time that the agent set",
}


def steps(view: SessionView, holds: Sequence[HoldView]) -> list[Step]:
    """Return the steps of a session in the order of time, what lies ahead last."""
    shown, now = view.session, view.now
    past = [Step("Begun", "circle-dot", shown.created_at)]
    if shown.last_activity_at > shown.created_at:
        past.append(Step("Last active", "messages", shown.last_activity_at))
    past += [Step("Held", "lock", hold.placed_at, hold.matter) for hold in holds]
    if view.restored_at is not None:
        note = view.restored_because or ""
        past.append(Step("Restored", "arrow-back-up", view.restored_at, note))
    if shown.ended_at is not None:
        past.append(Step("Ended", "ban", shown.ended_at, "its id is free, or has begun anew"))
    because = BECAUSE.get(shown.expires_because or "", "")
    if shown.expires_at <= now:
        past.append(Step("Expired", "clock-x", shown.expires_at, because))
    past.sort(key=lambda step: step.at or 0)
    return past + list(_ahead(view, because))


def _ahead(view: SessionView, because: str) -> list[Step]:
    shown, now = view.session, view.now
    ahead = []
    if shown.expires_at > now:
        at = None if shown.expires_at >= NEVER else shown.expires_at
        note = "if no message comes" if shown.expires_because == "idle" else because
        ahead.append(Step("Expires", "hourglass", at, note, ahead=True))
    if shown.held:
        ahead.append(Step("Purge", "lock", None, "not while it is held", ahead=True))
    elif shown.expires_at < NEVER:
        note = "by the first cleanup after that"
        ahead.append(Step("Purge", "trash", shown.purge_after, note, ahead=True))
    return ahead


def what_next(view: SessionView) -> str:
    """Say what happens to a session next if nobody does anything."""
    shown = view.session
    if shown.status(view.now) == "expired":
        kept = (
            "A hold keeps it from being purged." if shown.held else "It is purged after its grace."
        )
        return f"Agents no longer see it. {kept}"
    if shown.expires_at >= NEVER:
        return "It does not expire by itself."
    how = {
        "idle": "Each message puts this off.",
        "max_age": "No message puts this off.",
    }.get(shown.expires_because or "", "The agent, or a person, can put this off.")
    if shown.held:
        return f"{how} Then agents no longer see it; it is not purged while it is held."
    return f"{how} Then agents no longer see it, and it can be restored until it is purged."
