"""How `verify --repair` makes again what was lost."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, archiving, making, setup
from avakit.cli.closing import Run
from avakit.errors import AvakitError, ExitCode, Interrupted
from avakit.model import Packing, Split, Stage, VideoId
from avakit.outcome import decisive

if TYPE_CHECKING:
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
    from avakit.recipes import FrameRecipe

    chosen = _with_known_splits(setup.choose(given), {record.item for record in lost})
    run = making.begin("verify --repair", given, chosen)
    annotations.ensure_annotations(chosen, journal.read(chosen.root), lambda line: click.echo(line, err=True))
    media = [record for record in lost if record.stage is not Stage.ANNOTATION]
    if media:
        ids = frozenset(VideoId(record.item[:11]) for record in media)
        chosen = replace(chosen, selection=replace(chosen.selection, ids=ids))
        groups: dict[tuple[FrameRecipe, Packing], list[Record]] = {}
        for record in (record for record in media if record.stage is Stage.FRAMES):
            groups.setdefault((FrameRecipe.of(record.facts["recipe"]), record.packing), []).append(record)
        others = [record for record in media if record.stage is not Stage.FRAMES]
        for (recipe, packing), its in groups.items() or [((chosen.dataset.frame_recipe, Packing.FOLDER), [])]:
            selection = replace(chosen.selection, keep_excluded=recipe.keep_excluded)
            its_choice = replace(chosen, selection=selection)
            _make({**given, "pack": packing}, its_choice, [*others, *its], recipe, run)
    making.refresh_manifest(chosen)
    return decisive([run.close(), _compare(chosen, media)])


def _with_known_splits(chosen: setup.Chosen, lost: set[str]) -> setup.Chosen:
    """Choose the splits whose annotation files are there, or were and are lost: others were never worked on."""
    from avakit import fetch

    def is_known(split: Split) -> bool:
        return {file.name for file in fetch.missing(chosen.dataset, chosen.root, (split,))} <= lost

    splits = tuple(split for split in chosen.splits if is_known(split)) or chosen.splits
    return replace(chosen, splits=splits, selection=replace(chosen.selection, splits=splits))


def _make(given: dict[str, Any], chosen: setup.Chosen, lost: "list[Record]", recipe: "FrameRecipe", run: Run) -> None:
    from avakit import journal, prepare
    from avakit.tools import http_limits

    http_limits.require_shared_folder()
    last = max(lost, key=lambda record: list(Stage).index(record.stage)).stage
    stages = tuple(stage for stage in Stage if stage in {*chosen.dataset.stages, Stage.FRAMES, last})
    job = setup.job_of(given, chosen, stages[: stages.index(last) + 1], recipe)
    job = replace(job, recheck_days=0.0)  # what was there once is asked for again, whatever was said of it before
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
    """Say which videos came back with other bytes: the copy they came from may be the damaged one."""
    from avakit import journal

    present = journal.read(chosen.root).present
    code = ExitCode.OK
    for before in lost:
        after = present.get(before.key)
        if before.stage is not Stage.VIDEO or after is None or after.sha256 == before.sha256:
            continue
        source = after.facts["source"]["name"]
        click.echo(
            f"* {after.path}  (came from {source} with other bytes than those recorded before: "
            f"sha256 {after.sha256[:12]}…, was {before.sha256[:12]}…)",
            err=True,
        )
        # YouTube encodes anew, and a mirror may change; a folder holds the very file that was linked, damage and all.
        if source == "folder":
            code = ExitCode.INTEGRITY
    return code
