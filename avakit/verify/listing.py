"""A list of digests that came from somewhere: every line is looked at before a single file that it names is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from avakit.errors import DataInvalid
from avakit.verify.names import folded

#: Longer than a path can be, many times over.
MAX_LINE_BYTES = 64 << 10
#: So many problems are told of one list.
SHOWN_PROBLEMS = 10
_LINE = re.compile(r"([0-9A-Fa-f]+) [ *](.+)", re.DOTALL)
_BSD = re.compile(r"(\S+) \(.*\) = [0-9A-Fa-f]+", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIGITS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Entry:
    """A line of a list: which file, its digest (lower case), and the line's number from 1."""

    path: str
    sha256: str
    line: int


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line, and whether following it would lead out of the root; line 0 is the list as a whole."""

    line: int
    text: str
    is_unsafe: bool = False


def problem_text(name: object, problem: Problem) -> str:
    """Return the sentence of a problem with its file and line."""
    return f"{name}, line {problem.line}: {problem.text}" if problem.line else f"{name}: {problem.text}"


def read(path: Path) -> bytes:
    """Read a list.

    Raises
    ------
    DataInvalid
        If it is not there.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DataInvalid(f"{path}: there is no such list ({error.strerror})") from error


def refuse(name: object, problems: list[Problem]) -> None:
    """Raise `DataInvalid` if there are problems, with the first of them."""
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        told = [problem_text(name, each) for each in problems[:SHOWN_PROBLEMS]]
        raise DataInvalid(*told, *([f"{name}: and {more} more"] if more > 0 else []), "nothing was opened")


def parse(data: bytes) -> tuple[list[Entry], list[Problem]]:
    """Return the lines of a list that are right, and what is wrong with the others."""
    if not data:
        return [], [Problem(0, "it is empty; an empty list would pass every check")]
    entries: list[Entry] = []
    problems: list[Problem] = []
    if data.startswith(_BOM):
        problems.append(Problem(1, "it begins with a byte order mark; save it as UTF-8 without one"))
        data = data.removeprefix(_BOM)
    *rows, rest = data.split(b"\n")
    for number, row in enumerate(rows, 1):
        found = _entry(row, number)
        if isinstance(found, Entry):
            entries.append(found)
        else:
            problems.append(found)
    if rest:
        problems.append(Problem(len(rows) + 1, "it ends without a line end: the list was cut off in mid line"))
    problems += _repeated(entries)
    return entries, sorted(problems, key=lambda problem: problem.line)


def _entry(row: bytes, number: int) -> Entry | Problem:
    why = _why_no_text(row)
    match = None if why else _LINE.fullmatch(row.decode())
    if match is None:
        return Problem(number, why or _why_no_line(row.decode()))
    digest, path = match.groups()
    if _DIGITS.get(len(digest)) != "sha256":
        what = f"that is {_DIGITS[len(digest)]}" if len(digest) in _DIGITS else "that is no digest"
        return Problem(number, f"its digest has {len(digest)} digits: {what}, and only sha256 (64) is read")
    if why := _why_not(path):
        return Problem(number, f"{path!r} {why}", is_unsafe=True)
    return Entry(path, digest.lower(), number)


def _why_no_text(row: bytes) -> str:
    if len(row) > MAX_LINE_BYTES:
        return f"it is {len(row)} bytes long; no path is"
    if row.endswith(b"\r"):
        return "it ends with CR LF, as Windows writes lines; `sed -i 's/\\r$//'` mends the list"
    try:
        row.decode()
    except UnicodeDecodeError:
        return "it is not UTF-8"
    return ""


def _why_no_line(text: str) -> str:
    if bsd := _BSD.fullmatch(text):
        return f"it has the form of BSD ({bsd[1]}); write the list with `sha256sum`"
    if text.startswith("\\"):
        return "the name in it is escaped: it holds a line end or a backslash, which no name here does"
    return f"{text[:60]!r} is not '<sha256>  <path>'"


def _why_not(path: str) -> str:
    """Say why a path may not be opened; nothing if it may."""
    parts = path.split("/")
    if path.startswith("/"):
        return "is absolute; paths are relative to the root"
    if ".." in parts:
        return "leads out of its folder with `..`"
    if "." in parts or "" in parts:
        return "has an empty part or a `.`: it is not the plain name of a file"
    if _CONTROL.search(path) or "\\" in path:
        return "holds a control character or a backslash"
    return ""


def _repeated(entries: list[Entry]) -> Iterator[Problem]:
    first: dict[str, Entry] = {}
    for entry in entries:
        known = first.setdefault(folded(entry.path), entry)
        if known is entry:
            continue
        if known.path == entry.path:
            how = "the same digest" if known.sha256 == entry.sha256 else "another digest"
            yield Problem(entry.line, f"{entry.path!r} stands in line {known.line}, too, with {how}")
        else:
            how = "differs from it only by case, or by how its letters are composed"
            yield Problem(entry.line, f"{entry.path!r} and {known.path!r} in line {known.line}: one {how}")
