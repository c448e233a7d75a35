"""Tars as streams: plain or gzip by their first bytes; each member is looked at before a byte of it is taken.

Nothing is ever unpacked by the path that an archive names: the caller gets a member's plain name and its bytes.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self, cast

from avakit.errors import MediaRejected, Status
from avakit.tools import plainfile

#: Videos don't shrink: a tar of them has about the size of its gzip. Below the second figure the ratio says nothing.
MAX_RATIO = 10
RATIO_FREE_BYTES = 64 << 20
#: The largest archive known holds some 1 400 clips.
MAX_MEMBERS = 100_000
#: A long name takes a few hundred bytes.
_MAX_HEADER_BYTES = 1 << 20
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_BROKEN = (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile)
_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes
    ----------
    name
        Its plain name, without the folders before it.
    path
        As the archive has it.
    size
        In bytes.
    stream
        Its bytes, to be read before the next member is asked for; None if it is no plain file (a link, a device),
        or if its path leads out of the archive (absolute, or with `..`).
    """

    name: str
    path: str
    size: int
    stream: IO[bytes] | None


def members(path: Path) -> Iterator[Member]:
    """Yield the files of a tar in its order, without its folders and what macOS packs beside them (`._*`).

    Raises
    ------
    MediaRejected
        `not_media` if it is no tar, `truncated` if it is damaged or ends early, unsafe `size` if it unpacks out of
        all proportion. What was yielded before is as the archive has it.
    """
    begun = False
    try:
        for member in _members(path):
            begun = True
            yield member
    except _BROKEN as error:
        raise _damaged("truncated" if begun or _start(path) == _GZIP else "not_media", error) from error


def save(member: Member, target: Path) -> None:
    """Write the bytes of a member to a file.

    Raises
    ------
    MediaRejected
        `truncated` if the archive is damaged or ends here.
    """
    with plainfile.create(target) as output:
        while member.stream is not None and (data := _read(member.stream)):
            output.write(data)


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(_CHUNK)
    except _BROKEN as error:
        raise _damaged("truncated", error) from error


def _damaged(reason: str, error: Exception) -> MediaRejected:
    return MediaRejected(Status.CORRUPT, reason, f"the archive can't be read: {error}")


def _members(path: Path) -> Iterator[Member]:
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        packed = stack.enter_context(gzip.GzipFile(fileobj=raw)) if _start(path) == _GZIP else raw
        capped = _Capped(packed, max(RATIO_FREE_BYTES, MAX_RATIO * path.stat().st_size))
        stream = cast("IO[bytes]", capped)
        opened = stack.enter_context(tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK, tarinfo=_Header))
        for count, entry in enumerate(opened):
            if count >= MAX_MEMBERS:
                raise _out_of_proportion(f"it has more than {MAX_MEMBERS} members")
            name = entry.name.replace("\\", "/").rstrip("/").rpartition("/")[2]
            if entry.isdir() or name.startswith("._"):
                continue
            is_plain = entry.isreg() and _stays_inside(entry.name)
            yield Member(name, entry.name, entry.size, opened.extractfile(entry) if is_plain else None)
        while capped.read(_CHUNK):  # to the very end: the checksum of a gzip stands last
            pass


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(_GZIP))


def _stays_inside(path: str) -> bool:
    parts = path.replace("\\", "/").split("/")
    return bool(parts[0]) and not parts[0].endswith(":") and ".." not in parts


class _Capped:
    """A stream that gives no more than so many bytes."""

    def __init__(self, stream: io.BufferedReader | gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._left = self._limit = limit

    def read(self, size: int) -> bytes:
        """Return the next bytes that are there, up to so many: what stands before a damage is not lost with it."""
        data = self._stream.read1(size)
        self._left -= len(data)
        if self._left < 0:
            raise _out_of_proportion(f"it unpacks to more than {self._limit} bytes")
        return data


class _Header(tarfile.TarInfo):
    """A member's header; one that is damaged is an error wherever it stands (tarfile takes it for the end)."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read the 512 bytes of a header."""
        if not any(buf) and len(buf) == tarfile.BLOCKSIZE:  # zeros: the end, which is right
            return super().frombuf(buf, encoding, errors)
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """Read what belongs to the header; refuse one that would fill the memory."""
        if self.type in _EXTENDED and self.size > _MAX_HEADER_BYTES:
            raise _out_of_proportion(f"one of its names takes {self.size} bytes")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("it holds a sparse file")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


def _out_of_proportion(fact: str) -> MediaRejected:
    return MediaRejected(Status.UNSAFE, "size", f"the archive is out of all proportion: {fact}")
