"""Reader of the annotation files of Kinetics."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.datasets import tables
from avakit.errors import DataInvalid
from avakit.layout import class_folder
from avakit.model import Split

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_NAMES = {"youtube_id": "video_id", "time_start": "start", "time_end": "end", "label": "label", "split": "split"}
_SPLITS = {"train": Split.TRAIN, "val": Split.VAL, "validate": Split.VAL, "test": Split.TEST}


def read_kinetics(path: Path) -> "pd.DataFrame":
    """Read a labels file of Kinetics: one row per clip, columns found by their names in the header.

    Rows that say the same twice are taken once.

    Returns
    -------
    pandas.DataFrame
        `label` str (empty where the file has none), `video_id` str, `start` and `end` int (float where the file
        has fractions), in seconds, `split` str (`validate` is `val`; empty where the file has none).

    Raises
    ------
    DataInvalid
        With file, line, column and value of every problem (the first twenty).
    """
    import pandas as pd

    first, rest, skipped = tables.split_first_line(tables.read_text(path))
    header = [name.strip() for name in next(csv.reader([first]), [])]
    missing = [name for name in ("youtube_id", "time_start", "time_end") if name not in header]
    if missing or len(set(header)) != len(header):
        wrong = f"no column {missing[0]!r}" if missing else "a column appears twice"
        raise DataInvalid(f"{path}, line {skipped or 1}: {wrong} in the header {tables.quote(first)}")
    table = tables.read_table(path, rest, skipped, [_NAMES.get(name, name) for name in header])
    table.check_ids()
    result = pd.DataFrame(
        {
            "label": _labels(table),
            "video_id": table.texts("video_id"),
            **_times(table),
            "split": _splits(table),
        }
    )
    table.finish()
    return _without_repeats(result, table)


def _times(table: tables.Table) -> "dict[str, np.ndarray[tuple[int], np.dtype[np.number]]]":
    start, end = table.numbers("start"), table.numbers("end")
    table.check(start >= 0, "start", "is not a number of seconds from 0")
    table.check((end > start) | ~(start >= 0), "end", "is not after the start")
    is_whole = bool(((start % 1 == 0) & (end % 1 == 0)).all())
    return {"start": start.astype("int64"), "end": end.astype("int64")} if is_whole else {"start": start, "end": end}


def _labels(table: tables.Table) -> "pd.Series[str] | str":
    if "label" not in table.rows:
        return ""
    table.check(table.where("label", _is_label), "label", "can't be the name of a class")
    folders: dict[str, str] = {}
    for label in table.rows["label"].cat.categories:
        twin = folders.setdefault(str(label).replace(" ", "_").casefold(), label)
        if twin != label:
            raise DataInvalid(
                f"{table.path}: labels {tables.quote(twin)} and {tables.quote(label)} would share one folder"
            )
    return table.texts("label")


def _is_label(text: str) -> bool:
    try:
        class_folder(text)
    except ValueError:
        return False
    return True


def _splits(table: tables.Table) -> "pd.Series[str] | str":
    if "split" not in table.rows:
        return ""
    table.check(table.where("split", _SPLITS.__contains__), "split", f"is none of {', '.join(_SPLITS)}")
    return table.texts("split").map({name: str(split) for name, split in _SPLITS.items()})


def _without_repeats(rows: "pd.DataFrame", table: tables.Table) -> "pd.DataFrame":
    clip = ["video_id", "start", "end", "split"]
    if not rows.duplicated(clip).any():
        return rows
    rows = rows.drop_duplicates()
    conflicts = rows.index[rows.duplicated(clip)]
    places = table.line_numbers() if len(conflicts) else []
    tables.refuse(
        table.path,
        [(places[row], f"video_id {rows['video_id'][row]!r}: this clip has two labels") for row in conflicts],
    )
    return rows.reset_index(drop=True)
