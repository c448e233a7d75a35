"""Text files with rows, read into tables: fast where every line is as it should be, line by line where one is not."""

import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.datasets.tables import NUMBERS, Table
from avakit.datasets.textfile import BOM, count_columns, is_open, quote
from avakit.errors import DataInvalid

if TYPE_CHECKING:
    import pandas as pd

_SURPLUS = "surplus"


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

    Lines that are no such rows are noted in `lost`: `Table.finish` names them with all other problems.
    """
    import pandas as pd

    start = head[0] or (len(BOM) if data.startswith(BOM) else 0)
    table = Table(path, data, start, head[1], separator, tuple(columns), pd.DataFrame())
    allowed = frozenset(counts) or frozenset([len(columns)])
    is_plain = allowed == {len(columns)}
    rows = _parse_numbers(table, has_many_ids=has_many_ids) if is_plain else None
    if rows is None:
        rows = _parse_texts(table, data[start:])
        if rows is None or not is_plain or _has_odd_rows(rows, columns):
            rows = _parse_without_odd_rows(table, allowed)
    if b'"' in data and len(table.line_numbers()) != len(rows):
        rows = _parse_without_odd_rows(table, allowed)
    table.rows = rows[list(columns)]
    return table


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
    """Read the rows that have as many columns as they should; the others are noted as lost."""
    table.lost.update(_wrong_lines(table, allowed))
    kept = "\n".join(text for number, text in table.numbered() if number not in table.lost)
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


def _wrong_lines(table: Table, allowed: Collection[int]) -> Iterator[tuple[int, str]]:
    wanted = " or ".join(str(count) for count in sorted(allowed))
    for number, line in table.numbered():
        count = count_columns(line, table.separator)
        if count not in allowed:
            yield number, f"has {count} columns, expected {wanted}: {quote(line)}"
        elif '"' in line and is_open(line, table.separator):
            yield number, f"a quoted value runs over the end of the line: {quote(line)}"
