"""Send streamed answers whole.

granian's stream takes everything at once whether or not the client reads (300 MB for one that read
nothing), and cannot be broken off: an export that fails in the middle would look complete. So a
streamed answer is gathered first, in memory or in a file, and then sent with its length. Its reader
may be slow then: it costs neither memory nor a thread.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from django.http import StreamingHttpResponse
from granian.rsgi import HTTPProtocol

from memory_app.conf import KB, MB, data_dir

_IN_MEMORY: Final = 4 * MB
# granian opens a file within milliseconds. If it ever came later than this, its client would see
# an error, never a part.
_NAMED_SECONDS: Final = 10.0
# How long a file is there for its reader, and longer by a second for each of so many bytes.
_READER_SECONDS: Final = 600.0
_BYTES_PER_SECOND: Final = 256 * KB


class ClientLeft(Exception):
    """Nobody waits for this answer any more."""


def folder() -> Path:
    """Return where answers are that do not fit into memory, each for its first seconds."""
    return data_dir() / "spool"


def clear() -> None:
    """Empty the folder: what has a name there is being read already, or was left by a kill."""
    shutil.rmtree(folder(), ignore_errors=True)
    folder().mkdir(mode=0o700, exist_ok=True)


def send(
    protocol: HTTPProtocol,
    response: StreamingHttpResponse,
    headers: list[tuple[str, str]],
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Gather an answer on this thread, then send it. Raises ClientLeft."""
    leaving = asyncio.run_coroutine_threadsafe(_leaving(protocol), loop)
    try:
        gathered = _gather(response, leaving.done)
    finally:
        leaving.cancel()
    if isinstance(gathered, bytes):
        protocol.response_bytes(response.status_code, headers, gathered)
        return
    if not response.has_header("Content-Length"):
        headers.append(("content-length", str(gathered.tell())))
    protocol.response_file(response.status_code, headers, gathered.name)
    loop.call_soon_threadsafe(_forget_later, loop, gathered)


def _gather(response: StreamingHttpResponse, left: Callable[[], bool]) -> bytes | IO[bytes]:
    start = bytearray()
    file: IO[bytes] | None = None
    try:
        for piece in response:
            if left():
                raise ClientLeft
            if file is None:
                start += piece
                if len(start) > _IN_MEMORY:
                    file = tempfile.NamedTemporaryFile(dir=folder(), delete=False)  # noqa: SIM115
                    file.write(start)
            else:
                file.write(piece)
        if file is not None:
            file.flush()
    except BaseException:
        if file is not None:
            _unname(file)
            file.close()
        raise
    return bytes(start) if file is None else file


def _forget_later(loop: asyncio.AbstractEventLoop, file: IO[bytes]) -> None:
    size = file.tell()
    loop.call_later(_NAMED_SECONDS, _unname, file)
    loop.call_later(_READER_SECONDS + size / _BYTES_PER_SECOND, _forget, file)


def _unname(file: IO[bytes]) -> None:
    Path(file.name).unlink(missing_ok=True)


def _forget(file: IO[bytes]) -> None:
    # A reader that still has not read it all finds a broken answer, and the disk is free again.
    file.truncate(0)
    file.close()


async def _leaving(protocol: Any) -> None:
    await protocol.client_disconnect()
