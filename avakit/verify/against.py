"""What should be there by a list alone, without a journal: one that data came with, or one kept elsewhere."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from avakit.layout import SHA256SUMS, frame_index, frame_list, frame_times, packed_frames
from avakit.model import Finding, FindingKind
from avakit.verify import listing, unrecorded
from avakit.verify.listing import Entry, Problem
from avakit.verify.things import Form, Thing

_LISTS = frame_list("").removesuffix(".sha256")
_MANIFESTS = SHA256SUMS.rpartition("/")[0]


@dataclass(frozen=True)
class Against:
    """What a list says of a root.

    Attributes
    ----------
    things
        What should be there: files, frame folders by their lists, and tars of frames.
    sha256
        Of the list itself.
    paths
        All that it names, and the folders of the frames that its lists name.
    """

    things: tuple[Thing, ...]
    sha256: str
    paths: frozenset[str]


def read(root: Path, path: Path, data: bytes) -> Against:
    """Read a list and the frame lists that it names. Of what they list nothing is opened yet.

    Parameters
    ----------
    path
        What problems are told of.
    data
        Lines in the form of `sha256sum`.

    Raises
    ------
    DataInvalid
        With the first problems of a list that may not be followed.
    """
    entries, problems = listing.parse(data)
    listing.refuse(path, problems)
    listing.refuse(path, list(_through_links(root, entries)))
    digests = {entry.path: entry.sha256 for entry in entries}
    things = list(_things(digests))
    things = [_followed(root, thing) if thing.form is Form.FOLDER else thing for thing in things]
    paths = {*digests, *(thing.path for thing in things)}
    return Against(tuple(things), hashlib.sha256(data).hexdigest(), frozenset(paths))


def _through_links(root: Path, entries: Sequence[Entry]) -> Iterator[Problem]:
    links: dict[str, bool] = {".": False}
    for entry in entries:
        for parent in PurePosixPath(entry.path).parents:
            at = str(parent)
            if at not in links:
                links[at] = (root / at).is_symlink()
            if links[at]:
                yield Problem(entry.line, f"{entry.path!r} lies behind {at}, which is a symbolic link", is_unsafe=True)
                break


def _things(digests: dict[str, str]) -> Iterator[Thing]:
    folders = {
        path.removeprefix(_LISTS).removesuffix(".sha256"): digest
        for path, digest in digests.items()
        if path.startswith(_LISTS) and path.endswith(".sha256")
    }
    used = set()
    for folder, digest in folders.items():
        tar = packed_frames(folder)
        names = [frame_list(folder), frame_times(folder), *([frame_index(folder)] if tar in digests else [])]
        beside = tuple((name, digests[name]) for name in names if name in digests)
        used |= {name for name, _ in beside}
        if tar in digests and frame_index(folder) in digests:
            used.add(tar)
            yield Thing(folder, tar, digests[tar], None, Form.TAR, beside)
        elif tar not in digests:
            yield Thing(folder, folder, digest, None, Form.FOLDER, beside)
    yield from (Thing(path, path, digest, None) for path, digest in digests.items() if path not in used)


def _followed(root: Path, thing: Thing) -> Thing:
    """Look at the lines of a frame list before they are followed; one with other bytes is found so later."""
    path = root / frame_list(thing.path)
    if path.is_symlink() or not path.is_file():
        return thing
    try:
        data = path.read_bytes()
    except OSError:
        return thing
    if hashlib.sha256(data).hexdigest() != thing.sha256:
        return thing
    entries, problems = listing.parse(data)
    outside = (entry for entry in entries if entry.path.rpartition("/")[0] != thing.path)
    problems += [Problem(each.line, f"{each.path!r} does not lie in {thing.path}", is_unsafe=True) for each in outside]
    if _behind_link(root, thing):
        problems.append(Problem(1, f"{thing.path} lies behind a symbolic link", is_unsafe=True))
    listing.refuse(path, problems)
    return replace(thing, frames=len(entries))


def _behind_link(root: Path, thing: Thing) -> bool:
    return any((root / parent).is_symlink() for parent in PurePosixPath(thing.path).parents if str(parent) != ".")


def unexpected(root: Path, against: Against) -> Iterator[Finding]:
    """Yield what lies in the folders of the list and is not in it, frame lists included."""
    yield from unrecorded.unexpected(root, {path for path in against.paths if not path.startswith(_MANIFESTS)})
    for folder, _, names in os.walk(root / _LISTS):
        for name in sorted(names):
            path = str((Path(folder) / name).relative_to(root))
            if path not in against.paths:
                yield Finding(path, FindingKind.UNEXPECTED, "no line of the list names it")
