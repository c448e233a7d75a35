"""Folders of frames that others extracted: counted, hashed, some of them decoded; nobody knows what they show."""

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit import checksums
from avakit.adopt import bringing, names
from avakit.adopt.bringing import reading
from avakit.adopt.job import AS_FOUND
from avakit.errors import MediaRejected, Status
from avakit.layout import Layout, frame_list, frame_name
from avakit.model import Clip, Video
from avakit.outcome import Made
from avakit.tools import files, intact, picture
from avakit.tools.soundness import DecodeCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from avakit.adopt.job import Job

#: Published recipes give up to two frames more than a span holds (DATASETS: 27 031 and 27 032 are in use).
MAX_MORE_FRAMES = 2
#: Far more than a picture of 8192 x 4320 takes.
MAX_FRAME_BYTES = 64 << 20
#: So many pictures of a folder are decoded, spread over all of them.
_DECODED = 16


@dataclass(frozen=True)
class Listed:
    """The frames of a folder.

    Attributes
    ----------
    files
        Their names, in the order of their numbers, which are 1, 2, 3 and so on.
    are_ours
        Whether they are named as our frames are.
    others
        What else lies in the folder.
    """

    files: tuple[str, ...]
    are_ours: bool
    others: tuple[str, ...] = ()


@dataclass
class _Sum:
    """What was read of a folder: digests by our names, bytes, and the size of the pictures."""

    digests: list[tuple[str, str]] = field(default_factory=list)
    bytes: int = 0
    size: tuple[int, int] | None = None


def expected_count(item: Video | Clip, job: "Job") -> int:
    """Return how many frames an item has by the dataset's own recipe."""
    return job.frames.frame_count(item.file_span.duration)


def listed(folder: Path, expected: int) -> Listed:
    """Read the names in a folder of frames, and check that none is missing.

    Raises
    ------
    MediaRejected
        `length` if there are more or fewer than expected, or one is missing; unsafe `symlink`.
    TransferFailed
        As `bringing.reading`.
    """
    found: dict[bool, dict[int, str]] = {True: {}, False: {}}
    others = []
    with reading(folder), os.scandir(folder) as entries:
        for entry in entries:
            numbered = names.frame_number(entry.name, folder.name)
            if numbered is None:
                others.append(entry.name)
                continue
            if not entry.is_file(follow_symlinks=False):
                raise MediaRejected(Status.UNSAFE, "symlink", f"{names.shown(entry.name)} is no plain file")
            found[numbered[1]][numbered[0]] = entry.name
    are_ours = bool(found[True])
    frames = found[are_ours]
    others += found[not are_ours].values()
    if not expected <= len(frames) <= expected + MAX_MORE_FRAMES or sorted(frames) != list(range(1, len(frames) + 1)):
        gap = next((number for number in range(1, len(frames) + 1) if number not in frames), None)
        lacks = f", and number {gap} is not among them" if gap else ""
        detail = f"{len(frames)} frames{lacks}; by the dataset's recipe there are {expected}"
        raise MediaRejected(Status.CORRUPT, "length", detail)
    return Listed(tuple(frames[number] for number in sorted(frames)), are_ours, tuple(others))


def adopt(folder: Path, item: Video | Clip, layout: Layout, job: "Job", tell: "Callable[[int, int], None]") -> Made:
    """Check, hash and publish a folder of frames: under our names, whatever they were called.

    Raises
    ------
    MediaRejected
        As `listed`; `decode`, `empty` or unsafe `size` of a picture; invalid `names` or `occupied` where something lies
        at its place that must not be changed.
    ConfigInvalid, TransferFailed
        As `bringing.link` and `bringing.reading`.
    """
    final_path = layout.frame_folder(item, job.frames)
    final = layout.absolute(final_path)
    frames = listed(folder, expected_count(item, job))
    is_there = os.path.lexists(final)
    if is_there:
        _check_place(folder, final, frames)
    with _place(final, is_there=is_there) as place:
        total, how = _read(folder, frames, place, job, tell)
        if place is not None:
            files.write_atomically(layout.absolute(frame_list(final_path)), _text(total, final_path))
            files.publish_folder(place, final)
    if is_there:
        files.write_atomically(layout.absolute(frame_list(final_path)), _text(total, final_path))
        how = "in place"
    return _made(folder, final_path, frames, total, item, how)


@contextmanager
def _place(final: Path, *, is_there: bool) -> "Iterator[Path | None]":
    """Yield an empty private folder for the frames; None where they lie at their place already."""
    if is_there:
        yield None
        return
    with files.partial(final) as place:
        place.mkdir()
        yield place


def _check_place(folder: Path, final: Path, frames: Listed) -> None:
    if final.is_symlink() or not final.is_dir() or not final.samefile(folder):
        raise bringing.occupied(final)
    if not frames.are_ours:
        detail = "they lie where ours would, under the names of SlowFast; move the folder elsewhere and adopt it there"
        raise MediaRejected(Status.INVALID, "names", detail)
    if frames.others:
        detail = f"loaders would take {names.shown(frames.others[0])} beside them for a frame; move it away"
        raise MediaRejected(Status.INVALID, "names", detail)


def _read(
    folder: Path, frames: Listed, place: Path | None, job: "Job", tell: "Callable[[int, int], None]"
) -> tuple[_Sum, str]:
    """Read each frame once: its digest, its form, and of some the picture; give it its place."""
    total, count, copied = _Sum(), len(frames.files), 0
    step = 1 if job.depth is DecodeCheck.FULL else max(1, count // _DECODED)
    for number, name in enumerate(frames.files, 1):
        source = folder / name
        before = bringing.identity(source)
        data = _bytes(source, before.bytes)
        if job.depth is not DecodeCheck.OFF and (number % step == 1 % step or number == count):
            _decode(data, name, total)
        ours = frame_name(number)
        if place is not None:
            copied += bool(bringing.link(source, place / ours, may_copy=job.may_copy))
        bringing.check_same(source, before)
        total.digests.append((ours, hashlib.sha256(data).hexdigest()))
        total.bytes += len(data)
        tell(number, count)
    return total, "copied" if copied else "linked"


def _bytes(source: Path, size: int) -> bytes:
    if size > MAX_FRAME_BYTES:
        raise MediaRejected(Status.UNSAFE, "size", f"{names.shown(source.name)} has {size} bytes")
    with reading(source):
        data = source.read_bytes()
    if not data:
        raise MediaRejected(Status.CORRUPT, "empty", f"{names.shown(source.name)} has no bytes")
    if not picture.is_whole_jpeg(data):
        raise MediaRejected(Status.CORRUPT, "decode", f"{names.shown(source.name)} is no JPEG, or not a whole one")
    return data


def _decode(data: bytes, name: str, total: _Sum) -> None:
    try:
        size = intact.picture_size(data, "jpg")
    except ValueError as error:
        raise MediaRejected(Status.CORRUPT, "decode", f"{names.shown(name)} is damaged: {error}") from error
    if total.size not in (None, size):
        detail = f"{names.shown(name)} has {size[0]}x{size[1]} pixels, and the first {total.size}"
        raise MediaRejected(Status.CORRUPT, "decode", detail)
    total.size = size


def _text(total: _Sum, folder: str) -> bytes:
    return checksums.text((f"{folder}/{name}", digest) for name, digest in total.digests).encode()


def _made(folder: Path, path: str, frames: Listed, total: _Sum, item: Video | Clip, how: str) -> Made:
    source: Mapping[str, Any] = {
        "name": "adopted", "path": names.shown(str(folder)), "how": how, "frames": names.shown(frames.files[0]),
    }  # fmt: skip
    facts = {
        "source": source, "recipe": AS_FOUND, "span": item.file_span.plain,
        "picture": {"width": total.size[0], "height": total.size[1]} if total.size else {},
    }  # fmt: skip
    digest = hashlib.sha256(_text(total, path)).hexdigest()
    return Made(path, total.bytes, digest, frames=len(frames.files), facts=facts)
