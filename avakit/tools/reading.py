"""Reading what others have written, without believing it: one pass, and a second one before bytes are called wrong."""

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


def look(name: str, recorded: str, folder: int | None = None) -> Seen | None:
    """Read a plain file; return None if it is as recorded, and did not change meanwhile.

    A file that differs from its record is read once more, past the cache of the operating system: a bit that flipped
    in memory or on a cable is not taken for one on the disk.

    Parameters
    ----------
    name
        A path; where a folder's descriptor is given, a name in it. A symbolic link is not followed.
    recorded
        The digest that it should have; empty where there is none to compare with.

    Raises
    ------
    OSError
        If it can't be read.
    """
    descriptor = os.open(name, _FLAGS, dir_fd=folder)
    try:
        before = os.fstat(descriptor)
        found = _digest(descriptor, before.st_size)
        after = os.fstat(descriptor)
        if before.st_mtime_ns != after.st_mtime_ns or before.st_size != after.st_size:
            return Seen(found, "it changed while it was read")
        if found == recorded:
            return None
        if not recorded:
            return Seen(found)
        _forget(descriptor)
        os.lseek(descriptor, 0, os.SEEK_SET)
        again = _digest(descriptor, before.st_size)
        later = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if again == recorded:
        return Seen(found, "the second read is right: suspect memory, cable or cache")
    if before.st_mtime_ns != later.st_mtime_ns or before.st_size != later.st_size:
        return Seen(found, "it changed while it was read")
    return Seen(found, "two reads give two digests: suspect memory, cable or disk" if again != found else "")


def _digest(descriptor: int, size: int) -> str:
    if size < _CHUNK:
        data = os.read(descriptor, size + 1)
        if len(data) == size:  # one byte more was asked for, so this is all
            return hashlib.sha256(data).hexdigest()
        digest = hashlib.sha256(data)
    else:
        digest = hashlib.sha256()
    view = memoryview(bytearray(_CHUNK))
    with io.FileIO(descriptor, closefd=False) as stream:
        while count := stream.readinto(view):
            digest.update(view[:count])
    return digest.hexdigest()


def _forget(descriptor: int) -> None:
    """Have the cache let go of a file, where the platform can."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
