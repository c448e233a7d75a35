"""How `verify --repair` makes again what was lost."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, archiving, commands, cutting, making, setup
from avakit.cli.closing import Run
from avakit.errors import AvakitError, ExitCode, Interrupted
from avakit.model import Packing, Split, Stage, VideoId
from avakit.outcome import decisive

if TYPE_CHECKING:
    from avakit.datasets.catalogue import Dataset
    from avakit.journal import Record
    from avakit.recipes import FrameRecipe

#: Whatever narrowed the check, what was found is repaired.
_WHOLE: dict[str, Any] = {
    "splits": (), "ids": (), "ids_file": None, "classes": (), "min_samples": None, "balanced": None, "sample": None,
    "limit": None, "shard": None, "num_shards": None,
}  # fmt: skip


def remake(given: dict[str, Any], dataset: str, lost: "list[Record]") -> ExitCode:
    """Fetch or make again what was lost of one dataset; what can't be is named, and stays missing for `verify`."""
    given = {**given, **_WHOLE, "dataset": dataset}
    try:
        return _remake(given, lost)
    except Interrupted:
        raise
    except AvakitError as error:
        click.echo(f"avakit: {dataset}: {error}", err=True)
        return error.exit_code


def _remake(given: dict[str, Any], lost: "list[Record]") -> ExitCode:
    from avakit import journal

    chosen = _with_known_splits(setup.choose(given), {record.item for record in lost})
    run = making.begin("verify --repair", given, chosen)
    annotations.ensure_annotations(chosen, journal.read(chosen.root), lambda line: click.echo(line, err=True))
    media = [record for record in lost if record.stage is not Stage.ANNOTATION]
    if media:
        ids = frozenset(VideoId(record.item[:11]) for record in media)
        chosen = replace(chosen, selection=replace(chosen.selection, ids=ids))
        groups: dict[tuple[FrameRecipe, cutting.Cuts, Packing], list[Record]] = {}
        for record in media:
            groups.setdefault((*_recipes(record, chosen.dataset), record.packing), []).append(record)
        others = [record for record in media if record.stage is not Stage.FRAMES]
        for (frames, cuts, packing), its in groups.items():
            selection = replace(chosen.selection, keep_excluded=frames.keep_excluded)
            its_frames = [record for record in its if record.stage is Stage.FRAMES]
            its_choice = replace(chosen, selection=selection)
            _make({**given, "pack": packing}, its_choice, [*others, *its_frames], frames, cuts, run)
    return decisive([making.close(run), _compare(chosen, media)])


def _recipes(record: "Record", dataset: "Dataset") -> "tuple[FrameRecipe, cutting.Cuts]":
    """Return the recipes of a job that makes a thing again: the dataset's own, but for that of the thing itself."""
    from avakit.recipes import AudioRecipe, ClipRecipe, FrameRecipe

    frames, cuts, recipe = dataset.frame_recipe, cutting.own(dataset), record.facts.get("recipe")
    if isinstance(recipe, Mapping):  # of a clip out of an archive it is a word
        if record.stage is Stage.FRAMES:
            frames = FrameRecipe.of(recipe)
        elif record.stage is Stage.AUDIO:
            cuts = replace(cuts, audio=AudioRecipe.of(recipe))
        elif record.stage is Stage.WINDOW:
            cuts = replace(cuts, windows=ClipRecipe.of(recipe))
        elif not record.key.startswith(f"{_own_clips(dataset)}/"):
            cuts = replace(cuts, clips=ClipRecipe.of(recipe))
    return frames, cuts


def _own_clips(dataset: "Dataset") -> str:
    """Return the folder of the dataset's own clips, which are made again by its own recipe, whatever it was then."""
    return (dataset.clip_folders or dataset.folders).clips


def _with_known_splits(chosen: setup.Chosen, lost: set[str]) -> setup.Chosen:
    """Choose the splits whose annotation files are there, or were and are lost: others were never worked on."""
    from avakit import fetch

    def is_known(split: Split) -> bool:
        return {file.name for file in fetch.missing(chosen.dataset, chosen.root, (split,))} <= lost

    splits = tuple(split for split in chosen.splits if is_known(split)) or chosen.splits
    return replace(chosen, splits=splits, selection=replace(chosen.selection, splits=splits))


def _make(
    given: dict[str, Any],
    chosen: setup.Chosen,
    lost: "list[Record]",
    frames: "FrameRecipe",
    cuts: cutting.Cuts,
    run: Run,
) -> None:
    from avakit import journal, prepare
    from avakit.tools import http_limits

    http_limits.require_shared_folder()
    last = max(lost, key=lambda record: list(Stage).index(record.stage)).stage
    wanted = {*chosen.dataset.stages, *(record.stage for record in lost)}
    stages = tuple(stage for stage in Stage if stage in wanted)
    job = setup.job_of(given, chosen, stages[: stages.index(last) + 1], frames, cuts)
    job = replace(
        job, recheck_days=0.0, command=commands.keep(chosen.root)
    )  # what was there once is asked for again, whatever was said of it before
    before = journal.read(chosen.root)
    if not any(record.facts.get("source", {}).get("name") == "archive" for record in lost):
        job = replace(job, sources=tuple(source for source in job.sources if source.name != "archive"))
    plan = prepare.make_plan(job, chosen.videos(), before)
    plan = plan.only({record.key for record in lost} | before.dropped | before.not_needed)
    job, plan, errands = archiving.choose(given, chosen, job, plan)
    job, plan = archiving.take(given, chosen, job, plan, errands, run)
    making.run_plan(given, job, plan, run)
    # What had been dropped before was made again only for the sake of what was lost.
    for key, record in journal.read(chosen.root).present.items():
        if key in before.dropped:
            prepare.drop(job, record)


def _compare(chosen: setup.Chosen, lost: "list[Record]") -> ExitCode:
    """Say of what was made again whether it is what was recorded; of videos only if it is not."""
    from avakit import journal

    present = journal.read(chosen.root).present
    code = ExitCode.OK
    for before in lost:
        after = present.get(before.key)
        if after is None:
            continue
        if before.stage is not Stage.VIDEO:
            click.echo(_line_of_made(before, after), err=True)
        elif after.sha256 != before.sha256:
            source = after.facts["source"]["name"]
            click.echo(
                f"* {after.path}  (came from {source} with other bytes than those recorded before: "
                f"sha256 {after.sha256[:12]}…, was {before.sha256[:12]}…)",
                err=True,
            )
            # YouTube encodes anew, and a mirror may change; a folder holds the file that was linked, damage and all.
            if source == "folder":
                code = ExitCode.INTEGRITY
    return code


def _line_of_made(before: "Record", after: "Record") -> str:
    """Say whether a thing is again what it was, or why it may not be."""
    if _digest(after) == _digest(before):
        return f"= {after.path}  (rebuilt, equal)"
    why = ["its source is another"] if _source(after) != _source(before) else []
    why += ["its recipe is another"] if after.facts.get("recipe") != before.facts.get("recipe") else []
    was, tools = before.facts.get("tools", {}), after.facts.get("tools", {})
    others = [f"{name} {was.get(name, 'unknown')}, now {tools[name]}" for name in tools if tools[name] != was.get(name)]
    why += [f"other tools: {', '.join(others)}"] if others else []
    return f"* {after.path}  (rebuilt, and different: {'; '.join(why) or 'by the same recipe, source and tools'})"


def _digest(record: "Record") -> str:
    """Return the digest of what a record holds: of frames that of their list, whether they lie in a tar or not."""
    pack = record.facts.get("pack")
    return str(pack["list"]) if record.stage is Stage.FRAMES and pack else record.sha256


def _source(record: "Record") -> object:
    """Return what a thing was made from, by its digest."""
    return record.facts.get("from", {}).get("sha256")
