"""Plain files, opened so that nothing is followed that somebody planted under their names.

Who may write to a folder could put a symbolic link, a pipe or a device where we write next. So what is ours is created
anew (`O_EXCL`); what may be there already is opened with `O_NOFOLLOW`, without waiting, and must be a plain file.
"""

import errno
import os
import random
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from avakit.errors import OutputImpossible, StorageFailed

_BUFFER = 1 << 20
#: O_NONBLOCK: to open a pipe must not wait for its other end; of a plain file it changes nothing.
_GUARDED = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
#: A file server that moved or restarted has forgotten its handles (ESTALE); going by the path again finds them anew.
_STALE_TRIES, _STALE_SECONDS = 5, 0.1
Result = TypeVar("Result")


def create(path: Path) -> BinaryIO:
    """Create a file that was not there, and open it for writing.

    Raises
    ------
    FileExistsError
        If anything lies there, were it a link to nowhere.
    """
    return os.fdopen(descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb", buffering=_BUFFER)


def reserve(path: Path) -> Path:
    """Create an empty file for a library or program to write to by its name, and return that name."""
    os.close(descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    return path


def reopen(path: Path) -> BinaryIO:
    """Open a partial for reading and writing, unbuffered; create it if need be, and leave its bytes alone."""
    return os.fdopen(descriptor(path, os.O_RDWR | os.O_CREAT), "r+b", buffering=0)


def reading(path: Path) -> BinaryIO:
    """Open a plain file of ours for reading.

    Raises
    ------
    OutputImpossible
        If it is a link, a pipe or a device.
    """
    return os.fdopen(descriptor(path, os.O_RDONLY), "rb", buffering=_BUFFER)


def descriptor(path: Path, flags: int) -> int:
    """Open a plain file as `os.open` does, and nothing else.

    Raises
    ------
    OutputImpossible
        If it is a link, a pipe or a device.
    """
    try:
        opened = steadily(lambda: os.open(path, flags | _GUARDED, 0o666))
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a pipe that nobody reads, a socket
            raise in_the_way(path, "a plain file") from error
        raise
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise in_the_way(path, "a plain file")
    return opened


def steadily(call: Callable[[], Result]) -> Result:
    """Call something that goes by a path, and again, up to five times in all, when its handle went stale (ESTALE).

    Raises
    ------
    StorageFailed
        If it is stale for good.
    """
    tried = 1
    while True:
        try:
            return call()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            if tried == _STALE_TRIES:
                what = f"{error.strerror}, {tried} times; check the file server"
                raise StorageFailed(str(error.filename or ""), what) from error
        time.sleep(_STALE_SECONDS * tried * random.uniform(0.5, 1.5))  # noqa: S311 - spreads tries, guards nothing
        tried += 1


def in_the_way(path: Path, expected: str) -> OutputImpossible:
    """Return the error that says what should have been here."""
    return OutputImpossible(str(path), f"something that is not {expected} stands here; move it away")
