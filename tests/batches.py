"""Make transactions small, so that little data needs several of them."""

import pytest

from memory_app.operations import pacing


def in_batches_of(rows: int, patch: pytest.MonkeyPatch) -> None:
    """Let each step do so many rows; a session counts four, and each of its messages one."""
    patch.setattr(pacing, "FIRST", rows)
    # Whatever the machine's speed.
    patch.setattr(pacing.Pace, "_learn", lambda *_: None)
