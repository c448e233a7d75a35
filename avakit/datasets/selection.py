"""Which videos a run is about: the fetched annotation files, narrowed by splits, ids, classes, limit and shard."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.datasets import parsers, rows_of
from avakit.datasets.catalogue import AnnotationFile, Dataset, Form, Role
from avakit.errors import ConfigInvalid, DataInvalid, nearest
from avakit.model import Clip, Span, Split, Video, VideoId
from avakit.shards import Shard

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 10


@dataclass(frozen=True)
class Selection:
    """What narrows a run.

    Attributes
    ----------
    splits
        The splits wanted, in the order train, val, test.
    ids
        The video ids wanted; None for all.
    classes
        Class names (any case, `_` for blanks) or AVA's action ids; empty for all.
    limit
        At most so many videos, after the filters above; None for all.
    shard
        The part of what is left that this run takes; None for all.
    """

    splits: tuple[Split, ...]
    ids: frozenset[VideoId] | None = None
    classes: tuple[str, ...] = ()
    limit: int | None = None
    shard: Shard | None = None


def required_files(dataset: Dataset, splits: Iterable[Split]) -> list[AnnotationFile]:
    """Return the annotation files without which these splits can't be read, in the manifest's order."""
    wanted = set(splits)
    return [file for file in dataset.files if file.required and wanted & set(file.splits)]


def videos(dataset: Dataset, folder: Path, selection: Selection) -> list[Video]:
    """Return the videos of a dataset that a run is about.

    Parameters
    ----------
    dataset
        The dataset.
    folder
        Where its annotation files lie.
    selection
        What narrows the run.

    Returns
    -------
    list of Video
        One per video id, in the order in which the files first name it, split by split.

    Raises
    ------
    DataInvalid
        If an annotation file is missing or can't be read.
    ConfigInvalid
        If a split, id or class is wanted that does not exist.
    """
    _check_splits(dataset, selection.splits)
    if dataset.span is None:
        return _kinetics_videos(dataset, folder, selection)
    return _ava_videos(dataset, dataset.span, folder, selection)


def _check_splits(dataset: Dataset, splits: Iterable[Split]) -> None:
    for split in splits:
        if split not in dataset.splits:
            known = ", ".join(dataset.splits)
            raise ConfigInvalid(f"{dataset.name} has no split {str(split)!r}; it has {known}")


def _choose(dataset: Dataset, selection: Selection, existing: Iterable[str], matching: Iterable[str]) -> list[VideoId]:
    """Return the ids of `matching` (those with a wanted class) that ids, limit and shard leave."""
    ids = [VideoId(text) for text in dict.fromkeys(matching)]
    if selection.ids is not None:
        unknown = sorted(selection.ids - set(existing))
        if unknown:
            named = ", ".join(unknown[:_NAMED]) + (f" and {len(unknown) - _NAMED} more" if unknown[_NAMED:] else "")
            raise ConfigInvalid(f"not in {dataset.name} ({', '.join(selection.splits)}): {named}")
        ids = [video_id for video_id in ids if video_id in selection.ids]
    ids = ids[: selection.limit]
    return [video_id for video_id in ids if selection.shard is None or selection.shard.takes(video_id)]


# --- AVA: the window of each film is annotated ---


def _ava_videos(dataset: Dataset, span: Span, folder: Path, selection: Selection) -> list[Video]:
    actions = _actions(dataset, folder, selection.splits)
    wanted = _wanted_actions(selection.classes, actions)
    splits: dict[str, list[Split]] = {}
    seconds: dict[str, set[int]] = {}
    matching: list[str] = []
    for split in selection.splits:
        ids, found, with_class = _read_split(dataset, folder, split, actions, wanted)
        for video_id in ids:
            splits.setdefault(video_id, []).append(split)
            seconds.setdefault(video_id, set()).update(found.get(video_id, ()))
        matching += with_class
    clips, with_class = _key_clips(dataset, folder, selection.splits, actions, wanted)
    names = _file_names(dataset, folder, selection.splits)
    return [
        _video(video_id, clips[video_id])
        if video_id in clips
        else Video(
            video_id, tuple(splits[video_id]), span, names.get(video_id, ""), (), tuple(sorted(seconds[video_id]))
        )
        for video_id in _choose(dataset, selection, [*splits, *clips], [*matching, *with_class])
    ]


def _key_clips(
    dataset: Dataset, folder: Path, splits: Iterable[Split], actions: dict[int, str], wanted: frozenset[int] | None
) -> tuple[dict[VideoId, list[Clip]], list[str]]:
    """Return the clips of AVA-Kinetics that hold a key frame, by video, and the ids that have a wanted action."""
    clips: dict[VideoId, list[Clip]] = {}
    matching: list[str] = []
    for split in splits:
        for file in dataset.files_of(Role.LABELS, (split,)):
            if file.form is Form.AVA_KINETICS_CLIPS:
                joined, with_class = rows_of.key_clips(dataset, folder, file, split, actions, wanted)
                ids = [VideoId(text) for text in joined["video_id"].unique()]
                for video_id, found in _clips(joined.assign(split=str(split)), ids).items():
                    clips.setdefault(video_id, []).extend(found)
                matching += with_class
    return clips, matching


def _read_split(
    dataset: Dataset, folder: Path, split: Split, actions: dict[int, str], wanted: frozenset[int] | None
) -> tuple[list[str], dict[str, set[int]], list[str]]:
    """Return a split's ids, the key seconds of each, and the ids that have a wanted action."""
    labels = dataset.files_of(Role.LABELS, (split,))
    if not labels:
        return _unlabelled_split(dataset, folder, split, is_wanted=wanted is None)
    ids: dict[str, None] = {}
    seconds: dict[str, set[int]] = {}
    matching: dict[str, None] = {}
    for file in labels:
        if file.form is Form.AVA_KINETICS_CLIPS:
            continue
        rows = rows_of.labels(dataset, folder / file.name, file, actions)
        _refuse_empty(rows, folder / file.name, split)
        ids |= dict.fromkeys(rows["video_id"].unique())
        chosen = rows if wanted is None else rows[rows["action_id"].isin(wanted)]
        matching |= dict.fromkeys(chosen["video_id"].unique())
        if "timestamp" not in rows or rows["timestamp"].dtype != "int64":
            continue  # voices: frames and segments, no key seconds
        for video_id, group in rows[["video_id", "timestamp"]].drop_duplicates().groupby("video_id", sort=False):
            seconds.setdefault(str(video_id), set()).update(group["timestamp"].tolist())
    excluded = _excluded(dataset, folder, split)
    return list(ids), {key: found - excluded.get(key, set()) for key, found in seconds.items()}, list(matching)


def _unlabelled_split(
    dataset: Dataset, folder: Path, split: Split, *, is_wanted: bool
) -> tuple[list[str], dict[str, set[int]], list[str]]:
    files = dataset.files_of(Role.ID_LIST, (split,))
    ids: list[str] = [video_id for file in files for video_id in parsers.read_ids(folder / file.name)]
    if not ids:
        raise DataInvalid(f"{folder / files[0].name}: names no video")
    grid = set(dataset.key_seconds.seconds if dataset.key_seconds else ())
    excluded = _excluded(dataset, folder, split)
    return ids, {key: grid - excluded.get(key, set()) for key in ids}, ids if is_wanted else []


def _excluded(dataset: Dataset, folder: Path, split: Split) -> dict[str, set[int]]:
    excluded: dict[str, set[int]] = {}
    for file in dataset.files_of(Role.EXCLUDED_TIMESTAMPS, (split,)):
        rows = parsers.read_excluded(folder / file.name, span=dataset.span)
        for video_id, second in zip(rows["video_id"], rows["timestamp"], strict=True):
            excluded.setdefault(video_id, set()).add(int(second))
    return excluded


def _file_names(dataset: Dataset, folder: Path, splits: tuple[Split, ...]) -> dict[VideoId, str]:
    names: dict[VideoId, str] = {}
    for file in dataset.files_of(Role.FILE_NAMES, splits):
        names = parsers.read_file_names(folder / file.name) | names
    return names


def _actions(dataset: Dataset, folder: Path, splits: tuple[Split, ...]) -> dict[int, str]:
    """Return the dataset's label map: its first required one (another may hold the evaluated classes alone)."""
    files = [file for file in dataset.files_of(Role.LABEL_MAP, splits) if file.required]
    return parsers.read_label_map(folder / files[0].name) if files else {}


def _wanted_actions(classes: tuple[str, ...], actions: dict[int, str]) -> frozenset[int] | None:
    if not classes:
        return None
    ids = {_folded(name): number for number, name in actions.items()}
    ids |= {str(number): number for number in actions}
    _refuse_unknown_classes(classes, ids, list(actions.values()))
    return frozenset(ids[_folded(name)] for name in classes)


def _folded(name: str) -> str:
    return name.replace("_", " ").strip().casefold()


def _refuse_unknown_classes(classes: Iterable[str], known: Iterable[str], names: list[str]) -> None:
    known = frozenset(known)
    unknown = [name for name in classes if _folded(name) not in known]
    if unknown:
        raise ConfigInvalid(*(f"unknown class {name!r}{_class_like(name, names)}" for name in unknown))


def _class_like(name: str, names: list[str]) -> str:
    """Return a hint for an unknown class; `bend/bow` should find `bend/bow (at the waist)`."""
    containing = [known for known in names if _folded(name) in _folded(known)]
    return f": did you mean {containing[0]!r}?" if containing else nearest(name, names)


def _refuse_empty(rows: "pd.DataFrame", path: Path, split: Split) -> None:
    if rows.empty:
        raise DataInvalid(f"{path}: holds no row of split {str(split)!r}")


# --- Kinetics: each row is a clip ---


def _kinetics_videos(dataset: Dataset, folder: Path, selection: Selection) -> list[Video]:
    import pandas as pd

    rows = pd.concat(
        [
            _clip_rows(dataset, folder / file.name, file, split)
            for split in selection.splits
            for file in dataset.files_of(Role.LABELS, (split,))
        ],
        ignore_index=True,
    )
    matching = rows
    if selection.classes:
        labels = rows["label"].unique().tolist()
        _refuse_unknown_classes(selection.classes, map(_folded, labels), labels)
        wanted = {_folded(name) for name in selection.classes}
        matching = rows[rows["label"].isin([label for label in labels if _folded(label) in wanted])]
    ids = _choose(dataset, selection, rows["video_id"].unique(), matching["video_id"].unique())
    clips = _clips(matching[matching["video_id"].isin(ids)], ids)
    return [_video(video_id, clips[video_id]) for video_id in ids]


def _clip_rows(dataset: Dataset, path: Path, file: AnnotationFile, split: Split) -> "pd.DataFrame":
    rows = rows_of.labels(dataset, path, file, {})
    # A file without a split column is of the split that the manifest says.
    rows = rows[(rows["split"] == split) | (rows["split"] == "")].assign(split=str(split))
    _refuse_empty(rows, path, split)
    return rows


def _clips(rows: "pd.DataFrame", ids: Iterable[VideoId]) -> dict[VideoId, list[Clip]]:
    clips: dict[VideoId, list[Clip]] = {video_id: [] for video_id in ids}
    known = {video_id: video_id for video_id in clips}
    spans: dict[tuple[Any, Any], Span] = {}
    splits = {str(split): split for split in Split}
    columns = (rows[name].tolist() for name in ("video_id", "start", "end", "split", "label"))
    for text, start, end, split, label in zip(*columns, strict=True):
        span = spans.get((start, end))
        if span is None:
            begin = Fraction(str(start))  # by way of its text: 0.1 s is a tenth, not the nearest float
            span = spans[start, end] = Span(begin, Fraction(str(end)) - begin)
        video_id = known[text]
        clips[video_id].append(Clip(video_id, span, splits[split], label))
    return clips


def _video(video_id: VideoId, clips: list[Clip]) -> Video:
    if len(clips) == 1:
        return Video(video_id, (clips[0].split,), clips[0].span, "", (clips[0],))
    start, end = min(clip.span.start for clip in clips), max(clip.span.end for clip in clips)
    found = {clip.split for clip in clips}
    return Video(
        video_id, tuple(split for split in Split if split in found), Span(start, end - start), "", tuple(clips)
    )
