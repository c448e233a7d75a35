"""How a run takes clips out of archives before it asks for videos, and says so."""

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import options, setup
from avakit.cli.closing import Run
from avakit.cli.display import Display, print_json, readable_bytes, readable_count
from avakit.model import Split, Stage

if TYPE_CHECKING:
    from avakit.datasets.schema import Expect
    from avakit.prepare import Job, Plan
    from avakit.prepare.archiving import Findings, Means
    from avakit.prepare.errands import Errand


def choose(given: dict[str, Any], chosen: setup.Chosen, job: "Job", plan: "Plan") -> "tuple[Job, Plan, list[Errand]]":
    """Decide which archives to read: those asked for by `--sources`, and those of which enough is wanted.

    Returns
    -------
    tuple
        The job without the archives that are left out, what is left to do then, and what to take from the others.
    """
    from avakit import journal
    from avakit.prepare.errands import errands as wanted_of
    from avakit.prepare.plan import again, make_plan
    from avakit.sources import Archive

    if not any(isinstance(source, Archive) for source in job.sources):
        return job, plan, []
    shared = plan
    if chosen.selection.shard is not None:  # archives are divided among shards, not the clips in them
        whole = replace(chosen, selection=replace(chosen.selection, shard=None))
        shared = make_plan(job, whole.videos(), journal.read(job.root))
    is_named = given.get("repair") or "archive" in options.flatten(given.get("sources") or ())
    errands = wanted_of(job, shared)
    kept = [errand for errand in errands if is_named or not errand.clips or errand.is_worth_it]
    for errand in errands:
        if errand not in kept and not given.get("quiet"):
            click.echo(
                f"archives left out: {told(errand)}; --sources archive,youtube takes them all the same", err=True
            )
    if len(kept) < len(errands):
        out = {errand.source.identity for errand in errands if errand not in kept}
        job = replace(job, sources=tuple(source for source in job.sources if source.identity not in out))
        plan = again(job, plan, journal.read(job.root), ())
    return job, plan, [errand for errand in kept if errand.clips]


def with_clips(job: "Job", chosen: setup.Chosen) -> "Job":
    """Return the job of `download`, which takes clips where archives have them, and videos where not."""
    from avakit.sources import Archive

    has_archives = any(isinstance(source, Archive) for source in job.sources)
    makes_clips = Stage.CLIP in chosen.dataset.stages
    return replace(job, stages=(Stage.VIDEO, Stage.CLIP)) if has_archives and makes_clips else job


def told(errand: "Errand") -> str:
    """Return a sentence about what an errand would take."""
    wanted, held = readable_count(len(errand.hoped)), readable_count(round(errand.expected_clips))
    archives = "archives" if errand.archives is None else f"{readable_count(errand.archives)} archives"
    of_them = f" of {held}" if errand.expected_clips else ""
    return f"{wanted}{of_them} clips in {archives} of {errand.source.public}"


def show(errands: "list[Errand]", expect: "Expect", *, as_json: bool) -> None:
    """Print what would be taken from archives."""
    for errand in errands:
        if not errand.hoped:  # all that may hold something were read
            continue
        size = round(errand.expected_clips * expect.clip_bytes)
        if as_json:
            print_json(
                "archives",
                {"list": errand.source.public, "archives": errand.archives, "clips": len(errand.hoped), "bytes": size},
            )
        else:
            about = f", about {readable_bytes(size)} to fetch" if size else ""
            click.echo(f"archives: {told(errand)}{about}; what they lack is asked of the next source")


def take(
    given: dict[str, Any], chosen: setup.Chosen, job: "Job", plan: "Plan", errands: "list[Errand]", run: Run
) -> "tuple[Job, Plan]":
    """Read the archives, note every clip they gave in `run`, and return the job and the plan of what is left."""
    from avakit import journal
    from avakit.prepare import archiving
    from avakit.prepare.plan import again

    if not errands:
        return job, plan
    findings = archiving.Findings()
    run.left = plan.targets
    total = sum(len(errand.clips) for errand in errands)
    with Display(run.verb, total, as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"]) as display:
        for errand in errands:
            means = _means(given, chosen, job, errand, display)
            _note(errand, means, findings, run, display)
        plan = again(job, plan, journal.read(job.root), {(outcome.item, outcome.stage) for outcome in run.outcomes})
        plan, held = archiving.held_back(plan, findings)
        for outcome in held:
            run.outcomes.append(outcome)
            display.outcome(outcome)
    return archiving.informed(job, findings), plan


def _note(errand: "Errand", means: "Means", findings: "Findings", run: Run, display: Display) -> None:
    from avakit.prepare import archiving

    with closing(archiving.run(errand, means, findings)) as outcomes:
        for outcome in outcomes:
            run.outcomes.append(outcome)
            run.left -= 1
            display.outcome(outcome)


def _means(given: dict[str, Any], chosen: setup.Chosen, job: "Job", errand: "Errand", display: Display) -> "Means":
    from avakit import execute, journal
    from avakit.archives.part import Shelf
    from avakit.prepare.archiving import Means

    jobs, layout = given["jobs"] or execute.usable_cores(), job.layout.for_clips or job.layout
    present = journal.read(job.root).present
    recorded = {key: present[key] for clip in errand.clips.values() if (key := layout.clip_key(clip)) in present}
    shelf = Shelf(
        layout=layout, dataset=job.dataset, options=errand.source.options, channel=display.channel, facts=job.facts,
        recorded=recorded,
    )  # fmt: skip
    classes = _classes(chosen, errand.source.splits) if errand.source.class_by == "order" else {}
    return Means(shelf, jobs, display.say, chosen.selection.shard, classes)


def _classes(chosen: setup.Chosen, splits: tuple[Split, ...]) -> dict[Split, list[str]]:
    """Return all classes of each split, whatever the run is about, in the order of the alphabet."""
    from avakit.datasets import splits as reading

    found = {}
    for split in splits:
        rows = reading.read(chosen.dataset, chosen.annotations, split, {}).rows
        found[split] = [] if rows is None else sorted(str(label) for label in rows["label"].unique() if label)
    return found
