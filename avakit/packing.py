"""The frames of one item, in a folder or in one tar: the index of a tar, its reading and its checking.

An index is a text file in the form of NVIDIA DALI's `wds2idx`, version 1.2: a line with the version and the number
of frames, then one line each with extension, offset, size and name.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avakit import checksums
from avakit.errors import DataInvalid
from avakit.journal import Record
from avakit.layout import frame_index, frame_list, frame_times, packed_frames
from avakit.model import Packing
from avakit.tools import files, tarwriter
from avakit.tools.tarwriter import Member, Tar

_VERSION = "v1.2"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Frames:
    """The frames of one item, to be read one by one; can be pickled, and read by many at once.

    Attributes
    ----------
    names
        Their file names, in the order of their numbers.
    """

    names: tuple[str, ...]
    _path: Path
    _members: Mapping[str, Member] | None = field(repr=False)

    def read(self, name: str) -> bytes:
        """Return the bytes of a frame.

        Raises
        ------
        FileNotFoundError
            If there is no frame of this name.
        DataInvalid
            If the tar is cut off before its end.
        """
        if self._members is None:
            return (self._path / name).read_bytes()
        member = self._members.get(name)
        if member is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self._path}/{name}")
        with self._path.open("rb", buffering=0) as stream:
            stream.seek(member.offset)
            data = stream.read(member.size)
        if len(data) < member.size:
            raise DataInvalid(f"{self._path}: cut off in {name}; `avakit verify --repair` makes it again")
        return data


def open_frames(root: Path, folder: str) -> Frames:
    """Return the frames of one item, whether they lie in their folder or in its tar.

    Parameters
    ----------
    root
        The data root.
    folder
        The frame folder, relative to the root: `ava/rawframes/-5KQ66BBWC4`.

    Raises
    ------
    FileNotFoundError
        If there is neither the folder nor the tar with its index.
    DataInvalid
        If the index is none.
    """
    if (root / folder).is_dir():
        return Frames(tuple(in_order(path.name for path in (root / folder).iterdir())), root / folder, None)
    members = {file_name(member.name): member for member in read_index(root / frame_index(folder))}
    return Frames(tuple(members), root / packed_frames(folder), members)


def in_order(names: Iterable[str]) -> list[str]:
    """Sort the file names of frames by their numbers: those from 100 000 on are longer."""
    return sorted(names, key=lambda name: (len(name), name))


def file_name(path: str) -> str:
    """Return the plain name of a path."""
    return path.rpartition("/")[2]


def index_text(members: Sequence[Member]) -> str:
    """Return the index of a tar."""
    lines = (f"{file_name(m.name).partition('.')[2]} {m.offset} {m.size} {m.name}\n" for m in members)
    return f"{_VERSION} {len(members)}\n" + "".join(lines)


def read_index(path: Path) -> list[Member]:
    """Read the index of a tar.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    DataInvalid
        If it is none.
    """
    first, *rows = path.read_text(errors="replace").removesuffix("\n").split("\n")
    try:
        members = [_member(row) for row in rows]
    except ValueError as error:
        raise DataInvalid(f"{path}: not the index of a tar: {error}") from error
    if first != f"{_VERSION} {len(members)}":
        raise DataInvalid(f"{path}: not the index of a tar, or not a whole one: it begins with {first[:40]!r}")
    return members


def _member(row: str) -> Member:
    _, offset, size, name = row.split(" ")
    return Member(name, int(offset), int(size))


def restore_index(root: Path, record: Record) -> bool:
    """Write the index of a tar again from the tar itself; return whether it is the recorded one, and so is there."""
    try:
        text = index_text(tarwriter.members_of(root / record.path)).encode()
    except (OSError, ValueError):
        return False
    if hashlib.sha256(text).hexdigest() != record.facts["pack"]["index"]:
        return False
    files.write_atomically(root / frame_index(record.path), text)
    return True


def facts(tar: Tar, list_sha256: str, frame_bytes: int) -> dict[str, Any]:
    """Return what a record keeps of a tar beside its own size and digest: all that the folder's record would say."""
    index = hashlib.sha256(index_text(tar.members).encode()).hexdigest()
    return {"pack": {"bytes": frame_bytes, "list": list_sha256, "index": index}}


def checked(record: Record) -> dict[str, str]:
    """Return the digest of each file that a record of frames vouches for, by path.

    Of a folder these are its list, which vouches for each frame, and what its frames show.
    """
    times = record.facts.get("timing", {}).get("times_sha256")  # the first records had none
    beside = {frame_times(record.path): times} if times else {}
    if record.packing is Packing.FOLDER:
        return {frame_list(record.path): record.sha256, **beside}
    pack = record.facts["pack"]
    return {
        record.path: record.sha256, frame_list(record.path): pack["list"], frame_index(record.path): pack["index"],
        **beside,
    }  # fmt: skip


def listed(root: Path, path: str) -> dict[str, str]:
    """Return the digest of each frame by its file name, as the list of a frame folder or its tar has it.

    Raises
    ------
    ValueError
        If the list is none.
    """
    return {file_name(name): digest for name, digest in checksums.parse((root / frame_list(path)).read_text())}


@dataclass(frozen=True)
class Examined:
    """What a look at every byte of a tar has found: its digest, and a sentence for each thing that is wrong."""

    sha256: str
    troubles: tuple[str, ...]


def examine(
    path: Path, members: Sequence[Member], digests: Mapping[str, str], take: Callable[[str, bytes], None] | None = None
) -> Examined:
    """Compare a tar with its index and its list, in one pass.

    Parameters
    ----------
    members
        Of the index.
    digests
        Of the list: by file name.
    take
        Called with the name and the bytes of each frame that is as listed, in their order.

    Raises
    ------
    OSError
        If it can't be read.
    """
    whole = hashlib.sha256()
    troubles: list[str] = []
    with path.open("rb", buffering=_CHUNK) as stream:
        for number, member in enumerate(members):
            size = tarwriter.BLOCK + member.end - member.offset
            block = stream.read(size)
            whole.update(block)
            if len(block) < size:
                troubles.append(_cut_off(member, len(members) - number))
                break
            data = block[tarwriter.BLOCK : tarwriter.BLOCK + member.size]
            wrong = _compare(member, block, data, digests.get(file_name(member.name), ""))
            if wrong:
                troubles.append(f"{member.name}: {', '.join(wrong)}")
            elif take is not None:
                take(file_name(member.name), data)
        expected = tarwriter.ending(tarwriter.end_of(members))
        rest = stream.read(len(expected))
        whole.update(rest)
        if rest != expected and not troubles:
            troubles.append("the zeros at its end differ")
        more = 0
        while chunk := stream.read(_CHUNK):
            whole.update(chunk)
            more += len(chunk)
    if more:
        troubles.append(f"{more} bytes follow its end")
    return Examined(whole.hexdigest(), tuple(troubles))


def _cut_off(member: Member, left: int) -> str:
    others = f", and {left - 1} after it are gone" if left > 1 else ""
    return f"it is cut off in {member.name}{others}"


def _compare(member: Member, block: bytes, data: bytes, recorded: str) -> list[str]:
    """Return what is wrong with one member: its header, its bytes, or the zeros behind them."""
    wrong = []
    if block[: tarwriter.BLOCK] != tarwriter.header(member.name, member.size):
        wrong.append("its header differs")
    found = hashlib.sha256(data).hexdigest()
    if found != recorded:
        wrong.append(f"sha256 {found[:12]}…, recorded {recorded[:12]}…")
    if any(block[tarwriter.BLOCK + member.size :]):
        wrong.append("the zeros behind it differ")
    return wrong
