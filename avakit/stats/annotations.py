"""The labels of some splits of a dataset, in one table."""

import csv
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from avakit.datasets import parsers, tables
from avakit.datasets.catalogue import AnnotationFile, Dataset, Form, Role
from avakit.errors import ConfigInvalid
from avakit.model import Split, Video

if TYPE_CHECKING:
    import pandas as pd

BOX = ["x1", "y1", "x2", "y2"]
#: AVA's own names for its three groups of actions, and what the announcement's figures call them.
GROUPS = {
    "PERSON_MOVEMENT": "pose",
    "OBJECT_MANIPULATION": "object",
    "PERSON_INTERACTION": "person interaction",
}
_COLUMNS: dict[Form, Literal[7, 8]] = {Form.AVA7: 7, Form.AVA8: 8}
_NEEDED = (Role.LABELS, Role.LABEL_MAP, Role.ID_LIST, Role.EXCLUDED_TIMESTAMPS)
_ENTRY = re.compile(r"\blabel\s*\{([^{}]*)\}")
_ID = re.compile(r"\blabel_id:\s*([0-9]+)")
_TYPE = re.compile(r"\blabel_type:\s*([A-Z_]+)")


@dataclass(frozen=True)
class Action:
    """A class: its id (None in Kinetics, which has names alone), name, and group (empty where none is told)."""

    number: int | None
    name: str
    group: str = ""


@dataclass(frozen=True)
class Annotations:
    """What is annotated in some splits of a dataset.

    Attributes
    ----------
    dataset, splits
        Whose, and which.
    actions
        The classes: those of AVA's label map by id, those that occur in Kinetics by name.
    ids
        The video ids of each split, in the order of the files.
    rows
        AVA: the columns of `parsers.read_ava`, with `split` and `person`, which numbers the distinct boxes of
        each split from 0. Kinetics: the columns of `parsers.read_kinetics`.
    excluded
        How many timestamps of each split are excluded.
    is_whole
        Whether nothing but the splits narrows this.
    """

    dataset: Dataset
    splits: tuple[Split, ...]
    actions: tuple[Action, ...]
    ids: Mapping[Split, tuple[str, ...]]
    rows: "pd.DataFrame"
    excluded: Mapping[Split, int]
    is_whole: bool = True

    @property
    def has_boxes(self) -> bool:
        """Whether rows are persons with boxes (AVA), and not clips (Kinetics)."""
        return self.dataset.span is not None

    @property
    def labelled(self) -> list[Split]:
        """The splits that have labels."""
        rows = self.rows if self.has_boxes else self.rows[self.rows["label"] != ""]
        found = set(rows["split"].unique())
        return [split for split in self.splits if split in found]


def needed_files(dataset: Dataset, splits: Collection[Split]) -> list[AnnotationFile]:
    """Return the annotation files from which these splits are counted."""
    wanted = set(splits)
    return [file for file in dataset.files if file.required and file.role in _NEEDED and wanted & set(file.splits)]


def read(
    dataset: Dataset, folder: Path, splits: tuple[Split, ...], videos: Collection[Video] | None = None
) -> Annotations:
    """Read the labels of some splits.

    Parameters
    ----------
    dataset, folder
        The dataset, and where its annotation files lie.
    splits
        The splits.
    videos
        The videos to which to keep, and of Kinetics the classes of their clips; None for all.

    Raises
    ------
    DataInvalid
        If an annotation file is missing or can't be read.
    ConfigInvalid
        If the labels are of a form that has no boxes with actions.
    """
    if dataset.span is None:
        return _read_kinetics(dataset, folder, splits, videos)
    return _read_ava(dataset, folder, splits, None if videos is None else {str(video.id) for video in videos})


def _read_ava(dataset: Dataset, folder: Path, splits: tuple[Split, ...], only: Collection[str] | None) -> Annotations:
    import pandas as pd

    maps = [file for file in dataset.files_of(Role.LABEL_MAP, splits) if file.required]
    names = parsers.read_label_map(folder / maps[0].name) if maps else {}
    groups = _groups(folder / maps[0].name) if maps else {}
    parts, ids = [], {}
    for split in splits:
        labels = dataset.files_of(Role.LABELS, (split,))
        found = [
            parsers.read_ava(folder / file.name, _columns(dataset, file), span=dataset.span, actions=names or None)
            for file in labels
        ]
        parts += [rows.assign(split=str(split)) for rows in found]
        named = [str(video_id) for part in found for video_id in part["video_id"].unique()]
        lists = () if labels else dataset.files_of(Role.ID_LIST, (split,))
        named += [video_id for file in lists for video_id in parsers.read_ids(folder / file.name)]
        ids[split] = _narrowed(named, only)
    rows = _concatenated(parts)
    if only is not None:
        rows = rows[rows["video_id"].isin(list(only))].reset_index(drop=True)
    key = ["split", "video_id", "timestamp", *BOX]
    rows["person"] = rows.groupby(key, sort=False, observed=True).ngroup().astype("int64")
    if not names:
        names = {number: str(number) for number in sorted(pd.unique(rows["action_id"]).tolist())}
    actions = tuple(Action(number, name, groups.get(number, "")) for number, name in sorted(names.items()))
    excluded = {split: _excluded(dataset, folder, split, only) for split in splits}
    return Annotations(dataset, splits, actions, ids, rows, excluded, only is None)


def _columns(dataset: Dataset, file: AnnotationFile) -> Literal[7, 8]:
    columns = _COLUMNS.get(file.form) if file.form else None
    if columns is None:
        raise ConfigInvalid(f"{dataset.name}: {file.name} is of the form {file.form}, which `stats` does not count")
    return columns


def _concatenated(parts: "list[pd.DataFrame]") -> "pd.DataFrame":
    """Join the rows of all splits, with texts as categories: a million ids as small numbers."""
    import pandas as pd

    if not parts:
        columns = {"video_id": "str", "timestamp": "int64", **dict.fromkeys(BOX, "float64"), "action_id": "int64"}
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
        parts = [empty.assign(person_id=pd.Series(dtype="Int64"), split=pd.Series(dtype="str"))]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(video_id=rows["video_id"].astype("category"))


def _excluded(dataset: Dataset, folder: Path, split: Split, only: Collection[str] | None) -> int:
    found = [parsers.read_excluded(folder / f.name) for f in dataset.files_of(Role.EXCLUDED_TIMESTAMPS, (split,))]
    kept = [rows if only is None else rows[rows["video_id"].isin(list(only))] for rows in found]
    return sum(len(rows.drop_duplicates()) for rows in kept)


def _groups(path: Path) -> dict[int, str]:
    """Return the group of each action, as far as the label map tells it (that of 60 classes does not)."""
    text = tables.read_text(path)
    first, _, _ = tables.split_first_line(text)
    if first.startswith("label_id,"):
        cells = [row for row in csv.DictReader(text.splitlines()) if row.get("label_type")]
        return {int(row["label_id"]): GROUPS.get(row["label_type"], row["label_type"]) for row in cells}
    groups = {}
    for entry in _ENTRY.findall(text):
        number, kind = _ID.search(entry), _TYPE.search(entry)
        if number and kind:
            groups[int(number[1])] = GROUPS.get(kind[1], kind[1])
    return groups


def _narrowed(ids: list[str], only: Collection[str] | None) -> tuple[str, ...]:
    return tuple(video_id for video_id in dict.fromkeys(ids) if only is None or video_id in only)


def _read_kinetics(
    dataset: Dataset, folder: Path, splits: tuple[Split, ...], videos: Collection[Video] | None
) -> Annotations:
    import pandas as pd

    parts = []
    for split in splits:
        for file in dataset.files_of(Role.LABELS, (split,)):
            rows = parsers.read_kinetics(folder / file.name)
            # A file without a split column is of the split that the manifest says.
            parts.append(rows[(rows["split"] == split) | (rows["split"] == "")].assign(split=str(split)))
    rows = pd.concat(parts, ignore_index=True)
    if videos is not None:
        labels = {clip.label for video in videos for clip in video.clips}
        is_chosen = rows["video_id"].isin([str(video.id) for video in videos]) & rows["label"].isin(labels)
        rows = rows[is_chosen].reset_index(drop=True)
    names = sorted(name for name in rows["label"].unique() if name)
    ids = {split: tuple(rows.loc[rows["split"] == split, "video_id"].unique()) for split in splits}
    return Annotations(dataset, splits, tuple(Action(None, n) for n in names), ids, rows, {}, videos is None)
