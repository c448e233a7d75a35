"""The labels of some splits of a dataset, in one table."""

import csv
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.datasets import parsers, rows_of, textfile
from avakit.datasets import splits as reading
from avakit.datasets.catalogue import AnnotationFile, Dataset, Form, Role
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
        The labels, as the readers of `avakit.datasets.parsers` return them, with `split`. Where persons act, each
        row has its `person`, which numbers the distinct boxes of each split from 0.
    moments
        Where persons act, the key frames: `split`, `video_id`, `timestamp`, also those with nobody; else empty.
    clip_ids
        The videos of AVA-Kinetics that are clips, not films.
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
    moments: "pd.DataFrame"
    clip_ids: frozenset[str]
    excluded: Mapping[Split, int]
    is_whole: bool = True

    @property
    def columns(self) -> reading.Columns:
        """Which columns of the rows are class and sample."""
        return reading.columns_of(self.dataset)

    @property
    def has_persons(self) -> bool:
        """Whether rows are persons who act at key frames (AVA), not clips, stretches of sound, or speaking faces."""
        return self.columns.is_numbered

    @property
    def sample_name(self) -> str:
        """What one labelled thing is called: persons, faces, clips of Kinetics, or segments of sound."""
        if self.has_persons:
            return "persons"
        if self.columns == reading.FACES:
            return "faces"
        return "clips" if self.dataset.span is None else "segments"

    @property
    def labelled(self) -> list[Split]:
        """The splits that have labels."""
        rows = self.rows if self.has_persons else self.rows[self.rows["label"] != ""]
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
    """
    only = None if videos is None else frozenset(str(video.id) for video in videos)
    maps = [file for file in dataset.files_of(Role.LABEL_MAP, splits) if file.required]
    names = parsers.read_label_map(folder / maps[0].name) if maps else {}
    found = [_read_split(dataset, folder, split, names) for split in splits]
    ids = {split: _narrowed(named, only) for split, (named, _, _) in zip(splits, found, strict=True)}
    rows = _concatenated([part for _, parts, _ in found for part in parts])
    if only is not None:
        rows = rows[rows["video_id"].isin(list(only))].reset_index(drop=True)
    excluded = {split: _excluded(dataset, folder, split, only) for split in splits}
    if reading.columns_of(dataset).is_numbered:
        moments = rows[["split", "video_id", "timestamp"]].drop_duplicates()
        rows = _with_persons(rows)
        clip_ids = frozenset[str]().union(*(of_clips for _, _, of_clips in found))
        names = names or {number: str(number) for number in sorted(rows["action_id"].unique().tolist())}
        groups = _groups(folder / maps[0].name) if maps else {}
        actions = tuple(Action(number, name, groups.get(number, "")) for number, name in sorted(names.items()))
        return Annotations(dataset, splits, actions, ids, rows, moments, clip_ids, excluded, videos is None)
    rows = _of_clips(rows, videos) if dataset.span is None else rows
    labels = sorted({*dataset.labels, *rows["label"].unique()} - {""})
    actions = tuple(Action(None, name) for name in labels)
    return Annotations(dataset, splits, actions, ids, rows, rows.head(0), frozenset(), excluded, videos is None)


def _read_split(
    dataset: Dataset, folder: Path, split: Split, names: Mapping[int, str]
) -> "tuple[list[str], list[pd.DataFrame], frozenset[str]]":
    """Return the video ids that a split names, its rows file by file, and which of the ids are of clips."""
    parts, ids, of_clips = [], list[str](), set[str]()
    for file in dataset.files_of(Role.LABELS, (split,)):
        rows = reading.of_split(rows_of.labels(dataset, folder / file.name, file, names), file, split)
        parts.append(rows.assign(split=str(split)))
        here = [str(video_id) for video_id in rows["video_id"].unique()]
        ids += here
        if file.form is Form.AVA_KINETICS_CLIPS:
            of_clips.update(here)
    for file in () if parts else dataset.files_of(Role.ID_LIST, (split,)):
        ids += parsers.read_ids(folder / file.name)
    return ids, parts, frozenset(of_clips)


def _of_clips(rows: "pd.DataFrame", videos: Collection[Video] | None) -> "pd.DataFrame":
    if videos is None:
        return rows
    labels = {clip.label for video in videos for clip in video.clips}
    return rows[rows["label"].isin(labels)].reset_index(drop=True)


def _with_persons(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Leave out rows with nobody (AVA-Kinetics has such), and number the distinct boxes."""
    if rows["action_id"].isna().any():
        rows = rows[rows["action_id"].notna()].reset_index(drop=True)
    key = ["split", "video_id", "timestamp", *BOX]
    person = rows.groupby(key, sort=False, observed=True).ngroup().astype("int64")
    return rows.assign(person=person).astype({"action_id": "int64"})


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
    text = textfile.read_text(path)
    if text.startswith("label_id,"):
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
