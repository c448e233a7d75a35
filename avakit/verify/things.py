"""What is checked: a recorded thing, reduced to what its check needs and a worker is sent."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from avakit import packing
from avakit.journal import Record
from avakit.model import Packing, Stage

#: Small files go to a worker in lots of at most so many things and bytes; a frame folder goes alone.
_LOT_THINGS = 64
_LOT_BYTES = 32 << 20


class Depth(StrEnum):
    """How deep to look.

    `quick`: names, sizes and sets. `full`: also every byte's digest. `deep`: also whether it can be decoded.
    """

    QUICK = "quick"
    FULL = "full"
    DEEP = "deep"


class Form(StrEnum):
    """How a thing lies on the disk."""

    FILE = "file"
    FOLDER = "folder"
    TAR = "tar"


@dataclass(frozen=True)
class Thing:
    """A thing that should be there.

    Attributes
    ----------
    key, path
        As in its record.
    sha256
        Of the file; of a frame folder that of its list.
    size
        In bytes; of a frame folder that of all frames. None where only digests are known.
    form
        How it lies there.
    beside
        Path and digest of each file beside frames that vouches for them.
    frames
        How many frames it holds.
    record
        Where its record is needed as a whole: for a deep look.
    """

    key: str
    path: str
    sha256: str
    size: int | None
    form: Form = Form.FILE
    beside: tuple[tuple[str, str], ...] = ()
    frames: int = 0
    record: Record | None = field(default=None, repr=False)


def thing_of(record: Record | Thing, depth: Depth = Depth.FULL) -> Thing:
    """Return what is to be checked of a record."""
    if isinstance(record, Thing):
        return record
    form = Form.FILE
    beside: tuple[tuple[str, str], ...] = ()
    if record.stage is Stage.FRAMES:
        form = Form.TAR if record.packing is Packing.TAR else Form.FOLDER
        beside = tuple((path, digest) for path, digest in packing.checked(record).items() if path != record.path)
    kept = record if depth is Depth.DEEP else None
    return Thing(record.key, record.path, record.sha256, record.bytes, form, beside, record.frames, kept)


def stamp(record: Record | Thing) -> str:
    """Return a few letters that change with the record of a thing."""
    size, time = (record.size, "") if isinstance(record, Thing) else (record.bytes, record.time)
    return hashlib.sha256(repr((record.path, record.sha256, size, time)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Lot:
    """What one worker checks at a time. The records become things on their way to it, so that none waits in memory."""

    records: Sequence[Record | Thing]
    depth: Depth

    def __iter__(self) -> Iterator[Thing]:
        return (thing_of(record, self.depth) for record in self.records)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)


def lots(records: Sequence[Record | Thing], depth: Depth) -> list[Lot]:
    """Divide the work: in the order of paths, which is about that of a disk, large things alone."""
    found: list[Lot] = []
    lot: list[Record | Thing] = []
    size = 0
    for record in sorted(records, key=lambda each: each.path):
        if is_frames(record):
            found.append(Lot([record], depth))
            continue
        its = (record.size or _LOT_BYTES // _LOT_THINGS) if isinstance(record, Thing) else record.bytes
        if lot and (len(lot) >= _LOT_THINGS or size + its > _LOT_BYTES):
            found.append(Lot(lot, depth))
            lot, size = [], 0
        lot.append(record)
        size += its
    return [*found, *([Lot(lot, depth)] if lot else [])]


def effort(records: Sequence[Record | Thing], depth: Depth) -> int:
    """Return about how many bytes could be read meanwhile: opening a file takes as long as 64 KiB of it."""
    count = sum(record.frames + 1 for record in records)
    if depth is Depth.QUICK:  # a name takes as long as 128 bytes
        return count * 128
    sizes = (record.size or _LOT_BYTES if isinstance(record, Thing) else record.bytes for record in records)
    return sum(sizes) + count * (64 << 10)


def is_frames(record: Record | Thing) -> bool:
    """Whether a thing is the frames of one item."""
    return record.form is not Form.FILE if isinstance(record, Thing) else record.stage is Stage.FRAMES
