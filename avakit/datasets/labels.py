"""Readers of the small lists beside the labels: label maps, file names, video ids."""

import csv
import re
from pathlib import Path

from avakit.datasets import rejects, textfile
from avakit.errors import DataInvalid
from avakit.layout import VIDEO_EXTENSIONS
from avakit.model import VideoId

_ENTRY = re.compile(r"\b(?:label|item)\s*\{([^{}]*)\}")
_NAME = re.compile(r'\bname:\s*"((?:[^"\\\r\n]|\\.)*)"')
_ID = re.compile(r"\b(?:label_id|id):\s*([0-9]+)\b")


def read_label_map(path: Path) -> dict[int, str]:
    """Read which action id has which name.

    Takes AVA's two text forms, `label { name: "…" label_id: 1 label_type: … }` (80 classes) and
    `item { name: "…" id: 1 }` (60 classes), and the table of v2.0 with the header `label_id,label_name,…`.

    Raises
    ------
    DataInvalid
        If an entry lacks its name or id, an id or name appears twice, an id is 0, or there is none at all.
    """
    text = textfile.read_text(path)
    first = text.lstrip().partition("\n")[0]
    entries = _table_entries(path) if first.startswith("label_id,") else _entries(path, text)
    result: dict[int, str] = {}
    names: dict[str, int] = {}
    problems = []
    for line, number, name in entries:
        if number in result:
            problems.append((line, f"id {number} appears twice"))
        elif number == 0:
            problems.append((line, "id 0 is none: ids begin with 1"))
        if (other := names.setdefault(name.casefold(), number)) != number:
            problems.append((line, f"name {textfile.quote(name)} is that of id {other}, too"))
        result[number] = name
    rejects.refuse(path, problems)
    if not result:
        raise DataInvalid(f"{path}: holds no label; expected entries such as 'label {{ name: \"…\" label_id: 1 }}'")
    return result


def _entries(path: Path, text: str) -> list[tuple[int, int, str]]:
    entries, problems = [], []
    for match in _ENTRY.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        name, number = _NAME.search(match[1]), _ID.search(match[1])
        if name is None or number is None:
            problems.append((line, "entry without a name or an id"))
        else:
            entries.append((line, int(number[1]), re.sub(r"\\(.)", r"\1", name[1])))
    if rest := _ENTRY.sub(lambda match: "\n" * match[0].count("\n"), text).strip():
        line = text.count("\n", 0, text.find(rest.split("\n")[0])) + 1
        problems.append((line, f"{textfile.quote(rest.splitlines()[0])} belongs to no complete entry"))
    rejects.refuse(path, problems)
    return entries


def _table_entries(path: Path) -> list[tuple[int, int, str]]:
    entries, problems = [], []
    for line, text in list(textfile.lines(path))[1:]:
        cells = next(csv.reader([text]))
        if len(cells) > 1 and cells[0].isascii() and cells[0].isdigit() and cells[1]:
            entries.append((line, int(cells[0]), cells[1]))
        else:
            problems.append((line, f"{textfile.quote(text)} is not '<label_id>,<label_name>,…'"))
    rejects.refuse(path, problems)
    return entries


def read_file_names(path: Path, *, strict: bool = False) -> dict[VideoId, str]:
    """Read a mirror's list of file names: which video id has which name, such as `-5KQ66BBWC4.mkv`.

    Raises
    ------
    DataInvalid
        With every line that is no `<video id>.<extension>`, or names an id's second file; if `strict`, also with
        lines that repeat an earlier one, or an id that differs from an earlier one by its case alone.
    """
    result: dict[VideoId, str] = {}
    problems, seen = [], Seen()
    for number, line in textfile.lines(path):
        stem, _, extension = line.rpartition(".")
        if textfile.id_problem(stem):
            problems.append((number, f"{textfile.quote(line)} is not '<video id>.<extension>'"))
        elif extension not in VIDEO_EXTENSIONS:
            problems.append((number, f"extension {textfile.quote(extension)} is none of {', '.join(VIDEO_EXTENSIONS)}"))
        elif result.get(VideoId(stem), line) != line:
            problems.append((number, f"video_id {stem!r} has two files"))
        elif (problem := seen.problem(number, stem)) and strict:
            problems.append((number, problem))
        else:
            result[VideoId(stem)] = line
    textfile.refuse_lines(path, problems)
    return result


def read_ids(path: Path, *, strict: bool = False) -> list[VideoId]:
    """Read a list of video ids, one a line, each once; raises `DataInvalid` with every line that is none.

    So is, if `strict`, one that repeats an earlier line, or differs from it by its case alone.
    """
    ids: dict[VideoId, None] = {}
    problems, seen = [], Seen()
    for number, line in textfile.lines(path):
        if problem := textfile.id_problem(line):
            problems.append((number, f"video_id {textfile.quote(line)} {problem}"))
        elif (problem := seen.problem(number, line)) and strict:
            problems.append((number, problem))
        else:
            ids[VideoId(line)] = None
    textfile.refuse_lines(path, problems)
    return list(ids)


class Seen:
    """The ids of a list so far."""

    def __init__(self) -> None:
        """Begin with none."""
        self._first: dict[str, tuple[int, str]] = {}

    def problem(self, line: int, video_id: str) -> str | None:
        """Return what is wrong with the next id beside the earlier ones, or None."""
        first, twin = self._first.setdefault(video_id.casefold(), (line, video_id))
        if twin != video_id:
            return f"video_id {video_id!r} differs by its case alone from {twin!r} in line {first}"
        return None if first == line else f"video_id {video_id!r} repeats the one in line {first}"
