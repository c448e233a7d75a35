"""A tar as it is written: the same files give the same bytes, whoever packs them, when, and where.

Plain USTAR, uncompressed, without times, owners and folders. These are the bytes that GNU tar writes with
`--format=ustar --mode=0644 --mtime=@0 --owner=0 --group=0 --numeric-owner`; Python's `tarfile` fills two fields
that mean nothing for files (devmajor, devminor) differently in different versions, so it does not write ours.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from avakit.tools import plainfile

#: A header is one block, and what a file lacks to whole blocks is filled with zeros (POSIX, pax, "ustar").
BLOCK = 512
#: tar reads and writes this much at a time, and fills the last of it with zeros.
_RECORD = 20 * BLOCK
#: name, mode, uid, gid, size, mtime, chksum, typeflag, linkname, magic, version, uname, gname, devmajor, devminor,
#: prefix
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_NAME_BYTES = 100
_MAX_BYTES = 8**11


@dataclass(frozen=True)
class Member:
    """One file of a tar.

    Attributes
    ----------
    name
        Its path in the tar.
    offset, size
        Where its bytes begin, from the start of the tar, and how many there are.
    """

    name: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the next header begins."""
        return self.offset + self.size + len(padding(self.size))


@dataclass(frozen=True)
class Tar:
    """A tar that is written: its size and digest, and where each of its files lies."""

    bytes: int
    sha256: str
    members: tuple[Member, ...]


def header(name: str, size: int) -> bytes:
    """Return the block that stands before a file.

    Raises
    ------
    ValueError
        If the name is not of 1 to 100 ASCII characters, or the file has 8 GiB or more.
    """
    encoded = name.encode("ascii")
    if not 0 < len(encoded) <= _NAME_BYTES or not 0 <= size < _MAX_BYTES:
        raise ValueError(f"{name!r} of {size} bytes does not fit into a plain tar")
    nobody, nothing = b"%07o" % 0, b""
    fields = [
        encoded, b"%07o" % 0o644, nobody, nobody, b"%011o" % size, b"%011o" % 0, b" " * 8, b"0", nothing, b"ustar",
        b"00", nothing, nothing, nobody, nobody, nothing,
    ]  # fmt: skip
    fields[6] = b"%06o\0 " % sum(_HEADER.pack(*fields))
    return _HEADER.pack(*fields)


def padding(size: int) -> bytes:
    """Return the zeros that stand behind a file."""
    return bytes(-size % BLOCK)


def ending(size: int) -> bytes:
    """Return the zeros that end a tar whose files take so many bytes."""
    return bytes(2 * BLOCK + -(size + 2 * BLOCK) % _RECORD)


def end_of(members: Sequence[Member]) -> int:
    """Return where the ending of a tar begins."""
    return members[-1].end if members else 0


def size_of(members: Sequence[Member]) -> int:
    """Return how many bytes a tar has."""
    return end_of(members) + len(ending(end_of(members)))


def members_of(path: Path) -> list[Member]:
    """Read the headers of a tar that was written here.

    Raises
    ------
    ValueError
        If one of them is not as written here.
    """
    found: list[Member] = []
    with path.open("rb") as stream:
        while any(block := stream.read(BLOCK)):
            name, size = block[:_NAME_BYTES].rstrip(b"\0").decode("ascii"), int(block[124:135], 8)
            if block != header(name, size):
                raise ValueError(f"{path}: the header of {name} differs")
            found.append(Member(name, stream.tell(), size))
            stream.seek(found[-1].end)
    return found


class TarShelf:
    """A shelf that is one file: each frame is appended and hashed as it comes, and written once.

    Parameters
    ----------
    path
        Of the tar; nothing stands there yet.
    folder
        The folder that the tar unpacks to.
    """

    def __init__(self, path: Path, folder: str) -> None:
        self._folder = folder
        self._stream = plainfile.create(path)
        self._digest = hashlib.sha256()
        self._members: list[Member] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def add(self, name: str, data: bytes) -> None:
        """Append a file."""
        path = f"{self._folder}/{name}"
        self._write(header(path, len(data)))
        self._members.append(Member(path, self._size, len(data)))
        self._write(data)
        self._write(padding(len(data)))

    def finish(self) -> Tar:
        """End the tar; nothing can be added any more."""
        self._write(ending(self._size))
        self._stream.close()
        return Tar(self._size, self._digest.hexdigest(), tuple(self._members))

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._digest.update(data)
        self._size += len(data)
