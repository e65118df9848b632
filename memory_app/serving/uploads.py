"""Read request bodies in granian's event loop: bounded by size, by time, and over all clients."""

import asyncio
from dataclasses import dataclass
from typing import Any

from granian.rsgi import Headers, HTTPProtocol, ProtocolClosed

from memory_app.conf import KB, MAX_BODY_BYTES, MB
from memory_app.errors import Invalid, Refusal, TooLarge, Unavailable


@dataclass(frozen=True, slots=True)
class Limits:
    """What the clients of one process may take."""

    body_bytes: int = MAX_BODY_BYTES
    # Smaller bodies are not counted: the number of connections bounds them.
    small_bytes: int = 64 * KB
    held_bytes: int = 256 * MB
    body_seconds: float = 30.0
    # Each further second has to bring this much.
    bytes_per_second: int = 64 * KB
    # Thrown away after a refusal: a connection that is closed while its client still sends is
    # reset, and then the client does not read the refusal.
    drained_bytes: int = 64 * MB
    drained_seconds: float = 10.0


class TooSlow(Refusal):
    """A body that does not arrive in time."""

    code = "timeout"


class Held:
    """How many bytes of bodies this process holds."""

    def __init__(self) -> None:
        self.bytes = 0


class Upload:
    """The body of one request, from its first byte until it was answered."""

    def __init__(
        self, headers: Headers, protocol: HTTPProtocol, limits: Limits, held: Held
    ) -> None:
        self._headers = headers
        self._protocol = protocol
        self._limits = limits
        self._held = held
        self._taken = 0
        self._pieces: Any = None

    async def read(self) -> bytes:
        """Return the whole body. Raises TooLarge, TooSlow, Unavailable, Invalid."""
        length = _declared_length(self._headers)
        try:
            async with asyncio.timeout(self._limits.body_seconds) as deadline:
                if length is not None and length <= self._limits.small_bytes:
                    return await self._protocol()
                self._pieces = self._protocol.__aiter__()
                if length is not None and length > self._limits.body_bytes:
                    raise self._too_large()
                return await self._gather(length, deadline)
        except TimeoutError:
            self._pieces = None  # nothing to wait for any more
            raise TooSlow("the body did not arrive in time; the call can be repeated") from None
        except ProtocolClosed:
            raise Invalid("the body ends too early") from None

    async def _gather(self, length: int | None, deadline: asyncio.Timeout) -> bytes:
        begun = asyncio.get_running_loop().time() + self._limits.body_seconds
        body = bytearray()
        ends = 0
        while (piece := await self._next()) is not None:
            body += piece
            ends += not piece
            self._count(len(piece))
            deadline.reschedule(begun + len(body) / self._limits.bytes_per_second)
        # granian gives one empty piece at the end of a body, and a second one where the connection
        # or the chunks broke off (tests/serving/test_bodies.py holds both) or trailers follow.
        if ends != 1 or len(body) != (len(body) if length is None else length):
            raise Invalid("the body ends too early, or has trailers")
        return bytes(body)

    async def _next(self) -> bytes | None:
        try:
            piece: bytes = await anext(self._pieces)
        except StopAsyncIteration:
            return None
        return piece

    def _count(self, size: int) -> None:
        self._taken += size
        self._held.bytes += size
        if self._taken > self._limits.body_bytes:
            raise self._too_large()
        if self._held.bytes > self._limits.held_bytes:
            raise Unavailable("too many large bodies arrive at once; the call can be repeated")

    def _too_large(self) -> TooLarge:
        return TooLarge(f"a body has at most {self._limits.body_bytes // MB} MB")

    def release(self) -> None:
        """Count the body as gone."""
        self._held.bytes -= self._taken
        self._taken = 0

    async def drain(self) -> None:
        """Read and forget what a refused client still sends, within bounds."""
        if self._pieces is None or "expect" in self._headers:
            return  # read whole or broken off; or the client waits to be asked for it
        size = 0
        try:
            async with asyncio.timeout(self._limits.drained_seconds):
                while size < self._limits.drained_bytes:
                    piece = await self._next()
                    if piece is None:
                        return
                    size += len(piece)
        except TimeoutError:
            return


def has_body(headers: Headers) -> bool:
    """Tell whether a request says that it has a body."""
    return "content-length" in headers or "transfer-encoding" in headers


def _declared_length(headers: Headers) -> int | None:
    """Return the length of the body; None when it comes in chunks. Raises Invalid."""
    length = headers.get("content-length")
    if length is not None:
        return int(length)  # granian refuses all but digits
    if headers.get("transfer-encoding", "").strip().lower() != "chunked":
        raise Invalid("send the body with Content-Length, or with Transfer-Encoding: chunked")
    return None
