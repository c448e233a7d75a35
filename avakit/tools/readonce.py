"""A local file that is hashed while something else reads it, so that no byte comes from the disk twice."""

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

#: So much that a reader jumps over is read all the same: less than a disk's own look-ahead.
_SMALL_GAP_BYTES = 1 << 20
_CHUNK = 1 << 20


class HashedFile:
    """An open file for libav, which reads it mostly in order; what it passes over is read at the end.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    OSError
        If it can't be opened; later, if it can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        #: As `tools.container.raise_disk` takes it.
        self.name = f"file:{path.absolute()}"
        self._stream = path.open("rb", buffering=0)
        self._digest = hashlib.sha256()
        self._hashed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def read(self, size: int) -> bytes:
        """Return up to so many bytes from the present position."""
        at = self._stream.tell()
        if 0 < at - self._hashed <= _SMALL_GAP_BYTES:
            self._catch_up(at)
        data = self._stream.read(size)
        if at <= self._hashed < at + len(data):
            self._digest.update(memoryview(data)[self._hashed - at :])
            self._hashed = at + len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, and return it."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the present position."""
        return self._stream.tell()

    def check(self) -> None:
        """Do nothing: errors of a local file come at once."""

    def sha256(self) -> str:
        """Return the digest of the whole file; what nobody has read yet is read now."""
        self._catch_up(None)
        return self._digest.hexdigest()

    def _catch_up(self, until: int | None) -> None:
        self._stream.seek(self._hashed)
        while until is None or self._hashed < until:
            data = self._stream.read(_CHUNK if until is None else min(_CHUNK, until - self._hashed))
            if not data:
                return
            self._digest.update(data)
            self._hashed += len(data)
