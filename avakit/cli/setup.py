"""From options to values: which dataset, which of its videos, and what to make of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.cli import options
from avakit.errors import ConfigInvalid, DataInvalid, ExitCode, RunStopped
from avakit.layout import Layout, kept_manifest
from avakit.model import Split, Stage, Video, VideoId

if TYPE_CHECKING:
    from avakit.datasets.catalogue import Dataset
    from avakit.datasets.selection import Selection
    from avakit.journal import State
    from avakit.outcome import Outcome
    from avakit.prepare import Job
    from avakit.recipes import FrameRecipe


@dataclass(frozen=True)
class Chosen:
    """What a command line chose.

    Attributes
    ----------
    dataset, layout
        The dataset, and where its files live.
    splits
        The splits, in the order train, val, test.
    selection
        What narrows them.
    """

    dataset: "Dataset"
    layout: Layout
    splits: tuple[Split, ...]
    selection: "Selection"

    @property
    def root(self) -> Path:
        """The data root."""
        return self.layout.root

    @property
    def annotations(self) -> Path:
        """The folder of the fetched annotation files."""
        return self.layout.absolute(self.layout.annotations)

    def videos(self) -> list[Video]:
        """Read the annotation files and return the videos."""
        from avakit.datasets import selection

        try:
            return selection.videos(self.dataset, self.annotations, self.selection)
        except DataInvalid as error:
            advice = "mend the file and run `avakit fetch --accept-changed`; or, if it arrived damaged, delete it first"
            raise DataInvalid(*error.args, advice) from error


def dataset_of(given: dict[str, Any]) -> "Dataset":
    """Load the dataset that `--manifest` or `--dataset` names; a root knows the manifests it was made with."""
    from avakit.datasets import catalogue

    if given.get("manifest"):
        return catalogue.load_file(given["manifest"])
    kept = given["root"] / kept_manifest(given["dataset"])
    return catalogue.load_file(kept) if kept.is_file() else catalogue.load(given["dataset"])


def keep_manifest(given: dict[str, Any], chosen: Chosen) -> None:
    """Keep a copy of the user's own manifest in the root, so that later verbs know the dataset by its name."""
    from avakit.tools import files

    if given.get("manifest"):
        kept = chosen.layout.absolute(kept_manifest(chosen.dataset.name))
        files.write_atomically(kept, given["manifest"].read_bytes())


def choose(given: dict[str, Any]) -> Chosen:
    """Settle dataset, splits and selection.

    Raises
    ------
    ConfigInvalid
        If a split is not the dataset's, an id is none, or the shard can't be told.
    """
    from avakit import shards
    from avakit.datasets.selection import Selection

    dataset = dataset_of(given)
    wanted = [Split(word) for word in options.flatten(given.get("splits") or ())]
    missing = [split.value for split in wanted if split not in dataset.splits]
    if missing:
        raise ConfigInvalid(
            f"{dataset.name} has no split {missing[0]!r}; it has {', '.join(split.value for split in dataset.splits)}"
        )
    splits = tuple(split for split in Split if split in (wanted or dataset.splits))
    shard = None
    if given.get("num_shards") and not given.get("shard"):
        raise ConfigInvalid("--num-shards goes with --shard auto; without --shard every job would do all the work")
    if given.get("shard"):
        shard = shards.parse(given["shard"], os.environ, num_shards=given.get("num_shards"))
    selection = Selection(
        splits=splits, ids=_ids(given), classes=options.flatten(given.get("classes") or ()), limit=given.get("limit"),
        shard=shard,
    )  # fmt: skip
    return Chosen(dataset, dataset.layout(given["root"].absolute()), splits, selection)


def _ids(given: dict[str, Any]) -> frozenset[VideoId] | None:
    from avakit.datasets import parsers

    words = options.flatten(given.get("ids") or ())
    found: set[VideoId] = set()
    for word in words:
        try:
            found.add(VideoId(word))
        except ValueError as error:
            raise ConfigInvalid(f"--ids: {error}") from error
    if given.get("ids_file"):
        found |= set(parsers.read_ids(given["ids_file"]))
    return frozenset(found) if words or given.get("ids_file") else None


def frame_recipe(given: dict[str, Any], dataset: "Dataset") -> "FrameRecipe":
    """Return the dataset's frame recipe with what the command line changes."""
    recipe = dataset.frame_recipe
    if given.get("fps"):
        recipe = replace(recipe, rate=_rate(given["fps"]))
    if given.get("short_side") is not None:
        recipe = replace(recipe, short_side=given["short_side"])
    if given.get("quality") is not None:
        recipe = replace(recipe, quality=given["quality"])
    if given.get("key_frames"):
        if dataset.span is None:
            raise ConfigInvalid(f"--key-frames: {dataset.name} has no key frames; its clips are labelled as a whole")
        if recipe.rate.denominator != 1 or dataset.span.start.denominator != 1:
            raise ConfigInvalid("--key-frames needs a whole number of frames a second, so that each second has one")
        recipe = replace(recipe, key_frames=True)
    return recipe


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigInvalid(f"--fps {text!r}: expected a number or a fraction, such as 30 or 30000/1001") from error
    if not 0 < rate <= 1000:  # noqa: PLR2004 - beyond any camera; a slip of the pen
        raise ConfigInvalid(f"--fps {text}: expected a rate above 0 and at most 1000")
    return rate


def job_of(
    given: dict[str, Any], chosen: Chosen, stages: tuple[Stage, ...], frames: "FrameRecipe | None" = None
) -> "Job":
    """Settle what is to be made, and with what."""
    from avakit import sources
    from avakit.prepare import Job
    from avakit.recipes import ClipRecipe
    from avakit.tools import ffmpeg

    needs_ffmpeg = bool({Stage.VIDEO, Stage.WINDOW, Stage.CLIP} & set(stages))
    program = ffmpeg.find().path if needs_ffmpeg else None
    return Job(
        dataset=chosen.dataset.name,
        layout=chosen.layout,
        stages=stages,
        sources=sources.build(
            chosen.dataset.sources,
            order=options.flatten(given.get("sources") or ()),
            folder=given.get("folder"),
            mirror=given.get("mirror"),
            ffmpeg=program,
        ),
        frames=frames or frame_recipe(given, chosen.dataset),
        clips=chosen.dataset.clip_recipe or ClipRecipe(),
        drop=frozenset(options.INTERMEDIATE_STAGES[name] for name in options.flatten(given.get("drop") or ())),
        recheck_days=given.get("recheck_after", 30.0),
    )


def ensure_annotations(chosen: Chosen, state: "State", tell: Callable[[str], None]) -> None:
    """Fetch the annotation files that the selection needs and that are not there yet; pin and record all that are.

    Raises
    ------
    RunStopped
        If a needed one can't be had.
    """
    from avakit import fetch

    _refuse_unpublished(chosen)
    missing = {file.name for file in fetch.missing(chosen.dataset, chosen.root, chosen.splits)}
    if missing:
        tell(f"fetching {len(missing)} annotation file{'s' * (len(missing) > 1)} of {chosen.dataset.name}")
    # A kill may have come between a file and its pin, or a pin and its journal line; or the user put the file there.
    there = {file.name for file in chosen.dataset.files if (chosen.annotations / file.name).is_file()}
    names = missing | {name for name in there if f"{chosen.layout.annotations}/{name}" not in state.present}
    _check_pins(chosen, there - names)
    if not names:
        return
    these = tuple(file for file in chosen.dataset.files if file.name in names)
    outcomes = fetch.fetch(chosen.dataset.model_copy(update={"files": these}), chosen.root, chosen.splits)
    record_annotations(chosen, outcomes, state)
    for outcome in outcomes:
        if outcome.item in missing and not outcome.is_present:
            raise annotation_error(outcome)


def _check_pins(chosen: Chosen, names: set[str]) -> None:
    """Refuse annotation files that are no longer those that were pinned.

    Raises
    ------
    DataInvalid
        Naming each, with both ways out.
    """
    from avakit import fetch
    from avakit.tools import files

    pins = fetch.pinned(chosen.root, chosen.dataset)
    changed = [
        name for name in sorted(names & pins.keys()) if files.sha256(chosen.annotations / name) != pins[name]["sha256"]
    ]
    if changed:
        raise DataInvalid(
            f"{chosen.annotations / changed[0]}: is not the file that was pinned; `avakit fetch --accept-changed` "
            "accepts it, `avakit verify --repair` fetches the pinned one again"
        )


def require_annotations(chosen: Chosen) -> None:
    """Stop where a needed annotation file is not there, for the verbs that touch nothing.

    Raises
    ------
    DataInvalid
        Naming the files and the verb that gets them.
    """
    from avakit import fetch

    _refuse_unpublished(chosen)
    missing = [file.name for file in fetch.missing(chosen.dataset, chosen.root, chosen.splits) if file.required]
    if missing:
        raise DataInvalid(
            f"{chosen.annotations}: {', '.join(missing)} not here yet; "
            f"run `avakit fetch` first, with the same --dataset or --manifest"
        )


def _refuse_unpublished(chosen: Chosen) -> None:
    """Stop where the catalogue knows a dataset whose labels nobody can have any more."""
    if chosen.dataset.unpublished:
        raise RunStopped(f"{chosen.dataset.name}: {chosen.dataset.unpublished}", ExitCode.GAPS)


def annotation_error(outcome: "Outcome") -> RunStopped:
    """Return the error of a run that can't begin for want of an annotation file."""
    from avakit.outcome import exit_code

    return RunStopped(
        f"{outcome.item} can't be had: {outcome.detail}; `avakit fetch --from FOLDER` takes files that you have",
        exit_code([outcome]),
    )


def record_annotations(chosen: Chosen, outcomes: "list[Outcome]", state: "State") -> None:
    """Write the fetched annotation files to the journal, so that `verify` watches over them, too."""
    from avakit import fetch, journal

    pinned = fetch.pinned(chosen.root, chosen.dataset)
    for outcome in outcomes:
        pin = pinned.get(outcome.item)
        if pin is None or not outcome.is_present:
            continue
        path = f"{chosen.layout.annotations}/{outcome.item}"
        known = state.present.get(path)
        if known is not None and known.sha256 == pin["sha256"]:
            continue
        record = journal.Record(
            path, Stage.ANNOTATION, outcome.item, chosen.dataset.name, "done", path=path, bytes=pin["bytes"],
            sha256=pin["sha256"], facts={"source": {"url": pin["url"]}},
        )  # fmt: skip
        journal.append(chosen.root, record)
