"""Processes on one SQLite file write in turns: nobody who waits is passed over."""

import fcntl
import threading
import time
from pathlib import Path

from memory_app.storage.turns import Turns

FAR = 30.0


def is_held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_whoever_waits_comes_before_the_one_who_just_wrote(tmp_path: Path) -> None:
    """A purge asks for its next turn at once; an agent that waits is served before that."""
    database = str(tmp_path / "db")
    order: list[str] = []
    # Two objects hold the locks as two processes do.
    purge, agent = Turns(), Turns()

    def write() -> None:
        with agent.taken(database, time.monotonic() + FAR):
            order.append("agent")

    writer = threading.Thread(target=write)
    with purge.taken(database, time.monotonic() + FAR):
        order.append("purge")
        writer.start()
        while not is_held(tmp_path / ".db.next"):
            assert writer.is_alive()
    with purge.taken(database, time.monotonic() + FAR):
        order.append("purge")
    writer.join()
    assert order == ["purge", "agent", "purge"]


def test_a_turn_that_never_comes_is_not_waited_for_longer_than_asked(tmp_path: Path) -> None:
    database = str(tmp_path / "db")
    stuck, agent = Turns(), Turns()
    with stuck.taken(database, time.monotonic() + FAR):
        with agent.taken(database, time.monotonic() + 0.01):
            pass
        assert is_held(tmp_path / ".db.turn")
    assert not is_held(tmp_path / ".db.turn")
    assert not is_held(tmp_path / ".db.next")


def test_a_database_in_memory_has_no_turns(tmp_path: Path) -> None:
    with Turns().taken("file:memorydb?mode=memory", time.monotonic()):
        assert list(tmp_path.iterdir()) == []
