"""Reading what others have written, without believing it: one pass, and a second one before bytes are called wrong."""

import errno
import hashlib
import io
import os
from dataclasses import dataclass

#: Larger files are read in pieces of this size.
_CHUNK = 1 << 20
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class Seen:
    """What a file was seen to hold.

    Attributes
    ----------
    sha256
        Of its bytes as they were read first.
    unstable
        Why that can't be relied on: it changed meanwhile, or two reads say two things; else empty.
    """

    sha256: str
    unstable: str = ""


def look(name: str, before: os.stat_result, recorded: str, folder: int | None = None) -> Seen:
    """Read a plain file and return its digest.

    A file that differs from its record is read once more, past the cache of the operating system: a bit that flipped
    in memory or on a cable is not taken for one on the disk.

    Parameters
    ----------
    name
        A path; where a folder's descriptor is given, a name in it. A symbolic link is not followed.
    before
        What `lstat` said of it.
    recorded
        The digest that it should have; empty where there is none to compare with.

    Raises
    ------
    OSError
        If it can't be read.
    """
    descriptor = os.open(name, _FLAGS, dir_fd=folder)
    try:
        found = _digest(descriptor, before.st_size)
        if _changed(before, os.fstat(descriptor)):
            return Seen(found, "it changed while it was read")
        if found == recorded or not recorded:
            return Seen(found)
        _forget(descriptor)
        os.lseek(descriptor, 0, os.SEEK_SET)
        again = _digest(descriptor, before.st_size)
        if _changed(before, os.fstat(descriptor)):
            return Seen(found, "it changed while it was read")
    finally:
        os.close(descriptor)
    if again == recorded:
        return Seen(found, "the second read is right: suspect memory, cable or cache")
    return Seen(found, "two reads give two digests: suspect memory, cable or disk" if again != found else "")


def _digest(descriptor: int, size: int) -> str:
    if size < _CHUNK:  # one call more than its length tells that this is all
        data = os.read(descriptor, size + 1)
        if len(data) == size:
            return hashlib.sha256(data).hexdigest()
        digest = hashlib.sha256(data)
    else:
        digest = hashlib.sha256()
    view = memoryview(bytearray(_CHUNK))
    with io.FileIO(descriptor, closefd=False) as stream:
        while count := stream.readinto(view):
            digest.update(view[:count])
    return digest.hexdigest()


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino)


def _forget(descriptor: int) -> None:
    """Have the cache let go of a file, where the platform can."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def is_gone(error: OSError) -> bool:
    """Whether an error says that a file is not there, or no longer."""
    return error.errno == errno.ENOENT
