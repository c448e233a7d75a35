"""Reader of the JSON form of Kinetics: `{id: {annotations: {label, segment}, subset, …}}`."""

import json
import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.datasets import textfile
from avakit.datasets.kinetics import SPLITS, is_label
from avakit.errors import DataInvalid

if TYPE_CHECKING:
    import pandas as pd


def read_kinetics_json(path: Path, *, splits: Collection[str] = (), strict: bool = False) -> "pd.DataFrame":
    """Read the JSON form of a Kinetics split. It is keyed by video id, so it loses the second clip of a video.

    `splits` and `strict` are those of `read_kinetics`.

    Returns
    -------
    pandas.DataFrame
        As `read_kinetics` returns it.

    Raises
    ------
    DataInvalid
        With file, line, key and value of every problem (the first twenty).
    """
    import pandas as pd

    text = textfile.read_text(path)
    entries = _entries(path, text)
    rows, problems = [], []
    for key, value in entries:
        try:
            rows.append(_row(key, value, splits))
        except ValueError as error:
            problems.append((_line_of(text, key), str(error)))
    seen: set[str] = set()
    for key, _ in entries:
        if key in seen:
            problems.append((_line_of(text, key), f"video_id {textfile.quote(key)} stands there twice"))
        seen.add(key)
    problems += [(_line_of(text, key), problem) for key, problem in _twins(rows, strict=strict)]
    textfile.refuse_lines(path, problems)
    if not rows:
        raise DataInvalid(f"{path}: holds no clip")
    frame = pd.DataFrame(rows, columns=["label", "video_id", "start", "end", "split"]).drop_duplicates("video_id")
    is_whole = bool(((frame["start"] % 1 == 0) & (frame["end"] % 1 == 0)).all())
    return frame.astype({"start": "int64", "end": "int64"}) if is_whole else frame


def _twins(rows: "list[tuple[str, str, float, float, str]]", *, strict: bool) -> Iterator[tuple[str, str]]:
    """Yield the key and what is wrong of entries whose class would share a folder, or whose id is another's."""
    labels: dict[str, str] = {}
    ids: dict[str, str] = {}
    for label, key, *_ in rows:
        if (twin := labels.setdefault(label.replace(" ", "_").casefold(), label)) != label:
            yield key, f"label {textfile.quote(label)} of {key} would share one folder with {textfile.quote(twin)}"
        if strict and (twin := ids.setdefault(key.casefold(), key)) != key:
            yield key, f"video_id {key!r} differs by its case alone from {twin!r}"


def _entries(path: Path, text: str) -> list[tuple[str, Any]]:
    try:
        # Pairs, not a dict: a key given twice would silently be the last one.
        content = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise DataInvalid(f"{path}, line {error.lineno}, column {error.colno}: is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise DataInvalid(f"{path}: is not JSON that can be read: {error}") from error
    if not isinstance(content, _Pairs):
        raise DataInvalid(f"{path}, line 1: expected an object with one entry per video id")
    return list(content)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON as it stands there."""

    def value(self, name: str) -> Any:  # noqa: ANN401 - JSON holds anything
        """Return the value of a key, or None."""
        return next((value for key, value in self if key == name), None)


def _row(key: str, entry: object, wanted: Collection[str]) -> tuple[str, str, float, float, str]:
    if problem := textfile.id_problem(key):
        raise ValueError(f"video_id {textfile.quote(key)} {problem}")
    if not isinstance(entry, _Pairs):
        raise ValueError(f"video_id {textfile.quote(key)}: expected an object")  # noqa: TRY004 - a wrong value of a file
    split = entry.value("subset")
    if split not in SPLITS:
        raise ValueError(f"subset {textfile.quote(str(split))} of {key} is none of {', '.join(SPLITS)}")
    if wanted and SPLITS[split] not in wanted:
        raise ValueError(f"subset {textfile.quote(split)} of {key} is not what this file is of, {', '.join(wanted)}")
    found = entry.value("annotations")
    label, segment = (found.value("label"), found.value("segment")) if isinstance(found, _Pairs) else (None, None)
    if label is not None and not (isinstance(label, str) and is_label(label)):
        raise ValueError(f"label {textfile.quote(str(label))} of {key} can't be the name of a class")
    start, end = _segment(key, segment)
    return label or "", key, start, end, str(SPLITS[split])


def _segment(key: str, segment: object) -> tuple[float, float]:
    numbers = list(_numbers(segment))
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1]:  # noqa: PLR2004 - a start and an end
        raise ValueError(f"segment {textfile.quote(json.dumps(segment))} of {key} is not a start and a later end")
    return numbers[0], numbers[1]


def _numbers(values: object) -> Iterator[float]:
    for value in values if isinstance(values, list) else ():
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield float(value)


def _line_of(text: str, key: str) -> int:
    """Return the line in which a key stands (the last such one, as the message may be of a repeat)."""
    places = [match.start() for match in re.finditer(re.escape(json.dumps(key)) + r"\s*:", text)]
    return text.count("\n", 0, places[-1]) + 1 if places else 1
