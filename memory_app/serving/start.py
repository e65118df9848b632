"""Check that Lethe can serve, then start granian's processes."""

import errno
import gc
import ipaddress
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing import parent_process
from typing import Any, Final

from django.conf import settings
from django.db import connections
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

# Not used here: imported before the processes are forked, its memory is theirs together.
import memory_app.measuring  # noqa: F401
from memory_app.errors import Refusal
from memory_app.serving import spool, static_files
from memory_app.serving.bridge import Bridge
from memory_app.serving.companion import Companion
from memory_app.serving.uploads import Limits
from memory_app.words import prepare

# SQLite's writers are committed in groups of those that wait, so there are more threads than cores
# (docs/server.md has the numbers for 8, 16 and 24).
THREADS: Final = 16
# Clients at once, slow ones included; more wait until one leaves.
_CONNECTIONS: Final = 4096
# Also how long an idle connection is kept: longer than clients' pools keep theirs, which would
# otherwise send into a connection that is just being closed.
_HEAD_SECONDS: Final = 75
_STOP_SECONDS: Final = 20


class CannotServe(Refusal):
    """A reason, in one line, why the server does not start."""


def serve(
    *,
    bind: str,
    workers: int = 1,
    threads: int = THREADS,
    limits: Limits | None = None,
    beside: Sequence[Sequence[str]] = (),
) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in flight finish. Raises CannotServe.

    `beside` are the commands of `manage.py` that run meanwhile, each in a process of its own.
    """
    host, port = parse_bind(bind)
    _require_free(host, port, bind)
    spool.folder.open()
    static_files.collect()
    _warn_of_plain_http(host)
    _raise_open_files()
    # The processes that serve are copies of this one, which must not share a connection, nor take
    # a signal in the short time before granian's own handlers are there for what ours would do.
    connections.close_all()
    gc.freeze()
    os.register_at_fork(after_in_child=_take_signals_plainly)
    server = Granian(
        "memory_app.serving",
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=workers,
        loop=Loops.asyncio,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_CONNECTIONS,
        backpressure=_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_SECONDS * 1000),
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig=_log_settings(),
    )
    server.on_startup(lambda: print(f"Lethe listens on http://{bind}", flush=True))  # noqa: T201
    server.on_shutdown(spool.folder.close)
    companions = [Companion(command) for command in beside]
    for companion in companions:
        server.on_startup(companion.start)
        # All are asked before one is waited for.
        server.on_shutdown(companion.ask_to_stop)
    for companion in companions:
        server.on_shutdown(companion.stop)
    bridge = partial(Bridge, threads=threads, multiprocess=workers > 1, limits=limits or Limits())
    loader: Callable[..., Any] = partial(_load, bridge)
    server.serve(target_loader=loader, wrap_loader=False)


def _load(bridge: Callable[[], Bridge]) -> Any:
    """Make the application, in a process that serves."""
    threading.Thread(target=prepare, name="words", daemon=True).start()
    threading.Thread(target=_stop_with_parent, name="parent", daemon=True).start()
    return bridge()


def _take_signals_plainly() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _stop_with_parent() -> None:
    """Stop when the process that would stop us was killed: the port would stay taken."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def parse_bind(bind: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:8000` or `[::1]:8000`. Raises CannotServe."""
    host, colon, port = bind.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise CannotServe(f"an address looks like 127.0.0.1:8000 or [::1]:8000, not like {bind!r}")
    return host, int(port)


def _require_free(host: str, port: int, bind: str) -> None:
    """Take the port for a moment: granian itself would share it with another server."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as problem:
        reason = {
            errno.EADDRINUSE: "another program listens there",
            errno.EADDRNOTAVAIL: "this machine has no such address",
            errno.EACCES: "that port is not allowed to this user",
        }.get(problem.errno or 0, problem.strerror)
        raise CannotServe(f"cannot listen on {bind}: {reason}") from None


def _warn_of_plain_http(host: str) -> None:
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if host != "localhost" and not settings.LETHE_PUBLIC_URL.startswith("https://"):
        sys.stderr.write(
            f"Warning: {host} can be reached from other machines, and without HTTPS in front keys,"
            " passwords and content travel readable. Set LETHE_PUBLIC_URL=https://… and put a"
            " proxy with a certificate in front.\n"
        )


def _raise_open_files() -> None:
    """Let every connection have its file descriptor, as far as this user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * _CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _log_settings() -> dict[str, object]:
    """Let granian log as Lethe does."""
    ours: dict[str, Any] = settings.LOGGING
    granian = {"handlers": [], "level": "WARNING", "propagate": True}
    return {**ours, "loggers": {**ours["loggers"], "_granian": granian}}
