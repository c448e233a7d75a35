"""Leftovers: the partials that killed runs left behind, and what may be done with them.

Nothing is touched whose owner may still be writing; nor is anything followed that is no plain file: who may write to
a folder could plant a link under the name of a partial.
"""

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from avakit.tools import files
from avakit.tools.files import PARTIAL, host, is_partial, side_file

#: A partial of another host is thought dead after this long without a write: longer than any single item takes.
FOREIGN_PARTIAL_SECONDS = 24 * 3600.0
_RESUMABLE_SECONDS = 7 * 24 * 3600.0


def sweep(folder: Path) -> list[Path]:
    """Remove the partials in `folder` whose owners are gone; return what was removed.

    Resumable ones (those with a side file) stay for a week, the next run takes them up; not where the file is there.
    """
    partials = _partials(folder)
    resumable = {path for path in partials if side_file(path) in partials and _is_of_use(path)}
    kept = resumable | {side_file(path) for path in resumable}
    dead = [path for path in partials if path not in kept and _is_dead(path)]
    for path in dead:
        files.remove(path)
    return dead


def dead_partials(target: Path) -> list[Path]:
    """Return the partials of `target` that killed runs left behind, the newest first: plain files alone."""
    found = [
        path
        for path in _partials(target.parent, target.stem)
        if (match := PARTIAL.fullmatch(path.name))
        and match["stem"] == target.stem
        and match["suffix"] == target.suffix
        and _is_dead(path)
        and _is_plain(path)
    ]
    return sorted(found, key=_age_seconds)


def take_over(dead: Path, path: Path) -> bool:
    """Make a dead partial, with its side file, ours under a fresh name; return False if another run was first.

    The rename decides between two that want the same one. Its side file follows; if we are killed in between, the
    bytes have nothing to vouch for them and are fetched again.
    """
    with suppress(FileNotFoundError):
        files.rename(dead, path)
        files.rename(side_file(dead), side_file(path))
        return True
    return False


def idle_partials(folder: Path, stem: str) -> list[Path]:
    """Return the partials for files of this name, whatever their extension, that nobody else is writing."""
    return [path for path in _partials(folder, stem) if files.is_own(path) or _is_dead(path)]


def _partials(folder: Path, stem: str = "") -> set[Path]:
    """Return the partials in a folder; of one stem, which is looked for once an item among all that lies there."""
    if not folder.is_dir():
        return set()
    begin = f".{stem}." if stem else "."
    with os.scandir(folder) as entries:
        return {Path(each.path) for each in entries if each.name.startswith(begin) and is_partial(each.name)}


def _is_dead(path: Path) -> bool:
    match = PARTIAL.fullmatch(path.name)
    if match is None:
        return False
    return is_abandoned(path, match["host"], int(match["pid"]))


def is_abandoned(path: Path, owner_host: str, pid: int) -> bool:
    """Whether the process that writes a file is gone: elsewhere, if it has not written for a day."""
    if owner_host != host():
        return _age_seconds(path) > FOREIGN_PARTIAL_SECONDS
    return not is_alive(pid)


def _is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _is_of_use(path: Path) -> bool:
    match = PARTIAL.fullmatch(path.name)
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
