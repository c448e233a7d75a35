"""Text files with rows: read as text, checked as columns, and every bad line named at once."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.datasets import rejects
from avakit.datasets.repeats import repeats
from avakit.datasets.textfile import BOM, LINE_END, count_columns, id_problem, quote
from avakit.errors import DataInvalid

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Numbers = np.ndarray[Any, np.dtype[np.float64]]

_NUMBER = re.compile(r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*")
_IDS = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_SURPLUS = "surplus"
#: Columns that hold numbers, in every form.
NUMBERS = frozenset({"timestamp", "x1", "y1", "x2", "y2", "action_id", "person_id", "start", "end"})
#: What is wrong with a value: a sentence, or what makes one of the value.
Fault = str | Callable[[str], str | None]


@dataclass
class Table:
    """The rows of a file as categories of text, and what is wrong with them.

    A column of a million rows holds few different texts, so each text is judged once.

    Attributes
    ----------
    path
        The file.
    data, start
        Its bytes, and where in them the rows begin (after a header).
    first_line
        How many lines precede the rows.
    separator
        What stands between the columns.
    columns
        The names of the columns.
    rows
        The columns by name: numbers as such where all of them are, else categories of text.
    lost
        What is wrong with the lines that are no rows, where they are left out.
    """

    path: Path
    data: bytes
    start: int
    first_line: int
    separator: str
    columns: tuple[str, ...]
    rows: "pd.DataFrame"
    lost: dict[int, str] = field(default_factory=dict)
    _problems: list[tuple[int, str, Fault]] = field(default_factory=list)

    def texts(self, column: str) -> "pd.Series[str]":
        """Return a column as plain text."""
        return self.rows[column].astype(str)

    def codes(self, column: str) -> "np.ndarray[Any, Any]":
        """Return a number for each row that is the same where the text is: a category, or a hash of 64 bits."""
        import pandas as pd

        texts = self.rows[column]
        if texts.dtype == "category":
            return texts.cat.codes.to_numpy()
        return pd.util.hash_array(texts.to_numpy(dtype=object), categorize=False)

    def numbers(self, column: str) -> "Numbers":
        """Return a column as float64; what is no finite number becomes NaN."""
        import numpy as np

        values: Numbers
        if self.rows[column].dtype != "category":
            values = self.rows[column].to_numpy().astype(np.float64)
            return values if np.isfinite(values).all() else np.where(np.isfinite(values), values, np.nan)
        texts = (str(text) for text in self.rows[column].cat.categories)
        values = np.array([*(float(text) if _NUMBER.fullmatch(text) else np.nan for text in texts), np.nan])
        values[~np.isfinite(values)] = np.nan
        numbers: Numbers = values[self.codes(column)]
        return numbers

    def where(self, column: str, is_good: Callable[[str], bool]) -> "Mask":
        """Return which rows hold a text of which `is_good` is true; asked once per different text."""
        import numpy as np

        texts = self.rows[column]
        if texts.dtype != "category":
            return np.fromiter(map(is_good, texts), dtype=bool, count=len(texts))
        values = [is_good(text) for text in texts.cat.categories]
        mask: Mask = np.array([*values, False], dtype=bool)[self.codes(column)]
        return mask

    def check(self, is_good: "Mask", column: str, fault: Fault) -> None:
        """Note every row where `is_good` is false as `<column> '<value>' <fault>`."""
        import numpy as np

        if not is_good.all():
            self._problems += [(int(row), column, fault) for row in np.flatnonzero(~is_good)]

    def check_ids(self) -> None:
        """Note every row whose `video_id` is none."""
        texts = self.rows["video_id"]
        different = (texts.cat.categories if texts.dtype == "category" else texts).to_numpy(dtype=object)
        if set(map(len, different)) - {11} or not _IDS.fullmatch("".join(different)):
            self.check(self.where("video_id", lambda text: id_problem(text) is None), "video_id", id_problem)

    def check_first(self, keys: "Sequence[np.ndarray[Any, Any]]", column: str, fault: str) -> None:
        """Note every row that has the same keys as an earlier one: `fault` is followed by that one's line."""
        import numpy as np
        import pandas as pd

        again = repeats(keys)
        if not again.any():
            return
        frame = pd.DataFrame(dict(enumerate(keys)))
        groups = frame.groupby(list(frame.columns), sort=False, dropna=False).ngroup().to_numpy()
        first = np.full(int(groups.max()) + 1, len(groups))
        np.minimum.at(first, groups, np.arange(len(groups)))
        places = self.line_numbers()
        self._problems += [(int(row), column, f"{fault} {places[first[groups[row]]]}") for row in np.flatnonzero(again)]

    def finish(self) -> "Mask | None":
        """Raise `DataInvalid`, with file and line of each, if anything was noted.

        Returns
        -------
        numpy.ndarray or None
            Which rows to keep, where bad ones are left out; None for all.
        """
        import numpy as np

        if not self._problems and not self.lost:
            return None
        numbered = list(_numbered(self))
        kept = [entry for entry in numbered if entry[0] not in self.lost]
        noted = [(kept[row][0], self._say(kept[row][1], column, fault)) for row, column, fault in self._problems]
        rejects.refuse(self.path, [*self.lost.items(), *noted], lambda line: dict(numbered).get(line, ""))
        keep = np.ones(len(self.rows), dtype=bool)
        keep[[row for row, _, _ in self._problems]] = False
        return keep

    @property
    def counts(self) -> list[int]:
        """How many columns each row has, where it may have fewer than all."""
        return [count_columns(line, self.separator) for number, line in _numbered(self) if number not in self.lost]

    def line_numbers(self) -> list[int]:
        """Return the line in the file of each row."""
        return [number for number, _ in _numbered(self) if number not in self.lost]

    def _say(self, line: str, column: str, fault: Fault) -> str:
        cells = next(csv.reader([line], delimiter=self.separator))
        place = self.columns.index(column)
        value = cells[place] if place < len(cells) else ""
        return f"{column} {quote(value)} {fault(value) if callable(fault) else fault}"


def read_table(
    path: Path,
    data: bytes,
    columns: Sequence[str],
    *,
    head: tuple[int, int] = (0, 0),
    separator: str = ",",
    counts: Collection[int] = (),
    has_many_ids: bool = False,
) -> Table:
    """Read rows of exactly these columns (or of so many of them as `counts` says); blank lines are passed over.

    Parameters
    ----------
    path, data
        The file, and its bytes.
    columns
        What stands in them; those of `NUMBERS` are numbers.
    head
        Where in the bytes the rows begin, and how many lines precede them.
    has_many_ids
        Whether nearly every row has an id of its own.

    Raises
    ------
    DataInvalid
        With each line that has another number of columns.
    """
    import pandas as pd

    start = head[0] or (len(BOM) if data.startswith(BOM) else 0)
    table = Table(path, data, start, head[1], separator, tuple(columns), pd.DataFrame())
    allowed = frozenset(counts) or frozenset([len(columns)])
    rows = _parse_numbers(table, has_many_ids=has_many_ids) if len(allowed) == 1 else None
    if rows is None:
        rows = _parse_texts(table, data[start:])
        if rows is None or len(allowed) > 1 or _has_odd_rows(rows, columns):
            rows = _parse_without_odd_rows(table, allowed)
    table.rows = rows[list(columns)]
    return _without_open_quotes(table)


def _parse_numbers(table: Table, *, has_many_ids: bool) -> "pd.DataFrame | None":
    """Return the rows if every line has its columns, and every number is one: the common case, and a fast one."""
    import pandas as pd

    texts = {name: "category" for name in table.columns if name not in NUMBERS}
    if has_many_ids:
        texts["video_id"] = "str"
    stream = io.BytesIO(table.data)
    stream.seek(table.start)
    try:
        rows = pd.read_csv(
            stream, sep=table.separator, header=None, names=list(table.columns), dtype=texts, na_filter=False
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError):
        return None
    are_numbers = all(rows[name].dtype in ("int64", "float64") for name in table.columns if name in NUMBERS)
    is_sound = are_numbers and isinstance(rows.index, pd.RangeIndex) and _are_texts(rows[list(texts)])
    last = table.columns[-1]
    return rows if is_sound and (last not in texts or not (rows[last] == "").any()) else None


def _are_texts(rows: "pd.DataFrame") -> bool:
    import pandas as pd

    return all(
        pd.api.types.is_string_dtype(rows[name].cat.categories.dtype) for name in rows if rows[name].dtype == "category"
    )


def _parse_texts(table: Table, data: bytes) -> "pd.DataFrame | None":
    """Return the rows as the texts that they are, or None where pandas can't tell them apart."""
    import pandas as pd

    names = [*table.columns, _SURPLUS]
    try:
        rows = pd.read_csv(io.BytesIO(data), sep=table.separator, header=None, names=names, dtype=str, na_filter=False)
    except pd.errors.EmptyDataError:
        rows = pd.DataFrame(columns=names, dtype=str)
    except pd.errors.ParserError:
        return None
    return rows.astype("category")


def _parse_without_odd_rows(table: Table, allowed: Collection[int]) -> "pd.DataFrame":
    """Read the rows that have as many columns as they should; refuse the others, or leave them out."""
    table.lost.update(_wrong_counts(table, allowed))
    if table.lost and not rejects.are_left_out():
        table.finish()
    kept = "\n".join(text for number, text in _numbered(table) if number not in table.lost)
    rows = _parse_texts(table, kept.encode())
    if rows is None:
        raise DataInvalid(f"{table.path}: can't be read as a table of {len(table.columns)} columns")
    return rows


def _has_odd_rows(rows: "pd.DataFrame", columns: Sequence[str]) -> bool:
    """Whether some row may have another number of columns than it should."""
    import pandas as pd

    # pandas takes surplus columns of the first row for an index.
    is_surplus = not isinstance(rows.index, pd.RangeIndex) or (rows[_SURPLUS] != "").any()
    return bool(is_surplus or (rows[columns[-1]] == "").any())


def _wrong_counts(table: Table, allowed: Collection[int]) -> Iterator[tuple[int, str]]:
    wanted = " or ".join(str(count) for count in sorted(allowed))
    for number, line in _numbered(table):
        count = count_columns(line, table.separator)
        if count not in allowed:
            yield number, f"has {count} columns, expected {wanted}: {quote(line)}"


def _without_open_quotes(table: Table) -> Table:
    if b'"' not in table.data:
        return table
    numbered = [entry for entry in _numbered(table) if entry[0] not in table.lost]
    if len(numbered) != len(table.rows):
        line = next((number for number, line in numbered if line.count('"') % 2), table.first_line + 1)
        raise DataInvalid(f"{table.path}, line {line}: a quoted value runs over the end of the line")
    return table


def _numbered(table: Table) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines that are rows to pandas, which takes only blanks and tabs for nothing."""
    blank = " \t".replace(table.separator, "")
    for number, line in enumerate(LINE_END.split(table.data[table.start :].decode()), table.first_line + 1):
        if line.strip(blank):
            yield number, line
