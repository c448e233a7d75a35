"""Text files as they come: read, decoded and told apart from web pages, line by line."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from avakit.datasets import rejects
from avakit.errors import DataInvalid
from avakit.model import VideoId

LINE_END = re.compile(r"\r\n|\r|\n")
BOM = b"\xef\xbb\xbf"
_FIRST_LINE = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*([^\r\n]*)(\r\n|\r|\n)?")
_HTML = re.compile(r"\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)


def looks_like_html(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a web page (an error page saved as data)."""
    return _HTML.match(start[:2048].decode("utf-8-sig", errors="replace")) is not None


def read_data(path: Path) -> bytes:
    """Return a text file's bytes, a byte-order mark included.

    Raises
    ------
    DataInvalid
        If it is missing, not UTF-8, holds NUL bytes, or is a web page.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataInvalid(f"{path}: is missing") from error
    return check_data(path, data)


def check_data(path: Path, data: bytes) -> bytes:
    """Return the bytes of a text file if they are such; raises as `read_data` does."""
    if looks_like_html(data[:2048]):
        raise DataInvalid(f"{path}: looks like an HTML page, not like data; fetch it again")
    if not data.isascii():
        try:
            data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise DataInvalid(f"{path}, line {line}: is not UTF-8 text") from error
    if (place := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, place) + 1
        raise DataInvalid(f"{path}, line {line}: holds a NUL byte")
    return data


def read_text(path: Path) -> str:
    """Return a text file's content without a byte-order mark; raises as `read_data` does."""
    return read_data(path).decode("utf-8-sig")


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number (from 1) and stripped text of the lines that are not blank; raises as `read_data` does."""
    for number, line in enumerate(LINE_END.split(read_text(path)), 1):
        if stripped := line.strip():
            yield number, stripped


def refuse_lines(path: Path, problems: Sequence[tuple[int, str]]) -> None:
    """Refuse lines of a list, each of which could also be left out; see `rejects.refuse`."""
    rejects.refuse(path, problems, lambda line: dict(lines(path)).get(line, ""))


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


def split_first_line(data: bytes) -> tuple[str, int, int]:
    """Return the first line that is not blank, where the text after it begins, and how many lines that skips."""
    match = _FIRST_LINE.match(data)
    end = match.end() if match else 0
    first = match[1].decode() if match else ""
    return first, end, len(LINE_END.findall(data[:end].decode("utf-8-sig")))


def count_columns(line: str, separator: str) -> int:
    """Return how many columns a line has."""
    return len(next(csv.reader([line], delimiter=separator))) if '"' in line else line.count(separator) + 1


def is_open(line: str, separator: str) -> bool:
    """Whether a quoted value of a line has no end in that line."""
    reader = csv.reader([line, ""], delimiter=separator)
    next(reader)
    return reader.line_num > 1
