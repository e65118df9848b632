"""The server starts with a reason or says why not, and stops without breaking anything off."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.served import ROOT, free_port, new_environment, serving
from tests.serving.server import HEALTH, Server, everything, one_answer, until


def serve(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "serve", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_signal_to_stop_lets_requests_in_flight_finish(start: Callable[..., Server]) -> None:
    server = start(threads=4)
    with server.connect() as busy, server.connect() as idle:
        idle.sendall(HEALTH)
        assert one_answer(idle).status == 200
        busy.sendall(b"GET /slow?seconds=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        server.call("/healthz")
        server.terminate()
        assert everything(busy).endswith(b"slept")
        assert everything(idle) == b""
    assert server.process.wait(10) == 0


def test_a_client_half_way_through_its_body_does_not_keep_a_stopping_server(
    start: Callable[..., Server],
) -> None:
    server = start(limits={"body_seconds": 1})
    with server.connect() as slow:
        slow.sendall(b"POST /show HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        server.call("/healthz")
        server.terminate()
        assert server.process.wait(10) == 0


def test_it_says_once_where_it_listens(start: Callable[..., Server]) -> None:
    server = start(workers=2)
    server.terminate()
    output, _ = server.process.communicate(timeout=20)
    assert output.decode() == f"Lethe listens on http://127.0.0.1:{server.port}\n"


def test_a_taken_port_is_said_plainly(server: Server, environment: dict[str, str]) -> None:
    bind = f"127.0.0.1:{server.port}"
    second = serve(environment, "--bind", bind)
    assert second.returncode == 1
    assert f"cannot listen on {bind}: another program listens there" in second.stderr
    assert len(second.stderr.splitlines()) == 1


@pytest.mark.parametrize("bind", ["8000", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "::1:80"])
def test_an_address_that_is_none_is_wrong_usage(environment: dict[str, str], bind: str) -> None:
    refused = serve(environment, "--bind", bind)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].endswith(
        f"an address looks like 127.0.0.1:8000 or [::1]:8000, not like '{bind}'"
    )
    assert "Traceback" not in refused.stderr


def test_an_address_that_this_machine_has_not_is_said_plainly(environment: dict[str, str]) -> None:
    refused = serve(environment, "--bind", "192.0.2.1:8000")
    assert refused.returncode == 1
    assert "cannot listen on 192.0.2.1:8000" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_missing_tables_are_said_with_the_way_to_make_them(tmp_path: Path) -> None:
    refused = serve(new_environment(tmp_path, None))
    assert refused.returncode == 1
    assert "manage.py migrate" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_data_folder_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    refused = serve(new_environment(file / "data", "sqlite:///:memory:"))
    assert refused.returncode == 1
    assert "LETHE_DATA_DIR" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_an_address_that_others_reach_is_warned_of_without_https(
    environment: dict[str, str],
) -> None:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--bind", f"0.0.0.0:{free_port()}"],
        cwd=ROOT,
        env=environment | {"LETHE_PUBLIC_URL": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Lethe listens on")
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert "LETHE_PUBLIC_URL" in errors


def test_several_processes_share_the_port_and_a_dead_one_is_replaced(
    start: Callable[..., Server],
) -> None:
    server = start(workers=2, threads=2)
    until(lambda: len(server.processes()) == 2)
    first = server.processes()
    os.kill(min(first), signal.SIGKILL)
    until(lambda: len(server.processes()) == 2 and server.processes() != first)
    with ThreadPoolExecutor(8) as callers:
        answers = callers.map(lambda _: server.call("/healthz").status, range(100))
        assert set(answers) == {200}
    server.terminate()
    assert server.process.wait(20) == 0
    assert not server.processes()


def test_processes_stop_when_the_first_one_was_killed(start: Callable[..., Server]) -> None:
    server = start(workers=2)
    until(lambda: len(server.processes()) == 2)
    server.process.kill()

    def free() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", server.port)) != 0

    until(free)


def test_a_view_that_tries_to_leave_costs_one_answer(start: Callable[..., Server]) -> None:
    server = start(threads=2)
    for _ in range(5):
        answer = server.call("/leave")
        assert (answer.status, answer.json()["code"]) == (500, "internal")
    assert server.call("/healthz").status == 200


def test_each_thread_keeps_its_own_database_connection(server: Server) -> None:
    places: set[tuple[int, int]] = set()
    lock = threading.Lock()

    def look(_: int) -> None:
        place = tuple(server.call("/place").json())
        with lock:
            places.add(place)

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(look, range(60)))
    assert 1 < len(places) == len({thread for thread, _ in places}) <= 4
    assert len({connection for _, connection in places}) == len(places)


def test_requests_are_counted_for_all_processes_together(installation: dict[str, str]) -> None:
    with serving(installation, workers=2) as served:
        for _ in range(60):
            # A connection of its own each time, so that both processes take some.
            urllib.request.urlopen(f"{served.url}/healthz").read()
        told = set()
        for _ in range(12):
            text = urllib.request.urlopen(f"{served.url}/metrics").read().decode()
            found = re.search(r'_total\{operation="healthz",status="2xx"\} (\d+)', text)
            assert found
            told.add(int(found.group(1)))
    # One more call or a few: the server was asked whether it is up.
    (number,) = told
    assert number >= 60
