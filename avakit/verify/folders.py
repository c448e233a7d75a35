"""A frame folder beside its list. Folders hold tens of thousands of small files, so what is done for each is little."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from avakit import packing
from avakit.layout import frame_list
from avakit.model import Finding, FindingKind
from avakit.tools import reading
from avakit.verify.names import renamed
from avakit.verify.things import Thing

#: A row of a list: so many digits, two blanks, and the path.
_DIGITS, _PATH_AT = 64, 66
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


def other(found: str, recorded: str) -> str:
    """Say that bytes are not those recorded."""
    return f"sha256 {found[:12]}…, recorded {recorded[:12]}…"


def check(thing: Thing, root: Path, *, is_quick: bool) -> list[Finding]:
    """Compare a frame folder with its list, which was checked before; return what is wrong."""
    if (root / thing.path).is_symlink():
        return [Finding(thing.path, FindingKind.UNSAFE, "a symbolic link", thing.key)]
    try:
        with opened(root / thing.path) as (folder, there):
            found = compare(thing, there, _listed(root, thing.path), None if is_quick else folder)
            if is_quick and not found and thing.size is not None:
                held = sum(entry.stat(follow_symlinks=False).st_size for entry in there.values())
                if held != thing.size:
                    detail = f"holds {held} bytes, recorded {thing.size}"
                    found.append(Finding(thing.path, FindingKind.DIFFERS, detail, thing.key, thing.size))
    except (FileNotFoundError, NotADirectoryError):
        return [Finding(thing.path, FindingKind.MISSING, "", thing.key, thing.size or 0)]
    return found


@contextmanager
def opened(path: Path) -> "Iterator[tuple[int, dict[str, os.DirEntry[str]]]]":
    """Yield the descriptor of a folder, which is no link, and what lies in it, by name."""
    folder = os.open(path, _FOLDER_FLAGS)
    try:
        with os.scandir(folder) as entries:
            there = {entry.name: entry for entry in entries}
        yield folder, there
    finally:
        os.close(folder)


def _listed(root: Path, path: str) -> dict[str, str]:
    """Return the digest of each frame by name. The list was found to be the recorded one, so its form needs no look."""
    rows = (root / frame_list(path)).read_text().split("\n")
    return {row[_PATH_AT:].rpartition("/")[2]: row[:_DIGITS].lower() for row in rows if row}


def compare(
    thing: Thing, there: "Mapping[str, os.DirEntry[str]]", listed: Mapping[str, str], folder: int | None
) -> list[Finding]:
    """Compare names and, where the folder's descriptor is given, bytes, in the order in which they lie on the disk."""
    found = [_of(thing, name, FindingKind.UNEXPECTED, there[name]) for name in there.keys() - listed.keys()]
    found += [_of(thing, name, FindingKind.MISSING) for name in listed.keys() - there.keys()]
    plain = []
    for name in there.keys() & listed.keys():
        entry = there[name]
        if entry.is_file(follow_symlinks=False):
            plain.append((entry.inode(), name))
        else:
            found.append(_of(thing, name, FindingKind.UNSAFE, what="not a regular file"))
    if folder is not None:
        for _, name in sorted(plain):
            finding = _read(thing, there[name], listed[name], folder)
            if finding:
                found.append(finding)
        found = _moved(found, there, listed, folder)
    return found


def _of(
    thing: Thing, name: str, kind: FindingKind, entry: "os.DirEntry[str] | None" = None, *, what: str = "",
    digest: str = "",
) -> Finding:  # fmt: skip
    size = entry.stat(follow_symlinks=False).st_size if entry else 0
    return Finding(f"{thing.path}/{name}", kind, what, thing.key, size, digest)


def _read(thing: Thing, entry: "os.DirEntry[str]", digest: str, folder: int) -> Finding | None:
    try:
        seen = reading.look(entry.name, digest, folder)
        if seen is None:
            return None
        if seen.unstable:
            return _of(thing, entry.name, FindingKind.UNSTABLE, entry, what=seen.unstable)
        what = other(seen.sha256, digest)
        return _of(thing, entry.name, FindingKind.DIFFERS, entry, what=what, digest=seen.sha256)
    except FileNotFoundError:
        return _of(thing, entry.name, FindingKind.MISSING)
    except OSError as error:
        return _of(thing, entry.name, FindingKind.UNREADABLE, what=error.strerror or str(error))


def _moved(
    found: list[Finding], there: "Mapping[str, os.DirEntry[str]]", listed: Mapping[str, str], folder: int
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
        elif each.kind is FindingKind.UNEXPECTED and there[name].is_file(follow_symlinks=False):
            with suppress(OSError):  # it stays what it is: nobody recorded it
                seen = reading.look(name, "", folder)
                places.setdefault(seen.sha256 if seen else "", []).append(each.path)
    taken = set()
    kept = [each for each in found if each not in wanting]
    for each in wanting:
        at = places.get(listed[packing.file_name(each.path)], [])
        kept.append(renamed(each, at[0]) if at else each)
        taken.update(at[:1])
        del at[:1]
    return [each for each in kept if each.kind is not FindingKind.UNEXPECTED or each.path not in taken]
