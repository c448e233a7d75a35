"""Parts of annotation files: rows and entries are left out, and the bytes of those that stay are not touched.

Only new action ids, where they are wanted, are written into a row or an entry; everything beside them stays.
"""

import csv
import re
from collections.abc import Callable, Collection, Iterator, Mapping

from avakit.datasets.choice import Choice, sample_key
from avakit.datasets.schema import AnnotationFile, Form
from avakit.model import Split

_BOM = "\ufeff"
_ENTRY = re.compile(r"\b(?:label|item)\s*\{([^{}]*)\}[ \t]*(?:\r\n|\r|\n)?")
_ID = re.compile(r"(\b(?:label_id|id):\s*)([0-9]+)\b")
_ACTION = 6
#: A new text for a line; None leaves it out.
Judge = Callable[[str], str | None]


def _filtered(data: bytes, judge: Judge) -> bytes:
    """Return the lines that `judge`, given each without its line end, wants; blank ones go."""
    kept = []
    for line in data.splitlines(keepends=True):
        text = line.decode("utf-8").rstrip("\r\n")
        if text.strip() and (new := judge(text)) is not None:
            kept.append(line if new == text else line.replace(text.encode(), new.encode()))
    return b"".join(kept)


def _first_line(data: bytes) -> str:
    texts = (line.decode("utf-8").lstrip(_BOM).strip("\r\n") for line in data.splitlines())
    return next((text for text in texts if text.strip()), "")


# --- labels ---


def labels(
    data: bytes, file: AnnotationFile, choice: Choice, splits: Collection[Split], new_ids: Mapping[int, int]
) -> bytes:
    """Return the rows of a labels file that a choice leaves, with its header if it has one.

    Parameters
    ----------
    data
        The file.
    file
        What the manifest says of it.
    choice
        What is left.
    splits
        The splits that are left.
    new_ids
        The new action id for each old one; empty to keep them.
    """
    wanted = [split for split in file.splits if split in splits]
    judge = _kinetics_judge if file.form is Form.KINETICS else _ava_judge
    return _filtered(data, judge(_first_line(data), choice, wanted, new_ids))


def _ava_judge(first: str, choice: Choice, splits: list[Split], new_ids: Mapping[int, int]) -> Judge:
    separator = "\t" if "\t" in first and "," not in first else ","
    ids = frozenset(choice.ids)
    taken = None if choice.samples is None else frozenset[str]().union(*(choice.samples[split] for split in splits))

    def judge(line: str) -> str | None:
        written = line.split(separator)
        cells = [cell.strip().strip('"') for cell in written]
        video_id = cells[0].lstrip(_BOM).strip('"')
        if video_id == "video_id":
            return line
        if video_id not in ids:
            return None
        action = int(float(cells[_ACTION]))
        if choice.classes is not None and action not in choice.classes:
            return None
        if taken is not None and sample_key(video_id, *map(float, cells[1:_ACTION])) not in taken:
            return None
        if new_ids:
            written[_ACTION] = written[_ACTION].replace(cells[_ACTION], str(new_ids[action]))
        return separator.join(written)

    return judge


def _kinetics_judge(first: str, choice: Choice, splits: list[Split], new_ids: Mapping[int, int]) -> Judge:
    del new_ids  # classes are named, not numbered
    header = [name.strip() for name in next(csv.reader([first]), [])]
    place = {name: number for number, name in enumerate(header)}
    ids = frozenset(choice.ids)

    def judge(line: str) -> str | None:
        text = line.lstrip(_BOM)
        if text == first:
            return line
        cells = dict(zip(place, next(csv.reader([text])), strict=False))
        video_id = cells["youtube_id"]
        if video_id not in ids or (choice.classes is not None and cells.get("label", "") not in choice.classes):
            return None
        token = cells.get("split", "")
        of = [split for split in splits if token in ("", split, "validate" if split is Split.VAL else split)]
        if choice.samples is None:
            return line if of else None
        key = sample_key(video_id, float(cells["time_start"]), float(cells["time_end"]))
        return line if any(key in choice.samples[split] for split in of) else None

    return judge


# --- lists and maps ---


def by_video(data: bytes, ids: Collection[str]) -> bytes:
    """Return the lines of a list (excluded timestamps, ids, file names) that are about one of these videos."""
    wanted = frozenset(ids)
    id_of = re.compile(r'\s*"?([A-Za-z0-9_-]{11})(?![A-Za-z0-9_-])')

    def judge(line: str) -> str | None:
        match = id_of.match(line.lstrip(_BOM))
        return line if match and match[1] in wanted else None

    return _filtered(data, judge)


def label_map(data: bytes, classes: Collection[int] | None, new_ids: Mapping[int, int]) -> bytes:
    """Return the entries of a label map whose id is one of `classes` (None for all), with their new ids."""
    if _first_line(data).startswith("label_id,"):
        return _filtered(data, lambda line: _entry_line(line, classes, new_ids))
    return "".join(_entries(data.decode("utf-8"), classes, new_ids)).encode()


def _entries(text: str, classes: Collection[int] | None, new_ids: Mapping[int, int]) -> Iterator[str]:
    end = 0
    for match in _ENTRY.finditer(text):
        yield text[end : match.start()]
        end = match.end()
        number = _ID.search(match[0])
        if number and (classes is None or int(number[2]) in classes):
            new = str(new_ids.get(int(number[2]), number[2]))
            yield match[0][: number.start(2)] + new + match[0][number.end(2) :]
    yield text[end:]


def _entry_line(line: str, classes: Collection[int] | None, new_ids: Mapping[int, int]) -> str | None:
    written, comma, rest = line.partition(",")
    if not written.isdigit():
        return line
    number = int(written)
    if classes is not None and number not in classes:
        return None
    return f"{new_ids[number]}{comma}{rest}" if number in new_ids else line
