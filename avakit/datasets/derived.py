"""The manifest of a subset: its parent's, with its own name, files, counts and folders."""

import csv
import io
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from avakit.datasets.schema import AnnotationFile, Dataset
from avakit.model import Split

#: A host that can't exist (RFC 2606): the files of a subset are made, not fetched.
HOST = "subset.invalid"
_NAMED_IDS = 20
_HEAD = """\
# Made by `avakit subset`. The addresses under `files` lead nowhere: its files are parts of those of {parent},
# and the command in the notes makes them again.
"""


def is_derived(dataset: Dataset) -> bool:
    """Whether a manifest is that of a subset, whose files are on no server."""
    return any(f"//{HOST}/" in url for file in dataset.files for url in file.urls)


def manifest(
    parent: Dataset,
    name: str,
    files: Mapping[str, tuple[AnnotationFile, str]],
    splits: Mapping[Split, Mapping[str, int]],
    recipe: Mapping[str, Any],
    *,
    shares: bool,
) -> str:
    """Return the YAML text of a subset's manifest.

    Parameters
    ----------
    parent, name
        The dataset that it is a part of, and its own name.
    files
        For each of its annotation files, the parent's file and its own sha256.
    splits
        Its splits, with their counts.
    recipe
        How it was chosen.
    shares
        Whether key frames and clips are the parent's, or it needs folders of its own.
    """
    facts = parent.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for key in ("figures", "labels"):  # of the whole
        facts.pop(key, None)
    _narrow_archives(facts, splits)
    told = command(recipe)
    facts |= {
        "name": name,
        "title": f"{parent.title}, a part of it",
        "description": f"A subset of {parent.name}. {parent.description}",
        "notes": [f"Made by: {told}", *parent.notes],
        "files": [_file(name, file, sha256, splits) for file, sha256 in files.values()],
        "splits": {split.value: dict(counts) for split, counts in splits.items()},
        "span": facts["span"] or "rows",
    }
    placed = place(parent, name, shares=shares)
    facts["layout"] = placed.folders.model_dump(mode="json")
    if placed.clip_folders:
        facts["clip_layout"] = placed.clip_folders.model_dump(mode="json")
    return _HEAD.format(parent=parent.name) + yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=118)


def _narrow_archives(facts: dict[str, Any], splits: Mapping[Split, Any]) -> None:
    """Keep the archives of these splits; they hold the subset's clips among others."""
    kept = [each for each in facts.pop("archives", ()) if set(each["splits"]) & {split.value for split in splits}]
    if kept:
        facts["archives"] = [each | {"splits": [s for s in each["splits"] if Split(s) in splits]} for each in kept]
    if all(each.get("overlay") for each in kept):
        facts["sources"] = [source for source in facts["sources"] if source["type"] != "archive"]


def place(parent: Dataset, name: str, *, shares: bool) -> Dataset:
    """Return the parent under another name, with folders of its own for what it does not share."""
    own = {"clips": name} if parent.span is None else {"key_frames": f"{name}/keyframes"}
    if shares:
        own = {}
    heard = {"folders": parent.sound_folder, "clip_folders": parent.clip_sound_folder}  # of the same clips the same
    found = {"folders": parent.folders, "clip_folders": parent.clip_folders}
    moved = {key: folders and folders.model_copy(update={**own, "audio": heard[key]}) for key, folders in found.items()}
    return parent.model_copy(update={"name": name, **moved})


def _file(name: str, file: AnnotationFile, sha256: str, splits: Mapping[Split, Any]) -> dict[str, Any]:
    return {
        "name": file.name,
        "role": file.role.value,
        **({"form": file.form.value} if file.form else {}),
        "splits": [split.value for split in file.splits if split in splits],
        "urls": [f"https://{HOST}/{name}/{file.name}"],
        "known": {"sha256": [sha256]},
        **({} if file.required else {"required": False}),
    }


def command(recipe: Mapping[str, Any]) -> str:
    """Return the command line that makes a subset again."""
    chosen = recipe["selection"]
    words = ["avakit", "subset", recipe["name"], "--dataset", recipe["parent"], "--split", ",".join(chosen["splits"])]
    ids = chosen["ids"]
    if ids is not None:
        words += ["--ids-file", f"<{len(ids)} ids>"] if len(ids) > _NAMED_IDS else [f"--ids={','.join(ids)}"]
    if chosen["classes"]:
        words += ["--classes", _csv_line(chosen["classes"])]
    for option in ("min_samples", "balanced", "sample", "seed", "limit"):
        if chosen[option]:
            words += [f"--{option.replace('_', '-')}", str(chosen[option])]
    return shlex.join(words + ["--renumber"] * bool(recipe["renumber"]))


def _csv_line(words: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(words)
    return text.getvalue()
