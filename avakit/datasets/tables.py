"""Text files with rows: read as text, checked as columns, and every bad line named at once."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import DataInvalid
from avakit.model import VideoId

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Numbers = np.ndarray[Any, np.dtype[np.float64]]

#: So many problems of a file are named; the rest are counted.
NAMED_PROBLEMS = 20
_LINE_END = re.compile(r"\r\n|\r|\n")
_HTML = re.compile(r"\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_SURPLUS = "surplus"


def looks_like_html(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a web page (an error page saved as data)."""
    return _HTML.match(start[:2048].decode("utf-8-sig", errors="replace")) is not None


def read_text(path: Path) -> str:
    """Return a text file's content without a byte-order mark.

    Raises
    ------
    DataInvalid
        If it is missing, not UTF-8, holds NUL bytes, or is a web page.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataInvalid(f"{path}: is missing") from error
    if looks_like_html(data):
        raise DataInvalid(f"{path}: looks like an HTML page, not like data; fetch it again")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataInvalid(f"{path}, line {line}: is not UTF-8 text") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataInvalid(f"{path}, line {line}: holds a NUL byte")
    return text


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number (from 1) and stripped text of the lines that are not blank; raises as `read_text` does."""
    for number, line in enumerate(_LINE_END.split(read_text(path)), 1):
        if stripped := line.strip():
            yield number, stripped


def refuse(path: Path, problems: Sequence[tuple[int, str]]) -> None:
    """Raise `DataInvalid` if there are problems: (line, sentence) pairs; the first twenty are named."""
    if problems:
        named = [f"{path}, line {line}: {text}" for line, text in sorted(problems)[:NAMED_PROBLEMS]]
        more = len(problems) - len(named)
        raise DataInvalid(*named, *([f"{path}: and {more} more"] if more else []))


def quote(value: str) -> str:
    """Return a value as a message shows it: control characters escaped, not too long."""
    return repr(value if len(value) <= 60 else value[:57] + "...")  # noqa: PLR2004


def id_problem(text: str) -> str | None:
    """Return what is wrong with a video id, or None."""
    try:
        VideoId(text)
    except ValueError:
        hint = "; give only the id, not an address" if "/" in text and "youtu" in text else ""
        return f"is not a video id (11 characters from A-Z, a-z, 0-9, '_' and '-'){hint}"
    return None


def split_first_line(text: str) -> tuple[str, str, int]:
    """Return the first line that is not blank, the text after it, and how many lines that takes away."""
    match = re.match(r"[ \t\r\n]*([^\r\n]*)(\r\n|\r|\n)?", text)
    end = match.end() if match else 0
    first = match[1] if match else ""
    return first, text[end:], len(_LINE_END.findall(text[:end]))


@dataclass
class Table:
    """The rows of a file as categories of text, and what is wrong with them.

    A column of a million rows holds few different texts, so each text is judged once.

    Attributes
    ----------
    path
        The file.
    text
        Its rows, without a header.
    first_line
        How many lines precede `text` in the file.
    separator
        What stands between the columns.
    rows
        The columns by name.
    """

    path: Path
    text: str
    first_line: int
    separator: str
    rows: "pd.DataFrame"
    _problems: list[tuple[int, str]] = field(default_factory=list)

    def texts(self, column: str) -> "pd.Series[str]":
        """Return a column as plain text."""
        return self.rows[column].astype(str)

    def numbers(self, column: str) -> "Numbers":
        """Return a column as float64; what is no finite number becomes NaN."""
        import numpy as np
        import pandas as pd

        categories = self.rows[column].cat.categories
        values = pd.to_numeric(pd.Series(categories, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
        values = np.append(np.where(np.isfinite(values), values, np.nan), np.nan)
        numbers: Numbers = values[self.rows[column].cat.codes.to_numpy()]
        return numbers

    def where(self, column: str, is_good: Callable[[str], bool]) -> "Mask":
        """Return which rows hold a text of which `is_good` is true; asked once per different text."""
        import numpy as np

        values = [is_good(text) for text in self.rows[column].cat.categories]
        mask: Mask = np.array([*values, False], dtype=bool)[self.rows[column].cat.codes.to_numpy()]
        return mask

    def check(self, is_good: "Mask", column: str, expectation: str | Callable[[str], str | None]) -> None:
        """Note every row where `is_good` is false as `<column> '<value>' <expectation>`."""
        import numpy as np

        bad = np.flatnonzero(~is_good)
        if bad.size:
            values = self.rows[column].iloc[bad].astype(str)
            self._problems += [
                (int(row), f"{column} {quote(value)} {expectation(value) if callable(expectation) else expectation}")
                for row, value in zip(bad, values, strict=True)
            ]

    def check_ids(self) -> None:
        """Note every row whose `video_id` is none."""
        self.check(self.where("video_id", lambda text: id_problem(text) is None), "video_id", id_problem)

    def finish(self) -> None:
        """Raise `DataInvalid`, with file and line of each, if anything was noted."""
        if self._problems:
            places = self.line_numbers()
            refuse(self.path, [(places[row], text) for row, text in self._problems])

    def line_numbers(self) -> list[int]:
        """Return the line in the file of each row."""
        return [number for number, _ in _numbered(self.text, self.first_line, self.separator)]


def read_table(path: Path, text: str, first_line: int, columns: Sequence[str], separator: str = ",") -> Table:
    """Read rows of exactly these columns; blank lines are passed over.

    Raises
    ------
    DataInvalid
        With each line that has another number of columns.
    """
    import pandas as pd

    names = [*columns, _SURPLUS]
    try:
        rows = pd.read_csv(io.StringIO(text), sep=separator, header=None, names=names, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        rows = pd.DataFrame(columns=names, dtype=str)
    except pd.errors.ParserError as error:
        _refuse_counts(path, text, first_line, len(columns), separator)
        raise DataInvalid(f"{path}: can't be read as a table: {error}") from error
    # pandas takes surplus columns of the first row for an index.
    is_surplus = not isinstance(rows.index, pd.RangeIndex) or (rows[_SURPLUS] != "").any()
    if is_surplus or (rows[columns[-1]] == "").any():
        _refuse_counts(path, text, first_line, len(columns), separator)
    _refuse_open_quotes(path, text, first_line, separator, len(rows))
    return Table(path, text, first_line, separator, rows[list(columns)].astype("category"))


def _refuse_counts(path: Path, text: str, first_line: int, expected: int, separator: str) -> None:
    import csv

    problems = []
    for number, line in _numbered(text, first_line, separator):
        count = len(next(csv.reader([line], delimiter=separator)))
        if count != expected:
            problems.append((number, f"has {count} columns, expected {expected}: {quote(line)}"))
    refuse(path, problems)


def _refuse_open_quotes(path: Path, text: str, first_line: int, separator: str, count: int) -> None:
    if '"' not in text:
        return
    numbered = list(_numbered(text, first_line, separator))
    if len(numbered) != count:
        line = next((number for number, line in numbered if line.count('"') % 2), first_line + 1)
        raise DataInvalid(f"{path}, line {line}: a quoted value runs over the end of the line")


def _numbered(text: str, first_line: int, separator: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines that are rows to pandas, which takes only blanks and tabs for nothing."""
    blank = " \t".replace(separator, "")
    for number, line in enumerate(_LINE_END.split(text), first_line + 1):
        if line.strip(blank):
            yield number, line
