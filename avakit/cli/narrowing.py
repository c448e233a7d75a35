"""From a selection on the command line to the part of a root that it means."""

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import setup
from avakit.errors import ConfigInvalid

if TYPE_CHECKING:
    from avakit.journal import Record, State

#: Options that narrow what is looked at to a part of the root.
_NARROWING = (
    "dataset", "manifest", "splits", "ids", "ids_file", "classes", "min_samples", "balanced", "sample", "limit",
    "shard",
)  # fmt: skip


def by_hand(ctx: click.Context) -> frozenset[str]:
    """Return the options that narrow and were given for this run: a settings file alone narrows nothing."""
    given = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)
    return frozenset(name for name in _NARROWING if ctx.get_parameter_source(name) in given)


def options_of(chosen_by: AbstractSet[str]) -> list[str]:
    """Return the options that narrow, as they were written."""
    return [
        "--split" if name == "splits" else f"--{name}".replace("_", "-") for name in _NARROWING if name in chosen_by
    ]


def only_dataset(state: "State") -> str:
    """Return the dataset that a selection without --dataset means: the one that the root holds.

    Raises
    ------
    ConfigInvalid
        If it holds several, or none.
    """
    names = sorted({record.dataset for record in state.present.values()})
    if len(names) != 1:
        raise ConfigInvalid(f"this root holds {', '.join(names) or 'no dataset'}; say which with --dataset")
    return names[0]


def narrow(given: dict[str, Any], state: "State", chosen_by: AbstractSet[str]) -> "list[Record]":
    """Return the records of the chosen videos, whatever was made of them, and of the dataset's annotation files."""
    if not chosen_by & {"dataset", "manifest"}:
        given["dataset"] = only_dataset(state)
    chosen = setup.choose(given)
    ids = {video.id for video in chosen.videos()}
    layout = chosen.layout
    places = (layout, layout.for_clips or layout)
    media = tuple(f for at in places for f in (at.videos, at.windows, at.clips, at.audio, at.frames, at.key_frames))
    known = [*state.present.values(), *state.lost.values()]
    return [
        record
        for record in known
        if record.path.startswith(f"{layout.annotations}/")
        or (record.item[:11] in ids and record.path.startswith(media))
    ]
