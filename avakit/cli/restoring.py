"""How the annotation files of a subset that went missing are made again, to the byte, from its parent's."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from avakit.cli import annotations, setup
from avakit.errors import DataInvalid

if TYPE_CHECKING:
    from avakit.journal import State


def restore(chosen: setup.Chosen, state: "State", tell: Callable[[str], None]) -> None:
    """Make the missing annotation files of a subset again; do nothing for any other dataset.

    Raises
    ------
    DataInvalid
        If the subset was not made in this root, or its parent's files have changed since.
    """
    from avakit import fetch, subset
    from avakit.datasets import derived

    name = chosen.dataset.name
    recipe = subset.kept_recipe(chosen.root, name)
    if recipe is None:
        lost = fetch.missing(chosen.dataset, chosen.root, chosen.splits)
        if lost and derived.is_derived(chosen.dataset):
            raise DataInvalid(
                f"{name} is a subset that was not made in this root, and its files are on no server. "
                f"{chosen.dataset.notes[0]}; or give the files: `avakit fetch --from FOLDER`"
            )
        return
    lost_names = subset.missing(chosen.root, name, recipe)
    if not lost_names:
        return
    tell(f"making {', '.join(lost_names)} of {name} again from {recipe['parent']}")
    parent = setup.choose({"root": chosen.root, "dataset": recipe["parent"]})
    wanted = subset.selection_of(recipe)
    annotations.ensure_annotations(replace(parent, splits=wanted.splits, selection=wanted), state, tell)
    built = subset.build(parent.dataset, chosen.root, wanted, name, renumber=recipe["renumber"])
    if built.recipe["files"] != recipe["files"]:
        raise DataInvalid(
            f"{name} can't be made again: the annotation files of {parent.dataset.name} are others than they were; "
            f"make it anew: {derived.command(recipe)} --replace"
        )
    annotations.record_annotations(chosen, subset.write(chosen.root, built), state)
