"""The rows of a text file, checked as columns, and every bad line named at once."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.datasets import rejects
from avakit.datasets.repeats import first_rows, hashes, repeats, shared
from avakit.datasets.textfile import LINE_END, count_columns, id_problem, quote

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Numbers = np.ndarray[Any, np.dtype[np.float64]]

_NUMBER = re.compile(r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*")
ID_LENGTH = 11
_IDS = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
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
        texts = self.rows[column]
        if texts.dtype == "category":
            return texts.cat.codes.to_numpy()
        return _hash_texts(texts)

    def numbers(self, column: str) -> "Numbers":
        """Return a column as float64; what is no finite number becomes NaN."""
        import numpy as np

        values: Numbers
        if self.rows[column].dtype != "category":
            values = self.rows[column].to_numpy().astype(np.float64, copy=False)
            return values if np.isfinite(values).all() else np.where(np.isfinite(values), values, np.nan)
        texts = (str(text) for text in self.rows[column].cat.categories)
        values = np.array([*(float(text) if is_number(text) else np.nan for text in texts), np.nan])
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
        if set(map(len, different)) - {ID_LENGTH} or not _IDS.fullmatch("".join(different)):
            self.check(self.where("video_id", lambda text: id_problem(text) is None), "video_id", id_problem)

    def check_first(
        self, keys: "Sequence[np.ndarray[Any, Any]]", column: str, fault: str, *, only: "Mask | None" = None
    ) -> None:
        """Note rows (of `only`) that have the same keys as an earlier one: `fault` is followed by that one's line."""
        import numpy as np

        again = repeats(keys)
        if only is not None:
            again &= only
        if not again.any():
            return
        first, places = first_rows(keys), self.line_numbers()
        self._problems += [(int(row), column, f"{fault} {places[first[row]]}") for row in np.flatnonzero(again)]

    def check_twins(self, column: str, fold: Callable[[str], str], fault: str) -> None:
        """Note rows whose text is that of an earlier row but for `fold`: `fault` is followed by that one's."""
        seen: dict[str, tuple[str, int]] = {}
        found = []
        candidates = self._twins(column, fold)
        for row, text in zip(candidates.tolist(), self.rows[column].iloc[candidates].tolist(), strict=True):
            twin, first = seen.setdefault(fold(text), (text, row))
            if twin != text:
                found.append((row, twin, first))
        places = self.line_numbers() if found else []
        self._problems += [(row, column, f"{fault} {quote(twin)} in line {places[at]}") for row, twin, at in found]

    def check_case(self, column: str) -> None:
        """Note rows whose text differs from that of an earlier row by its case alone."""
        self.check_twins(column, str.casefold, "differs by its case alone from")

    def _twins(self, column: str, fold: Callable[[str], str]) -> "np.ndarray[Any, Any]":
        """Return the rows among which those are that differ by `fold` alone."""
        import numpy as np

        texts = self.rows[column]
        if texts.dtype != "category":
            return shared(_hash_texts(texts, fold))
        counts = Counter(map(fold, texts.cat.categories))
        if len(counts) == len(texts.cat.categories):
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(self.where(column, lambda text: counts[fold(text)] > 1))

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
        numbered = list(self.numbered())
        kept = [entry for entry in numbered if entry[0] not in self.lost]
        noted = [(kept[row][0], self._say(kept[row][1], column, fault)) for row, column, fault in self._problems]
        rejects.refuse(self.path, [*self.lost.items(), *noted], lambda line: dict(numbered).get(line, ""))
        keep = np.ones(len(self.rows), dtype=bool)
        keep[[row for row, _, _ in self._problems]] = False
        return keep

    @property
    def counts(self) -> list[int]:
        """How many columns each row has, where it may have fewer than all."""
        return [count_columns(line, self.separator) for number, line in self.numbered() if number not in self.lost]

    def numbered(self) -> Iterator[tuple[int, str]]:
        """Yield number and text of the lines that are rows to pandas, which takes only blanks and tabs for nothing."""
        blank = " \t".replace(self.separator, "")
        for number, line in enumerate(LINE_END.split(self.data[self.start :].decode()), self.first_line + 1):
            if line.strip(blank):
                yield number, line

    def line_numbers(self) -> list[int]:
        """Return the line in the file of each row."""
        return [number for number, _ in self.numbered() if number not in self.lost]

    def _say(self, line: str, column: str, fault: Fault) -> str:
        cells = next(csv.reader([line], delimiter=self.separator))
        place = self.columns.index(column)
        value = cells[place] if place < len(cells) else ""
        return f"{column} {quote(value)} {fault(value) if callable(fault) else fault}"


def is_number(text: str) -> bool:
    """Whether a text is a number as annotation files write them: decimal, perhaps with an exponent."""
    return _NUMBER.fullmatch(text) is not None


def _hash_texts(texts: "pd.Series[str]", fold: Callable[[str], str] = str) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """Return 64 bits for each text, the same where they are after `fold`."""
    import numpy as np
    import pandas as pd

    listed = texts.tolist()
    data = fold("".join(listed)).encode()
    if set(map(len, listed)) != {ID_LENGTH} or len(data) != ID_LENGTH * len(listed):
        return pd.util.hash_array(np.array([fold(text) for text in listed], dtype=object), categorize=False)
    letters = np.frombuffer(data, dtype=np.uint8).reshape(-1, ID_LENGTH)
    # Eleven bytes as two numbers of eight, which overlap.
    halves = (np.ascontiguousarray(letters[:, part]).view(np.uint64)[:, 0] for part in (np.s_[:8], np.s_[3:]))
    return hashes(list(halves))
