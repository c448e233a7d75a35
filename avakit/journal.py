"""What was done: one file a process, one JSON object a line, append only.

The state of a root is the union of its journals, read anew by every run. There is no shared writer, no database
on a network file system and no merge step that could be forgotten; a dead node leaves only work to be redone.

For each key (a path without its extension) the newest line that says whether something *is there* counts: a
`done` or `short` with a path puts it there, `removed` takes it away. The newest gap after that says why it can't
be had.
A torn last line, as a kill leaves it, is skipped and counted.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from avakit.errors import DataInvalid, Status
from avakit.layout import JOURNAL, unpacked_frames
from avakit.model import Packing, Stage
from avakit.tools import files, plainfile

#: Version of the line format. Readers refuse newer ones.
SCHEMA = 1
#: What a line says of a thing that was there and was taken away on purpose (dropped, quarantined, replaced).
REMOVED = "removed"
#: The reason of a removal that was asked for: the thing is not missed until something is to be made from it.
DROPPED = "dropped"
#: The reason of a line that says that a thing need not be there: of a video, that its window was fetched without it.
NOT_NEEDED = "not_needed"
#: The reason of a removal because something else takes its place.
REPLACED = "replaced"
#: The reason of a removal by `verify --repair`: the thing is missed until it has been made again.
QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Record:
    """One line of a journal.

    Attributes
    ----------
    key
        What the line is about: the path of the thing relative to the root, without its extension.
    stage, item, dataset
        The kind of thing, the video id or clip name, and the dataset of the run.
    status, reason, detail
        As in `Outcome`, or `removed`.
    path, bytes, sha256
        What was published, for `done` and `short`. Of a frame folder: its path, the bytes of all frames, and
        the digest of its frame list; of a tar of frames those of the file.
    frames
        How many frames a frame folder or a tar holds.
    seconds
        How long it took.
    facts
        Provenance: source and its reply, probe, recipe, timing, tools.
    time
        UTC, ISO 8601, microseconds.
    """

    key: str
    stage: Stage
    item: str
    dataset: str
    status: str
    reason: str = ""
    detail: str = ""
    path: str = ""
    bytes: int = 0
    sha256: str = ""
    frames: int = 0
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    time: str = ""

    @property
    def is_present(self) -> bool:
        """Whether the line says that the thing is there."""
        return self.status in (Status.DONE, Status.SHORT) and bool(self.path)

    @property
    def packing(self) -> Packing:
        """How frames are kept; of anything else it says nothing."""
        is_tar = self.stage is Stage.FRAMES and self.path != unpacked_frames(self.path)
        return Packing.TAR if is_tar else Packing.FOLDER


_FIELDS = frozenset(f.name for f in fields(Record))


@dataclass(frozen=True)
class State:
    """What all journals of a root say together.

    Attributes
    ----------
    present
        The record of each thing that is there, by key.
    gaps
        The newest record of each thing that could not be had since it was last there or taken away, by key.
    lost
        The last record of each thing that was moved to quarantine and has not been made again, by key.
    dropped
        Keys of what was removed because the user asked for it.
    spent
        The last record of each of those that were ever there, by key: what they took to make is still known.
    not_needed
        Keys of videos whose windows were fetched without them.
    torn
        Lines that could not be read, as a kill leaves them.
    met
        When each gap was met since the thing was last there or taken away: the times of its lines, the oldest
        first, by key. One attempt of one run is one line.
    """

    present: Mapping[str, Record]
    gaps: Mapping[str, Record]
    lost: Mapping[str, Record] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    spent: Mapping[str, Record] = field(default_factory=dict)
    not_needed: frozenset[str] = frozenset()
    torn: int = 0
    met: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def now() -> str:
    """Return the present instant as records hold it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@cache
def _own_file(root: Path, dataset: str, pid: int) -> Path:
    start = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return root / JOURNAL / dataset / f"{start}-{files.host()}-{pid}.jsonl"


def append(root: Path, record: Record) -> None:
    """Write a record to this process's own journal and see it to the disk."""
    content = {name: value for name, value in vars(record).items() if value not in ("", 0, {})}
    content |= {"schema": SCHEMA, "time": record.time or now()}
    line = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    files.append_line(_own_file(root, record.dataset, os.getpid()), line)


def read(root: Path) -> State:
    """Read all journals of a root.

    Raises
    ------
    DataInvalid
        If a line was written by a newer avakit, or a file is no journal at all.
    """
    torn: list[str] = []
    state = merge(_records(root, torn))
    return replace(state, torn=len(torn))


def merge(records: Iterable[Record]) -> State:
    """Reduce records, in any order, to the state they describe."""
    presence: dict[str, Record] = {}
    last_there: dict[str, Record] = {}
    gaps: dict[str, Record] = {}
    times: dict[str, list[str]] = {}
    for record in records:
        if record.is_present:
            _keep_newest(last_there, record)
        if record.is_present or record.status == REMOVED:
            _keep_newest(presence, record)
        else:
            _keep_newest(gaps, record)
            times.setdefault(record.key, []).append(record.time)
    removed = {key: record for key, record in presence.items() if not record.is_present}
    gaps = {key: gap for key, gap in gaps.items() if key not in presence or _is_newer(gap, presence[key])}
    return State(
        present={key: record for key, record in presence.items() if record.is_present},
        gaps=gaps,
        lost={key: last_there[key] for key, r in removed.items() if r.reason == QUARANTINED and key in last_there},
        dropped=frozenset(key for key, record in removed.items() if record.reason == DROPPED),
        spent={key: last_there[key] for key, r in removed.items() if r.reason == DROPPED and key in last_there},
        met={key: _since(times[key], presence.get(key)) for key in gaps},
        not_needed=frozenset(key for key, record in removed.items() if record.reason == NOT_NEEDED),
    )


def _since(times: list[str], presence: Record | None) -> tuple[str, ...]:
    # A journal that was copied within the root tells of no further attempt: each instant counts once.
    return tuple(sorted({time for time in times if presence is None or time >= presence.time}))


def _keep_newest(newest: dict[str, Record], record: Record) -> None:
    known = newest.get(record.key)
    if known is None or _is_newer(record, known):
        newest[record.key] = record


def _is_newer(record: Record, known: Record) -> bool:
    # The whole record breaks ties, so that the order of reading never matters.
    return record.time > known.time or (record.time == known.time and repr(record) > repr(known))


def _records(root: Path, torn: list[str]) -> Iterator[Record]:
    for path in sorted((root / JOURNAL).glob("*/*.jsonl")):
        lines = plainfile.read(path).split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            record = _parse(line, path, number, is_last=number == len(lines))
            if record is None:
                torn.append(f"{path}:{number}")
            else:
                yield record


def _parse(line: bytes, path: Path, number: int, *, is_last: bool) -> Record | None:
    try:
        content = json.loads(line)
        schema = content.get("schema", 0)
        if schema <= SCHEMA:
            content["stage"] = Stage(content["stage"])
            content["time"] = _text(content["time"])
            content["key"] = sys.intern(content["key"])
            return Record(**{name: value for name, value in content.items() if name in _FIELDS})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if is_last:  # no line end: the write was cut short
            return None
        raise DataInvalid(
            f"{path}, line {number}: not a journal line ({error}); move the file away, and "
            "run the last command again: films that lie on the disk are adopted, the rest is made again"
        ) from error
    raise DataInvalid(f"{path}, line {number}: written by a newer avakit (journal schema {schema}); update avakit")


def _text(value: object) -> str:
    """Return a value that is text: times are compared with each other."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
