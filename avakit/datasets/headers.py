"""First lines that name the columns: found by what stands in them, understood by known names in any order."""

import csv
from collections.abc import Sequence
from pathlib import Path

from avakit.datasets.reading import read_table
from avakit.datasets.tables import Table, is_number
from avakit.datasets.textfile import id_problem, quote, split_first_line
from avakit.errors import DataInvalid

#: What copies in circulation call a column, by our name of it.
_OTHER_NAMES = {
    "video_id": ("youtube_id",),
    "timestamp": ("middle_frame_timestamp", "frame_timestamp"),
    **{name: (f"entity_box_{name}",) for name in ("x1", "y1", "x2", "y2")},
    "action_id": ("label_id",),
    "start": ("time_start", "label_start_timestamp_seconds"),
    "end": ("time_end", "label_end_timestamp_seconds"),
    **dict.fromkeys(("person_id", "label", "entity_id"), ()),
}
_KNOWN = {other: name for name, others in _OTHER_NAMES.items() for other in (name, *others)}


def open_table(path: Path, data: bytes, names: Sequence[str], *, alone: int = 0) -> Table:
    """Read a table with or without a header, its columns separated by commas or tabs.

    Parameters
    ----------
    path, data
        The file, and its bytes.
    names
        The columns, in the order that they have without a header. A header may have them in any order, and others.
    alone
        So many of the first columns may stand in a row without the others; 0 if none may.

    Raises
    ------
    DataInvalid
        If there is a header, and it does not name each column once.
    """
    first, start, skipped = split_first_line(data)
    separator, cells = split(first)
    if not is_header(cells):
        counts = {alone, len(names)} if alone else {len(names)}
        return read_table(path, data, names, separator=separator, counts=counts)
    columns = [_KNOWN.get(cell, f"column {number}") for number, cell in enumerate(cells, 1)]
    are_alone = alone and sorted(columns) == sorted(names[:alone])
    if problem := None if are_alone else _problem(columns, names):
        raise DataInvalid(f"{path}, line {skipped or 1}: the header {quote(first)} is not understood: {problem}")
    counts = {len(columns)}
    if alone and set(columns[:alone]) == set(names[:alone]):
        counts.add(alone)
    if are_alone:
        columns += names[alone:]
    # A column of another form is none that this one asks for.
    columns = [name if name in names else f"column {number}" for number, name in enumerate(columns, 1)]
    return read_table(path, data, columns, head=(start, skipped), separator=separator, counts=counts)


def split(first: str) -> tuple[str, list[str]]:
    """Return what separates the columns of a first line, and what stands in them, in small letters."""
    separator = "\t" if "\t" in first and "," not in first else ","
    return separator, [cell.strip().casefold() for cell in next(csv.reader([first], delimiter=separator), [])]


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first line names columns: a row of any form holds a number, and most begin with an id."""
    if any(map(is_number, cells)):
        return False
    return any(cell in _KNOWN for cell in cells) or (len(cells) > 1 and all(cells) and id_problem(cells[0]) is not None)


def _problem(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Return why a header is not understood, or None."""
    for name in names:
        called = " or ".join((name, *_OTHER_NAMES[name]))
        if name not in columns:
            return f"no column is called {called}"
        if columns.count(name) > 1:
            return f"more than one column is called {called}"
    if "person_id" in columns and "person_id" not in names:
        return "this form has no person_id"
    return None
