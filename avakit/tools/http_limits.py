"""What the workers of this machine share about a server: its wish for a pause, and how much we ask of it at once.

All of it lies in small files of a folder on a local disk, which the system's own locks (flock) guard: they work there,
and end with the process that holds them, however it ends. Nothing is shared between machines.
"""

import hashlib
import json
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from avakit.errors import OutputImpossible
from avakit.tools.http_policy import RETRY_AFTER_CAP_SECONDS

#: A reservation further ahead than this is none of ours: the clock was set back.
_HORIZON_SECONDS = 3600.0
#: What was not used of the bytes a second may be made up for: the time it takes to write them, but no pause.
_CREDIT_SECONDS = 0.25


@dataclass(frozen=True)
class Limits:
    """How much the workers of this machine together ask of one server; None for no limit.

    Attributes
    ----------
    connections
        At once.
    requests_per_second, bytes_per_second
        On average.
    """

    connections: int | None = None
    requests_per_second: float | None = None
    bytes_per_second: float | None = None


class Slot:
    """The right to one connection, for as long as the block lasts or the process lives."""

    def __init__(self, descriptor: int = -1) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


class Server:
    """One server, as all workers of this machine see it.

    Parameters
    ----------
    url
        Any address on it: scheme aside, its host and port count.
    limits
        What may be asked of it.
    """

    def __init__(self, url: str, limits: Limits) -> None:
        place = urlsplit(url).netloc.rpartition("@")[2].lower()
        readable = re.sub(r"[^a-z0-9.-]", "-", place)[:60]
        self._name = f"{readable}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
        self._limits = limits

    def pause(self, seconds: float) -> None:
        """Have all workers leave the server alone for so long. Without a place to write it down, only we do."""
        with suppress(OSError), self._state() as state:
            state["pause"] = max(state.get("pause", 0.0), time.time() + seconds)

    def pause_left(self) -> float:
        """Return for how many seconds more the server is to be left alone."""
        try:
            state = _read((shared_folder(create=False) / f"{self._name}.json").read_bytes())
        except OSError:
            return 0.0
        left = state.get("pause", 0.0) - time.time()
        return left if 0 < left <= RETRY_AFTER_CAP_SECONDS else 0.0

    def turn(self) -> float:
        """Take a turn for one request; return the seconds until it comes."""
        rate = self._limits.requests_per_second
        return 0.0 if rate is None else self._reserve("request", 1 / rate) - 1 / rate

    def spend(self, count: int) -> float:
        """Account for received bytes; return the seconds until more may be read."""
        rate = self._limits.bytes_per_second
        return 0.0 if rate is None else self._reserve("bytes", count / rate, credit=_CREDIT_SECONDS)

    def slot(self) -> Slot | None:
        """Take the right to one connection; None if there is none left."""
        import fcntl

        if self._limits.connections is None:
            return Slot()
        for number in range(self._limits.connections):
            descriptor = _open(shared_folder() / f"{self._name}.slot-{number}")
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return Slot(descriptor)
        return None

    def _reserve(self, key: str, seconds: float, credit: float = 0.0) -> float:
        """Append so many seconds to what is reserved already; return how far off their end is."""
        with self._state() as state:
            now = time.time()
            begin = state.get(key, 0.0)
            begin = max(begin, now - credit) if begin < now + _HORIZON_SECONDS else now
            state[key] = begin + seconds
            return begin + seconds - now

    @contextmanager
    def _state(self) -> Iterator[dict[str, float]]:
        """Yield what is written down of the server, and write down what the block makes of it."""
        import fcntl

        with os.fdopen(_open(shared_folder() / f"{self._name}.json"), "r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            state = _read(stream.read())
            yield state
            stream.seek(0)
            stream.truncate()
            stream.write(json.dumps(state).encode())


def _read(text: bytes) -> dict[str, float]:
    try:
        state = json.loads(text)
    except ValueError:  # empty, or torn by a kill
        return {}
    return {key: value for key, value in state.items() if isinstance(value, float)} if isinstance(state, dict) else {}


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def require_shared_folder() -> Path:
    """Return the folder of the shared files, in which a file can be made.

    Raises
    ------
    OutputImpossible
        If it can't be used.
    """
    try:
        folder = shared_folder()
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        named = os.environ.get("AVAKIT_SHARED_DIR")
        what = f"AVAKIT_SHARED_DIR={named}" if named else "the folder that workers share"
        why = f"can't be used ({error.strerror or error}); set AVAKIT_SHARED_DIR to a folder on a local disk"
        raise OutputImpossible(what, why) from error


def shared_place() -> Path:
    """Return where the folder of the shared files is, or would be."""
    named = os.environ.get("AVAKIT_SHARED_DIR")
    return Path(named) if named else Path(tempfile.gettempdir(), f"avakit-{os.getuid()}")


def shared_folder(*, create: bool = True) -> Path:
    """Return the folder of the shared files: `AVAKIT_SHARED_DIR`, or one of this user's in the temporary folder.

    Raises
    ------
    OSError
        If it can't be made, or belongs to somebody else.
    """
    path = shared_place()
    if create:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = path.stat() if os.environ.get("AVAKIT_SHARED_DIR") else path.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise PermissionError(f"{path} is not a folder of ours; name another with AVAKIT_SHARED_DIR")
    return path
