"""How a foreign file gets its place in the data root, and its digest: by a link, by a copy, or as it lies there."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from avakit.adopt.names import shown
from avakit.errors import ConfigInvalid, MediaRejected, Status, TransferFailed
from avakit.tools import files, plainfile

_UNREADABLE = frozenset({errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE})
_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR})
#: No link to another disk, to somebody else's file (`protected_hardlinks`), to one with too many, or none at all.
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Identity:
    """What tells a file from another, and from itself once it was written to."""

    device: int
    inode: int
    bytes: int
    modified_ns: int

    @property
    def plain(self) -> dict[str, Any]:
        """What a record keeps of it."""
        modified = datetime.fromtimestamp(self.modified_ns / 1e9, UTC).isoformat(timespec="seconds")
        return {"bytes": self.bytes, "modified": modified}


def identity(path: Path) -> Identity:
    """Look at a file without opening it.

    Raises
    ------
    MediaRejected
        Unsafe `symlink`, if it is no plain file.
    TransferFailed
        As `reading`.
    """
    with reading(path):
        facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode):
        raise MediaRejected(Status.UNSAFE, "symlink", "a link or a device, and no plain file")
    return Identity(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)


def check_same(path: Path, before: Identity) -> None:
    """Refuse a file that somebody wrote to while it was read.

    Raises
    ------
    TransferFailed
        Transient `vanished`.
    """
    if identity(path) != before:
        raise TransferFailed(Status.TRANSIENT, "vanished", "it was written to while it was read")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell the errors of a foreign file from those of the data root.

    Raises
    ------
    TransferFailed
        `unreadable`, or transient `vanished`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _UNREADABLE:
            raise TransferFailed(Status.LOCAL_ERROR, "unreadable", error.strerror or str(error)) from error
        if error.errno in _VANISHED:
            raise TransferFailed(Status.TRANSIENT, "vanished", f"{shown(path.name)} went away") from error
        raise


def link(source: Path, path: Path, *, may_copy: bool) -> str:
    """Give a foreign file a second name, or copy it; return the sha256 of a copy, nothing of a link.

    Raises
    ------
    ConfigInvalid
        If it can't be linked and must not be copied.
    TransferFailed
        As `reading`.
    """
    try:
        path.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        if not may_copy:
            raise ConfigInvalid(
                f"{shown(str(source))} can't be hard-linked into {path.parent} ({error.strerror}): it lies on another "
                "disk, or belongs to somebody else; --copy copies such files"
            ) from error
        return _copy(source, path)
    return ""


def _copy(source: Path, path: Path) -> str:
    digest = hashlib.sha256()
    with reading(source):
        stream = source.open("rb")
    with stream, plainfile.create(path) as copy:
        while True:
            with reading(source):
                chunk = stream.read(_CHUNK)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
            copy.write(chunk)


def bring(source: Path, final: Path, before: Identity, sha256: str, *, may_copy: bool) -> str:
    """Publish a file under its name in the root, unless it lies there already.

    Parameters
    ----------
    before, sha256
        Which file it was when it was checked, and its digest then.

    Returns
    -------
    str
        How it got there: `in place`, `linked` or `copied`.

    Raises
    ------
    MediaRejected
        Invalid `occupied`, if something else lies there.
    ConfigInvalid, TransferFailed
        As `link` and `check_same`.
    """
    if os.path.lexists(final):
        if final.is_symlink() or not final.samefile(source):
            raise occupied(final)
        check_same(source, before)
        return "in place" if final == source else "linked"
    with files.partial(final) as unpublished:
        copied = link(source, unpublished, may_copy=may_copy)
        check_same(source, before)
        if copied and copied != sha256:
            raise TransferFailed(Status.TRANSIENT, "vanished", "its copy has other bytes than were checked")
        files.publish(unpublished, final)
    return "copied" if copied else "linked"


def occupied(final: Path) -> MediaRejected:
    """Return the refusal to write over something that nobody recorded."""
    detail = f"{final} is there, is not recorded, and does not pass the checks; move it away"
    return MediaRejected(Status.INVALID, "occupied", detail)
