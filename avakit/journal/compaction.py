"""Many journal files of dead processes become one that says the same, without a lock and without losing a line.

Read the files of dead processes -> publish their reduced lines in a new file -> remove the old ones. Killed anywhere,
some lines stand there twice, which means the same as once. A file that grew since it was read stays. A process
that was thought dead and goes on writing finds that its file was moved away, and writes its line once more.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from avakit.journal.reduction import Reduction, time_of
from avakit.journal.store import listed, new_file, read_file
from avakit.tools import files, leftovers, plainfile

_NAME = re.compile(r"[0-9T]+-(?P<host>[A-Za-z0-9-]+)-(?P<pid>[0-9]+)\.([0-9a-f]{8}\.aside\.)?jsonl")


@dataclass(frozen=True)
class Compacted:
    """What became of the journals of one dataset.

    Attributes
    ----------
    dataset
        The dataset.
    files
        How many files were, or would be, replaced by one; 0 if nothing would be gained.
    living
        How many were left alone, as their writers may still be at work.
    lines_before, lines_after, bytes_before, bytes_after
        Of the replaced files, and of the new one.
    torn
        Half lines that were left out.
    """

    dataset: str
    files: int
    living: int
    lines_before: int = 0
    lines_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    torn: int = 0


@dataclass(frozen=True)
class _Part:
    path: Path
    size: int


def compact(root: Path, *, dry_run: bool = False) -> Iterator[Compacted]:
    """Compact the journals of each dataset; yield what became of them.

    Parameters
    ----------
    dry_run
        Touch nothing.

    Raises
    ------
    DataInvalid
        As `read`; nothing was removed of that dataset then.
    """
    folders: dict[Path, list[Path]] = {}
    for path in listed(root):
        folders.setdefault(path.parent, []).append(path)
    for folder, paths in folders.items():
        if not dry_run:
            leftovers.sweep(folder)
        yield _compact(folder, [path for path in paths if _is_dead(path)], len(paths), dry_run=dry_run)


def _compact(folder: Path, dead: list[Path], count: int, *, dry_run: bool) -> Compacted:
    reduction, parts, torn = Reduction(), [], 0
    for path in dead:
        with suppress(FileNotFoundError):  # another compaction was faster
            size = path.stat().st_size  # what comes while it is read makes it stay
            torn += read_file(path, reduction)
            parts.append(_Part(path, size))
    lines = sorted(reduction.lines(), key=lambda line: (time_of(line), line))
    living = count - len(dead)
    if not parts or (len(parts) == 1 and len(lines) == reduction.count and not torn):
        return Compacted(folder.name, 0, living)
    if not dry_run:
        if lines:
            _publish(lines, new_file(folder))
        for part in parts:
            _remove(part)
    return Compacted(
        folder.name, len(parts), living, reduction.count, len(lines),
        sum(part.size for part in parts), sum(len(line) + 1 for line in lines), torn,
    )  # fmt: skip


def _publish(lines: list[bytes], target: Path) -> None:
    with files.partial(target) as path:
        with plainfile.create(path) as stream:
            stream.writelines(line + b"\n" for line in lines)
        files.publish(path, target)


def _is_dead(path: Path) -> bool:
    match = _NAME.fullmatch(path.name)
    # Of another name: somebody put it there.
    host, pid = (match["host"], int(match["pid"])) if match else ("", 0)
    return leftovers.is_abandoned(path, host, pid)


def _remove(part: _Part) -> None:
    """Remove a file that was read, unless it has grown since.

    It is moved aside first. Whoever has it open and writes after that notices, and writes the line once more.
    """
    stem = part.path.name.partition(".")[0]
    aside = part.path.with_name(f"{stem}.{secrets.token_hex(4)}.aside.jsonl")
    with suppress(FileNotFoundError):  # another compaction was faster
        files.rename(part.path, aside)
        if aside.stat().st_size == part.size:
            aside.unlink()
