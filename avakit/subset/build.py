"""What a subset consists of: a function of its parent's annotation files and the arguments. Writes nothing."""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from avakit.datasets import excerpt, selection
from avakit.datasets import splits as reading
from avakit.datasets.catalogue import AnnotationFile, Dataset, Form, Role
from avakit.datasets.choice import Choice, Class, Selection, count_samples, sample_key
from avakit.datasets.splits import Part
from avakit.errors import ConfigInvalid, DataInvalid
from avakit.model import Split
from avakit.tools import files

SCHEMA = 1
#: The list of old and new action ids beside the annotation files of a renumbered subset.
NEW_IDS = "renumbered_ids.csv"
_MOMENT = ["video_id", "timestamp"]


@dataclass(frozen=True)
class Subset:
    """A subset, worked out and not yet written.

    Attributes
    ----------
    name, parent
        Its name, and the dataset that it is a part of.
    files
        Content of its annotation files.
    origins
        Which file of the parent each is a part of.
    splits
        The splits that are left, with counts of videos (and clips).
    choice
        What is left of the parent.
    shares
        Whether its key frames and clips are the parent's own.
    recipe
        From what and how it is made.
    samples, samples_before
        Samples of each class here and in the chosen splits of the parent.
    rows
        Rows of labels.
    """

    name: str
    parent: Dataset
    files: dict[str, bytes]
    origins: dict[str, AnnotationFile]
    splits: dict[Split, dict[str, int]]
    choice: Choice
    shares: bool
    recipe: dict[str, Any]
    samples: Counter[Class] = field(default_factory=Counter)
    samples_before: Counter[Class] = field(default_factory=Counter)
    rows: int = 0


def build(parent: Dataset, root: Path, chosen: Selection, name: str, *, renumber: bool = False) -> Subset:
    """Work out a subset.

    Parameters
    ----------
    parent
        The dataset that it is a part of; its annotation files lie under `root`.
    root
        The data root.
    chosen
        What of it.
    name
        The name of the subset.
    renumber
        Whether its classes get the ids 1 to n, in the order of their old ids.

    Raises
    ------
    ConfigInvalid
        If a class or id does not exist, or the parent has no action ids to renumber.
    DataInvalid
        If an annotation file can't be read, or nothing is left.
    """
    _check_parent(parent, renumber=renumber)
    folder = root / parent.layout(root).annotations
    parts, choice = selection.read(parent, folder, chosen)
    splits = {part.split: counts for part in parts if (counts := _counts(part, choice))}
    if not splits:
        raise DataInvalid(f"nothing of {parent.name} is left; take more classes, ids or samples")
    left = [part for part in parts if part.split in splits]
    labelled = [part for part in left if part.rows is not None]
    kept = [choice.rows(part) for part in labelled]
    new_ids = _new_ids(parent, folder, left, choice) if renumber else {}
    origins = {
        file.name: file for file in parent.files if set(file.splits) & set(splits) and (folder / file.name).is_file()
    }
    contents = {name: _content(folder, file, choice, left, new_ids) for name, file in origins.items()}
    contents = {name: data for name, data in contents.items() if data.strip() or not _is_empty_wrong(origins[name])}
    if new_ids:
        contents[NEW_IDS] = _new_ids_table(parent, folder, tuple(splits), new_ids)
    recipe = {
        "schema": SCHEMA, "name": name, "parent": parent.name, "renumber": renumber,
        "selection": _told(chosen, choice),
        "parent_files": {file: files.sha256(folder / file) for file in origins},
        "files": {file: hashlib.sha256(data).hexdigest() for file, data in contents.items()},
    }  # fmt: skip
    return Subset(
        name, parent, contents, origins, splits, choice, _shares(parent, folder, left, choice), recipe,
        count_samples(kept, choice.columns),
        count_samples([part.rows for part in parts if part.rows is not None], choice.columns), sum(map(len, kept)),
    )  # fmt: skip


def _check_parent(parent: Dataset, *, renumber: bool) -> None:
    if parent.unpublished:
        raise ConfigInvalid(f"{parent.name}: {parent.unpublished}")
    if renumber and not reading.columns_of(parent).is_numbered:
        raise ConfigInvalid(f"--renumber: the classes of {parent.name} have names and no ids")


def _counts(part: Part, choice: Choice) -> dict[str, int]:
    """Count what is left of a split; nothing for nothing."""
    if part.rows is None:
        videos = 0 if choice.is_by_class else len(set(part.ids).intersection(choice.ids))
        return {"videos": videos} if videos else {}
    rows = choice.rows(part)
    counts = {"videos": int(rows["video_id"].nunique())}
    if part.key_clips is not None:
        # As published: 64 304 of test are the key frames, some of them in two clips.
        held = part.key_clips[_MOMENT].drop_duplicates().merge(rows[_MOMENT].drop_duplicates())
        counts |= {"clips": len(held)} if len(held) else {}
    elif "split" in rows:
        counts["clips"] = len(rows)
    return counts if len(rows) else {}


def _content(folder: Path, file: AnnotationFile, choice: Choice, parts: list[Part], new_ids: dict[int, int]) -> bytes:
    if file.role is Role.LABELS:
        splits = tuple(part.split for part in parts)
        held = _held(parts) if file.form is Form.AVA_KINETICS_CLIPS else None
        return excerpt.labels(folder / file.name, file, choice, splits, new_ids, held)
    data = (folder / file.name).read_bytes()
    if file.role is Role.CLIPS:
        return excerpt.clips(data, choice.ids)
    if file.role is Role.LABEL_MAP:
        numbers = None if choice.classes is None else {name for name in choice.classes if isinstance(name, int)}
        return excerpt.label_map(data, numbers, new_ids)
    if file.role in (Role.EXCLUDED_TIMESTAMPS, Role.FILE_NAMES, Role.ID_LIST):
        return excerpt.by_video(data, choice.ids)
    return data


def _held(parts: list[Part]) -> frozenset[str]:
    """Return the key frames that some clip holds: others are left out, as every verb leaves them out."""
    moments = (part.key_clips[_MOMENT].itertuples(index=False) for part in parts if part.key_clips is not None)
    return frozenset(sample_key(*moment) for each in moments for moment in each)


def _is_empty_wrong(file: AnnotationFile) -> bool:
    """Whether a file of this role can't be read when nothing is left in it."""
    return file.role in (Role.LABELS, Role.CLIPS, Role.LABEL_MAP, Role.ID_LIST, Role.INCLUDED_TIMESTAMPS)


def _told(chosen: Selection, choice: Choice) -> dict[str, Any]:
    told = asdict(chosen)
    del told["shard"]
    if chosen.sample is None and chosen.balanced is None:
        told["seed"] = 0  # it says nothing then
    ids = None if chosen.ids is None else sorted(chosen.ids)
    return told | {"splits": [split.value for split in chosen.splits], "ids": ids, "classes": list(choice.named)}


def _shares(parent: Dataset, folder: Path, parts: list[Part], choice: Choice) -> bool:
    """Whether key frames (AVA) or clips (Kinetics) are the same as the parent's, so that one folder serves both."""
    if parent.span is not None:
        return all(part.rows is None or _has_same_key_frames(parent, folder, part, choice) for part in parts)
    return all(part.rows is not None and len(choice.rows(part)) == len(part.rows) for part in parts)


def _has_same_key_frames(parent: Dataset, folder: Path, part: Part, choice: Choice) -> bool:
    rows = choice.rows(part)
    whole, own = selection.clip_seconds(part), selection.clip_seconds(part, rows)
    return all(whole[clip] == seconds for clip, seconds in own.items()) and (
        selection.key_seconds(parent, folder, part, choice.ids)
        == selection.key_seconds(parent, folder, part, choice.ids, rows)
    )


# --- new ids ---


def _new_ids(parent: Dataset, folder: Path, parts: list[Part], choice: Choice) -> dict[int, int]:
    names = reading.actions(parent, folder, tuple(part.split for part in parts))
    named = {int(n) for part in parts if part.rows is not None for n in choice.rows(part)["action_id"].dropna()}
    old = sorted(n for n in (choice.classes if choice.classes is not None else names or named) if isinstance(n, int))
    return {number: new for new, number in enumerate(old, 1)}


def _new_ids_table(parent: Dataset, folder: Path, splits: tuple[Split, ...], new_ids: dict[int, int]) -> bytes:
    import csv
    import io

    names = reading.actions(parent, folder, splits)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("old_id", "new_id", "name"))
    writer.writerows((old, new, names.get(old, "")) for old, new in new_ids.items())
    return text.getvalue().encode()
