"""Readers of AVA's annotation files."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from avakit.datasets import tables
from avakit.model import Span

if TYPE_CHECKING:
    import pandas as pd

_BOX = ("x1", "y1", "x2", "y2")
_COLUMNS = ("video_id", "timestamp", *_BOX, "action_id", "person_id")


def read_ava(
    path: Path,
    columns: Literal[7, 8] = 8,
    *,
    span: Span | None = None,
    actions: Collection[int] | None = None,
) -> "pd.DataFrame":
    """Read a labels file of AVA: one row per person and action.

    Commas or tabs, padded or plain timestamps, a byte-order mark, any line ends and blank lines are taken. A
    header, which official files lack, may add columns after those of the version (a copy of v1.0 has `status`).

    Parameters
    ----------
    path
        The file.
    columns
        7 without person id (v1.0), 8 with it. The version decides, not the file.
    span
        Timestamps outside this span are refused.
    actions
        Action ids that exist; all others are refused.

    Returns
    -------
    pandas.DataFrame
        `video_id` str, `timestamp` int (seconds), `x1 y1 x2 y2` float (0 to 1), `action_id` int,
        `person_id` Int64 (missing in the 7-column form).

    Raises
    ------
    DataInvalid
        With file, line, column and value of every problem (the first twenty).
    """
    import numpy as np
    import pandas as pd

    names = list(_COLUMNS[:columns])
    text = tables.read_text(path)
    first, rest, skipped = tables.split_first_line(text)
    separator = "\t" if "\t" in first and "," not in first else ","
    header = first.split(separator)
    if header[0].strip().strip('"') == "video_id":
        names += header[columns:]
        table = tables.read_table(path, rest, skipped, names, separator)
    else:
        table = tables.read_table(path, text, 0, names, separator)
    table.check_ids()
    result = {
        "video_id": table.texts("video_id"),
        "timestamp": _whole(table, "timestamp", span),
        **_boxes(table),
        "action_id": _actions(table, actions),
    }
    person = table.numbers("person_id") if columns == len(_COLUMNS) else None
    if person is not None:
        table.check((person >= 0) & (person % 1 == 0), "person_id", "is not a whole number")
    table.finish()
    result["person_id"] = np.full(len(table.rows), np.nan) if person is None else person
    return pd.DataFrame(result).astype({"timestamp": "int64", "action_id": "int64", "person_id": "Int64"})


def _boxes(table: tables.Table) -> "dict[str, tables.Numbers]":
    boxes = {column: table.numbers(column) for column in _BOX}
    for column, values in boxes.items():
        # Not the negation of "outside": a NaN is neither below 0 nor above 1.
        table.check((values >= 0) & (values <= 1), column, "is not between 0 and 1")
    for low, high in (("x1", "x2"), ("y1", "y2")):
        table.check(~(boxes[low] > boxes[high]), low, f"is greater than {high}")
    return boxes


def _actions(table: tables.Table, actions: Collection[int] | None) -> "tables.Numbers":
    import numpy as np

    values = table.numbers("action_id")
    if actions is None:
        table.check((values >= 1) & (values % 1 == 0), "action_id", "is not a whole number from 1")
    else:
        table.check(np.isin(values, list(actions)), "action_id", "is not in the label map")
    return values


def _whole(table: tables.Table, column: str, span: Span | None) -> "tables.Numbers":
    values = table.numbers(column)
    good = (values >= 0) & (values % 1 == 0)
    table.check(good, column, "is not a whole number of seconds")
    if span is not None:
        inside = (values >= float(span.start)) & (values < float(span.end))
        where = f"is outside the annotated seconds {span.start} to {span.end}"
        table.check(inside | ~good, column, where)
    return values


def read_excluded(path: Path, *, span: Span | None = None) -> "pd.DataFrame":
    """Read a list of excluded timestamps: rows `video_id,timestamp`; it may be empty.

    Returns
    -------
    pandas.DataFrame
        `video_id` str, `timestamp` int (seconds).

    Raises
    ------
    DataInvalid
        As `read_ava` does.
    """
    import pandas as pd

    table = tables.read_table(path, tables.read_text(path), 0, ["video_id", "timestamp"])
    table.check_ids()
    seconds = _whole(table, "timestamp", span)
    table.finish()
    return pd.DataFrame({"video_id": table.texts("video_id"), "timestamp": seconds.astype("int64")})


def read_included(path: Path) -> list[int]:
    """Read the list of annotated seconds, one a line; raises `DataInvalid` with every line that is none."""
    seconds, problems = [], []
    for number, line in tables.lines(path):
        if line.isascii() and line.isdigit():
            seconds.append(int(line))
        else:
            problems.append((number, f"timestamp {tables.quote(line)} is not a whole number of seconds"))
    tables.refuse(path, problems)
    return seconds
