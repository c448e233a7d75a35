"""Annotation files judged as a whole: each row, rows against each other, splits, and what is counted."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.datasets import parsers, rejects, rows_of, textfile
from avakit.datasets.catalogue import AnnotationFile, Dataset, Form, Role
from avakit.datasets.parts import CLIP_FORMS, SEGMENT_SECONDS
from avakit.datasets.repeats import repeats
from avakit.datasets.speech import ARCHIVES
from avakit.errors import DataInvalid
from avakit.model import Split

if TYPE_CHECKING:
    import pandas as pd

_BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Checked:
    """What one file holds.

    Attributes
    ----------
    file, path
        What the manifest says of it, and where it lies.
    counts
        What was counted: `rows`, and where the form has them `videos`, `key_frames`, `segments`, `persons`, `tracks`,
        `faces`, `labels`, `classes`, `clips`.
    rows
        The rows; None for small lists, and for a file that can't be read.
    problems
        What is wrong with it; the first twenty, and how many more.
    """

    file: AnnotationFile
    path: Path
    counts: Mapping[str, int] = field(default_factory=dict)
    rows: "pd.DataFrame | None" = None
    problems: tuple[str, ...] = ()


def check_file(dataset: Dataset, path: Path, file: AnnotationFile, actions: Collection[int] = ()) -> Checked:
    """Read one file as strictly as can be; never raises for what is wrong with it."""
    try:
        rows, counts = _read(dataset, path, file, actions)
    except DataInvalid as error:
        return Checked(file, path, problems=error.args)
    return Checked(file, path, counts, rows)


def check(dataset: Dataset, folder: Path, splits: Iterable[Split]) -> list[Checked]:
    """Check the annotation files of these splits that are there, each by itself."""
    wanted = set(splits)
    files = [file for file in dataset.files if wanted & set(file.splits) and (file.required or _is_there(folder, file))]
    actions: dict[int, str] = {}
    checked = []
    for file in sorted(files, key=lambda file: file.role is not Role.LABEL_MAP):
        checked.append(check_file(dataset, folder / file.name, file, actions))
        if file.role is Role.LABEL_MAP and file.required and not checked[-1].problems:
            actions |= parsers.read_label_map(folder / file.name)
    return checked


def _is_there(folder: Path, file: AnnotationFile) -> bool:
    return (folder / file.name).is_file()


def _read(
    dataset: Dataset, path: Path, file: AnnotationFile, actions: Collection[int]
) -> "tuple[pd.DataFrame | None, dict[str, int]]":
    if file.role is Role.EXTRA:
        if not path.is_file():
            raise DataInvalid(f"{path}: is missing")
        return None, {}
    rows = None
    if file.role in (Role.LABELS, Role.CLIPS):
        rows = rows_of.labels(dataset, path, file, actions, strict=True)
        counts = count(rows) | _count_segments(dataset, rows)
    elif file.role is Role.EXCLUDED_TIMESTAMPS:
        seconds = parsers.read_excluded(path, span=dataset.span, strict=True)
        counts = {"rows": len(seconds), "videos": int(seconds["video_id"].nunique())}
    else:
        name, found = _read_list(dataset, path, file.role)
        counts = {"rows": len(found), name: len(found)}
    left_out = rejects.count(path)
    # Lists beside the labels may be empty, such as those of a subset; but not because all their rows are bad.
    if not counts["rows"] and (left_out or rows is not None):
        why = f": all of its {left_out} rows are bad" if left_out else ""
        raise DataInvalid(f"{path}: holds no row{why}")
    return rows, counts


def _read_list(dataset: Dataset, path: Path, role: Role) -> tuple[str, Sized]:
    """Return what a small list counts, and what it holds."""
    if role is Role.LABEL_MAP:
        return "classes", parsers.read_label_map(path)
    if role is Role.INCLUDED_TIMESTAMPS:
        return "rows", parsers.read_included(path, span=dataset.span, strict=True)
    read = parsers.read_file_names if role is Role.FILE_NAMES else parsers.read_ids
    return "videos", read(path, strict=True)


def count(rows: "pd.DataFrame") -> dict[str, int]:
    """Count what the rows of a labels file hold."""
    counts = {"rows": len(rows), "videos": int(rows["video_id"].nunique())}
    if "start" in rows:
        counts["clips"] = len(rows)
    if "timestamp" in rows:
        key = [rows["video_id"].astype("category").cat.codes.to_numpy(), rows["timestamp"].to_numpy()]
        counts["key_frames"] = int((~repeats(key)).sum())
        box = [rows[name].to_numpy() for name in _BOX]
        has_box = rows["x1"].notna().to_numpy()
        counts["persons"] = int((~repeats([*key, *box]) & has_box).sum())
    if "entity_id" in rows:
        counts |= {"faces": len(rows), "tracks": len(rows[["video_id", "entity_id"]].drop_duplicates())}
    classes = rows["label"][rows["label"] != ""] if "label" in rows else rows.get("action_id")
    if classes is not None and classes.notna().any():
        counts |= {"classes": int(classes.nunique()), "labels": int(classes.notna().sum())}
    return counts


def _count_segments(dataset: Dataset, rows: "pd.DataFrame") -> dict[str, int]:
    """Count the pieces of films in which a key frame lies, as AVA was announced."""
    if dataset.span is None or not any(figure.name == "segments" for figure in dataset.figures):
        return {}
    pieces = (rows["timestamp"].to_numpy() - float(dataset.span.start)) // SEGMENT_SECONDS
    return {"segments": int((~repeats([rows["video_id"].astype("category").cat.codes.to_numpy(), pieces])).sum())}


def across(dataset: Dataset, checked: Sequence[Checked], folder: Path) -> tuple[list[str], list[str]]:
    """Return the problems between files, and what is worth knowing but no problem."""
    labels = [each for each in checked if each.rows is not None and each.file.role is Role.LABELS]
    problems = [*_case_collisions(labels, "video_id"), *_case_collisions(labels, "label")]
    notes = []
    for number, first in enumerate(labels):
        for second in labels[number + 1 :]:
            if set(first.file.splits) != set(second.file.splits):
                wrong, shared = _overlap(first, second)
                problems += wrong
                notes += shared
    for each in labels:
        if each.file.form is Form.AVA_KINETICS_CLIPS:
            notes += _without_clip(dataset, each, folder)
    more = len(problems) - rejects.NAMED_PROBLEMS
    return [*problems[: rejects.NAMED_PROBLEMS], *([f"and {more} more between files"] if more > 0 else [])], notes


def _overlap(first: Checked, second: Checked) -> tuple[list[str], list[str]]:
    assert first.rows is not None  # noqa: S101
    assert second.rows is not None  # noqa: S101
    shared = sorted(set(first.rows["video_id"]) & set(second.rows["video_id"]))
    if not shared:
        return [], []
    key = _clip_key(first.file.form, second.file.form)
    if not key:
        lines = _lines_of(second.path, shared)
        named = (f"video_id {textfile.quote(each)} is in {first.path.name} as well" for each in shared)
        return [f"{_place(second.path, lines[each])}: {text}" for each, text in zip(shared, named, strict=True)], []
    same = first.rows[key].drop_duplicates().merge(second.rows[key].drop_duplicates())
    lines = _lines_of(second.path, same["video_id"].tolist())
    what = "clip" if "start" in key else "key frame"
    problems = [
        f"{_place(second.path, lines[video_id])}: video_id {video_id!r}, seconds {' to '.join(map(str, seconds))}: "
        f"this {what} is in {first.path.name} as well"
        for video_id, *seconds in same.itertuples(index=False)
    ]
    return problems, [f"{len(shared)} videos have clips in {first.path.name} and in {second.path.name}"]


def _clip_key(first: Form | None, second: Form | None) -> list[str]:
    """Return what tells clips apart where both files are of clips: a video may have one in each of two splits."""
    if first in CLIP_FORMS and second in CLIP_FORMS:
        return ["video_id", "start", "end"]
    both_are_key_frames = first is second is Form.AVA_KINETICS_CLIPS
    return ["video_id", "timestamp"] if both_are_key_frames else []


def _place(path: Path, line: int) -> str:
    return f"{path}, line {line}" if line else str(path)


def _lines_of(path: Path, wanted: Iterable[str]) -> dict[str, int]:
    """Return the first line that names each id; 0 in an archive."""
    found = dict.fromkeys(wanted, 0)
    for number, line in textfile.lines(path) if found and not path.name.endswith(ARCHIVES) else ():
        for cell in line.replace("\t", ",").split(","):
            text = cell.strip(' "')
            if found.get(text) == 0:
                found[text] = number
    return found


def _case_collisions(labels: Sequence[Checked], column: str) -> list[str]:
    seen: dict[str, tuple[str, Path]] = {}
    problems = []
    for each in labels:
        if each.rows is None or column not in each.rows or each.path.name.endswith(ARCHIVES):
            continue
        for text in each.rows[column].unique().tolist():
            twin, path = seen.setdefault(text.replace(" ", "_").casefold(), (text, each.path))
            if twin != text and path != each.path:
                line = _lines_of(each.path, [text])[text]
                problems.append(
                    f"{each.path}, line {line}: {column} {textfile.quote(text)} differs from {textfile.quote(twin)} "
                    f"in {path.name} by its case alone"
                )
    return problems


def _without_clip(dataset: Dataset, checked: Checked, folder: Path) -> list[str]:
    split = checked.file.splits[0]
    if not all((folder / file.name).is_file() for file in dataset.files_of(Role.CLIPS, (split,))):
        return []
    _, joined = rows_of.joined(dataset, folder, checked.file, split, ())
    notes = [f"{checked.path.name}: {joined.key_frames} key frames, {joined.with_two_clips} of them in two clips"]
    if len(joined.without_clip):
        named = ", ".join(f"{row.video_id} at {row.timestamp}" for row in joined.without_clip.head(3).itertuples())
        notes.append(f"{checked.path.name}: {len(joined.without_clip)} key frames lie in no clip, such as {named}")
    return notes
