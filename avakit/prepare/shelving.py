"""How the frames of one item get their place, in a folder or in a tar; and how they go from one into the other."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from avakit import journal, packing
from avakit.errors import DataInvalid, MediaRejected, Status
from avakit.journal import Record
from avakit.layout import frame_index, frame_list, packed_frames, unpacked_frames
from avakit.model import Packing
from avakit.outcome import Outcome
from avakit.prepare.job import Job
from avakit.prepare.plan import Target, cached
from avakit.tools import files, tarwriter
from avakit.tools.channel import Sender
from avakit.tools.shelves import FolderShelf
from avakit.tools.tarwriter import TarShelf


@dataclass(frozen=True)
class Put:
    """Frames that have their place: what a record says of it."""

    path: str
    bytes: int
    sha256: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the frames of one item are being put.

    Attributes
    ----------
    shelf
        What takes them, one after the other.
    """

    root: Path
    folder: str
    shelf: FolderShelf | TarShelf
    unpublished: Path

    @property
    def stands(self) -> bool:
        """Whether these frames lie there already, in either form, or their list does."""
        paths = (self.folder, packed_frames(self.folder), frame_list(self.folder))
        return any((self.root / path).exists() for path in paths)

    def write_list(self, text: str) -> str:
        """Publish the list of the frames, and return its digest."""
        data = text.encode()
        files.write_atomically(self.root / frame_list(self.folder), data)
        return hashlib.sha256(data).hexdigest()

    def publish(self, frame_bytes: int, list_sha256: str) -> Put:
        """Give all frames together their final name; of a tar its index, first.

        Parameters
        ----------
        frame_bytes
            Bytes of all frames.
        list_sha256
            The digest of their list, which is published already.
        """
        if isinstance(self.shelf, FolderShelf):
            files.publish_folder(self.unpublished, self.root / self.folder)
            return Put(self.folder, frame_bytes, list_sha256, {})
        tar, path = self.shelf.finish(), packed_frames(self.folder)
        files.write_atomically(self.root / frame_index(path), packing.index_text(tar.members).encode())
        files.publish(self.unpublished, self.root / path)
        return Put(path, tar.bytes, tar.sha256, packing.facts(tar, list_sha256, frame_bytes))


@contextmanager
def place(root: Path, folder: str, kept: Packing | None) -> Iterator[Place]:
    """Yield an empty place for the frames of one item; what was not published at the end is removed."""
    final = packed_frames(folder) if kept is Packing.TAR else folder
    with files.partial(root / final) as unpublished:
        if kept is Packing.TAR:
            with TarShelf(unpublished, PurePosixPath(folder).name) as shelf:
                yield Place(root, folder, shelf, unpublished)
        else:
            unpublished.mkdir()
            yield Place(root, folder, FolderShelf(unpublished), unpublished)


def change(target: Target, job: Job) -> Outcome:
    """Put frames that are there into a tar or a folder, to the byte as they are; nothing is decoded.

    Raises
    ------
    MediaRejected
        Corrupt `damaged` if they are not what their list says.
    """
    record = found = target.found
    assert found is not None  # noqa: S101
    assert record is not None  # noqa: S101
    lacks_index = record.packing is Packing.TAR and not (job.root / frame_index(record.path)).is_file()
    if lacks_index and not packing.restore_index(job.root, record):
        raise _damaged(f"{record.path} has no index, and it can't be told from the tar")
    if record.packing is job.packing or job.packing is None:
        tidy(job.root, record)
        return cached(target, record)
    record = _moved(job.root, record, job.packing, Sender(job.channel, target.name, "frames", "frames"))
    # Published and recorded, and only then is the old form taken away: a kill in between leaves at least one of the
    # two, and the journal tells of one that is whole.
    journal.append(job.root, journal.removal(found, journal.REPLACED), replace(record, time=""))
    tidy(job.root, record)
    how = "packed" if job.packing is Packing.TAR else "unpacked"
    detail = record.detail or f"{how} as they were"
    return Outcome(
        target.name, target.stage, Status(record.status), record.reason, detail, path=record.path, bytes=record.bytes
    )


def _moved(root: Path, record: Record, kept: Packing, tell: Callable[[int, int], None]) -> Record:
    """Publish the other form of some frames, and return its record."""
    with place(root, unpacked_frames(record.path), kept) as new:
        digests = _listed(root, record)
        move = _from_folder if kept is Packing.TAR else _from_tar
        total = move(root, record, digests, _counted(new.shelf.add, len(digests), tell))
        put = new.publish(total, packing.checked(record)[frame_list(record.path)])
    facts = {name: fact for name, fact in record.facts.items() if name != "pack"}
    return replace(
        record, path=put.path, bytes=put.bytes, sha256=put.sha256, facts={**facts, **put.facts}, time=journal.now()
    )


def _counted(
    add: Callable[[str, bytes], None], total: int, tell: Callable[[int, int], None]
) -> Callable[[str, bytes], None]:
    done = 0

    def counted(name: str, data: bytes) -> None:
        nonlocal done
        add(name, data)
        done += 1
        tell(done, total)

    return counted


def _damaged(what: str) -> MediaRejected:
    return MediaRejected(Status.CORRUPT, "damaged", f"{what}; `avakit verify --repair` makes it again")


def _listed(root: Path, record: Record) -> dict[str, str]:
    """Return the digest of each frame, out of a list that is as recorded; so must be the index of a tar."""
    for path, digest in packing.checked(record).items():
        if path != record.path and files.sha256(root / path) != digest:
            raise _damaged(f"{path} is not as recorded")
    return packing.listed(root, record.path)


def _from_folder(root: Path, record: Record, digests: dict[str, str], take: Callable[[str, bytes], None]) -> int:
    names = packing.in_order(digests)
    odd = _names(root / record.path) ^ digests.keys()
    if odd:
        raise _damaged(f"{record.path} does not hold the frames of its list: {min(odd)}")
    total = 0
    for name in names:
        data = (root / record.path / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != digests[name]:
            raise _damaged(f"{record.path}/{name} is not as recorded")
        take(name, data)
        total += len(data)
    return total


def _from_tar(root: Path, record: Record, digests: dict[str, str], take: Callable[[str, bytes], None]) -> int:
    members = packing.read_index(root / frame_index(record.path))
    found = packing.examine(root / record.path, members, digests, take)
    if found.troubles or found.sha256 != record.sha256:
        raise _damaged(f"{record.path}: {(*found.troubles, 'it is not as recorded')[0]}")
    return sum(member.size for member in members)


def tidy(root: Path, record: Record) -> None:
    """Take away the other form of frames that are there, as a change leaves it, or one that was killed.

    Only what is known to be that: a folder that holds no other names than the list has, a tar as long as its index
    says. Anything else is somebody's own, and stays.
    """
    folder, tar = root / unpacked_frames(record.path), root / packed_frames(unpacked_frames(record.path))
    if record.packing is Packing.TAR:
        is_there = tar.is_file() and tar.stat().st_size == record.bytes
        if is_there and folder.is_dir() and _names(folder) <= _listed(root, record).keys():
            files.retire(folder)
        return
    index = root / frame_index(record.path)
    if not index.is_file():
        return
    if tar.is_file() and not tar.is_symlink() and tar.stat().st_size == _size_by(index):
        files.retire(tar)
    if not tar.exists():
        files.remove(index)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _size_by(index: Path) -> int | None:
    try:
        return tarwriter.size_of(packing.read_index(index))
    except DataInvalid:
        return None
