"""`avakit plan`: what a dataset would take. Touches nothing."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, archiving, cutting, options, setup
from avakit.cli.display import print_json, readable_bytes, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ExitCode

if TYPE_CHECKING:
    from avakit.prepare.estimate import Portion
    from avakit.prepare.lines import Line
    from avakit.prepare.room import Room
    from avakit.sources.asking import Sample


@click.command("plan", cls=Verb)
@options.selection
@options.sources
@options.retry
@options.frames
@options.pack
@cutting.audio
@options.drop
@options.option("--jobs", "-j", type=click.IntRange(min=1), help="Worker processes  [default: the usable cores]")
@options.option(
    "--sample-heads",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="Ask each mirror how long N of its videos are; 0 asks nobody.",
)
@options.as_json
def command(**given: Any) -> int:
    """Say what `prepare` would still do: items, bytes, files, hours, and whether the disk holds it.

    Ends with exit code 74 if it does not.
    """
    from avakit import execute, journal, prepare
    from avakit.prepare.estimate import estimate
    from avakit.prepare.room import rooms
    from avakit.prepare.sampling import ask_mirrors

    chosen = setup.choose(given)
    annotations.require_annotations(chosen)
    job = setup.job_of(given, chosen, setup.stages(given, chosen.dataset))
    state = journal.read(chosen.root)
    plan = prepare.make_plan(job, chosen.videos(), state)
    if given["retry"]:
        plan = prepare.only_failed(plan, state, given["retry"])
    job, plan, errands = archiving.choose(given, chosen, job, plan)
    jobs = given["jobs"] or execute.usable_cores()
    samples = ask_mirrors(job, plan, errands, given["sample_heads"])
    lines, portions = estimate(job, plan, state, chosen.dataset.expect, jobs=jobs, samples=samples, errands=errands)
    archiving.show(errands, chosen.dataset.expect, as_json=given["as_json"])
    disks = rooms(job, lines)
    fits = all(room.fits for room in disks)
    if given["as_json"]:
        for line in lines:
            print_json("stage", asdict(line))
        for portion in portions:
            told = samples.get(portion.identity)
            print_json("source", asdict(portion) | ({"sample": asdict(told)} if told else {}))
        for room in disks:
            print_json("disk", {**asdict(room), "fits": room.fits and (room.is_known or None)})
        return ExitCode.OK if fits else ExitCode.STORAGE
    _show(lines, settled=len(plan.settled))
    for portion in portions:
        click.echo(_line_of(portion, samples))
    _show_disks(disks, lines)
    verdict = "it fits"
    if not fits:
        fewer = "" if all(room.holds_files for room in disks) else "keep frames in tars (--pack tar), "
        verdict = f"IT DOES NOT FIT; {fewer}take a part with --split or --limit, or another --root"
    elif unknown := dict.fromkeys(_named(line) for line in lines if not line.is_known):
        verdict = f"whether it fits can't be told: nobody knows how long each {', '.join(unknown)} is"
    things = readable_count(sum(line.count for line in lines))
    click.echo(f"avakit plan: {things} things to make with {jobs} jobs; {verdict}")
    return ExitCode.OK if fits else ExitCode.STORAGE


def _line_of(portion: "Portion", samples: "dict[str, Sample]") -> str:
    name = portion.source or "no source"
    nothing = "unknown" if portion.figures == "unknown" else "0 B"
    size = readable_bytes(portion.bytes) if portion.bytes else nothing
    told = samples.get(portion.identity)
    asked = ""
    if told and told.problem:
        asked = f"; {told.problem}"
    elif told:
        asked = f"; has {told.found} of {told.asked} that it was asked about"
    count = f"{readable_count(portion.count)} video{'s' * (portion.count != 1)}"
    return f"{name}: asked first for {count}, {size} ({portion.figures}){asked}"


def _named(line: "Line") -> str:
    return f"{line.stage} ({line.source})" if line.source else str(line.stage)


def _show_disks(disks: "list[Room]", lines: "list[Line]") -> None:
    unknown = " at least" if any(not line.is_known for line in lines) else ""
    for room in disks:
        at = f" in {room.folder}" if len(disks) > 1 else ""
        free_files = "not counted here" if room.free_inodes is None else readable_count(room.free_inodes)
        needed = readable_bytes(room.needed_bytes)
        click.echo(f"disk:{unknown} {needed} needed, {readable_bytes(room.free_bytes)} free{at}")
        click.echo(f"files: {readable_count(room.needed_files)} needed, {free_files} free{at}")


def _show(lines: "list[Line]", *, settled: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "to make", "bytes", "files", "hours", "figures"):
        table.add_column(column, justify="left" if column in ("stage", "figures") else "right")
    for line in lines:
        size = readable_bytes(line.bytes) if line.bytes or line.is_known else "unknown"
        hours = "unknown" if line.hours is None else f"{line.hours:.1f}"
        table.add_row(_named(line), readable_count(line.count), size, readable_count(line.files), hours, line.figures)
    Console().print(table)
    click.echo(f"there already, or given up: {readable_count(settled)}")
