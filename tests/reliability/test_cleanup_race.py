"""Cleanups race with agents that write at the very edge of expiry.

Sessions live a second after their last message and have no grace, so each add comes just before or
just after its session's end, while four cleanups purge what is over and are killed now and then.
"""

import heapq
import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

from tests.reliability.writers import Agent, Written, at_once, read_all
from tests.served import ROOT, manage, serving

SECONDS = float(os.environ.get("LETHE_PROVE_SECONDS", "6"))
CLEANERS = 4
WRITERS = 4
SESSIONS = 12
IDLE = 1.0


def cleaner(installation: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "cleanup", "--every", "1s", "--json"],
        cwd=ROOT,
        env=installation,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def write_at_the_edge(agent: Agent, number: int, said: list[Any], statuses: list[int]) -> None:
    """Add to sessions in rotation, each when its last message is about a second old."""
    chance = random.Random(number)  # noqa: S311
    due = [(time.monotonic(), f"w-{number}/{place}") for place in range(SESSIONS)]
    end = time.monotonic() + SECONDS
    for count in range(10**9):
        at, name = heapq.heappop(due)
        if at > end:
            return
        time.sleep(max(0.0, at - time.monotonic()))
        message = {"id": f"{number}-{count}", "role": "user", "content": "Hi"}
        status, answer = agent.call("memory/add", {"session_id": name, "message": message})
        statuses.append(status)
        assert status == 201, answer
        said.append((name, answer["id"], answer["seq"], answer["session"]))
        heapq.heappush(due, (time.monotonic() + IDLE * chance.uniform(0.9, 1.1), name))


def test_no_message_of_a_live_session_is_lost_to_four_cleanups(
    installation: dict[str, str],
) -> None:
    written = Written()
    said: list[list[Any]] = [[] for _ in range(WRITERS)]
    with serving(installation) as served:
        manage(installation, "set_policy", "bench", "--idle", "1s", "--yes")
        # Shorter than a person may choose: what expires is due for purge in the same instant.
        grace = "from memory_app.models import RetentionPolicy as P; P.objects.update(grace=0)"
        manage(installation, "shell", "--command", grace)
        cleaners = [cleaner(installation) for _ in range(CLEANERS)]

        def writer(number: int) -> None:
            agent = Agent(served.url, served.key)
            write_at_the_edge(agent, number, said[number], written.statuses)

        threads = at_once([lambda n=number: writer(n) for number in range(WRITERS)], written)  # type: ignore[misc]
        while any(thread.is_alive() for thread in threads):
            # One is killed wherever it is; another one goes on.
            killed = cleaners.pop(0)
            killed.kill()
            killed.communicate()
            cleaners.append(cleaner(installation))
            threads[-1].join(2.0)
        complaints = stop(cleaners)
        assert written.problems == []
        assert complaints == []
        assert set(written.statuses) == {201}
        check_lives([one for part in said for one in part], Agent(served.url, served.key))
        check_the_end(installation, Agent(served.url, served.key), sum(map(len, said)))


def stop(cleaners: "list[subprocess.Popen[bytes]]") -> list[bytes]:
    """Stop them, and return their complaints; that one signed a checkpoint is none."""
    for one in cleaners:
        one.send_signal(signal.SIGTERM)
    lines = [line for one in cleaners for line in one.communicate()[1].splitlines()]
    return [line for line in lines if b'"level": "info"' not in line]


def check_lives(said: list[Any], agent: Agent) -> None:
    """Each session was whole: places without a gap, and a new life only after the last one."""
    lives: dict[str, list[dict[str, Any]]] = {}
    for name, message_id, seq, session in said:
        past = lives.setdefault(name, [])
        if not past or past[-1]["uid"] != session["uid"]:
            assert seq == 1, f"{name} begins in the middle"
            assert not past or past[-1]["expires_at"] <= session["created_at"], f"{name} was live"
            past.append({"uid": session["uid"], "ids": []})
        life = past[-1]
        life["ids"].append(message_id)
        life["expires_at"] = session["expires_at"]
        assert seq == len(life["ids"]) == session["message_count"], f"{name} is torn"
    assert any(len(past) > 1 for past in lives.values()), "nothing expired in time"
    for name, past in lives.items():
        kept = [one["id"] for one in read_all(agent, name)]
        # Asked afterwards: one that is live now was so when its messages were read.
        status, answer = agent.call(f"sessions/get?session_id={name}")
        if status == 200 and answer["session"]["status"] == "active":
            assert kept == past[-1]["ids"]


def check_the_end(installation: dict[str, str], agent: Agent, said: int) -> None:
    """Once all is over and purged, the receipts have counted every message once."""
    while True:
        done = json.loads(manage(installation, "cleanup", "--json"))
        _, answer = agent.call("sessions/list?status=any&limit=1")
        if not answer["items"]:
            break
        assert done["run"]
    counted = messages = 0
    cursor = ""
    while True:
        _, page = agent.call(f"receipts/list?limit=1000{cursor}")
        for receipt in page["items"]:
            counts = receipt["counts"]
            assert receipt["verification"]["result"] == "clear"
            assert counts["previewed"] == counts["sessions"] + counts["held"]
            counted, messages = counted + counts["sessions"], messages + counts["messages"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert messages == said
    assert counted > WRITERS * SESSIONS
