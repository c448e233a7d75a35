"""`avakit status`: coverage, reasons, and what to do next."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, options, setup
from avakit.cli.closing import ADVICE
from avakit.cli.display import print_json, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ConfigInvalid, ExitCode

if TYPE_CHECKING:
    from avakit.status import Coverage


@click.command("status", cls=Verb)
@options.selection
@options.frames
@options.option("--by-class", is_flag=True, help="Count clips per class instead of per split.")
@options.as_json
def command(**given: Any) -> int:
    """Say how much is there, per split, why the rest is not, and what to do next."""
    from avakit import journal, status
    from avakit.prepare.plan import on_disk, targets_of

    chosen = setup.choose(given)
    if given["by_class"] and chosen.dataset.span is not None:
        raise ConfigInvalid(f"--by-class: {chosen.dataset.name} labels persons, not films; leave it out")
    annotations.require_annotations(chosen)
    job = setup.job_of(given, chosen, chosen.dataset.stages)
    state = on_disk(chosen.layout, journal.read(chosen.root))
    things = (
        status.wanted(video, target.key, f"{job.layout.of(video).videos}/{video.id}", target.stage, target.item)
        for video in chosen.videos()
        for target in targets_of(video, job)
    )
    rows = status.coverage(things, state, by_class=given["by_class"])
    if given["as_json"]:
        for row in rows:
            print_json("coverage", asdict(row))
        return ExitCode.OK
    _show(rows)
    _show_next(rows, chosen.dataset.name)
    return ExitCode.OK


def _show(rows: "list[Coverage]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("group", "stage", "there", "wanted", "%", "short", "why not"):
        table.add_column(column, justify="left" if column in ("group", "stage", "why not") else "right")
    for row in rows:
        why = ", ".join(
            f"{readable_count(count)} {status}{f' ({reason})' if reason else ''}"
            for status, reason, count in row.reasons
        )
        table.add_row(
            row.group, row.stage, readable_count(row.present), readable_count(row.wanted),
            f"{100 * row.present / row.wanted:.1f}", readable_count(row.short) if row.short else "", why,
        )  # fmt: skip
    Console().print(table)


def _show_next(rows: "list[Coverage]", dataset: str) -> None:
    reasons = dict.fromkeys(reason for row in rows for _, reason, _ in row.reasons)
    for reason in reasons:
        if reason in ADVICE:
            click.echo(f"next: {reason}: {ADVICE[reason]}")
    if any(status == "todo" for row in rows for status, _, _ in row.reasons):
        click.echo(f"next: `avakit prepare --dataset {dataset}` makes what is still to do")
    elif all(row.present == row.wanted for row in rows):
        click.echo("next: everything is there; `avakit verify` checks every byte of it")
