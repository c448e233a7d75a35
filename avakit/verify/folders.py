"""A frame folder beside its list. Folders hold tens of thousands of small files, so what is done for each is little."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from avakit import packing
from avakit.model import Finding, FindingKind
from avakit.tools import reading
from avakit.verify.names import renamed
from avakit.verify.things import Thing

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def other(found: str, recorded: str) -> str:
    """Say that bytes are not those recorded."""
    return f"sha256 {found[:12]}…, recorded {recorded[:12]}…"


def check(thing: Thing, root: Path, *, is_quick: bool) -> list[Finding]:
    """Compare a frame folder with its list, which was checked before; return what is wrong."""
    if (root / thing.path).is_symlink():
        return [Finding(thing.path, FindingKind.UNSAFE, "a symbolic link", thing.key)]
    try:
        folder = os.open(root / thing.path, _FOLDER_FLAGS | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return [Finding(thing.path, FindingKind.MISSING, "", thing.key, thing.size or 0)]
    try:
        with os.scandir(folder) as entries:
            facts = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        listed = packing.listed(root, thing.path)
        found = compare(thing, facts, listed, None if is_quick else folder)
    finally:
        os.close(folder)
    there = sum(fact.st_size for fact in facts.values())
    if is_quick and not found and thing.size is not None and there != thing.size:
        detail = f"holds {there} bytes, recorded {thing.size}"
        found.append(Finding(thing.path, FindingKind.DIFFERS, detail, thing.key, thing.size))
    return found


def compare(
    thing: Thing, facts: Mapping[str, os.stat_result], listed: Mapping[str, str], folder: int | None
) -> list[Finding]:
    """Compare names and, where the folder's descriptor is given, bytes, in the order in which they lie on the disk."""
    found = [_of(thing, name, FindingKind.UNEXPECTED, facts[name]) for name in facts.keys() - listed.keys()]
    found += [_of(thing, name, FindingKind.MISSING) for name in listed.keys() - facts.keys()]
    plain = []
    for name in facts.keys() & listed.keys():
        if stat.S_ISREG(facts[name].st_mode):
            plain.append(name)
        else:
            found.append(_of(thing, name, FindingKind.UNSAFE, what="not a regular file"))
    if folder is not None:
        for name in sorted(plain, key=lambda name: facts[name].st_ino):
            finding = _read(thing, name, facts[name], listed[name], folder)
            if finding:
                found.append(finding)
        found = _moved(found, facts, listed, folder)
    return found


def _of(thing: Thing, name: str, kind: FindingKind, facts: os.stat_result | None = None, *, what: str = "") -> Finding:
    return Finding(f"{thing.path}/{name}", kind, what, thing.key, facts.st_size if facts else 0)


def _read(thing: Thing, name: str, facts: os.stat_result, digest: str, folder: int) -> Finding | None:
    try:
        seen = reading.look(name, facts, digest, folder)
    except FileNotFoundError:
        return _of(thing, name, FindingKind.MISSING)
    except OSError as error:
        return _of(thing, name, FindingKind.UNREADABLE, facts, what=error.strerror or str(error))
    if seen.unstable:
        return _of(thing, name, FindingKind.UNSTABLE, facts, what=seen.unstable)
    if seen.sha256 != digest:
        what = other(seen.sha256, digest)
        return Finding(f"{thing.path}/{name}", FindingKind.DIFFERS, what, thing.key, facts.st_size, seen.sha256)
    return None


def _moved(
    found: list[Finding], facts: Mapping[str, os.stat_result], listed: Mapping[str, str], folder: int
) -> list[Finding]:
    """Say of a frame whose bytes lie under another name of its folder that it moved there."""
    wanting = [each for each in found if each.kind in (FindingKind.MISSING, FindingKind.DIFFERS)]
    if not wanting:
        return found
    places: dict[str, list[str]] = {}  # by digest: where bytes lie that do not belong there
    for each in found:
        name = packing.file_name(each.path)
        if each.kind is FindingKind.DIFFERS:
            places.setdefault(each.sha256, []).append(each.path)
        elif each.kind is FindingKind.UNEXPECTED and stat.S_ISREG(facts[name].st_mode):
            try:
                places.setdefault(reading.look(name, facts[name], "", folder).sha256, []).append(each.path)
            except OSError:  # it stays what it is: nobody recorded it
                continue
    taken = set()
    kept = [each for each in found if each not in wanting]
    for each in wanting:
        at = places.get(listed[packing.file_name(each.path)], [])
        kept.append(renamed(each, at[0]) if at else each)
        taken.update(at[:1])
        del at[:1]
    return [each for each in kept if each.kind is not FindingKind.UNEXPECTED or each.path not in taken]
