"""Files: the one protocol by which anything appears under a final name.

private partial beside the target -> write -> check -> fsync -> rename -> fsync the folder -> journal line.

A partial is called `.<name>.<host>.<pid>.<8 hex>.partial<suffix>`: hidden, unique, in the same folder as its
target (users link folders to other disks, so a scratch folder elsewhere could not be renamed from), and its
owner can be told, so that the leftovers of killed runs can be swept while those of live ones are left alone.
"""

import ctypes
import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avakit.errors import OutputImpossible, StorageFailed, from_os_error

_PARTIAL = re.compile(
    r"\.(?P<stem>.+)\.(?P<host>[A-Za-z0-9-]+)\.(?P<pid>[0-9]+)\.[0-9a-f]{8}\.partial(?P<suffix>(\.[A-Za-z0-9]+)*)"
)
#: A partial of another host is thought dead after this long without a write: longer than any single item takes.
FOREIGN_PARTIAL_SECONDS = 24 * 3600.0
_RESUMABLE_SECONDS = 7 * 24 * 3600.0
_CHUNK = 1 << 20


def host() -> str:
    """Return this machine's name, reduced to what a file name may hold."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "host"


def partial_path(target: Path) -> Path:
    """Return a fresh name for a partial of `target`, and make the folder it lies in."""
    target.parent.mkdir(parents=True, exist_ok=True)
    owner = f"{host()}.{os.getpid()}.{secrets.token_hex(4)}"
    return target.with_name(f".{target.stem}.{owner}.partial{target.suffix}")


@contextmanager
def partial(target: Path) -> Iterator[Path]:
    """Yield a fresh partial's path for `target`; whatever still lies there at the end is removed."""
    path = partial_path(target)
    try:
        yield path
    finally:
        remove(path)


def remove(path: Path) -> None:
    """Remove a file or folder of ours if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def retire(path: Path) -> None:
    """Take away a published file or folder: what lies under its final name is whole until it is gone."""
    doomed = partial_path(path)
    path.rename(doomed)
    sync_folder(path.parent)
    remove(doomed)


def publish(path: Path, target: Path) -> None:
    """Give a checked partial its final name, durably.

    Raises
    ------
    OutputImpossible
        If something that is not a regular file stands in the way.
    """
    _refuse_special(target, stat.S_ISREG, "a regular file")
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    path.replace(target)
    sync_folder(target.parent)


def publish_folder(path: Path, target: Path) -> None:
    """Give a complete folder its final name, durably; an older folder of that name is replaced.

    All its files are written out by one `syncfs` before the rename (a rename without it left every file of a
    folder empty after a power cut; one fsync a file costs 2 to 3 times as much).
    """
    _refuse_special(target, stat.S_ISDIR, "a folder")
    _sync_file_system(path)
    doomed = partial_path(target)
    while True:
        with suppress(FileNotFoundError):
            target.rename(doomed)
        try:
            path.rename(target)
            break
        except OSError as error:
            # Another run published the same folder in between: its frames are as good, ours replace them.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            remove(doomed)
    sync_folder(target.parent)
    remove(doomed)


def _refuse_special(target: Path, is_expected: Callable[[int], bool], expected: str) -> None:
    with suppress(FileNotFoundError):
        if not is_expected(target.lstat().st_mode):
            raise OutputImpossible(str(target), f"something that is not {expected} stands here; move it away")


def write_atomically(target: Path, data: bytes) -> None:
    """Write a small file so that it is there whole or not at all."""
    with partial(target) as path:
        path.write_bytes(data)
        publish(path, target)


def link_or_copy(source: Path, path: Path) -> bool:
    """Make `path` the same bytes as `source`: a hard link where the file system allows, else a copy.

    Returns
    -------
    bool
        Whether it is a link.
    """
    try:
        path.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, path)
        return False
    return True


def sync_folder(folder: Path) -> None:
    """See a folder's entries to the disk, where the platform can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sync_file_system(folder: Path) -> None:
    if sys.platform != "linux":
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Return the file's sha256 in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_blob_sha1(path: Path) -> str:
    """Return the name git gives these bytes: the sha1 of a header with their length, and of the bytes."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_partial(name: str) -> bool:
    """Whether a file name is that of a partial of ours, or of its side file."""
    return _PARTIAL.fullmatch(name) is not None


def side_file(path: Path) -> Path:
    """Return where a resumable partial keeps what it needs to go on safely (URL, strong ETag, bytes)."""
    return path.with_name(f"{path.name}.json")


def sweep(folder: Path) -> list[Path]:
    """Remove the partials in `folder` whose owners are gone; return what was removed.

    Resumable ones (those with a side file) stay for a week, the next run takes them up; not where the file is there.
    """
    partials = _partials(folder)
    resumable = {path for path in partials if side_file(path) in partials and _is_of_use(path)}
    kept = resumable | {side_file(path) for path in resumable}
    dead = [path for path in partials if path not in kept and _is_dead(path)]
    for path in dead:
        remove(path)
    return dead


def dead_partials(target: Path) -> list[Path]:
    """Return the partials of `target` that killed runs left behind, the newest first."""
    found = [
        path
        for path in _partials(target.parent, target.stem)
        if (match := _PARTIAL.fullmatch(path.name))
        and match["stem"] == target.stem
        and match["suffix"] == target.suffix
        and _is_dead(path)
    ]
    return sorted(found, key=_age_seconds)


def idle_partials(folder: Path, stem: str) -> list[Path]:
    """Return the partials for files of this name, whatever their extension, that nobody else is writing."""
    return [path for path in _partials(folder, stem) if f".{host()}.{os.getpid()}." in path.name or _is_dead(path)]


def _partials(folder: Path, stem: str = "") -> set[Path]:
    """Return the partials in a folder; of one stem, which is looked for once an item among all that lies there."""
    if not folder.is_dir():
        return set()
    begin = f".{stem}." if stem else "."
    with os.scandir(folder) as entries:
        return {Path(each.path) for each in entries if each.name.startswith(begin) and is_partial(each.name)}


def _is_dead(path: Path) -> bool:
    match = _PARTIAL.fullmatch(path.name)
    if match is None:
        return False
    return is_abandoned(path, match["host"], int(match["pid"]))


def is_abandoned(path: Path, owner_host: str, pid: int) -> bool:
    """Whether the process that writes a file is gone: elsewhere, if it has not written for a day."""
    if owner_host != host():
        return _age_seconds(path) > FOREIGN_PARTIAL_SECONDS
    return not is_alive(pid)


def _is_of_use(path: Path) -> bool:
    match = _PARTIAL.fullmatch(path.name)
    is_there = match is not None and path.with_name(match["stem"] + match["suffix"]).exists()
    return not is_there and _age_seconds(path) < _RESUMABLE_SECONDS


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def is_alive(pid: int) -> bool:
    """Whether a process of this number lives on this machine; one that ended and waits for its parent does not."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def check_writable(folder: Path) -> None:
    """Create `folder` and a file in it, so that a run that can't write fails before it begins.

    Raises
    ------
    OutputImpossible, StorageFailed
        If the folder or the file can't be created; the latter on a disk that is full.
    """
    probe = folder / f".{host()}.{os.getpid()}.writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        if isinstance(full := from_os_error(error), StorageFailed):
            raise full from error
        raise OutputImpossible(str(folder), f"can't write here ({error.strerror}); choose another --root") from error
