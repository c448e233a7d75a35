"""Annotation files inside a folder, a zip or a tar: found by their plain names, read as streams, never unpacked.

A member's own path is never used, so that it can't lead anywhere. What a member may weigh, and how much more than
its archive, is bounded: a bomb is refused before it fills the disk.
"""

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from avakit.errors import ItemFailed, MediaRejected, Status

#: The largest annotation file known (AVA v2 train) has some 40 MB.
MAX_MEMBER_BYTES = 1 << 30
#: Text of this kind shrinks to a fifth or a tenth.
MAX_RATIO = 200
#: Below this, the ratio says nothing: a few kilobytes of zeros are no bomb.
RATIO_FREE_BYTES = 16 << 20
MAX_MEMBERS = 100_000
_CHUNK = 1 << 20
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)


def find(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the file of one of these names under `folder`: the first name that exists, the highest place."""
    found: dict[str, Path] = {}
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in set(names).intersection(files):
            path = Path(place, name)
            if path.is_file() and (name not in found or len(path.parts) < len(found[name].parts)):
                found[name] = path
    return next((found[name] for name in names if name in found), None)


def is_archive(path: Path) -> bool:
    """Whether the file's content is a zip or a (compressed) tar."""
    return zipfile.is_zipfile(path) or _is_tar(path)


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (*_BROKEN, OSError):
        return False  # a damaged compressed stream; `extract` says what is wrong with it


def extract(archive: Path, names: Sequence[str], target: Path) -> str | None:
    """Write the member that has one of these names to `target`.

    Parameters
    ----------
    archive
        A zip, or a tar, plain or compressed by gzip, bzip2 or xz.
    names
        Plain names; the first that the archive has is taken, from the place nearest to its top.
    target
        A partial of the caller's own.

    Returns
    -------
    str or None
        The member's plain name; None if the archive has none of them.

    Raises
    ------
    MediaRejected
        If the archive is damaged or no archive, or the member is out of proportion.
    """
    try:
        if zipfile.is_zipfile(archive):
            return _extract_zip(archive, names, target)
        return _extract_tar(archive, names, target)
    except _BROKEN as error:
        raise _damaged(archive, error) from error
    except (NotImplementedError, RuntimeError) as error:  # zipfile: an unknown compression, a password
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(archive, error) from error  # gzip and bz2 say "bad data" by an OSError of their own


def read_all(archive: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    """Yield plain name and bytes of every member of a tar whose name ends so, in the archive's order.

    Raises
    ------
    MediaRejected
        As `extract` does.
    """
    try:
        with tarfile.open(archive, "r:*") as opened:
            for entry in _walk(opened):
                stream = opened.extractfile(entry) if entry.isfile() and _is_member(entry.name, suffix) else None
                if stream is not None:
                    with stream:
                        yield _name(entry.name), stream.read(MAX_MEMBER_BYTES)
            _drain(opened.fileobj)
    except _BROKEN as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(archive, error) from error


def _is_member(name: str, suffix: str) -> bool:
    # macOS puts a `._x` beside each `x` that it packs.
    return name.endswith(suffix) and not _name(name).startswith(".")


def _damaged(archive: Path, error: Exception) -> ItemFailed:
    start = _start(archive)
    is_archive = start.startswith((b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ"))
    reason = "truncated" if is_archive else "not_media"
    return MediaRejected(Status.CORRUPT, reason, f"the archive can't be read: {error}")


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(8)


def _name(member: str) -> str:
    return member.replace("\\", "/").rpartition("/")[2]


def _best(candidates: Sequence[str], names: Sequence[str]) -> str | None:
    for name in names:
        places = [member for member in candidates if _name(member) == name]
        if places:
            return min(places, key=lambda member: (member.replace("\\", "/").count("/"), member))
    return None


def _extract_zip(archive: Path, names: Sequence[str], target: Path) -> str | None:
    with zipfile.ZipFile(archive) as opened:
        entries = {entry.filename: entry for entry in opened.infolist() if _is_plain(entry)}
        member = _best(list(entries), names)
        if member is None:
            return None
        with opened.open(entries[member]) as stream:
            _copy(stream, target, packed_bytes=entries[member].compress_size)
        return _name(member)


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return not entry.is_dir() and kind in (0, stat.S_IFREG)


def _extract_tar(archive: Path, names: Sequence[str], target: Path) -> str | None:
    with tarfile.open(archive) as opened:
        entries = {entry.name: entry for entry in _walk(opened) if entry.isfile()}
        _drain(opened.fileobj)
        member = _best(list(entries), names)
        stream = opened.extractfile(entries[member]) if member is not None else None
        if member is None or stream is None:
            return None
        with stream:
            _copy(stream, target, packed_bytes=archive.stat().st_size)
        return _name(member)


def _walk(opened: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    total = 0
    for count, entry in enumerate(opened):
        total += entry.size
        if count >= MAX_MEMBERS or total > 4 * MAX_MEMBER_BYTES:
            raise _out_of_proportion(f"more than {MAX_MEMBERS} members or {4 * MAX_MEMBER_BYTES >> 30} GiB")
        yield entry


def _drain(stream: object) -> None:
    """Read to the very end: a tar ends before its compressed stream does, whose checksum stands last."""
    read = getattr(stream, "read", None)
    total = 0
    while read and (chunk := read(_CHUNK)):
        total += len(chunk)
        if total > MAX_MEMBER_BYTES:
            raise _out_of_proportion(f"more than {MAX_MEMBER_BYTES >> 30} GiB after its last member")


def _copy(stream: IO[bytes], target: Path, *, packed_bytes: int) -> None:
    limit = min(MAX_MEMBER_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * packed_bytes))
    written = 0
    with target.open("wb") as output:
        while chunk := stream.read(_CHUNK):
            written += len(chunk)
            if written > limit:
                raise _out_of_proportion(f"a member of {packed_bytes} packed bytes holds more than {limit}")
            output.write(chunk)


def _out_of_proportion(fact: str) -> ItemFailed:
    return MediaRejected(Status.UNSAFE, "size", f"the archive is out of all proportion: {fact}")
