"""File systems: which one a folder lies on, what is known of its kind, and how it behaves when tried."""

import fcntl
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from avakit.tools import files, plainfile

_MOUNTINFO = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")
_BLOCK = 1 << 20
#: Kinds that other machines see too; on many of them locks hold within one machine only, or not at all.
NETWORK = frozenset({
    "nfs", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "cifs", "smb3", "glusterfs", "fuse.glusterfs", "fuse.sshfs",
    "fuse.ceph", "fuse.beegfs", "fuse.weka", "wekafs", "pvfs2", "orangefs", "afs", "9p", "virtiofs", "panfs",
})  # fmt: skip
#: Kinds whose content does not outlive the machine's next start, or the container.
PASSING = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})


@dataclass(frozen=True)
class Mount:
    """One mounted file system: where, of what kind, from what device or server."""

    point: str
    kind: str
    source: str


def nearest(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


@dataclass(frozen=True)
class Space:
    """What a file system has left.

    Attributes
    ----------
    free_bytes
        Bytes an ordinary user may still write.
    free_inodes
        Files that may still be created; None where the file system does not count them.
    """

    free_bytes: int
    free_inodes: int | None


def space(folder: Path) -> Space:
    """Return what the file system of `folder` (or of its nearest existing parent) has left."""
    facts = os.statvfs(nearest(folder))
    return Space(facts.f_bavail * facts.f_frsize, facts.f_favail if facts.f_files else None)


def device(folder: Path) -> int:
    """Return the number of the file system on which a folder lies, or would."""
    return nearest(folder).stat().st_dev


def mount_of(folder: Path) -> Mount | None:
    """Return the file system of a folder (or of its nearest parent); None where the kernel does not tell."""
    try:
        text = _MOUNTINFO.read_text()
    except OSError:
        return None
    return find(parse(text), str(nearest(folder).resolve()))


def parse(text: str) -> list[Mount]:
    """Read what /proc/self/mountinfo holds (proc(5)): the fields after a lone `-` are kind and source."""
    found = []
    for line in text.splitlines():
        head, dash, tail = line.partition(" - ")
        before, after = head.split(), tail.split()
        if dash and len(before) > 4 and len(after) > 1:  # noqa: PLR2004
            found.append(Mount(_plain(before[4]), after[0], _plain(after[1])))
    return found


def find(mounts: list[Mount], path: str) -> Mount | None:
    """Return the mount that holds an absolute path: the longest point above it, the last of equals."""
    holding = [mount for mount in mounts if path == mount.point or path.startswith(mount.point.rstrip("/") + "/")]
    return max(reversed(holding), key=lambda mount: len(mount.point), default=None)


def _plain(text: str) -> str:
    # Blanks, tabs, line ends and backslashes stand as octal numbers.
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def locks_hold(folder: Path) -> bool:
    """Whether a lock (flock) on a file of this folder keeps a second one out: on some file systems it is a no-op."""
    path = files.partial_path(folder / "lock")
    try:
        first = plainfile.descriptor(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        second = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(BlockingIOError):
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
        except OSError:
            return False
        finally:
            os.close(first)
            os.close(second)
    finally:
        files.remove(path)
    return True


def folds_case(folder: Path) -> bool:
    """Whether names that differ in capitals alone are one file in this folder."""
    path = files.partial_path(folder / "case")
    try:
        plainfile.reserve(path)
        return path.with_name(path.name.upper()).exists()
    finally:
        files.remove(path)


def write_speed(folder: Path, max_bytes: int = 64 << 20, max_seconds: float = 1.0) -> float:
    """Return the bytes a second at which a file in this folder is written and seen to the disk.

    Parameters
    ----------
    folder
        An existing folder; the file is removed again.
    max_bytes, max_seconds
        The trial ends with whichever is reached first.
    """
    block = os.urandom(_BLOCK)  # some file systems compress, and zeros would fly
    path = files.partial_path(folder / "speed")
    started, written = time.monotonic(), 0
    try:
        with plainfile.create(path) as stream:
            while written < max_bytes and time.monotonic() - started < max_seconds:
                written += stream.write(block)
            stream.flush()
            os.fsync(stream.fileno())
    finally:
        files.remove(path)
    return written / max(time.monotonic() - started, 1e-6)
