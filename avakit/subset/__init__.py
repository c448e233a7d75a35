"""Datasets made of a part of another: rows, ids and label map that a selection leaves, under a name of their own.

What is made depends on the parent's annotation files and the arguments alone, so a lost file can be made again, to
the byte. Beside the manifest, the root keeps a recipe that says from what and how.
"""

from avakit.subset.build import NEW_IDS, Subset, build
from avakit.subset.keep import (
    check_name,
    keep,
    kept_recipe,
    manifest,
    missing,
    recipe_path,
    selection_of,
    write,
)

__all__ = [
    "NEW_IDS",
    "Subset",
    "build",
    "check_name",
    "keep",
    "kept_recipe",
    "manifest",
    "missing",
    "recipe_path",
    "selection_of",
    "write",
]
