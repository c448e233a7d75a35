"""How `verify --repair` makes again what was lost."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import making, setup
from avakit.cli.closing import Run
from avakit.errors import ExitCode
from avakit.model import Stage, VideoId
from avakit.outcome import decisive

if TYPE_CHECKING:
    from avakit.journal import Record
    from avakit.prepare import Job

#: Whatever narrowed the check, what was found is repaired.
_WHOLE = {"splits": (), "classes": (), "limit": None, "shard": None, "ids": (), "ids_file": None}


def remake(given: dict[str, Any], dataset: str, lost: "list[Record]") -> ExitCode:
    """Fetch or make again what was lost of one dataset, each with the recipe it had."""
    from avakit import journal
    from avakit.recipes import FrameRecipe

    given = {**given, **_WHOLE, "dataset": dataset}
    chosen = setup.choose(given)
    run = making.begin("verify --repair", given, chosen)
    setup.ensure_annotations(chosen, journal.read(chosen.root), click.echo)
    media = [record for record in lost if record.stage is not Stage.ANNOTATION]
    if media:
        ids = frozenset(VideoId(record.item[:11]) for record in media)
        chosen = replace(chosen, selection=replace(chosen.selection, ids=ids))
        recipes = {FrameRecipe.of(record.facts["recipe"]) for record in media if record.stage is Stage.FRAMES}
        last = max(media, key=lambda record: list(Stage).index(record.stage)).stage
        for recipe in recipes or {chosen.dataset.frame_recipe}:
            stages = tuple(stage for stage in Stage if stage in {*chosen.dataset.stages, Stage.FRAMES, last})
            job = setup.job_of(given, chosen, stages[: stages.index(last) + 1], recipe)
            _make(given, chosen, job, {record.key for record in media}, run)
    return decisive([run.close(), _compare(chosen, media)])


def _make(given: dict[str, Any], chosen: setup.Chosen, job: "Job", keys: set[str], run: Run) -> None:
    from avakit import journal, prepare

    state = journal.read(chosen.root)
    # What was dropped is made again only for the sake of what was lost, and dropped again.
    layouts = [layout for layout in (job.layout, job.layout.for_clips) if layout is not None]
    folders = [pair for each in layouts for pair in ((Stage.VIDEO, each.videos), (Stage.WINDOW, each.windows))]
    drop = {stage for stage, folder in folders if any(key.startswith(f"{folder}/") for key in state.dropped)}
    plan = prepare.make_plan(replace(job, drop=frozenset(drop)), chosen.videos(), state)
    making.run_plan(given, replace(job, drop=frozenset(drop)), plan.only(keys | state.dropped), run)


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
            f"sha256 {after.sha256[:12]}…, was {before.sha256[:12]}…)"
        )
        # YouTube encodes anew, and a mirror may change; a folder holds the very file that was linked, damage and all.
        if source == "folder":
            code = ExitCode.INTEGRITY
    return code
