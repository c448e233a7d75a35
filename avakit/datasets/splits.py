"""A dataset's splits as its annotation files tell them: rows where there are labels, else a list of ids."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from avakit.datasets import parsers
from avakit.datasets.catalogue import Dataset, Form, Role
from avakit.errors import DataInvalid
from avakit.model import Split, VideoId

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Columns:
    """Which column of a family's rows is the class, and which together are one sample."""

    label: str
    sample: tuple[str, ...]


#: A sample of AVA is a person's box; its several rows are its labels. A sample of Kinetics is a clip.
AVA = Columns("action_id", ("video_id", "timestamp", "x1", "y1", "x2", "y2"))
KINETICS = Columns("label", ("video_id", "start", "end"))


@dataclass(frozen=True)
class Part:
    """One split.

    Attributes
    ----------
    split
        Which.
    ids
        Its video ids, in the order in which the files first name them.
    rows
        What `read_ava` or `read_kinetics` made of its labels; None where it has none (AVA's test split).
    """

    split: Split
    ids: tuple[str, ...]
    rows: "pd.DataFrame | None"


def columns_of(dataset: Dataset) -> Columns:
    """Return what the columns of a dataset's rows mean."""
    return KINETICS if dataset.span is None else AVA


def read(dataset: Dataset, folder: Path, split: Split, actions: dict[int, str]) -> Part:
    """Read one split's labels, or its list of ids.

    Raises
    ------
    DataInvalid
        If a file is missing, can't be read, or names nothing of this split.
    """
    import pandas as pd

    found = []
    for file in dataset.files_of(Role.LABELS, (split,)):
        if file.form is Form.KINETICS:
            rows = parsers.read_kinetics(folder / file.name)
            # A file without a split column is of the split that the manifest says.
            rows = rows[(rows["split"] == split) | (rows["split"] == "")].assign(split=str(split))
        else:
            columns: Literal[7, 8] = 7 if file.form is Form.AVA7 else 8
            rows = parsers.read_ava(folder / file.name, columns, span=dataset.span, actions=actions or None)
        if rows.empty:
            raise DataInvalid(f"{folder / file.name}: holds no row of split {str(split)!r}")
        found.append(rows)
    if not found:
        return Part(split, _listed(dataset, folder, split), None)
    whole = found[0].reset_index(drop=True) if len(found) == 1 else pd.concat(found, ignore_index=True)
    return Part(split, tuple(whole["video_id"].unique().tolist()), whole)


def _listed(dataset: Dataset, folder: Path, split: Split) -> tuple[str, ...]:
    files = dataset.files_of(Role.ID_LIST, (split,))
    ids = [str(video_id) for file in files for video_id in parsers.read_ids(folder / file.name)]
    if not ids:
        raise DataInvalid(f"{folder / files[0].name}: names no video")
    return tuple(ids)


def actions(dataset: Dataset, folder: Path, splits: tuple[Split, ...]) -> dict[int, str]:
    """Return the dataset's label map: its first required one (another may hold the evaluated classes alone)."""
    files = [file for file in dataset.files_of(Role.LABEL_MAP, splits) if file.required]
    return parsers.read_label_map(folder / files[0].name) if files else {}


def excluded(dataset: Dataset, folder: Path, split: Split) -> dict[str, set[int]]:
    """Return the seconds of each video that are left out."""
    found: dict[str, set[int]] = {}
    for file in dataset.files_of(Role.EXCLUDED_TIMESTAMPS, (split,)):
        rows = parsers.read_excluded(folder / file.name, span=dataset.span)
        for video_id, second in zip(rows["video_id"], rows["timestamp"], strict=True):
            found.setdefault(video_id, set()).add(int(second))
    return found


def file_names(dataset: Dataset, folder: Path, splits: tuple[Split, ...]) -> dict[VideoId, str]:
    """Return the name of each video on the mirror, from the lists of these splits; the first list wins."""
    names: dict[VideoId, str] = {}
    for file in dataset.files_of(Role.FILE_NAMES, splits):
        names = parsers.read_file_names(folder / file.name) | names
    return names
