"""One line of a journal, as a value and as the bytes that stand in the file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from avakit.errors import Status
from avakit.layout import unpacked_frames
from avakit.model import Packing, Stage

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
#: The reason of a removal that was found, not made: it is gone from the disk, and missed until it has been made again.
VANISHED = "vanished"


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
        return self.status in PRESENT and bool(self.path)

    @property
    def packing(self) -> Packing:
        """How frames are kept; of anything else it says nothing."""
        is_tar = self.stage is Stage.FRAMES and self.path != unpacked_frames(self.path)
        return Packing.TAR if is_tar else Packing.FOLDER


#: Statuses that put a thing there.
PRESENT = frozenset({Status.DONE.value, Status.SHORT.value})
_FIELDS = frozenset(f.name for f in fields(Record))
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def to_line(record: Record) -> bytes:
    """Return a record as its line, without the line end; what is empty is left out."""
    content = {name: value for name, value in vars(record).items() if value not in ("", 0, {})}
    return dumped(content | {"schema": SCHEMA}, record.time)


def dumped(content: Mapping[str, Any], time: str) -> bytes:
    """Return the text of a line: its fields sorted, but the time last, where it is found without reading the rest."""
    rest = {name: value for name, value in content.items() if name != "time"}
    return f"{_encode(rest)[:-1]},{_encode({'time': time})[1:]}".encode()


# A line is often asked for several times in a row.
@lru_cache(maxsize=1024)
def to_record(line: bytes) -> Record:
    """Return the record of a line that was found to be one."""
    content = json.loads(line)
    content["stage"] = Stage(content["stage"])
    return Record(**{name: value for name, value in content.items() if name in _FIELDS})
