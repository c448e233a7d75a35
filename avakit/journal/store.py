"""The files of a root's journals: one a process, read together."""

import errno
import os
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from avakit.errors import DataInvalid
from avakit.journal.record import REMOVED, Record, to_line
from avakit.journal.reduction import NewerSchema, Reduction
from avakit.journal.state import State, state_of
from avakit.layout import JOURNAL
from avakit.tools import appending, files, plainfile

#: How often files are listed. One that is never there then is no file that was compacted meanwhile; where new ones
#: are begun even then, the old have been read.
_TRIES, _TRY_SECONDS = 20, 0.05
_GONE = frozenset({errno.ENOENT, errno.ESTALE})
_TICK = timedelta(microseconds=1)


class _Clock:
    """Tells each instant once, as records hold it, and later than what it has seen."""

    def __init__(self) -> None:
        self._last = ""

    def tell(self, after: str) -> str:
        present = _text(datetime.now(UTC))
        least = max(self._last, after)
        if present <= least:
            with suppress(ValueError):  # somebody wrote a time that is none
                present = _text(datetime.fromisoformat(least) + _TICK)
        self._last = present
        return present


_clock = _Clock()


def _text(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds")


def now(after: str = "") -> str:
    """Return the present instant as records hold it.

    Never one that was returned before, and never one before `after`: what a line replaces was perhaps written by a
    machine whose clock is ahead, and must be older than the line.
    """
    return _clock.tell(after)


def new_file(folder: Path) -> Path:
    """Return a fresh name for a journal of this process."""
    start = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return folder / f"{start}-{files.host()}-{os.getpid()}.jsonl"


@cache
def _own_file(root: Path, dataset: str, pid: int) -> Path:
    del pid  # a process that was forked has a file of its own
    return new_file(root / JOURNAL / dataset)


def append(root: Path, *records: Record) -> None:
    """Write records, which belong together, to this process's own journal and see them to the disk.

    A record without a time gets the present one.
    """
    lines = [to_line(record if record.time else _dated(record)) for record in records]
    appending.append_line(_own_file(root, records[0].dataset, os.getpid()), b"\n".join(lines).decode())


def _dated(record: Record) -> Record:
    return replace(record, time=now())


def removal(record: Record, reason: str) -> Record:
    """Return the record that a thing is not there any more: newer than that of the thing, whoever wrote it."""
    return Record(record.key, record.stage, record.item, record.dataset, REMOVED, reason, time=now(record.time))


def read(root: Path) -> State:
    """Read all journals of a root.

    Raises
    ------
    DataInvalid
        If a line was written by a newer avakit, or a file is no journal at all.
    """
    # The clock itself: `now` may be ahead of it, and other processes do not know by how much.
    reduction = Reduction(_text(datetime.now(UTC)))
    torn = 0
    done: set[Path] = set()
    for _ in range(_TRIES):
        missed = None
        fresh = [path for path in listed(root) if path not in done]
        for path in fresh:
            try:
                torn += read_file(path, reduction)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                missed = path  # it was compacted since it was listed, and its lines stand in a newer file
            else:
                done.add(path)
        # Listed until nothing new is there: of a file that was compacted and begun anew before it was opened,
        # the old lines stand in a file that the list did not have yet.
        if not fresh:
            return state_of(reduction, torn)
        if missed is not None:
            time.sleep(_TRY_SECONDS)
    if missed is None:  # others begin new files faster than we read
        return state_of(reduction, torn)
    raise DataInvalid(f"{missed}: is listed and can't be opened; move it away")


def listed(root: Path) -> list[Path]:
    """Return the journal files of a root."""
    return sorted(path for path in (root / JOURNAL).glob("*/*.jsonl") if not path.name.startswith("."))


def read_file(path: Path, reduction: Reduction) -> int:
    """Add the lines of one journal file; return how many were torn, as a kill leaves the last one.

    Raises
    ------
    DataInvalid
        As `read`.
    """
    add = reduction.add
    with plainfile.reading(path) as stream:
        for number, ended in enumerate(stream, 1):
            line = ended.rstrip(b"\n")
            if not line:
                continue
            try:
                add(line)
            except NewerSchema as error:
                raise DataInvalid(
                    f"{path}, line {number}: written by a newer avakit (journal schema {error}); update avakit"
                ) from error
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                if len(line) == len(ended):  # no line end: the write was cut short
                    return 1
                raise DataInvalid(
                    f"{path}, line {number}: not a journal line ({error}); move the file away, and "
                    "run the last command again: films that lie on the disk are adopted, the rest is made again"
                ) from error
    return 0
