"""Which videos a run is about: the fetched annotation files, narrowed by what `Selection` says."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.datasets import splits as reading
from avakit.datasets.catalogue import AnnotationFile, Dataset
from avakit.datasets.choice import Choice, Selection, choose
from avakit.datasets.splits import Part
from avakit.errors import ConfigInvalid
from avakit.model import Clip, Span, Split, Video, VideoId

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Selection", "clip_seconds", "read", "required_files", "videos"]

#: Annotated instants by id, start and end of a clip.
ClipSeconds = dict[tuple[str, float, float], tuple[Fraction, ...]]


def required_files(dataset: Dataset, splits: Iterable[Split]) -> list[AnnotationFile]:
    """Return the annotation files without which these splits can't be read, in the manifest's order."""
    wanted = set(splits)
    return [file for file in dataset.files if file.required and wanted & set(file.splits)]


def read(dataset: Dataset, folder: Path, selection: Selection) -> tuple[list[Part], Choice]:
    """Read the chosen splits, and what the selection leaves of them.

    Raises
    ------
    DataInvalid
        If an annotation file is missing or can't be read.
    ConfigInvalid
        If a split, id or class is wanted that does not exist.
    """
    for split in selection.splits:
        if split not in dataset.splits:
            known = ", ".join(dataset.splits)
            raise ConfigInvalid(f"{dataset.name} has no split {str(split)!r}; it has {known}")
    actions = {} if dataset.span is None else reading.actions(dataset, folder, selection.splits)
    parts = [reading.read(dataset, folder, split, actions) for split in selection.splits]
    return parts, choose(dataset.name, parts, reading.columns_of(dataset), selection, actions)


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
        One per video id, in the order in which the files first name it, split by split. A film of AVA has all its
        annotated seconds, whichever class it was chosen for; a video of Kinetics has only the chosen clips.

    Raises
    ------
    DataInvalid
        If an annotation file is missing or can't be read.
    ConfigInvalid
        If a split, id or class is wanted that does not exist.
    """
    parts, choice = read(dataset, folder, selection)
    if dataset.span is None:
        return _kinetics_videos(parts, choice)
    clips = _key_clips(parts, choice)
    keys = partial(key_seconds, dataset, folder, keep_excluded=selection.keep_excluded)
    films = _films(dataset, dataset.span, folder, parts, choice, keys)
    return [_video(video_id, clips[video_id]) if video_id in clips else films[video_id] for video_id in choice.ids]


# --- AVA: the window of each film is annotated; of AVA-Kinetics, also one instant in a clip of Kinetics ---


def _films(
    dataset: Dataset,
    span: Span,
    folder: Path,
    parts: Sequence[Part],
    choice: Choice,
    keys: "partial[dict[str, set[int]]]",
) -> dict[VideoId, Video]:
    splits: dict[str, list[Split]] = {}
    found: dict[str, set[int]] = {video_id: set() for video_id in choice.ids}
    for part in parts:
        for video_id in part.ids:
            splits.setdefault(video_id, []).append(part.split)
        for video_id, seconds in keys(part, choice.ids).items():
            found[video_id] |= seconds
    names = reading.file_names(dataset, folder, tuple(part.split for part in parts))
    return {
        video_id: Video(
            video_id, tuple(splits[video_id]), span, names.get(video_id, ""), (), tuple(sorted(found[video_id]))
        )
        for video_id in choice.ids
    }


def _key_clips(parts: Sequence[Part], choice: Choice) -> dict[VideoId, list[Clip]]:
    """Return the clips of AVA-Kinetics that hold a chosen key frame, by video; each with all its key frames."""
    found: dict[VideoId, list[Clip]] = {}
    for part in parts:
        if part.key_clips is None:
            continue
        wanted = choice.rows(part)[["video_id", "timestamp"]].drop_duplicates()
        clips = part.key_clips.merge(wanted).drop_duplicates(["video_id", "start", "end"])
        ids = [VideoId(text) for text in clips["video_id"].unique()]
        for video_id, more in _clips(clips, ids, clip_seconds(part)).items():
            found.setdefault(video_id, []).extend(more)
    return found


def clip_seconds(part: Part, rows: "pd.DataFrame | None" = None) -> ClipSeconds:
    """Return the annotated instants in each clip of AVA-Kinetics, by id, start and end: all, or those of some rows."""
    if part.key_clips is None:
        return {}
    held = part.key_clips
    if rows is not None:
        held = held.merge(rows[["video_id", "timestamp"]].drop_duplicates())
    found: dict[tuple[str, float, float], set[Fraction]] = {}
    columns = (held[name].tolist() for name in ("video_id", "start", "end", "timestamp"))
    for text, start, end, second in zip(*columns, strict=True):
        found.setdefault((text, start, end), set()).add(Fraction(str(second)))
    return {clip: tuple(sorted(seconds)) for clip, seconds in found.items()}


def key_seconds(
    dataset: Dataset,
    folder: Path,
    part: Part,
    ids: Iterable[str],
    rows: "pd.DataFrame | None" = None,
    *,
    keep_excluded: bool = False,
) -> dict[str, set[int]]:
    """Return the annotated seconds of some videos in one split, without the excluded ones unless they are kept.

    They are those that the rows name (all rows of the split, unless `rows` is given), or where there are no
    labels, those of the grid. Labels of sounds and faces name none.
    """
    if reading.columns_of(dataset) is not reading.AVA:
        return {}
    excluded = {} if keep_excluded else reading.excluded(dataset, folder, part.split)
    wanted = set(ids) & set(part.ids)
    rows = part.rows if rows is None else rows
    if rows is None:
        grid = set(dataset.key_seconds.seconds if dataset.key_seconds else ())
        return {video_id: grid - excluded.get(video_id, set()) for video_id in wanted}
    if part.key_clips is not None:
        wanted -= set(part.key_clips["video_id"])
    named = rows.loc[rows["video_id"].isin(wanted), ["video_id", "timestamp"]].drop_duplicates()
    return {
        str(video_id): set(map(int, group["timestamp"].tolist())) - excluded.get(str(video_id), set())
        for video_id, group in named.groupby("video_id", sort=False)
    }


# --- Kinetics: each row is a clip ---


def _kinetics_videos(parts: Sequence[Part], choice: Choice) -> list[Video]:
    import pandas as pd

    clips = _clips(pd.concat([choice.rows(part) for part in parts], ignore_index=True), choice.ids)
    return [_video(video_id, clips[video_id]) for video_id in choice.ids]


def _clips(
    rows: "pd.DataFrame", ids: Iterable[VideoId], key_seconds: ClipSeconds | None = None
) -> dict[VideoId, list[Clip]]:
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
        seconds = key_seconds[text, start, end] if key_seconds else ()
        clips[video_id].append(Clip(video_id, span, splits[split], label, seconds))
    return clips


def _video(video_id: VideoId, clips: list[Clip]) -> Video:
    if len(clips) == 1:
        return Video(video_id, (clips[0].split,), clips[0].span, "", (clips[0],))
    start, end = min(clip.span.start for clip in clips), max(clip.span.end for clip in clips)
    found = {clip.split for clip in clips}
    return Video(
        video_id, tuple(split for split in Split if split in found), Span(start, end - start), "", tuple(clips)
    )
