"""A server in a process of its own, and the ways to talk to it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from tests.served import ROOT, free_port, tree, wait_until_up

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass
class Answer:
    """One answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)


class Server:
    """`serve` with these arguments, on a free port."""

    def __init__(self, environment: dict[str, str], **arguments: Any) -> None:
        self.port = free_port()
        arguments["bind"] = f"127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving.program", json.dumps(arguments)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until_up(f"http://127.0.0.1:{self.port}", self.process)

    def close(self) -> None:
        """End at once whatever still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def terminate(self) -> None:
        """Ask the server to stop."""
        self.process.send_signal(signal.SIGTERM)

    def connect(self) -> socket.socket:
        """Return a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def call(self, path: str, method: str = "GET", body: Any = None, headers: Any = None) -> Answer:
        """Send one request over a connection of its own; a body of pieces is sent in chunks."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)) as connection:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())

    def send(self, data: bytes) -> bytes:
        """Send bytes, and return everything until the server closes."""
        with self.connect() as client:
            client.sendall(data)
            return everything(client)

    def processes(self) -> set[int]:
        """Return the processes that the first one started."""
        return set(tree(self.process.pid)) - {self.process.pid}

    def resident_mb(self) -> float:
        """Return the resident memory of all processes."""
        size = os.sysconf("SC_PAGE_SIZE")
        pages = 0
        for pid in tree(self.process.pid):
            with suppress(FileNotFoundError), open(f"/proc/{pid}/statm") as numbers:
                pages += int(numbers.read().split()[1])
        return pages * size / 2**20


def everything(client: socket.socket) -> bytes:
    """Read until the other side closes."""
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def one_answer(client: socket.socket) -> Answer:
    """Read one answer from a connection that stays open."""
    response = http.client.HTTPResponse(client)
    response.begin()
    fields = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, fields, response.read())


def until(check: Callable[[], object], seconds: float = 15) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
