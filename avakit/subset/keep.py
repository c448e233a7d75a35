"""How a root keeps a subset: annotation files with their pins, a manifest, and the recipe to make them again."""

import json
from pathlib import Path
from typing import Any

from avakit.datasets import catalogue, derived, pins
from avakit.datasets.catalogue import Dataset
from avakit.datasets.choice import Selection
from avakit.datasets.schema import Known
from avakit.errors import ConfigInvalid, DataInvalid, Status
from avakit.layout import kept_manifest
from avakit.model import Split, Stage, VideoId
from avakit.outcome import Outcome
from avakit.subset.build import SCHEMA, Subset
from avakit.tools import files


def recipe_path(name: str) -> str:
    """Return where a root keeps the recipe of a subset."""
    return kept_manifest(name).removesuffix(".yaml") + ".subset.json"


def kept_recipe(root: Path, name: str) -> dict[str, Any] | None:
    """Return the recipe of a subset; None if no subset of that name was made here.

    Raises
    ------
    DataInvalid
        If it can't be read.
    """
    path = root / recipe_path(name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DataInvalid(f"{path}: is not JSON ({error}); run `avakit subset` with --replace") from error
    keys = {"schema", "parent", "parent_files", "renumber", "selection", "files"}
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not keys <= content.keys():
        raise DataInvalid(f"{path}: is no recipe of this avakit; run `avakit subset` with --replace")
    return dict(content)


def selection_of(recipe: dict[str, Any]) -> Selection:
    """Return the selection that a recipe tells of."""
    told = recipe["selection"]
    return Selection(
        splits=tuple(Split(split) for split in told["splits"]),
        ids=None if told["ids"] is None else frozenset(map(VideoId, told["ids"])),
        classes=tuple(told["classes"]), limit=told["limit"], min_samples=told["min_samples"],
        balanced=told["balanced"], sample=told["sample"], seed=told["seed"],
    )  # fmt: skip


def missing(root: Path, name: str, recipe: dict[str, Any]) -> list[str]:
    """Return the annotation files of a subset that are not there."""
    return [file for file in recipe["files"] if not (root / "annotations" / name / file).is_file()]


def check_name(root: Path, parent: Dataset, name: str) -> None:
    """Refuse a name that another dataset has, or whose folder another dataset uses.

    Raises
    ------
    ConfigInvalid
        Saying which.
    """
    if name in (*catalogue.names(), parent.name):
        raise ConfigInvalid(f"{name} is a dataset already; give the subset another name")
    kept = root / kept_manifest(name)
    if kept.is_file() and kept_recipe(root, name) is None:
        raise ConfigInvalid(f"{name} is a dataset of your own ({kept}); give the subset another name")
    others = [catalogue.load(other) for other in catalogue.names()]
    others += [catalogue.load_file(path) for path in sorted(kept.parent.glob("*.yaml")) if path != kept]
    for other in (parent, *others):
        places = [folders for folders in (other.folders, other.clip_folders) if folders]
        if name in {
            folder.split("/")[0] for folders in places for folder in folders.model_dump(exclude_none=True).values()
        }:
            raise ConfigInvalid(f"{other.name} has a folder {name!r}; give the subset another name")
    if name in ("annotations", "exports"):
        raise ConfigInvalid(f"{name!r} is a folder of avakit's own; give the subset another name")


def write(root: Path, subset: Subset) -> list[Outcome]:
    """Write the annotation files of a subset and pin them; what is there already stays as it is.

    Returns
    -------
    list of Outcome
        One per annotation file.
    """
    folder = root / "annotations" / subset.name
    pins.keep_only(folder, subset.files)
    pinned = pins.read(folder)
    outcomes = []
    for name, data in subset.files.items():
        path, sha256 = folder / name, subset.recipe["files"][name]
        status = Status.CACHED
        if not path.is_file() or files.sha256(path) != sha256:
            files.write_atomically(path, data)
            status = Status.DONE
        if pinned.get(name, {}).get("sha256") != sha256:
            pins.write(folder, name, pins.describe(path, _pin_url(subset, name), Known(sha256=(sha256,))))
        outcomes.append(
            Outcome(name, Stage.ANNOTATION, status, "", "", f"annotations/{subset.name}/{name}", bytes=len(data))
        )
    return outcomes


def _pin_url(subset: Subset, name: str) -> str:
    if name not in subset.origins:
        return f"subset of {subset.parent.name}: new action ids"
    return f"subset of {subset.parent.name} {name} sha256 {subset.recipe['parent_files'][name]}"


def manifest(subset: Subset) -> str:
    """Return the YAML text of a subset's manifest."""
    made = {name: (file, subset.recipe["files"][name]) for name, file in subset.origins.items() if name in subset.files}
    return derived.manifest(subset.parent, subset.name, made, subset.splits, subset.recipe, shares=subset.shares)


def keep(root: Path, subset: Subset) -> None:
    """Keep manifest and recipe in the root: from then on every verb knows the subset by its name."""
    recipe = json.dumps(subset.recipe, indent=1, sort_keys=True) + "\n"
    files.write_atomically(root / recipe_path(subset.name), recipe.encode())
    files.write_atomically(root / kept_manifest(subset.name), manifest(subset).encode())
