"""Whether what arrived under an annotation file's name begins like such a file.

Servers answer with error messages and pointers, and say that all is well. A look at the beginning tells these from
data; whether each row is right is for the readers to say.
"""

import re
from collections.abc import Callable

from avakit.datasets.schema import AnnotationFile, Form, Role

#: How much of a file is looked at.
START_BYTES = 2048
_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_SIGNS = (
    (re.compile(r"<\?xml\b.*<Error>|<Error>", re.DOTALL), "an error message of its server"),
    (re.compile(r"<"), "a web page"),
    (re.compile(r"version https://git-lfs"), "a pointer of Git LFS"),
    (re.compile(r"%PDF"), "a PDF document"),
    (re.compile(r"[45][0-9][0-9]\b\W*[A-Z][a-z]+"), "an error message of its server"),
)


def sign(start: bytes) -> str | None:
    """Return what a file that begins with these bytes is known to be instead of data, or None."""
    text = _decoded(start)
    return next((what for pattern, what in _SIGNS if pattern.match(text)), None)


def problem(file: AnnotationFile, start: bytes) -> str | None:
    """Return what a file that begins with these bytes is instead of what the manifest says, or None.

    One line at the beginning that could be a row, or a header that is known, is enough.
    """
    if found := sign(start):
        return found
    text = _decoded(start)
    if text.startswith("{") and file.form is not Form.KINETICS_JSON:
        return "a JSON message"
    if not text.strip() or file.role is Role.EXTRA:
        return None
    if file.form is Form.KINETICS_JSON:
        is_right = re.match(r'\{\s*"[A-Za-z0-9_-]{11}"\s*:\s*\{', text) is not None
    elif file.role is Role.LABEL_MAP:
        is_right = re.search(r"\b(label|item)\s*\{", text) is not None or text.startswith("label_id,")
    else:
        is_row = _ROWS.get(file.role, _is_row)
        is_right = any(is_row(line.strip()) for line in text.splitlines())
    name = file.form or file.role
    return None if is_right else f"no file of the form {name}: no line at its beginning could be one of its rows"


def _decoded(start: bytes) -> str:
    return start[:START_BYTES].decode("utf-8-sig", errors="replace").lstrip()


def _is_row(line: str) -> bool:
    """Whether a line has a video id and a number in cells of their own, or names a column of video ids."""
    cells = [cell.strip(' "') for cell in re.split(r"[,\t]", line)]
    if {"video_id", "youtube_id"} & {cell.lower() for cell in cells}:
        return True
    return any(map(_ID.fullmatch, cells)) and any(map(_NUMBER.fullmatch, cells))


def _is_number(line: str) -> bool:
    return _NUMBER.fullmatch(line) is not None


def _is_file_name(line: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{11}\.[a-z0-9]+", line) is not None


def _is_id(line: str) -> bool:
    return _ID.fullmatch(line) is not None


_ROWS: dict[Role, Callable[[str], bool]] = {
    Role.INCLUDED_TIMESTAMPS: _is_number,
    Role.FILE_NAMES: _is_file_name,
    Role.ID_LIST: _is_id,
}
