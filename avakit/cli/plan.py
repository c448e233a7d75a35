"""`avakit plan`: what a dataset would take. Touches nothing."""

from dataclasses import asdict
from typing import Any

import click

from avakit.cli import annotations, options, setup
from avakit.cli.display import print_json, readable_bytes, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ExitCode


@click.command("plan", cls=Verb)
@options.selection
@options.sources
@options.retry
@options.frames
@options.drop
@options.option("--jobs", "-j", type=click.IntRange(min=1), help="Worker processes  [default: the usable cores]")
@options.as_json
def command(**given: Any) -> int:
    """Say what `prepare` would still do: items, bytes, files, hours, and whether the disk holds it."""
    from avakit import execute, journal, prepare
    from avakit.prepare.estimate import estimate
    from avakit.tools import files

    chosen = setup.choose(given)
    annotations.require_annotations(chosen)
    job = setup.job_of(given, chosen, chosen.dataset.stages)
    state = journal.read(chosen.root)
    plan = prepare.make_plan(job, chosen.videos(), state)
    if given["retry"]:
        plan = prepare.only_failed(plan, state, given["retry"])
    jobs = given["jobs"] or execute.usable_cores()
    lines = estimate(job, plan, state, chosen.dataset.expect, jobs=jobs)
    space = files.space(chosen.root)
    needed, count = sum(line.bytes for line in lines), sum(line.files for line in lines)
    fits = needed <= space.free_bytes and (space.free_inodes is None or count <= space.free_inodes)
    if given["as_json"]:
        for line in lines:
            print_json("stage", asdict(line))
        print_json("disk", {"needed_bytes": needed, "needed_files": count, **asdict(space), "fits": fits})
        return ExitCode.OK
    _show(lines, settled=len(plan.settled))
    free_files = "not counted here" if space.free_inodes is None else readable_count(space.free_inodes)
    unknown = " at least" if any(line.count and not line.bytes for line in lines) else ""
    click.echo(f"disk:{unknown} {readable_bytes(needed)} needed, {readable_bytes(space.free_bytes)} free")
    click.echo(f"files: {readable_count(count)} needed, {free_files} free")
    verdict = "it fits" if fits else "IT DOES NOT FIT; take a part with --split or --limit, or another --root"
    click.echo(f"avakit plan: {readable_count(plan.targets)} things to make with {jobs} jobs; {verdict}")
    return ExitCode.OK


def _show(lines: list[Any], *, settled: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "to make", "bytes", "files", "hours", "figures"):
        table.add_column(column, justify="left" if column in ("stage", "figures") else "right")
    for line in lines:
        origin = "measured here" if line.is_measured else "typical"
        size = readable_bytes(line.bytes) if line.bytes or not line.count else "unknown"
        table.add_row(
            line.stage, readable_count(line.count), size, readable_count(line.files),
            f"{line.hours:.1f}", origin,
        )  # fmt: skip
    Console().print(table)
    click.echo(f"there already, or given up: {readable_count(settled)}")
