"""From options to values: which dataset, which of its videos, and what to make of them."""

import csv
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.cli import cutting, options, youtube
from avakit.errors import ConfigInvalid, DataInvalid
from avakit.layout import OWN_FOLDERS, QUARANTINE, Layout, kept_manifest
from avakit.model import Packing, Split, Stage, Video, VideoId

if TYPE_CHECKING:
    from avakit.datasets.catalogue import Dataset
    from avakit.datasets.selection import Selection
    from avakit.prepare import Job
    from avakit.recipes import FrameRecipe
    from avakit.tools import http


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

    def videos(self, folder: Path | None = None) -> list[Video]:
        """Read the annotation files (of another folder) and return the videos; only a shard may have none.

        Raises
        ------
        DataInvalid
            If a file can't be read, or the selection leaves nothing.
        """
        from avakit.datasets import selection

        read = partial(selection.videos, self.dataset, folder or self.annotations)
        try:
            found = read(self.selection)
            is_empty = not found and (self.selection.shard is None or not read(replace(self.selection, shard=None)))
        except DataInvalid as error:
            advice = "mend the file and run `avakit fetch --accept-changed`; or, if it arrived damaged, delete it first"
            raise DataInvalid(*error.args, advice) from error
        if is_empty:
            of = f"{self.dataset.name} ({', '.join(self.splits)})"
            raise DataInvalid(f"nothing of {of} is left; take more splits, classes, ids or samples")
        return found


def dataset_of(given: dict[str, Any]) -> "Dataset":
    """Load the dataset that `--manifest` or `--dataset` names; a root knows the manifests it was made with."""
    from avakit.datasets import catalogue

    if given.get("manifest"):
        return catalogue.load_file(given["manifest"])
    kept = given["root"] / kept_manifest(given["dataset"])
    return catalogue.load_file(kept) if kept.is_file() else catalogue.load(given["dataset"])


def open_root(root: Path) -> None:
    """Refuse a root that can't be written to, and rid it of what killed runs left of our own small files."""
    from avakit.tools import files

    files.check_writable(root)
    sweep(root)


def sweep(root: Path) -> None:
    """Remove the leftovers in the folders of our own small files; each step sees to those of what it makes."""
    from avakit.tools import leftovers

    for folder in (*(root / each for each in OWN_FOLDERS), *(root / QUARANTINE).glob("*")):
        leftovers.sweep(folder)


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
        splits=splits, ids=_ids(given), classes=_classes(given), limit=given.get("limit"), shard=shard,
        min_samples=given.get("min_samples") or 0, balanced=given.get("balanced"), sample=given.get("sample"),
        seed=given.get("seed") or 0, keep_excluded=bool(given.get("keep_excluded")),
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


def _classes(given: dict[str, Any]) -> tuple[str, ...]:
    """Return the wanted classes; `@FILE`, or a word with a suffix that is a file, stands for what the file names."""
    found: list[str] = []
    for word in options.flatten(given.get("classes") or ()):
        path = Path(word.removeprefix("@"))
        if word.startswith("@") or (path.suffix and path.is_file()):
            found += _classes_in(path)
        else:
            found.append(word)
    return tuple(dict.fromkeys(found))


def _classes_in(path: Path) -> list[str]:
    from avakit.datasets import parsers, textfile

    if path.suffix == ".pbtxt":
        return [str(number) for number in parsers.read_label_map(path)]
    lines = (line for _, line in textfile.lines(path) if not line.startswith("#"))
    names = [next(csv.reader([line]))[0].strip() if line.startswith('"') else line for line in lines]
    if not names:
        raise DataInvalid(f"{path}: names no class")
    return names


def stages(given: dict[str, Any], dataset: "Dataset") -> tuple[Stage, ...]:
    """Return what `prepare` makes of a dataset: also frames and sound, where key frames and sound are asked for."""
    wants_frames = given.get("key_frames") and Stage.FRAMES not in dataset.stages
    return cutting.with_audio(given, (*dataset.stages, Stage.FRAMES) if wants_frames else dataset.stages)


def frame_recipe(given: dict[str, Any], dataset: "Dataset") -> "FrameRecipe":
    """Return the dataset's frame recipe with what the command line changes."""
    from avakit.recipes import LOSSLESS, Picture, Timing

    recipe = dataset.frame_recipe
    if given.get("fps"):
        recipe = replace(recipe, rate=_rate(given["fps"]))
    for name in ("short_side", "quality"):
        if given.get(name) is not None:
            recipe = replace(recipe, **{name: given[name]})
    recipe = replace(
        recipe,
        picture=Picture(given.get("format") or recipe.picture),
        timing=Timing(given.get("timing") or recipe.timing),
    )
    if recipe.picture is Picture.PNG:
        if given.get("quality") is not None:
            raise ConfigInvalid(
                "--quality: PNG is lossless and has none; leave it out, or choose --format jpeg or webp"
            )
        recipe = replace(recipe, quality=LOSSLESS)
    return _with_key_frames(given, dataset, recipe)


def _with_key_frames(given: dict[str, Any], dataset: "Dataset", recipe: "FrameRecipe") -> "FrameRecipe":
    from avakit.datasets import splits
    from avakit.recipes import Timing

    if not given.get("key_frames"):
        for name, flag in (("around", "--around"), ("keep_excluded", "--keep-excluded")):
            if given.get(name):
                raise ConfigInvalid(f"{flag} goes with --key-frames")
        return recipe
    if dataset.span is None or not splits.columns_of(dataset).is_numbered:
        raise ConfigInvalid(f"--key-frames: {dataset.name} has no key frames; its labels are not of single frames")
    if recipe.rate.denominator != 1 or dataset.span.start.denominator != 1:
        raise ConfigInvalid("--key-frames needs a whole number of frames a second, so that each second has one")
    if recipe.timing is Timing.FAIR:
        raise ConfigInvalid("--timing fair counts frames from the window's first, and so goes without --key-frames")
    return replace(
        recipe, key_frames=True, around=given.get("around") or 0, keep_excluded=bool(given.get("keep_excluded"))
    )


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigInvalid(f"--fps {text!r}: expected a number or a fraction, such as 30 or 30000/1001") from error
    if not 0 < rate <= 1000:  # noqa: PLR2004 - beyond any camera; a slip of the pen
        raise ConfigInvalid(f"--fps {text}: expected a rate above 0 and at most 1000")
    return rate


def http_options(given: dict[str, Any]) -> "http.Options":
    """Settle how a mirror is asked."""
    from avakit.tools import http
    from avakit.tools.http_limits import Limits

    limits = Limits(given.get("max_connections"), given.get("max_requests"), given.get("max_rate"))
    allow_private = bool(given.get("allow_private"))
    return http.Options(connections=given.get("connections") or 4, limits=limits, allow_private=allow_private)


def job_of(
    given: dict[str, Any],
    chosen: Chosen,
    stages: tuple[Stage, ...],
    frames: "FrameRecipe | None" = None,
    cuts: "cutting.Cuts | None" = None,
) -> "Job":
    """Settle what is to be made, and with what."""
    from avakit import sources
    from avakit.prepare import Job
    from avakit.prepare.job import STOP_AFTER_BLOCKS
    from avakit.tools import ffmpeg, ffmpeg_build
    from avakit.tools.soundness import DecodeCheck

    needs_ffmpeg = bool({Stage.VIDEO, Stage.WINDOW, Stage.CLIP, Stage.AUDIO} & set(stages))
    program = ffmpeg.find().path if needs_ffmpeg else ""
    if Stage.CLIP in stages:
        ffmpeg_build.require_encoders(program)
    frames = frames or frame_recipe(given, chosen.dataset)
    cuts = cuts or cutting.recipes(given, chosen.dataset)
    span_only = given.get("span_only")
    return Job(
        dataset=chosen.dataset.name,
        layout=cutting.placed(chosen.layout, chosen.dataset, cuts),
        stages=stages,
        sources=sources.build(
            chosen.dataset.sources,
            order=options.flatten(given.get("sources") or ()),
            folder=given.get("folder"),
            mirror=given.get("mirror"),
            youtube=youtube.options_of(given, youtube.height_of(given, stages, frames), program),
            http_options=http_options(given),
            archives=chosen.dataset.archives,
        ),
        frames=frames,
        packing=Packing(given["pack"]) if given.get("pack") else None,
        clips=cuts.clips,
        windows=cuts.windows,
        audio=cuts.audio,
        span_only=chosen.dataset.span_only if span_only is None else span_only,
        decode_check=DecodeCheck(given.get("decode_check") or DecodeCheck.DEMUX),
        drop=frozenset(options.INTERMEDIATE_STAGES[name] for name in options.flatten(given.get("drop") or ())),
        recheck_days=given.get("recheck_after", 30.0),
        stop_after_blocks=given.get("stop_after_blocks") or STOP_AFTER_BLOCKS,
    )
