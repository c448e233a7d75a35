"""The bytes of a transfer on this side: a file, and the side file that vouches for it."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from avakit.tools.files import side_file
from avakit.tools.http_policy import public_url, strong_etag

CHUNK = 256 << 10
#: After so many new bytes the side file is written anew: what a killed run loses at most.
CHECKPOINT_BYTES = 4 << 20


def can_resume(target: Path, url: str) -> bool:
    """Whether what lies in `target` vouches for being the beginning of what `url` holds."""
    return _read_side(side_file(target)).get("url") == public_url(url)


def _read_side(side: Path) -> dict[str, object]:
    try:
        record = json.loads(side.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # none, or a torn one
        return {}
    return record if isinstance(record, dict) else {}


@contextmanager
def open_target(target: Path) -> Iterator[BinaryIO]:
    """Open a partial for reading and writing; create it if need be, and leave its bytes alone."""
    # O_NOFOLLOW: nobody may plant a link here that makes us overwrite a file elsewhere.
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "r+b") as stream:
        yield stream


class Body:
    """The bytes that are there: a file, how far it can be trusted, and the side file that vouches for it."""

    def __init__(self, stream: BinaryIO, target: Path, url: str) -> None:
        self._stream = stream
        self._side = side_file(target)
        self._url = public_url(url)
        self._digest = hashlib.sha256()
        self._noted = 0
        self.position = 0
        self.etag = ""
        self._restore()

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far."""
        return self._digest.hexdigest()

    def _restore(self) -> None:
        """Take up what an earlier call left, up to its last checkpoint, if every byte of it is as it was."""
        record = _read_side(self._side)
        etag = strong_etag(str(record.get("etag", "")))
        length = record.get("bytes")
        if record.get("url") != self._url or not etag or not isinstance(length, int):
            self.restart()
            return
        left = length
        while left > 0 and (data := self._stream.read(min(left, CHUNK))):
            self._digest.update(data)
            left -= len(data)
        if left or self.sha256 != record.get("sha256"):
            self.restart()
            return
        self._stream.seek(length)
        self._stream.truncate()
        self.position = self._noted = length
        self.etag = etag

    def restart(self, etag: str = "") -> None:
        """Forget all bytes; what comes now is the version of `etag`."""
        self._side.unlink(missing_ok=True)
        self._stream.seek(0)
        self._stream.truncate()
        self._digest = hashlib.sha256()
        self.position = self._noted = 0
        self.etag = etag

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._stream.write(data)
        self._digest.update(data)
        self.position += len(data)
        if self.position - self._noted >= CHECKPOINT_BYTES:
            self.remember()

    def remember(self) -> None:
        """Write down what is there, if it can be resumed at all."""
        self._stream.flush()
        self._noted = self.position
        if self.etag and self.position:
            record = {"url": self._url, "etag": self.etag, "bytes": self.position, "sha256": self.sha256}
            self._side.write_text(json.dumps(record), encoding="utf-8")

    def finish(self) -> None:
        """Hand everything to the system; there is nothing left to resume."""
        self._stream.flush()
        self._side.unlink(missing_ok=True)
