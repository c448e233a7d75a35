"""Annotation files inside a folder, a zip or a tar: found by their plain names, read as streams, never unpacked.

A member's own path is never used, so that it can't lead anywhere. What a member may weigh, and how much more than
its archive, is bounded: a bomb is refused before it fills the disk.
"""

import hashlib
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from avakit.errors import ItemFailed, MediaRejected, Status
from avakit.tools import plainfile

#: The largest annotation file known (AVA v2 train) has some 40 MB.
MAX_MEMBER_BYTES = 1 << 30
#: Text of this kind shrinks to a fifth or a tenth.
MAX_RATIO = 200
#: Below this, the ratio says nothing: a few kilobytes of zeros are no bomb.
RATIO_FREE_BYTES = 16 << 20
MAX_MEMBERS = 100_000
#: Of one name; an archive of backups has a few.
MAX_COPIES = 10
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


class Archive:
    """An archive whose members are listed once, however many are taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listed: dict[str, list[_Entry]] | None = None
        self._failure: ItemFailed | None = None

    def extract(self, names: Sequence[str], target: Path) -> str | None:
        """Write the member that has one of these names to `target`; see `extract`."""
        entries = self._entries()
        for name in names:
            found = entries.get(name, ())
            plain = [entry for entry in found if entry.is_plain]
            if plain:
                with _translating(self.path):
                    self._write(name, plain, target)
                return name
            if found:
                what = f"{found[0].path} in the archive is refused: it is no plain file, but a link or a device"
                raise MediaRejected(Status.UNSAFE, "symlink", what)
        return None

    def _entries(self) -> "dict[str, list[_Entry]]":
        """Return the members by plain name, those nearest to the archive's top first."""
        if self._failure is not None:
            raise self._failure
        if self._listed is None:
            try:
                with _translating(self.path):
                    found = _in_zip(self.path) if zipfile.is_zipfile(self.path) else _in_tar(self.path)
            except ItemFailed as error:
                self._failure = error
                raise
            self._listed = {}
            for entry in sorted(found, key=lambda entry: (entry.path.replace("\\", "/").count("/"), entry.path)):
                self._listed.setdefault(_name(entry.path), []).append(entry)
        return self._listed

    def _write(self, name: str, entries: "list[_Entry]", target: Path) -> None:
        first, *others = entries
        if len(others) >= MAX_COPIES:
            raise MediaRejected(Status.INVALID, "ambiguous", f"the archive holds {len(entries)} files {name}")
        digest = hashlib.sha256()
        target.unlink(missing_ok=True)  # what another address left
        with _opened(self.path, first) as opened:
            with opened(first) as stream, plainfile.create(target) as output:
                for chunk in _chunks(stream, first.packed_bytes):
                    digest.update(chunk)
                    output.write(chunk)
            for other in others:
                copy = hashlib.sha256()
                with opened(other) as stream:
                    for chunk in _chunks(stream, other.packed_bytes):
                        copy.update(chunk)
                if copy.digest() != digest.digest():
                    what = f"the archive holds two files {name} that differ: {first.path} and {other.path}"
                    raise MediaRejected(Status.INVALID, "ambiguous", what)


@dataclass(frozen=True)
class _Entry:
    """A member: its path as the archive has it, whether it is a plain file, and how to open it."""

    path: str
    is_plain: bool
    info: zipfile.ZipInfo | tarfile.TarInfo
    packed_bytes: int


def extract(archive: Path, names: Sequence[str], target: Path) -> str | None:
    """Write the member that has one of these names to `target`.

    Parameters
    ----------
    archive
        A zip, or a tar, plain or compressed by gzip, bzip2 or xz.
    names
        Plain names; the first that the archive has is taken.
    target
        A partial of the caller's own.

    Returns
    -------
    str or None
        The member's plain name; None if the archive has none of them.

    Raises
    ------
    MediaRejected
        If the archive is damaged or no archive, the member is out of proportion or no plain file, or there are
        several of that name that differ.
    """
    return Archive(archive).extract(names, target)


def read_all(archive: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    """Yield plain name and bytes of every member of a tar whose name ends so, in the archive's order.

    Raises
    ------
    MediaRejected
        As `extract` does.
    """
    with _translating(archive), tarfile.open(archive, "r:*") as opened:
        for entry in _walk(opened):
            stream = opened.extractfile(entry) if entry.isfile() and _is_member(entry.name, suffix) else None
            if stream is not None:
                with stream:
                    yield _name(entry.name), stream.read(MAX_MEMBER_BYTES)
        _drain(opened.fileobj)


@contextmanager
def _translating(archive: Path) -> Iterator[None]:
    """Say of an archive that can't be read what is wrong with it."""
    try:
        yield
    except _BROKEN as error:
        raise _damaged(archive, error) from error
    except RuntimeError as error:  # zipfile: a password, or a compression that it does not know
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(archive, error) from error  # gzip and bz2 say "bad data" by an OSError of their own


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


def _in_zip(archive: Path) -> list[_Entry]:
    with zipfile.ZipFile(archive) as opened:
        return [
            _Entry(entry.filename, _is_plain(entry), entry, entry.compress_size)
            for entry in opened.infolist()
            if not entry.is_dir()
        ]


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG)


def _in_tar(archive: Path) -> list[_Entry]:
    size = archive.stat().st_size
    with tarfile.open(archive) as opened:
        found = [_Entry(entry.name, entry.isfile(), entry, size) for entry in _walk(opened) if not entry.isdir()]
        _drain(opened.fileobj)
    return found


@contextmanager
def _opened(archive: Path, entry: _Entry) -> Iterator[Callable[[_Entry], IO[bytes]]]:
    """Yield how to open the members of an archive of this entry's kind."""
    if isinstance(entry.info, zipfile.ZipInfo):
        with zipfile.ZipFile(archive) as opened:
            yield lambda each: opened.open(cast("zipfile.ZipInfo", each.info))
    else:
        with tarfile.open(archive) as unpacked:
            yield lambda each: cast("IO[bytes]", unpacked.extractfile(cast("tarfile.TarInfo", each.info)))


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


def _chunks(stream: IO[bytes], packed_bytes: int) -> Iterator[bytes]:
    limit = min(MAX_MEMBER_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * packed_bytes))
    total = 0
    while chunk := stream.read(_CHUNK):
        total += len(chunk)
        if total > limit:
            raise _out_of_proportion(f"a member of {packed_bytes} packed bytes holds more than {limit}")
        yield chunk


def _out_of_proportion(fact: str) -> ItemFailed:
    return MediaRejected(Status.UNSAFE, "size", f"the archive is out of all proportion: {fact}")
