"""The root against its journal, in both directions. Never writes, stops at nothing, names every finding."""

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath

from avakit import checksums, execute, journal, packing
from avakit.errors import DataInvalid
from avakit.journal import Record, State
from avakit.journal.conflicts import conflicts
from avakit.layout import frame_index, frame_list
from avakit.model import Finding, FindingKind, Packing, Stage
from avakit.tools import files

#: Small files go to a worker in lots of this many; a frame folder goes alone.
_LOT = 64
#: Files beside the official annotations that are ours.
_OWN_NAMES = frozenset({"sources.lock.json"})
_OWN_FOLDERS = frozenset({".avakit", "exports"})


class Depth(StrEnum):
    """How deep to look."""

    QUICK = "quick"
    FULL = "full"


def verify(
    root: Path, state: State, records: Sequence[Record], *, depth: Depth, jobs: int, whole_root: bool = True
) -> Iterator[Finding]:
    """Yield a finding for each recorded thing, each frame that is not right, and each file nobody recorded.

    Parameters
    ----------
    root
        The data root.
    state
        What the journal says is there.
    records
        The part of it to check.
    depth
        `quick` compares names, sizes and sets; `full` also every byte's digest.
    jobs
        Worker processes.
    whole_root
        Whether to look for files that nobody recorded, too.

    Raises
    ------
    DataInvalid
        If nothing is recorded: an empty journal never passes.
    """
    if not records and not state.lost:
        raise DataInvalid(f"{root}: nothing is recorded here; run `avakit prepare` first, or check --root")
    results = execute.run(partial(check_lot, root=root, depth=depth), _lots(records), jobs=jobs, on_crash=_crashed)
    try:
        for findings in results:
            yield from findings
    finally:
        results.close()
    yield from conflicts(root, state, None if whole_root else {record.key for record in records})
    if whole_root:
        yield from (_quarantined(record) for record in state.lost.values())
        yield from _nobodys(root, state)


def check_lot(records: Iterable[Record], *, root: Path, depth: Depth) -> tuple[Finding, ...]:
    """Check some recorded things; every one yields at least one finding."""
    found: list[Finding] = []
    for record in records:
        if record.stage is Stage.FRAMES:
            found += (_check_tar if record.packing is Packing.TAR else _check_folder)(record, root, depth)
        else:
            found.append(_check_file(record.path, record.sha256, root, depth, key=record.key, size=record.bytes))
    return tuple(found)


def _quarantined(record: Record) -> Finding:
    return Finding(
        record.path, FindingKind.MISSING, "vanished, or was moved to quarantine and not made again", record.key
    )


def _nobodys(root: Path, state: State) -> Iterator[Finding]:
    found = list(unexpected(root, state.present))
    if found:
        # What a running job has published meanwhile is in the journal by now.
        recorded = {record.path for record in journal.read(root).present.values()}
        yield from (finding for finding in found if finding.path not in recorded)


def _lots(records: Sequence[Record]) -> list[list[Record]]:
    folders = [[record] for record in records if record.stage is Stage.FRAMES]
    small = sorted((record for record in records if record.stage is not Stage.FRAMES), key=lambda r: r.path)
    return folders + [small[i : i + _LOT] for i in range(0, len(small), _LOT)]


def _crashed(records: Iterable[Record], detail: str) -> tuple[Finding, ...]:
    return tuple(Finding(record.path, FindingKind.UNREADABLE, detail, record.key) for record in records)


def _check_file(path: str, digest: str, root: Path, depth: Depth, *, key: str, size: int | None = None) -> Finding:
    try:
        facts = (root / path).lstat()
        if not stat.S_ISREG(facts.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(facts.st_mode) else "not a regular file"
            return Finding(path, FindingKind.UNSAFE, what, key)
        if size is not None and facts.st_size != size:
            return Finding(path, FindingKind.DIFFERS, f"{facts.st_size} bytes, recorded {size}", key)
        if depth is Depth.FULL:
            found = files.sha256(root / path)
            if found != digest:
                return Finding(path, FindingKind.DIFFERS, f"sha256 {found[:12]}…, recorded {digest[:12]}…", key)
    except FileNotFoundError:
        return Finding(path, FindingKind.MISSING, "", key)
    except OSError as error:
        return Finding(path, FindingKind.UNREADABLE, error.strerror or str(error), key)
    return Finding(path, FindingKind.MATCH, "", key)


def _check_folder(record: Record, root: Path, depth: Depth) -> list[Finding]:
    wrong = [each for each in _check_beside(record, root) if each.kind is not FindingKind.MATCH]
    if wrong:
        return wrong
    if (root / record.path).is_symlink():
        return [Finding(record.path, FindingKind.UNSAFE, "a symbolic link", record.key)]
    try:
        with os.scandir(root / record.path) as entries:
            facts = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return [Finding(record.path, FindingKind.MISSING, "", record.key)]
    except OSError as error:
        return [Finding(record.path, FindingKind.UNREADABLE, error.strerror or str(error), record.key)]
    sizes = {name: fact.st_size for name, fact in facts.items()}
    odd = sorted(name for name, fact in facts.items() if not stat.S_ISREG(fact.st_mode))
    listed = {Path(path).name: digest for path, digest in checksums.parse((root / frame_list(record.path)).read_text())}
    found = [Finding(f"{record.path}/{n}", FindingKind.UNEXPECTED, "", record.key) for n in sizes.keys() - listed]
    found += [Finding(f"{record.path}/{n}", FindingKind.MISSING, "", record.key) for n in listed.keys() - sizes]
    found += [
        Finding(f"{record.path}/{n}", FindingKind.UNSAFE, "not a regular file", record.key) for n in odd if n in listed
    ]
    if depth is Depth.FULL:
        checked = (
            _check_file(f"{record.path}/{name}", listed[name], root, depth, key=record.key)
            for name in sorted((listed.keys() & sizes.keys()) - set(odd))
        )
        found += [finding for finding in checked if finding.kind is not FindingKind.MATCH]
    elif not found and sum(sizes.values()) != record.bytes:
        detail = f"holds {sum(sizes.values())} bytes, recorded {record.bytes}"
        found.append(Finding(record.path, FindingKind.DIFFERS, detail, record.key))
    return sorted(found) or [Finding(record.path, FindingKind.MATCH, f"{record.frames} frames", record.key)]


def _check_beside(record: Record, root: Path) -> list[Finding]:
    """Check what lies beside frames: small files on which everything rests, so their digests count at every depth."""
    beside = [(path, digest) for path, digest in packing.checked(record).items() if path != record.path]
    return [_check_file(path, digest, root, Depth.FULL, key=record.key) for path, digest in beside]


def _check_tar(record: Record, root: Path, depth: Depth) -> list[Finding]:
    found = [finding for finding in _check_beside(record, root) if finding.kind is not FindingKind.MATCH]
    tar = _check_file(record.path, record.sha256, root, Depth.QUICK, key=record.key, size=record.bytes)
    if tar.kind is not FindingKind.MATCH:
        found.append(tar)
    if depth is Depth.FULL and all(finding is tar and finding.kind is FindingKind.DIFFERS for finding in found):
        try:
            found += _read_tar(record, root)
        except OSError as error:
            found.append(Finding(record.path, FindingKind.UNREADABLE, error.strerror or str(error), record.key))
    return sorted(found) or [Finding(record.path, FindingKind.MATCH, f"{record.frames} frames", record.key)]


def _read_tar(record: Record, root: Path) -> list[Finding]:
    """Read a tar once; whatever is wrong is told of the frame it is wrong with."""
    members = packing.read_index(root / frame_index(record.path))
    seen = packing.examine(root / record.path, members, packing.listed(root, record.path))
    troubles = seen.troubles
    if not troubles and seen.sha256 != record.sha256:
        troubles = (f"sha256 {seen.sha256[:12]}…, recorded {record.sha256[:12]}…",)
    return [Finding(record.path, FindingKind.DIFFERS, trouble, record.key) for trouble in troubles]


def unexpected(root: Path, present: Mapping[str, Record]) -> Iterator[Finding]:
    """Yield what lies under the root's data folders and is in no journal; partials of runs are no finding.

    A folder in which nothing is recorded is one finding; an empty one is none.
    """
    recorded = {record.path for record in present.values()}
    parents = {str(parent) for path in recorded for parent in PurePosixPath(path).parents}
    for top in sorted({path.split("/", 1)[0] for path in recorded} - _OWN_FOLDERS):
        yield from _walk(root, top, recorded, parents)


def _walk(
    root: Path, folder: str, recorded: Collection[str], parents: Collection[str], *, may_follow: bool = True
) -> Iterator[Finding]:
    try:
        with os.scandir(root / folder) as entries:
            listed = sorted((entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink()) for entry in entries)
    except OSError as error:
        yield Finding(folder, FindingKind.UNREADABLE, error.strerror or str(error))
        return
    for name, is_folder, is_link in listed:
        path = f"{folder}/{name}"
        if path in recorded or files.is_partial(name) or name in _OWN_NAMES:
            continue
        # A folder may be linked to another disk: one link is looked through, a link behind it is not.
        if is_link and may_follow and (root / path).is_dir():
            yield from _walk(root, path, recorded, parents, may_follow=False)
        elif is_folder and path in parents:
            yield from _walk(root, path, recorded, parents, may_follow=may_follow)
        elif not is_folder or _holds_anything(root / path):
            yield Finding(path, FindingKind.UNEXPECTED, "a folder nobody recorded" if is_folder else "")


def _holds_anything(folder: Path) -> bool:
    return any(names for _, _, names in os.walk(folder))
