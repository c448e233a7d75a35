"""Reader of AVA-Kinetics, and the join of its key frames with the clips of Kinetics-700 that they stand in."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from avakit.datasets import ava, headers, tables, textfile
from avakit.model import Span

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: Columns of a row that names a key frame with nobody in it.
_ALONE = 2


def read_ava_kinetics(
    path: Path,
    columns: Literal[7, 8] = 8,
    *,
    span: Span | None = None,
    actions: Collection[int] | None = None,
    strict: bool = False,
) -> "pd.DataFrame":
    """Read a file of AVA-Kinetics: one row per person and action, or `video_id,timestamp` alone for nobody.

    Parameters
    ----------
    path
        The file.
    columns
        8 for the films of AVA: whole seconds, and person ids. 7 for the clips of Kinetics: one key frame each, at a
        fraction of a second from the start of the YouTube video, and no person ids.
    span, actions, strict
        As in `read_ava`.

    Returns
    -------
    pandas.DataFrame
        `video_id` str, `timestamp` int or (7 columns) float seconds, `x1 y1 x2 y2` float (NaN where there is
        nobody), `action_id` and `person_id` Int64 (missing there).

    Raises
    ------
    DataInvalid
        With file, line, column and value of every problem (the first twenty).
    """
    import pandas as pd

    table = headers.open_table(path, textfile.read_data(path), ava.COLUMNS[:columns], alone=_ALONE)
    table.check_ids()
    nobody = _without_box(table)
    seconds = ava.whole_seconds(table, span) if columns == len(ava.COLUMNS) else _seconds(table)
    found: dict[str, Any] = {"timestamp": seconds, **ava.boxes(table, but=nobody)}
    action = ava.action_ids(table, actions, but=nobody)
    person = ava.person_ids(table, but=nobody) if columns == len(ava.COLUMNS) else None
    if strict:
        ava.check_rows(table, {**found, "action_id": action}, person)
    keep = table.finish()
    frame = pd.DataFrame({"video_id": table.texts("video_id"), **found})
    frame["action_id"], frame["person_id"] = ava.nullable(action, len(frame)), ava.nullable(person, len(frame))
    frame = frame if keep is None else frame[keep].reset_index(drop=True)
    return frame.astype({"timestamp": "int64"}) if columns == len(ava.COLUMNS) else frame


def _without_box(table: tables.Table) -> "tables.Mask":
    """Return which rows have two columns: nothing after the timestamp, not even separators."""
    import numpy as np

    return np.array([count == _ALONE for count in table.counts], dtype=bool)


def _seconds(table: tables.Table) -> "tables.Numbers":
    values = table.numbers("timestamp")
    table.check(values >= 0, "timestamp", "is not a number of seconds from 0")
    return values


@dataclass(frozen=True)
class Joined:
    """Key frames with the clips they stand in.

    Attributes
    ----------
    rows
        One per key frame and clip: `video_id`, `timestamp`, `start`, `end`, `label`, `split`; two clips that overlap
        both hold a key frame between them.
    key_frames
        How many key frames there are.
    without_clip
        The key frames that no clip holds: `video_id`, `timestamp`.
    """

    rows: "pd.DataFrame"
    key_frames: int
    without_clip: "pd.DataFrame"

    @property
    def with_two_clips(self) -> int:
        """How many key frames more than one clip holds."""
        return int(self.rows.duplicated(["video_id", "timestamp"]).sum())


def join(rows: "pd.DataFrame", clips: "pd.DataFrame") -> Joined:
    """Find for each key frame the clips of Kinetics-700 with `start <= timestamp <= end`, both ends included.

    Of the test key frames, 18 lie on the start of their clip and 10 on its end.
    """
    keys = rows[["video_id", "timestamp"]].drop_duplicates(ignore_index=True)
    both = keys.merge(clips[["video_id", "start", "end", "label", "split"]], on="video_id", how="left")
    inside = both[(both["start"] <= both["timestamp"]) & (both["timestamp"] <= both["end"])]
    held = inside[["video_id", "timestamp"]].drop_duplicates()
    marked = keys.merge(held, how="left", indicator=True)
    lonely: np.ndarray[Any, Any] = (marked["_merge"] == "left_only").to_numpy()
    return Joined(inside.reset_index(drop=True), len(keys), keys[lonely].reset_index(drop=True))
