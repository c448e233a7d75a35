"""What lies under the data folders and nobody recorded."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from avakit.model import Finding, FindingKind
from avakit.tools import files

#: Files beside the official annotations that are ours.
_OWN_NAMES = frozenset({"sources.lock.json"})
_OWN_FOLDERS = frozenset({".avakit", "exports"})


def unexpected(root: Path, recorded: Collection[str]) -> Iterator[Finding]:
    """Yield what lies under the root's data folders and is not among these paths; partials of runs are no finding.

    A folder in which nothing is recorded is one finding; an empty one is none.
    """
    known = frozenset(recorded)
    parents = {str(parent) for path in known for parent in PurePosixPath(path).parents}
    for top in sorted({path.split("/", 1)[0] for path in known} - _OWN_FOLDERS):
        if top not in known:
            yield from _walk(root, top, known, parents)


def _walk(
    root: Path, folder: str, recorded: Collection[str], parents: Collection[str], *, may_follow: bool = True
) -> Iterator[Finding]:
    try:
        with os.scandir(root / folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if os.path.lexists(root / folder):  # else what is recorded in it is missing
            yield Finding(folder, FindingKind.UNREADABLE, error.strerror or str(error))
        return
    for entry in listed:
        name, path = entry.name, f"{folder}/{entry.name}"
        if path in recorded or files.is_partial(name) or name in _OWN_NAMES:
            continue
        is_folder = entry.is_dir(follow_symlinks=False)
        # A folder may be linked to another disk: one link is looked through, a link behind it is not.
        if entry.is_symlink() and may_follow and entry.is_dir():
            yield from _walk(root, path, recorded, parents, may_follow=False)
        elif is_folder and path in parents:
            yield from _walk(root, path, recorded, parents, may_follow=may_follow)
        elif not is_folder or _holds_anything(root / path):
            size = 0 if is_folder else entry.stat(follow_symlinks=False).st_size
            yield Finding(path, FindingKind.UNEXPECTED, "a folder nobody recorded" if is_folder else "", bytes=size)


def _holds_anything(folder: Path) -> bool:
    return any(names for _, _, names in os.walk(folder))


def within(root: Path, finding: Finding) -> Iterator[str]:
    """Yield the plain files of what nobody recorded: it itself, or all that lies in it."""
    path = root / finding.path
    if path.is_symlink():
        return
    if not path.is_dir():
        yield finding.path
    for folder, _, names in os.walk(path):
        at = Path(folder).relative_to(root)
        yield from (str(at / name) for name in sorted(names) if not (Path(folder) / name).is_symlink())
