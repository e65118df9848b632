"""Send streamed answers whole.

granian's stream takes everything at once whether or not the client reads (300 MB for one that read
nothing), and cannot be broken off: an export that fails in the middle would look complete. So a
streamed answer is gathered first, in memory or in a file, and then sent with its length. Its reader
may be slow then: it costs neither memory nor a thread.
"""

import asyncio
import fcntl
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


class Folder:
    """Where answers are that do not fit into memory, each for its first seconds.

    Each server has one of its own, also of several on one data folder, and keeps a lock on it while
    any of its processes lives.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lock: IO[bytes] | None = None

    @property
    def path(self) -> Path:
        """Return the folder, which is there since `open`."""
        assert self._path is not None, "the server opens it before it serves"
        return self._path

    def open(self) -> None:
        """Make the folder, and remove those that killed servers left."""
        parent = data_dir() / "spool"
        parent.mkdir(mode=0o700, exist_ok=True)
        with (parent / ".opening").open("wb") as opening:
            # Nobody takes the folder that another is just making for one that was left.
            fcntl.flock(opening, fcntl.LOCK_EX)
            for left in parent.iterdir():
                if left.is_dir() and _is_left(left):
                    shutil.rmtree(left, ignore_errors=True)
            self._path = Path(tempfile.mkdtemp(dir=parent))
            self._lock = (self._path / _LOCK).open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the folder: what has a name there is being read already."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)


_LOCK: Final = ".lock"


def _is_left(folder: Path) -> bool:
    """Tell whether no server lives that made a folder."""
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


folder: Final = Folder()


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
                    file = tempfile.NamedTemporaryFile(dir=folder.path, delete=False)  # noqa: SIM115
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
