"""A BagIt bag (RFC 8493, version 1.0) of what is there: hard links, and digests out of the journal.

The payload is a data root without its journal: `sha256sum -c .avakit/manifests/SHA256SUMS` checks it in `data/`, too.
No film, clip or frame is read again; frame lists and their kin, which are small and vouch for all the rest, are.
"""

import hashlib
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from avakit import __version__, checksums
from avakit.errors import ConfigInvalid, DataInvalid, ExitCode, OutputImpossible, RunStopped
from avakit.journal import Record, State
from avakit.layout import MANIFEST, ROOT, SHA256SUMS, frame_list
from avakit.manifest import items
from avakit.manifest.sums import files_of, sha256sums
from avakit.manifest.whole import root_line
from avakit.model import Packing, Stage
from avakit.tools import files, leftovers, plainfile

#: From so many files on, tars of frames are the better payload: validators open every file of a bag.
MANY_FILES = 100_000
_DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_MANIFEST = "manifest-sha256.txt"


@dataclass
class Bag:
    """What a bag holds.

    Attributes
    ----------
    path
        Where it is.
    root
        The digest over all digests of its payload: that of its own `SHA256SUMS`.
    files, bytes
        Of the payload.
    copied
        How many of them are copies, not hard links.
    """

    path: Path
    root: str = ""
    files: int = 0
    bytes: int = 0
    copied: int = 0
    made: set[Path] = field(default_factory=set, repr=False)


def count_files(state: State) -> int:
    """Return about how many files a bag would hold: frames in folders are files of their own."""
    loose = sum(record.frames for record in state.present.values() if record.packing is Packing.FOLDER)
    return loose + len(state.present)


def write(root: Path, state: State, target: Path, *, datasets: Sequence[str], copies: bool = False) -> Bag:
    """Make a bag of everything that `state` says is there.

    Parameters
    ----------
    target
        Where it is to be; nothing may be there.
    datasets
        What its description names.
    copies
        Copy instead of making hard links.

    Raises
    ------
    DataInvalid
        If there is nothing to put in.
    ConfigInvalid
        If it would lie among the data.
    OutputImpossible
        If something is there already, or a name can't be said in a bag.
    RunStopped
        With exit code 4, if a file is missing, is no plain file, or has another size than was recorded.
    """
    _check(root, state, target)
    leftovers.sweep(target.parent)
    bag = Bag(target)
    with files.partial(target) as folder:
        (folder / "data").mkdir(parents=True)
        with plainfile.create(folder / _MANIFEST) as manifest:
            for path, digest, size in _payload(root, state):
                manifest.write(checksums.line(f"data/{path}", digest).encode())
                _put(root / path, folder / "data" / path, size, bag, copies=copies)
            for path, digest in _write_own(root, folder / "data", state, bag):
                manifest.write(checksums.line(f"data/{path}", digest).encode())
        _write_tags(folder, bag, datasets)
        files.publish_folder(folder, target)
    return bag


def _check(root: Path, state: State, target: Path) -> None:
    if not state.present:
        raise DataInvalid(f"{root}: nothing is recorded here of what was chosen")
    where, real = target.resolve(), root.resolve()
    if where.is_relative_to(real) and not where.is_relative_to(real / "exports"):
        raise ConfigInvalid(f"--bagit {target}: lies among the data; choose a folder outside, or {root}/exports/…")
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise OutputImpossible(str(target), "something is here already; choose another folder for the bag")


def _payload(root: Path, state: State) -> Iterator[tuple[str, str, int | None]]:
    """Yield path, digest and size of each file; the size is None of those that were read just now."""
    for record in sorted(state.present.values(), key=lambda record: record.path.encode()):
        if "%" in record.path:
            raise OutputImpossible(record.path, "readers of bags disagree about '%' in names; leave it out of the bag")
        if record.stage is Stage.FRAMES:
            yield from _frames(root, record)
        else:
            yield record.path, record.sha256, record.bytes


def _frames(root: Path, record: Record) -> Iterator[tuple[str, str, int | None]]:
    for path, digest in files_of(record).items():
        if path == record.path:  # the tar
            yield path, digest, record.bytes
            continue
        if _plain_size(root / path) is None or files.sha256(root / path) != digest:
            raise _refusal(path, "is missing, or not as recorded")
        yield path, digest, None
    if record.packing is Packing.FOLDER:
        listed = list(checksums.parse((root / frame_list(record.path)).read_text(encoding="utf-8")))
        sizes = [_size(root / path, path) for path, _ in listed]
        if sum(sizes) != record.bytes:
            raise _refusal(record.path, f"holds {sum(sizes)} bytes, recorded {record.bytes}")
        yield from ((path, digest, size) for (path, digest), size in zip(listed, sizes, strict=True))


def _put(source: Path, final: Path, expected: int | None, bag: Bag, *, copies: bool) -> None:
    path = str(source)
    size = _size(source, path)
    if expected is not None and size != expected:
        raise _refusal(path, f"has {size} bytes, recorded {expected}")
    if final.parent not in bag.made:
        final.parent.mkdir(parents=True, exist_ok=True)
        bag.made.add(final.parent)
    if copies:
        files.copy(source, final)
        bag.copied += 1
    else:
        bag.copied += not files.link_or_copy(source, final)
    bag.files += 1
    bag.bytes += size


def _size(where: Path, path: str) -> int:
    size = _plain_size(where)
    if size is None:
        raise _refusal(path, "is missing, or no plain file")
    return size


def _plain_size(path: Path) -> int | None:
    try:
        facts = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None


def _refusal(path: str, what: str) -> RunStopped:
    return RunStopped(f"{path}: {what}; no bag was made; `avakit verify --repair` mends it", ExitCode.INTEGRITY)


def _write_own(root: Path, data: Path, state: State, bag: Bag) -> Iterator[tuple[str, str]]:
    """Write the manifests of the payload itself, and yield path and digest of each."""
    sums = sha256sums(state)
    bag.root = checksums.root_digest(sums)
    lines = "".join(items.lines(root, state, bag.root))
    for path, text in ((MANIFEST, lines), (SHA256SUMS, sums), (ROOT, root_line(bag.root))):
        content = text.encode()
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        _write(data / path, text)
        bag.files += 1
        bag.bytes += len(content)
        yield path, hashlib.sha256(content).hexdigest()


def _write_tags(folder: Path, bag: Bag, datasets: Sequence[str]) -> None:
    info = {
        "Bag-Software-Agent": f"avakit {__version__}",
        "Bagging-Date": datetime.now(UTC).date().isoformat(),
        "External-Description": f"{', '.join(datasets)}, prepared by avakit",
        "External-Identifier": f"sha256:{bag.root}",
        "Payload-Oxum": f"{bag.bytes}.{bag.files}",
    }
    _write(folder / "bagit.txt", _DECLARATION)
    text = "".join(f"{name}: {value}\n" for name, value in info.items())
    _write(folder / "bag-info.txt", text)
    names = ("bag-info.txt", "bagit.txt", _MANIFEST)
    tags = checksums.text((name, files.sha256(folder / name)) for name in names)
    _write(folder / f"tag{_MANIFEST}", tags)


def _write(path: Path, text: str) -> None:
    with plainfile.create(path) as stream:
        stream.write(text.encode())
