"""A dataset's splits as its annotation files tell them: rows where there are labels, else a list of ids."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.datasets import parsers, rows_of
from avakit.datasets.catalogue import AnnotationFile, Dataset, Form, Role
from avakit.datasets.parts import CLIP_FORMS
from avakit.errors import DataInvalid
from avakit.model import Split, VideoId

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Columns:
    """Which column of a form's rows is the class, and which together are one sample."""

    label: str
    sample: tuple[str, ...]

    @property
    def is_numbered(self) -> bool:
        """Whether classes are AVA's action ids, and not names."""
        return self.label == "action_id"


#: A sample of AVA is a person's box; its several rows are its labels.
AVA = Columns("action_id", ("video_id", "timestamp", "x1", "y1", "x2", "y2"))
#: A sample of Kinetics is a clip; of AVA Speech, a stretch of sound.
STRETCHES = Columns("label", ("video_id", "start", "end"))
#: A sample of AVA ActiveSpeaker is a face at an instant.
FACES = Columns("label", ("video_id", "timestamp", "entity_id"))
_COLUMNS = {Form.ACTIVESPEAKER: FACES, Form.SPEECH: STRETCHES} | dict.fromkeys(CLIP_FORMS, STRETCHES)


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
        What the readers made of its labels; None where it has none (AVA's test split). Of AVA-Kinetics, key frames
        that no clip holds are left out (`avakit check` counts them).
    key_clips
        The clips of AVA-Kinetics, one row per key frame and clip (see `ava_kinetics.Joined`); None elsewhere.
    without_clip
        The ids of AVA-Kinetics that have key frames, but none that lies in a clip: they are not in `ids`.
    """

    split: Split
    ids: tuple[str, ...]
    rows: "pd.DataFrame | None"
    key_clips: "pd.DataFrame | None" = None
    without_clip: frozenset[str] = frozenset()


def columns_of(dataset: Dataset) -> Columns:
    """Return what the columns of a dataset's rows mean."""
    forms = [file.form for file in dataset.files_of(Role.LABELS) if file.form]
    return _COLUMNS.get(forms[0], AVA) if forms else AVA


def read(dataset: Dataset, folder: Path, split: Split, actions: dict[int, str]) -> Part:
    """Read one split's labels, or its list of ids.

    Raises
    ------
    DataInvalid
        If a file is missing, can't be read, or names nothing of this split.
    """
    found, clips, without = [], [], set[str]()
    for file in dataset.files_of(Role.LABELS, (split,)):
        what = f"row of split {str(split)!r}"
        if file.form is Form.AVA_KINETICS_CLIPS:
            rows, joined = rows_of.joined(dataset, folder, file, split, actions)
            without |= set(joined.without_clip["video_id"])
            rows = rows.merge(joined.rows[["video_id", "timestamp"]].drop_duplicates())
            clips.append(joined.rows.assign(split=str(split)))
            what = "key frame that lies in a clip"
        else:
            rows = of_split(rows_of.labels(dataset, folder / file.name, file, actions), file, split)
        if rows.empty:
            raise DataInvalid(f"{folder / file.name}: holds no {what}")
        found.append(rows)
    if not found:
        return Part(split, _listed(dataset, folder, split), None)
    whole = _joined(found)
    ids = tuple(whole["video_id"].unique().tolist())
    return Part(split, ids, whole, _joined(clips) if clips else None, frozenset(without.difference(ids)))


def of_split(rows: "pd.DataFrame", file: AnnotationFile, split: Split) -> "pd.DataFrame":
    """Return the rows of one split; a file without a split column is of those that the manifest says."""
    if file.form not in CLIP_FORMS:
        return rows
    return rows[(rows["split"] == split) | (rows["split"] == "")].assign(split=str(split))


def _joined(found: "list[pd.DataFrame]") -> "pd.DataFrame":
    import pandas as pd

    return found[0].reset_index(drop=True) if len(found) == 1 else pd.concat(found, ignore_index=True)


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
