"""So many at a time and no more, for all processes of one user on one machine.

A slot is a locked file (`flock`): the kernel frees it when its process ends, however it ends, and nothing has to be
swept. The files lie on a local disk, because locks are neither fast nor certain on a network's.
"""

import fcntl
import hashlib
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from avakit.errors import OutputImpossible
from avakit.tools.http_limits import shared_folder

_POLL_SECONDS = 0.1


@contextmanager
def slot(name: str, limit: int, pause: tuple[float, float] = (0.0, 0.0)) -> Iterator[None]:
    """Hold one of `limit` slots of this name while the block runs; wait until one is free.

    Parameters
    ----------
    name
        What is limited. All who use one name should use one limit.
    limit
        How many may hold a slot at once.
    pause
        Seconds, at least and at most, between the end of one holder and the beginning of the next in its slot.

    Raises
    ------
    OutputImpossible
        If the folder that workers share belongs to somebody else, or lies on a disk without locks.
    OSError
        If the local disk fails.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    try:
        folder = shared_folder()
        descriptor = _claim([folder / f"{digest}-{number}.slot" for number in range(limit)])
    except OSError as error:
        raise OutputImpossible("the folder that workers share", f"{error}; see AVAKIT_SHARED_DIR") from error
    try:
        _wait(descriptor, random.uniform(*pause))  # noqa: S311 - spreads requests, guards nothing
        _mark(descriptor)  # a holder that is killed has marked at least its beginning
        yield
    finally:
        _mark(descriptor)
        os.close(descriptor)


def _claim(paths: Sequence[Path]) -> int:
    """Return the descriptor of the first of these files that can be locked."""
    while True:
        for path in paths:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            else:
                return descriptor
        time.sleep(_POLL_SECONDS)


def _wait(descriptor: int, seconds: float) -> None:
    """Wait until so many seconds have passed since the slot's last mark; a slot without one is new."""
    facts = os.fstat(descriptor)
    if facts.st_size and seconds > 0:
        # A clock that was set back must not make anyone wait longer than that.
        time.sleep(max(0.0, min(seconds, facts.st_mtime + seconds - time.time())))


def _mark(descriptor: int) -> None:
    os.pwrite(descriptor, b".", 0)
