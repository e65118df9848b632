"""Run Django behind granian: bodies are awaited in its event loop, views run on threads.

In granian's WSGI mode the thread that runs a view also waits for the body, so a few slow clients
stop everybody. Here a slow client costs no thread (docs/server.md has the measurements).
"""

import asyncio
import json
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, NamedTuple

from django.core.wsgi import get_wsgi_application
from granian.rsgi import Headers, HTTPProtocol, Scope

from memory_app.errors import Refusal
from memory_app.serving import spool
from memory_app.serving.environ import build_environ
from memory_app.serving.uploads import Held, Limits, Upload, has_body

logger = logging.getLogger("lethe.serving")

Fields = list[tuple[str, str]]

_REFUSALS: Final = {
    "invalid": (422, "The request breaks a rule"),
    "timeout": (408, "The body came too slowly"),
    "too_large": (413, "Too many bytes"),
    "unavailable": (503, "Not available now"),
    "internal": (500, "An error in Lethe"),
}


def refuse(protocol: HTTPProtocol, code: str, detail: str) -> None:
    """Answer with a problem (RFC 9457), and close the connection."""
    status, title = _REFUSALS[code]
    request_id = secrets.token_hex(8)
    headers = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", request_id),
        ("connection", "close"),
    ]
    if code == "unavailable":
        headers.append(("retry-after", "1"))
    problem = {
        "type": f"urn:lethe:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
    }
    protocol.response_bytes(status, headers, json.dumps(problem).encode())


class Request(NamedTuple):
    """A request that is whole, and the promise that keeps granian waiting for its answer."""

    scope: Scope
    headers: Headers
    protocol: HTTPProtocol
    body: bytes
    answered: asyncio.Future[None]


def _start(kept: Fields, status: str, headers: Fields, *exception: Any) -> Callable[..., Any]:
    """Keep the headers that Django begins its answer with (WSGI's start_response)."""
    kept.extend(headers)
    return kept.append


class Bridge:
    """An RSGI application in front of Django's WSGI handler."""

    def __init__(self, *, threads: int, multiprocess: bool, limits: Limits) -> None:
        self._django = get_wsgi_application()
        self._threads = threads
        self._multiprocess = multiprocess
        self._limits = limits
        self._held = Held()
        self._idle: list[SimpleQueue[None]] = []
        self._waiting: deque[Request] = deque()
        self._answered: deque[Request] = deque()
        self._waking = False

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads, in the process that serves."""
        self._loop = loop
        for number in range(1, self._threads + 1):
            threading.Thread(target=self._work, name=f"views-{number}", daemon=True).start()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Have a thread answer, once the body is here; granian wants us to stay until then."""
        headers = scope.headers  # a copy each time
        if not has_body(headers):
            await self._run(scope, headers, protocol, b"")
            return
        upload = Upload(headers, protocol, self._limits, self._held)
        try:
            await self._run(scope, headers, protocol, await upload.read())
        except Refusal as refusal:
            refuse(protocol, refusal.code, refusal.detail)
            upload.release()
            await upload.drain()
        finally:
            upload.release()

    async def _run(
        self, scope: Scope, headers: Headers, protocol: HTTPProtocol, body: bytes
    ) -> None:
        request = Request(scope, headers, protocol, body, self._loop.create_future())
        self._hand_over(request)
        await request.answered

    def _hand_over(self, request: Request) -> None:
        """Queue a request, and wake the thread that was busy last when one has nothing to do."""
        self._waiting.append(request)
        with suppress(IndexError):
            self._idle.pop().put(None)

    def _next(self, wakes: "SimpleQueue[None]") -> Request:
        """Return what this thread answers next, once there is something."""
        while True:
            try:
                return self._waiting.popleft()
            except IndexError:
                self._idle.append(wakes)
            if self._waiting:
                # It came in between, when no thread was idle yet.
                try:
                    self._idle.remove(wakes)
                    continue
                except ValueError:
                    pass  # chosen meanwhile
            wakes.get()

    def _work(self) -> None:
        wakes: SimpleQueue[None] = SimpleQueue()
        while True:
            request = self._next(wakes)
            try:
                self._answer(request)
            except spool.ClientLeft:
                pass
            except BaseException:
                # Also what tries to end the thread, and what granian cannot send.
                logger.exception("a request failed outside its view")
                refuse(request.protocol, "internal", "the request failed")
            self._answered.append(request)
            # One wake-up serves all that were answered until the loop comes to it.
            if not self._waking:
                self._waking = True
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._waking = False
        while self._answered:
            answered = self._answered.popleft().answered
            if not answered.done():
                answered.set_result(None)

    def _answer(self, request: Request) -> None:
        environ = build_environ(
            request.scope, request.headers, request.body, multiprocess=self._multiprocess
        )
        fields: Fields = []
        response: Any = self._django(environ, partial(_start, fields))
        try:
            if response.streaming:
                spool.send(request.protocol, response, fields, self._loop)
            else:
                request.protocol.response_bytes(response.status_code, fields, response.content)
        finally:
            response.close()
