"""What becomes of bad rows: they end the reading, all named at once, or are left out and written down."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from avakit.errors import DataInvalid
from avakit.tools import files

#: So many problems of a file are named; the rest are counted.
NAMED_PROBLEMS = 20
SUFFIX = ".rejects.csv"


@dataclass
class Rejects:
    """What was left out in one run.

    Attributes
    ----------
    folder
        Where the rejects files go.
    counts
        Rows left out, by the file they stood in.
    """

    folder: Path
    counts: dict[Path, int] = field(default_factory=dict)

    def note(self, path: Path, problems: Sequence[tuple[int, str]], row_at: Callable[[int], str]) -> None:
        """Write `<name>.rejects.csv` with the line, the problem and the row of everything that is left out."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("line", "problem", "row"))
        writer.writerows((line, problem, row_at(line)) for line, problem in sorted(problems))
        self.counts[path] = len({line for line, _ in problems})
        files.write_atomically(self.file_for(path), text.getvalue().encode())

    def file_for(self, path: Path) -> Path:
        """Return where the rows left out of a file are written down; files of one name are numbered from the second."""
        before = [other for other in list(self.counts)[: list(self.counts).index(path)] if other.name == path.name]
        number = f".{len(before) + 1}" if before else ""
        return self.folder / f"{path.name}{number}{SUFFIX}"


_CURRENT: ContextVar[Rejects | None] = ContextVar("rejects", default=None)


@contextmanager
def leaving_out(folder: Path) -> Iterator[Rejects]:
    """Let readers leave bad rows out while this is open, and write them to `folder`."""
    rejects = Rejects(folder)
    token = _CURRENT.set(rejects)
    try:
        yield rejects
    finally:
        _CURRENT.reset(token)


def count(path: Path) -> int:
    """Return how many rows of a file were left out in this run."""
    current = _CURRENT.get()
    return current.counts.get(path, 0) if current else 0


def refuse(path: Path, problems: Sequence[tuple[int, str]], row_at: Callable[[int], str] | None = None) -> None:
    """Raise `DataInvalid` if there are problems: (line, sentence) pairs; the first twenty are named.

    Where bad rows are left out they are written down instead, if `row_at` can tell the text of a line; without
    it, the file as a whole can't do without them.
    """
    if not problems:
        return
    rejects = _CURRENT.get()
    if rejects is not None and row_at is not None:
        rejects.note(path, problems, row_at)
        return
    named = [f"{path}, line {line}: {text}" for line, text in sorted(problems)[:NAMED_PROBLEMS]]
    more = len(problems) - len(named)
    raise DataInvalid(*named, *([f"{path}: and {more} more"] if more else []))
