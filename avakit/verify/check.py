"""One recorded thing beside what lies on the disk: a file, a frame folder, or a tar of frames."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from avakit import packing
from avakit.layout import frame_index
from avakit.model import Finding, FindingKind
from avakit.tools import reading
from avakit.verify import deep, folders
from avakit.verify.things import Depth, Form, Thing


def check_lot(things: Iterable[Thing], *, root: Path, depth: Depth) -> tuple[Finding, ...]:
    """Check some things; every one yields at least one finding."""
    return tuple(finding for thing in things for finding in check(thing, root, depth))


def check(thing: Thing, root: Path, depth: Depth) -> list[Finding]:
    """Check one thing; return `match`, or each thing that is wrong with it."""
    try:
        found = {Form.FILE: _check_file, Form.FOLDER: _check_folder, Form.TAR: _check_tar}[thing.form](
            thing, root, depth
        )
        if not found and depth is Depth.DEEP and thing.record is not None:
            found = deep.check(thing.record, root)
    except OSError as error:
        found = [Finding(thing.path, FindingKind.UNREADABLE, error.strerror or str(error), thing.key)]
    detail = f"{thing.frames} frames" if thing.frames else ""
    return sorted(found) or [Finding(thing.path, FindingKind.MATCH, detail, thing.key, thing.size or 0)]


def _check_file(thing: Thing, root: Path, depth: Depth) -> list[Finding]:
    found = look(root, thing.path, "" if depth is Depth.QUICK else thing.sha256, key=thing.key, size=thing.size)
    return [found] if found else []


def look(root: Path, path: str, digest: str, *, key: str, size: int | None = None) -> Finding | None:
    """Compare one file with its size, and with its digest if one is given; return what is wrong with it."""
    kind, detail, found = FindingKind.MATCH, "", ""
    try:
        facts = os.lstat(root / path)
        if not stat.S_ISREG(facts.st_mode):
            kind = FindingKind.UNSAFE
            detail = "a symbolic link" if stat.S_ISLNK(facts.st_mode) else "not a regular file"
        elif size is not None and facts.st_size != size:
            kind, detail = FindingKind.DIFFERS, f"{facts.st_size} bytes, recorded {size}"
        elif digest:
            seen = reading.look(os.fspath(root / path), digest)
            if seen is not None and seen.unstable:
                kind, detail = FindingKind.UNSTABLE, seen.unstable
            elif seen is not None:
                kind, detail, found = FindingKind.DIFFERS, folders.other(seen.sha256, digest), seen.sha256
    except FileNotFoundError:
        kind = FindingKind.MISSING
    except OSError as error:
        kind, detail = FindingKind.UNREADABLE, error.strerror or str(error)
    return None if kind is FindingKind.MATCH else Finding(path, kind, detail, key, size or 0, found)


def _check_beside(thing: Thing, root: Path) -> list[Finding]:
    """Check what lies beside frames: small files on which everything rests, so their digests count at every depth."""
    looked = (look(root, path, digest, key=thing.key) for path, digest in thing.beside)
    return [finding for finding in looked if finding]


def _check_folder(thing: Thing, root: Path, depth: Depth) -> list[Finding]:
    return _check_beside(thing, root) or folders.check(thing, root, is_quick=depth is Depth.QUICK)


def _check_tar(thing: Thing, root: Path, depth: Depth) -> list[Finding]:
    found = _check_beside(thing, root)
    tar = look(root, thing.path, "", key=thing.key, size=thing.size)
    found += [tar] if tar else []
    if depth is not Depth.QUICK and all(finding is tar and finding.kind is FindingKind.DIFFERS for finding in found):
        found += _read_tar(thing, root)
    return found


def _read_tar(thing: Thing, root: Path) -> list[Finding]:
    """Read a tar once; whatever is wrong is told of the frame it is wrong with."""
    path, listed = root / thing.path, packing.listed(root, thing.path)
    members = packing.read_index(root / frame_index(thing.path))
    seen = packing.examine(path, members, listed)
    troubles = seen.troubles
    if not troubles and seen.sha256 != thing.sha256:
        troubles = (folders.other(seen.sha256, thing.sha256),)
    if not troubles:
        return []
    second = reading.look(os.fspath(path), thing.sha256)
    if second is None or second.unstable:
        why = second.unstable if second else "the second read is right: suspect memory, cable or cache"
        return [Finding(thing.path, FindingKind.UNSTABLE, why, thing.key, thing.size or 0)]
    return [
        Finding(thing.path, FindingKind.DIFFERS, trouble, thing.key, thing.size or 0, seen.sha256)
        for trouble in troubles
    ]
