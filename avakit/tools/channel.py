"""How workers tell their parent what they are working on.

Datagrams on a local socket: nothing to lock (a worker killed while it holds the lock of a shared queue would stop
all others), nothing to wait for (a full or vanished receiver costs a lost message, never an item), and the same
for processes that the parent did not start itself.
"""

import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_MESSAGE_BYTES = 1024
_INTERVAL_SECONDS = 0.2
_LONGEST_FOLDER = 70


@dataclass(frozen=True)
class Progress:
    """What one worker is doing.

    Attributes
    ----------
    worker
        Its process number.
    item, activity
        The video id or clip name, and the verb: `download`, `cut`, `frames`.
    done, total
        Bytes, or frames; total is 0 where it is not known.
    unit
        `bytes` or `frames`; `settled` says that the thing is done, with its bytes.
    """

    worker: int
    item: str
    activity: str
    done: int = 0
    total: int = 0
    unit: str = "bytes"


class Receiver:
    """The parent's end: a socket in a private temporary folder."""

    def __init__(self) -> None:
        # A socket's path may have about a hundred characters; cluster jobs often have a longer TMPDIR.
        place = tempfile.gettempdir()
        self._folder = tempfile.TemporaryDirectory(
            prefix="avakit-",
            dir=place if len(place) < _LONGEST_FOLDER else "/tmp",  # noqa: S108
        )
        self.address = str(Path(self._folder.name) / "progress")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._folder.cleanup()

    def messages(self) -> Iterator[Progress]:
        """Yield what has arrived since the last call, without waiting."""
        while True:
            try:
                data = self._socket.recv(_MESSAGE_BYTES)
            except BlockingIOError:
                return
            with suppress(ValueError, TypeError):
                yield Progress(**json.loads(data))


class Sender:
    """A worker's end. Sends at most a few messages a second; an empty address sends none."""

    def __init__(self, address: str, item: str, activity: str, unit: str = "bytes") -> None:
        self._address = address
        self._facts = Progress(os.getpid(), item, activity, unit=unit)
        self._next = 0.0

    def __call__(self, done: int, total: int | None = None) -> None:
        """Tell how far the work is."""
        now = time.monotonic()
        if not self._address or (now < self._next and done != total):
            return
        self._next = now + _INTERVAL_SECONDS
        self._send(asdict(self._facts) | {"done": done, "total": total or 0})

    def settled(self, size: int) -> None:
        """Tell that the thing is done, before the outcome of the whole video is."""
        if self._address:
            self._send(asdict(self._facts) | {"done": size, "total": 0, "unit": "settled"})

    def _send(self, facts: dict[str, Any]) -> None:
        message = json.dumps(facts).encode()
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(message, self._address)
