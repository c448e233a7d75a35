"""Reader of the annotation files of Kinetics."""

import csv
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.datasets import reading, tables, textfile
from avakit.datasets.repeats import repeats
from avakit.errors import DataInvalid
from avakit.layout import class_folder
from avakit.model import Split

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_NAMES = {"youtube_id": "video_id", "time_start": "start", "time_end": "end", "label": "label", "split": "split"}
SPLITS = {"train": Split.TRAIN, "val": Split.VAL, "validate": Split.VAL, "test": Split.TEST}


def read_kinetics(path: Path, *, splits: Collection[str] = (), strict: bool = False) -> "pd.DataFrame":
    """Read a labels file of Kinetics: one row per clip, columns found by their names in the header.

    Rows that say the same twice are taken once, or refused if `strict`; then clips of two splits, and ids that differ
    by case alone, are refused, too. Rows of other splits than `splits` are refused, if there are any.

    Returns
    -------
    pandas.DataFrame
        `label` str (empty where the file has none), `video_id` str, `start` and `end` int (float where the file
        has fractions), in seconds, `split` str (`validate` is `val`; empty where the file has none).

    Raises
    ------
    DataInvalid
        With file, line, column and value of every problem (the first twenty).
    """
    import pandas as pd

    data = textfile.read_data(path)
    first, start, skipped = textfile.split_first_line(data)
    header = [name.strip() for name in next(csv.reader([first]), [])]
    missing = [name for name in ("youtube_id", "time_start", "time_end") if name not in header]
    names = [_NAMES.get(name, name) for name in header]
    if missing or len(set(names)) != len(names):
        wrong = f"no column {missing[0]!r}" if missing else "a column appears twice"
        raise DataInvalid(f"{path}, line {skipped or 1}: {wrong} in the header {textfile.quote(first)}")
    table = reading.read_table(path, data, names, head=(start, skipped), has_many_ids=True)
    table.check_ids()
    label, times, split = _labels(table), _times(table), _splits(table, splits)
    if strict:
        table.check_case("video_id")
    is_new = _check_repeats(table, times, strict=strict)
    keep = table.finish()
    result = pd.DataFrame({"label": label, "video_id": table.texts("video_id"), **times, "split": split})
    chosen = is_new if keep is None else is_new & keep
    if not chosen.all():
        result = result[chosen].reset_index(drop=True)
    is_whole = bool(((result["start"] % 1 == 0) & (result["end"] % 1 == 0)).all())
    return result.astype({"start": "int64", "end": "int64"}) if is_whole else result


def _times(table: tables.Table) -> "dict[str, tables.Numbers]":
    start, end = table.numbers("start"), table.numbers("end")
    table.check(start >= 0, "start", "is not a number of seconds from 0")
    table.check((end > start) | ~(start >= 0), "end", "is not after the start")
    return {"start": start, "end": end}


def _labels(table: tables.Table) -> "pd.Series[str] | str":
    if "label" not in table.rows:
        return ""
    table.check(table.where("label", is_label), "label", "can't be the name of a class")
    table.check_twins("label", lambda text: text.replace(" ", "_").casefold(), "would share one folder with")
    return table.texts("label")


def is_label(text: str) -> bool:
    """Whether a text can be the name of a class, and so of its folder."""
    try:
        class_folder(text)
    except ValueError:
        return False
    return True


def _splits(table: tables.Table, wanted: Collection[str]) -> "pd.Series[str] | str":
    if "split" not in table.rows:
        return ""
    table.check(table.where("split", SPLITS.__contains__), "split", f"is none of {', '.join(SPLITS)}")
    if wanted:
        is_wanted = table.where("split", lambda text: text not in SPLITS or SPLITS[text] in wanted)
        table.check(is_wanted, "split", f"is not what this file is of, {', '.join(wanted)}")
    # By way of the few different texts, not of every row.
    return table.rows["split"].cat.rename_categories(str).astype(str).replace({"validate": str(Split.VAL)})


def _check_repeats(table: tables.Table, times: "dict[str, tables.Numbers]", *, strict: bool) -> "tables.Mask":
    """Note clips with two labels (and, if `strict`, of two splits, and given twice); return which rows are new."""
    place = [table.codes("video_id"), times["start"], times["end"]]
    is_place_new = ~repeats(place)
    if is_place_new.all():
        return is_place_new
    clip = [*place, _split_numbers(table)] if "split" in table.rows else place
    everything = [*clip, table.codes("label")] if "label" in table.rows else clip
    is_new, is_row_new = ~repeats(clip), ~repeats(everything)
    table.check(is_new | ~is_row_new, "video_id", "is of a clip that has two labels")
    if strict:
        table.check_first(everything, "video_id", "repeats the row in line")
        table.check_first(place, "split", "is another one than this clip has in line", only=is_new)
    return is_row_new


def _split_numbers(table: tables.Table) -> "np.ndarray[Any, Any]":
    """Return a number for each row that is the same where the split is, whatever it is called."""
    import numpy as np

    names = [str(SPLITS.get(text, text)) for text in table.rows["split"].cat.categories]
    numbers: np.ndarray[Any, Any] = np.array([*map(names.index, names), -1])[table.codes("split")]
    return numbers
