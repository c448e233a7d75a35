"""Files: the one protocol by which anything appears under a final name.

private partial beside the target -> write -> check -> fsync -> rename -> fsync the folder -> journal line.

A partial is called `.<name>.<host>.<pid>.<8 hex>.partial<suffix>`: hidden, unique, in the same folder as its
target (users link folders to other disks, so a scratch folder elsewhere could not be renamed from), and its
owner can be told, so that the leftovers of killed runs can be swept while those of live ones are left alone
(`avakit.tools.leftovers`). What is written to is opened by `avakit.tools.plainfile`. Every other module of the
package writes through these: scripts/check_writers.py sees to it.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avakit.errors import OutputImpossible, StorageFailed, from_os_error
from avakit.tools import plainfile
from avakit.tools.plainfile import steadily

PARTIAL = re.compile(
    r"\.(?P<stem>.+)\.(?P<host>[A-Za-z0-9-]+)\.(?P<pid>[0-9]+)\.[0-9a-f]{8}\.partial(?P<suffix>(\.[A-Za-z0-9]+)*)"
)
_CHUNK = 1 << 20
#: What a file system says that can't sync a folder; an I/O error or a full disk it says otherwise.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM})


def host() -> str:
    """Return this machine's name, reduced to what a file name may hold."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "host"


# --- partials ---


def partial_path(target: Path) -> Path:
    """Return a fresh name for a partial of `target`, and make the folder it lies in."""
    steadily(lambda: target.parent.mkdir(parents=True, exist_ok=True))
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


def is_partial(name: str) -> bool:
    """Whether a file name is that of a partial of ours, or of its side file."""
    return PARTIAL.fullmatch(name) is not None


def is_own(path: Path) -> bool:
    """Whether a partial is this very process's."""
    return f".{host()}.{os.getpid()}." in path.name


def side_file(path: Path) -> Path:
    """Return where a resumable partial keeps what it needs to go on safely (URL, strong ETag, bytes)."""
    return path.with_name(f"{path.name}.json")


# --- under a final name ---


def rename(path: Path, target: Path) -> None:
    """Rename, replacing a file that is there; not yet durable."""
    steadily(lambda: path.replace(target))


def remove(path: Path) -> None:
    """Remove a file or folder of ours if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def retire(path: Path) -> None:
    """Take away a published file or folder: what lies under its final name is whole until it is gone."""
    doomed = partial_path(path)
    rename(path, doomed)
    try:
        sync_folder(path.parent)
    finally:
        remove(doomed)


def publish(path: Path, target: Path) -> None:
    """Give a checked partial its final name, durably.

    Raises
    ------
    OutputImpossible
        If something that is not a regular file stands in the way.
    """
    _refuse_special(target, stat.S_ISREG, "a regular file")
    descriptor = plainfile.descriptor(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    rename(path, target)
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
            steadily(lambda: target.rename(doomed))
        try:
            steadily(lambda: path.rename(target))
            break
        except OSError as error:
            # Another run published the same folder in between: its frames are as good, ours replace them.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            remove(doomed)
    try:
        sync_folder(target.parent)
    finally:
        remove(doomed)


def set_aside(path: Path, target: Path) -> None:
    """Move a file, folder or link to a place of its own, durably; across disks it is copied before it is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        rename(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with partial(target) as copy:
            shutil.copytree(path, copy, symlinks=True) if path.is_dir() and not path.is_symlink() else shutil.copy2(
                path, copy, follow_symlinks=False
            )
            _sync_file_system(target.parent)
            rename(copy, target)
        sync_folder(target.parent)
        remove(path)
    sync_folder(target.parent)
    sync_folder(path.parent)


def _refuse_special(target: Path, is_expected: Callable[[int], bool], expected: str) -> None:
    with suppress(FileNotFoundError):
        if not is_expected(target.lstat().st_mode):
            raise plainfile.in_the_way(target, expected)


def write_atomically(target: Path, data: bytes) -> None:
    """Write a small file so that it is there whole or not at all."""
    with partial(target) as path:
        with plainfile.create(path) as stream:
            stream.write(data)
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
        copy(source, path)
        return False
    return True


def copy(source: Path, path: Path) -> None:
    """Copy the bytes of a file to one that was not there."""
    with source.open("rb") as stream, plainfile.create(path) as output:
        shutil.copyfileobj(stream, output, _CHUNK)


# --- seen to the disk ---


def sync_folder(folder: Path) -> None:
    """See a folder's entries to the disk, where the file system can."""
    try:
        descriptor = steadily(lambda: os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


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


def check_writable(folder: Path) -> None:
    """Create `folder` and a file in it, so that a run that can't write fails before it begins.

    Raises
    ------
    OutputImpossible, StorageFailed
        If the folder or the file can't be created; the latter on a disk that is full.
    """
    try:
        with partial(folder / "writable") as probe:
            plainfile.reserve(probe)
    except OSError as error:
        if isinstance(full := from_os_error(error), StorageFailed):
            raise full from error
        raise OutputImpossible(str(folder), f"can't write here ({error.strerror}); choose another --root") from error
