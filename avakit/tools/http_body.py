"""The bytes of a transfer on this side: a file, and the side file that vouches for it.

The side file `<partial>.json` has a line with the address and the strong ETag, and one for each piece that was
received: where it ends, and the sha256 of all bytes up to there (every byte is hashed once). Only what these digests
prove is built upon.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from avakit.errors import OutputImpossible
from avakit.tools import plainfile
from avakit.tools.files import side_file
from avakit.tools.http_policy import public_url, strong_etag

CHUNK = 256 << 10
#: A piece is written down after so many new bytes: what a killed run loses at most.
CHECKPOINT_BYTES = 4 << 20


def can_resume(target: Path, url: str) -> bool:
    """Whether what lies in `target` vouches for being the beginning of what `url` holds."""
    lines = read_side(side_file(target))
    return len(lines) > 1 and lines[0].get("url") == public_url(url)


def read_side(side: Path) -> list[dict[str, Any]]:
    """Return the lines of a side file up to the first that can't be read; none of what is no plain file."""
    found: list[dict[str, Any]] = []
    try:
        with plainfile.reading(side) as stream:
            lines = stream.read().decode().splitlines()
        for line in lines:
            record = json.loads(line)
            if not isinstance(record, dict):
                break
            found.append(record)
    except (FileNotFoundError, OutputImpossible, ValueError):  # none, one that was planted, or a torn one
        pass
    return found


def write_side(side: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write a side file anew: its one line about the address, and those of the pieces."""
    side.unlink(missing_ok=True)
    with plainfile.create(side) as stream:
        stream.write("".join(f"{json.dumps(line)}\n" for line in lines).encode())


@dataclass
class Segment:
    """A stretch of the file that one connection fetches: `position` is how far it has got."""

    position: int
    end: int


class Body:
    """The bytes that are there: a file, how far it can be trusted, and the side file that vouches for it.

    Attributes
    ----------
    position
        Bytes there without a gap.
    etag
        Their version; empty if it can't be proved.
    segments
        What several connections fetch beyond `position`; forgotten at the end of the call.
    """

    def __init__(self, stream: BinaryIO, target: Path, url: str) -> None:
        self._descriptor = stream.fileno()
        self._side = side_file(target)
        self._url = public_url(url)
        self._whole = hashlib.sha256()
        self._noted = 0
        self.position = 0
        self.etag = ""
        self.segments: list[Segment] = []
        self._restore()

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far."""
        return self._whole.hexdigest()

    def _restore(self) -> None:
        """Take up what an earlier call left, up to the first piece that is not as it was."""
        lines = read_side(self._side)
        etag = strong_etag(str(lines[0].get("etag", ""))) if lines else ""
        if not etag or lines[0].get("url") != self._url:
            self.restart()
            return
        good = lines[:1]
        for line in lines[1:]:
            end = line.get("bytes")
            if not isinstance(end, int) or end <= self.position or not self._take_up(end, str(line.get("sha256"))):
                break
            good.append(line)
        if not self.position:
            self.restart()
            return
        os.ftruncate(self._descriptor, self.position)
        write_side(self._side, good)
        self._noted = self.position
        self.etag = etag

    def _take_up(self, end: int, expected: str) -> bool:
        """Take the bytes up to `end`, if the digest of all up to there is the expected one."""
        whole, position = self._whole.copy(), self.position
        while position < end and (data := os.pread(self._descriptor, min(end - position, CHUNK), position)):
            whole.update(data)
            position += len(data)
        if position < end or whole.hexdigest() != expected:
            return False
        self._whole, self.position = whole, position
        return True

    def restart(self, etag: str = "") -> None:
        """Forget all bytes; what comes now is the version of `etag`."""
        self._side.unlink(missing_ok=True)
        os.ftruncate(self._descriptor, 0)
        self._whole = hashlib.sha256()
        self.position = self._noted = 0
        self.etag = etag
        self.segments = []

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self.write_at(data, self.position)
        self._count(data)

    def write_at(self, data: bytes, position: int) -> None:
        """Write bytes further on, as one of several connections; `advance` counts them."""
        rest = memoryview(data)
        while rest:
            count = os.pwrite(self._descriptor, rest, position)
            rest, position = rest[count:], position + count

    def advance(self, position: int) -> None:
        """Count the bytes up to there, which several connections have written."""
        while self.position < position:
            self._count(os.pread(self._descriptor, min(CHUNK, position - self.position), self.position))

    def _count(self, data: bytes) -> None:
        self._whole.update(data)
        self.position += len(data)
        if self.position - self._noted >= CHECKPOINT_BYTES:
            self.remember()

    def remember(self) -> None:
        """Write down what is there, if it can be resumed at all."""
        if self.etag and self.position > self._noted:
            head = [] if self._noted else [{"url": self._url, "etag": self.etag}]
            piece = {"bytes": self.position, "sha256": self.sha256}
            with plainfile.reopen(self._side) as side:
                side.seek(0, os.SEEK_END)
                side.write("".join(f"{json.dumps(line)}\n" for line in (*head, piece)).encode())
        self._noted = self.position

    def finish(self) -> None:
        """Forget the side file: there is nothing left to resume."""
        self._side.unlink(missing_ok=True)
