"""Readers of AVA's annotation files."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from avakit.datasets import headers, tables, textfile
from avakit.datasets.repeats import hashes, repeats, shared
from avakit.model import Span

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from avakit.datasets.repeats import Hashes

BOX = ("x1", "y1", "x2", "y2")
COLUMNS = ("video_id", "timestamp", *BOX, "action_id", "person_id")


def read_ava(
    path: Path,
    columns: Literal[7, 8] = 8,
    *,
    span: Span | None = None,
    actions: Collection[int] | None = None,
    strict: bool = False,
) -> "pd.DataFrame":
    """Read a labels file of AVA: one row per person and action.

    Commas or tabs, padded or plain timestamps, a byte-order mark, any line ends and blank lines are taken. By a
    header, which official files lack, columns are found in any order, and others passed over (a copy of v1.0 has
    `status`).

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
    strict
        Refuse rows that repeat or contradict an earlier one, too.

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
    import pandas as pd

    table = _open(path, COLUMNS[:columns])
    table.check_ids()
    result: dict[str, Any] = {"timestamp": whole_seconds(table, span), **boxes(table)}
    result["action_id"] = action_ids(table, actions)
    person = person_ids(table) if columns == len(COLUMNS) else None
    if strict:
        check_rows(table, result, person)
    keep = table.finish()
    whole = {"timestamp": "int64", "action_id": "int64"}
    # What was read as whole numbers needs no way back from fractions.
    result |= {name: table.rows[name].to_numpy() for name in whole if table.rows[name].dtype == "int64"}
    frame = pd.DataFrame({"video_id": table.texts("video_id"), **result}, copy=False)
    frame["person_id"] = nullable(person, len(frame))
    return (frame if keep is None else frame[keep].reset_index(drop=True)).astype(whole)


def _open(path: Path, names: Sequence[str]) -> tables.Table:
    """Read the table; rows of v1.0 may have a status without a header that says so."""
    data = textfile.read_data(path)
    _, cells = headers.split(textfile.split_first_line(data)[0])
    has_status = len(cells) == len(names) + 1 == len(COLUMNS) and _is_status(cells[-1])
    if not has_status or headers.is_header(cells):
        return headers.open_table(path, data, names)
    table = headers.open_table(path, data, [*names, "status"])
    table.check(table.where("status", _is_status), "status", "is a number or nothing, so no status of this row")
    return table


def _is_status(text: str) -> bool:
    return bool(text.strip()) and not tables.is_number(text)


def boxes(table: tables.Table, *, but: "tables.Mask | None" = None) -> "dict[str, tables.Numbers]":
    """Return the four columns of a box, each checked; rows of `but` have none."""
    found = {column: table.numbers(column) for column in BOX}
    for column, values in found.items():
        # Not the negation of "outside": a NaN is neither below 0 nor above 1.
        good = (values >= 0) & (values <= 1)
        table.check(good if but is None else good | but, column, "is not between 0 and 1")
    for low, high in (("x1", "x2"), ("y1", "y2")):
        table.check(~(found[low] > found[high]), low, f"is greater than {high}")
    return found


def action_ids(
    table: tables.Table, actions: Collection[int] | None, *, but: "tables.Mask | None" = None
) -> "tables.Numbers":
    """Return the column of action ids, checked; rows of `but` have none."""
    import numpy as np

    values = table.numbers("action_id")
    if actions is None:
        good, fault = (values >= 1) & (values % 1 == 0), "is not a whole number from 1"
    else:
        is_known = np.zeros(max(actions, default=0) + 1, dtype=bool)
        is_known[list(actions)] = True
        inside = (values >= 0) & (values < len(is_known))
        numbers = np.where(inside, values, 0).astype(np.intp)
        good = inside & is_known[numbers] & (numbers == values)
        fault = "is not in the label map"
    table.check(good if but is None else good | but, "action_id", fault)
    return values


def person_ids(table: tables.Table, *, but: "tables.Mask | None" = None) -> "tables.Numbers":
    """Return the column of person ids, checked; rows of `but` have none."""
    values = table.numbers("person_id")
    good = (values >= 0) & (values % 1 == 0)
    table.check(good if but is None else good | but, "person_id", "is not a whole number")
    return values


def whole_seconds(table: tables.Table, span: Span | None) -> "tables.Numbers":
    """Return the column of whole seconds, checked."""
    values = table.numbers("timestamp")
    good = (values >= 0) & (values % 1 == 0)
    table.check(good, "timestamp", "is not a whole number of seconds")
    if span is not None:
        inside = (values >= float(span.start)) & (values < float(span.end))
        table.check(inside | ~good, "timestamp", _outside(span))
    return values


def nullable(values: "tables.Numbers | None", count: int) -> "pd.api.extensions.ExtensionArray":
    """Return whole numbers as Int64, with what is NaN (or everything, for None) missing."""
    import numpy as np
    import pandas as pd

    if values is None:
        return pd.array(np.full(count, np.nan), dtype="Int64")
    is_missing = np.isnan(values)
    return pd.arrays.IntegerArray(np.where(is_missing, 0, values).astype(np.int64), is_missing)


def check_rows(table: tables.Table, found: "dict[str, np.ndarray[Any, Any]]", person: "tables.Numbers | None") -> None:
    """Note rows that say the same twice, give a person two boxes at one instant, or a box's action to two persons."""
    key, box = [table.codes("video_id"), found["timestamp"]], [found[name] for name in BOX]
    table.check_case("video_id")
    boxed = hashes([*key, *box])
    said = [*key, *box, found["action_id"]]
    is_said_new = ~repeats(said, hashes([found["action_id"]], boxed))
    if not is_said_new.all():
        everything = said if person is None else [*said, person]
        table.check_first(everything, "video_id", "repeats the row in line")
        if person is not None:
            fault = "is a second person with the box, second and action of line"
            table.check_first(said, "person_id", fault, only=~repeats(everything) & (person >= 0))
    if person is not None:
        _check_boxes(table, [*key, person], box, boxed)


def _check_boxes(table: tables.Table, key: "Sequence[Any]", box: "Sequence[Any]", boxed: "Hashes") -> None:
    """Note where a person's box is another than in the first row of that person and instant."""
    import numpy as np

    # Of the rows that follow each other with one person and box, the first is enough: far fewer are left.
    mixed = hashes(key[-1:], boxed)
    rows = np.flatnonzero(np.concatenate([[True], mixed[1:] != mixed[:-1]])) if len(mixed) else np.empty(0, np.intp)
    rows = rows[shared(hashes([column[rows] for column in key]))]
    key, box = [column[rows] for column in key], [column[rows] for column in box]
    second = ~repeats([*key, *box]) & repeats(key) & ~np.isnan(box[0]) if len(rows) else np.empty(0, bool)
    is_good = np.ones(len(boxed), dtype=bool)
    is_good[rows[second]] = False
    table.check(is_good, "person_id", "contradicts an earlier row: this person has two boxes in this second")


def read_excluded(path: Path, *, span: Span | None = None, strict: bool = False) -> "pd.DataFrame":
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

    table = headers.open_table(path, textfile.read_data(path), ["video_id", "timestamp"])
    table.check_ids()
    seconds = whole_seconds(table, span)
    if strict:
        table.check_first([table.codes("video_id"), seconds], "timestamp", "repeats the row in line")
    keep = table.finish()
    frame = pd.DataFrame({"video_id": table.texts("video_id"), "timestamp": seconds})
    return (frame if keep is None else frame[keep].reset_index(drop=True)).astype({"timestamp": "int64"})


def read_included(path: Path, *, span: Span | None = None, strict: bool = False) -> list[int]:
    """Read the list of annotated seconds, one a line; raises `DataInvalid` with every line that is none.

    So is one outside the `span`, and, if `strict`, one that repeats an earlier line.
    """
    seconds: dict[int, int] = {}
    problems = []
    for number, line in textfile.lines(path):
        if not (line.isascii() and line.isdigit() and len(line) <= 9):  # noqa: PLR2004 - thirty years
            problems.append((number, f"timestamp {textfile.quote(line)} is not a whole number of seconds"))
        elif span is not None and not span.start <= int(line) < span.end:
            problems.append((number, f"timestamp {textfile.quote(line)} {_outside(span)}"))
        elif seconds.setdefault(int(line), number) != number and strict:
            first = seconds[int(line)]
            problems.append((number, f"timestamp {textfile.quote(line)} repeats the one in line {first}"))
    textfile.refuse_lines(path, problems)
    return list(seconds)


def _outside(span: Span) -> str:
    return f"is outside the annotated seconds {span.start} to below {span.end}"
