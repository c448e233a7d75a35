"""What is missing, beside what nobody recorded and what holds other bytes: some of it has only moved."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from avakit import execute, packing
from avakit.model import Finding, FindingKind
from avakit.tools import reading
from avakit.verify import folders, unrecorded
from avakit.verify.names import folded, renamed
from avakit.verify.things import Form, Thing

_LOT = 32


@dataclass
class _Search:
    """What is sought, and where bytes lie that do not belong there."""

    root: Path
    things: Mapping[str, Thing]
    jobs: int
    places: dict[str, list[str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)


def settle(
    root: Path, wanting: Sequence[Finding], extra: Sequence[Finding], things: Mapping[str, Thing], jobs: int
) -> Iterator[Finding]:
    """Yield what is wrong in the end: what moved once, as `moved`, not as something missing and something unexpected.

    Parameters
    ----------
    wanting
        What is missing, or has other bytes.
    extra
        What nobody recorded. Of it files of the same sizes are read, and folders of frames with the same names.
    things
        What should be there, by key.
    jobs
        Worker processes, if anything has to be read.
    """
    files = [path for each in extra for path in unrecorded.within(root, each)]
    search = _Search(root, things, jobs)
    _find_places(search, wanting, files)
    for finding in wanting:
        thing = things.get(finding.key)
        now_at = _place_of(search, finding, thing, files) if thing is not None and finding.path == thing.path else ""
        if now_at:
            search.taken.add(now_at)
        yield renamed(finding, now_at) if now_at else finding
    yield from (each for each in extra if not _is_taken(search, each))


def _is_taken(search: _Search, finding: Finding) -> bool:
    """Whether all of what nobody recorded is something that moved."""
    files = list(unrecorded.within(search.root, finding))
    return bool(files) and all(path in search.taken or path.rpartition("/")[0] in search.taken for path in files)


def _find_places(search: _Search, wanting: Sequence[Finding], files: Sequence[str]) -> None:
    """Read what may be something that is sought: of its size, or of any where only digests are known."""
    sought = [thing for each in wanting if (thing := search.things.get(each.key)) and thing.form is not Form.FOLDER]
    sizes = {thing.size for thing in sought}
    unread = [each.path for each in wanting if each.kind is FindingKind.DIFFERS and not each.sha256]
    fitting = (
        [path for path in [*files, *unread] if None in sizes or _size(search.root / path) in sizes] if sizes else []
    )
    lots = [fitting[i : i + _LOT] for i in range(0, len(fitting), _LOT)]
    if lots:
        read = partial(_digests, root=search.root)
        for found in execute.run(read, lots, jobs=search.jobs, on_crash=lambda _lot, _detail: {}):
            for path, digest in found.items():
                search.places.setdefault(digest, []).append(path)
    for each in wanting:
        if each.sha256:
            search.places.setdefault(each.sha256, []).append(each.path)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return -1


def _digests(paths: Sequence[str], *, root: Path) -> dict[str, str]:
    found = {}
    for path in paths:
        try:
            seen = reading.look(os.fspath(root / path), "")
        except OSError:  # what can't be read stays what it was
            continue
        if seen is not None and not seen.unstable:
            found[path] = seen.sha256
    return found


def _place_of(search: _Search, finding: Finding, thing: Thing, files: Sequence[str]) -> str:
    """Return where the bytes of a thing lie; of several places the one whose name is most like its own."""
    if thing.form is Form.FOLDER:
        found = _folders_like(search, thing, files) if finding.kind is FindingKind.MISSING else []
    else:
        found = [path for path in search.places.get(thing.sha256, []) if path not in search.taken]

    def unlike(path: str) -> tuple[bool, bool, str]:
        return folded(path) != folded(thing.path), path.rpartition("/")[0] != thing.path.rpartition("/")[0], path

    return min((path for path in found if path != finding.path), key=unlike, default="")


def _folders_like(search: _Search, thing: Thing, files: Sequence[str]) -> list[str]:
    """Return the folders nobody recorded that hold exactly the frames of a list."""
    try:
        listed = packing.listed(search.root, thing.path)
    except (OSError, ValueError):
        return []
    names: dict[str, set[str]] = {}
    for path in files:
        at, _, name = path.rpartition("/")
        names.setdefault(at, set()).add(name)
    fitting = [at for at, its in names.items() if its == listed.keys() and at not in search.taken]
    return [at for at in fitting if is_equal(search.root, replace(thing, path=at), listed)]


def is_equal(root: Path, thing: Thing, listed: Mapping[str, str]) -> bool:
    """Whether the folder of a thing holds exactly the frames of a list."""
    with folders.opened(root / thing.path) as (folder, there):
        return not folders.compare(thing, there, listed, folder)
