"""Parts of annotation files: rows and entries are left out, and the bytes of those that stay are not touched.

Only new action ids, where they are wanted, are written into a row or an entry; everything beside them stays.
"""

import bz2
import csv
import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from avakit.datasets import members
from avakit.datasets.choice import Choice, sample_key
from avakit.datasets.kinetics import SPLITS
from avakit.datasets.schema import AnnotationFile, Form
from avakit.datasets.speech import ARCHIVES, MEMBER
from avakit.model import Split

_BOM = "\ufeff"
_QUOTES = ' \t"'
_ENTRY = re.compile(r"\b(?:label|item)\s*\{([^{}]*)\}[ \t]*(?:\r\n|\r|\n)?")
_ID = re.compile(r"(\b(?:label_id|id):\s*)([0-9]+)\b")
#: In which cell of a row the class stands, and in which the rest of the sample's key.
_ACTION = (6, (1, 2, 3, 4, 5))
_PLACES = {Form.SPEECH: (3, (1, 2)), Form.ACTIVESPEAKER: (6, (1, 7))}
_TRACK = 7
#: A new text for a line; None leaves it out.
Judge = Callable[[str], str | None]


def _filtered(data: bytes, judge: Judge, header: str = "") -> bytes:
    """Return the lines that `judge`, given each without its line end, wants; blank ones, and a header alone, go."""
    kept = []
    for line in data.splitlines(keepends=True):
        text = line.decode("utf-8").rstrip("\r\n")
        if text.strip() and (new := judge(text)) is not None:
            kept.append(line if new == text else line.replace(text.encode(), new.encode()))
    found = b"".join(kept)
    return b"" if header and len(kept) == 1 and _first_line(found) == header else found


def _first_line(data: bytes) -> str:
    texts = (line.decode("utf-8").lstrip(_BOM).strip("\r\n") for line in data.splitlines())
    return next((text for text in texts if text.strip()), "")


# --- labels ---


def labels(
    path: Path,
    file: AnnotationFile,
    choice: Choice,
    splits: Collection[Split],
    new_ids: Mapping[int, int],
    held: Collection[str] | None = None,
) -> bytes:
    """Return the rows of a labels file that a choice leaves, with its header if it has one; nothing for no row.

    Parameters
    ----------
    path
        The file; an archive of such files stays one.
    file
        What the manifest says of it.
    choice
        What is left.
    splits
        The splits that are left.
    new_ids
        The new action id for each old one; empty to keep them.
    held
        Of the clips of AVA-Kinetics, the key frames (`sample_key` of id and second) that a clip holds; None elsewhere.
    """
    wanted = [split for split in file.splits if split in splits]
    if file.form is Form.KINETICS_JSON:
        return _entries_of_json(path.read_bytes(), choice, wanted)
    if file.form is Form.KINETICS:
        data = path.read_bytes()
        first = _first_line(data)
        return _filtered(data, _kinetics_judge(first, choice, wanted), first)

    def filtered(data: bytes) -> bytes:
        first = _first_line(data)
        judge = _row_judge(first, file.form, choice, wanted, new_ids)
        header = first if first.startswith("video_id") else ""
        return _filtered(data, judge if held is None else lambda line: judge(line) if is_held(line) else None, header)

    def is_held(line: str) -> bool:
        video_id, second = (cell.strip(_QUOTES) for cell in line.lstrip(_BOM).split(",")[:2])
        return sample_key(video_id, float(second)) in (held or ())

    if path.name.endswith(ARCHIVES):
        return _packed(path.name, ((name, filtered(data)) for name, data in members.read_all(path, MEMBER)))
    return filtered(path.read_bytes())


def _row_judge(first: str, form: Form | None, choice: Choice, splits: list[Split], new_ids: Mapping[int, int]) -> Judge:
    """Judge rows that begin with the video id and have their cells in fixed places."""
    separator = "\t" if "\t" in first and "," not in first else ","
    label, place = _PLACES.get(form, _ACTION) if form else _ACTION
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
        if len(cells) <= label:  # a key frame with nobody in it
            return None if choice.is_by_class else line
        name = int(float(cells[label])) if choice.columns.is_numbered else cells[label]
        if choice.classes is not None and name not in choice.classes:
            return None
        key = (cells[n] if n == _TRACK else float(cells[n]) for n in place)
        if taken is not None and sample_key(video_id, *key) not in taken:
            return None
        if new_ids and isinstance(name, int):
            written[label] = written[label].replace(cells[label], str(new_ids[name]))
        return separator.join(written)

    return judge


def _packed(name: str, found: Iterator[tuple[str, bytes]]) -> bytes:
    """Return a tar of these members, those that are empty left out; the same members give the same bytes.

    Nothing at all for no member.
    """
    kept = [(member, data) for member, data in found if data.strip()]
    if not kept:
        return b""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member, data in kept:
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    if name.endswith(".bz2"):
        return bz2.compress(memory.getvalue())
    return gzip.compress(memory.getvalue(), mtime=0) if name.endswith("gz") else memory.getvalue()


def _entries_of_json(data: bytes, choice: Choice, splits: list[Split]) -> bytes:
    ids = frozenset(choice.ids)
    kept = {}
    for video_id, entry in json.loads(data).items():
        split, found = SPLITS[entry["subset"]], entry["annotations"]
        if video_id not in ids or split not in splits:
            continue
        if choice.classes is not None and found.get("label", "") not in choice.classes:
            continue
        if choice.samples is None or sample_key(video_id, *found["segment"]) in choice.samples[split]:
            kept[video_id] = entry
    return json.dumps(kept, ensure_ascii=False).encode() if kept else b""


def _kinetics_judge(first: str, choice: Choice, splits: list[Split]) -> Judge:
    place = _columns(first)
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


def _columns(first: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([first]), [])]


def clips(data: bytes, ids: Collection[str]) -> bytes:
    """Return the rows of a file of clips (of Kinetics, with a header) that are of one of these videos."""
    first = _first_line(data)
    place, wanted = _columns(first).index("youtube_id"), frozenset(ids)

    def judge(line: str) -> str | None:
        text = line.lstrip(_BOM)
        return line if text == first or next(csv.reader([text]))[place] in wanted else None

    return _filtered(data, judge, first)


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
