"""`avakit status`: coverage, reasons, and what to do next."""

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import annotations, cutting, options, setup
from avakit.cli.closing import ADVICE
from avakit.cli.display import print_json, print_table, readable_count
from avakit.cli.settings import Verb
from avakit.errors import REASONS, ConfigInvalid, ExitCode, Status, nearest

if TYPE_CHECKING:
    from avakit.status import Coverage, Reason


@click.command("status", cls=Verb)
@options.selection
@options.frames
@cutting.audio
@options.option("--by-class", is_flag=True, help="Count clips per class instead of per split.")
@options.option(
    "--missing",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the ids of the videos of which something is missing here, for --ids-file.",
)
@options.option(
    "--why",
    type=options.Words(),
    multiple=True,
    metavar="WORD[,WORD…]",
    help="With --missing: only what is missing for these statuses (transient, unavailable, todo, …) or reasons.",
)
@options.as_json
def command(**given: Any) -> int:
    """Say how much is there, per split, why the rest is not, and what to do next."""
    from avakit import journal, status
    from avakit.prepare.disk import on_disk
    from avakit.prepare.plan import targets_of

    chosen = setup.choose(given)
    if given["by_class"] and chosen.dataset.span is not None:
        raise ConfigInvalid(f"--by-class: {chosen.dataset.name} labels persons, not films; see `avakit stats`")
    if given["why"] and given["missing"] is None:
        raise ConfigInvalid("--why says what --missing FILE is to list; name the file")
    known = ["todo", *Status, *REASONS]
    unknown = [word for word in options.flatten(given["why"]) if word not in known]
    if unknown:
        raise ConfigInvalid(f"--why {unknown[0]}: there is no such status or reason{nearest(unknown[0], known)}")
    annotations.require_annotations(chosen)
    job = setup.job_of(given, chosen, cutting.with_audio(given, chosen.dataset.stages))
    state = on_disk(chosen.layout, journal.read(chosen.root))
    things = [
        status.wanted(video, target.key, f"{job.of(video).layout.videos}/{video.id}", target.stage, target.item)
        for video in chosen.videos()
        for target in targets_of(video, job)
    ]
    rows = status.coverage(things, state, by_class=given["by_class"])
    reasons = status.reasons(things, state)
    if given["as_json"]:
        for row in rows:
            print_json("coverage", asdict(row))
        for reason in reasons:
            print_json("reason", asdict(reason))
    else:
        _show(rows)
        _show_reasons(reasons)
        _show_next(rows, chosen.dataset.name)
    if given["missing"]:
        _write_missing(given, status.missing(things, state, options.flatten(given["why"])))
    return ExitCode.OK


def _write_missing(given: dict[str, Any], ids: list[str]) -> None:
    """Write the list that feeds the next run."""
    from avakit.tools import files

    path: Path = given["missing"]
    if not path.absolute().parent.is_dir():
        raise ConfigInvalid(f"--missing {path}: there is no folder {path.absolute().parent}")
    files.write_atomically(path.absolute(), "".join(f"{video_id}\n" for video_id in ids).encode())
    if given["as_json"]:
        print_json("missing", {"path": path, "count": len(ids)})
    else:
        use = f"; `--ids-file {path}` takes only these" if ids else ""
        click.echo(f"{readable_count(len(ids))} video id{'s' * (len(ids) != 1)} in {path}{use}")


def _show(rows: "list[Coverage]") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("group", "stage", "there", "wanted", "%", "short", "why not"):
        table.add_column(column, justify="left" if column in ("group", "stage", "why not") else "right",
                         no_wrap=column not in ("group", "why not"))  # fmt: skip
    between = ",\n" if sys.stdout.isatty() else ", "  # a terminal would fold them anywhere
    for row in rows:
        why = between.join(
            f"{readable_count(count)} {status}{f' ({reason})' if reason else ''}"
            for status, reason, count in row.reasons
        )
        table.add_row(
            row.group, row.stage, readable_count(row.present), readable_count(row.wanted),
            f"{100 * row.present / row.wanted:.1f}", readable_count(row.short) if row.short else "", why,
        )  # fmt: skip
    print_table(table)


def _show_reasons(reasons: "list[Reason]") -> None:
    from rich.table import Table

    if not reasons:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("failed", "status", "reason", "count", "attempts", "first seen (UTC)", "last seen"):
        table.add_column(column, justify="right" if column in ("count", "attempts") else "left",
                         no_wrap=column not in ("first seen (UTC)", "last seen"))  # fmt: skip
    for each in reasons:
        first, last = (f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M}" for time in (each.first_seen, each.last_seen))
        counts = readable_count(each.count), readable_count(each.attempts)
        table.add_row(each.stage, each.status, each.reason, *counts, first, last)
    click.echo()
    print_table(table)


def _show_next(rows: "list[Coverage]", dataset: str) -> None:
    reasons = dict.fromkeys(reason for row in rows for _, reason, _ in row.reasons)
    for reason in reasons:
        if reason in ADVICE:
            click.echo(f"next: {reason}: {ADVICE[reason]}")
    if any(status == Status.TRANSIENT for row in rows for status, _, _ in row.reasons):
        click.echo(f"next: `avakit prepare --dataset {dataset} --retry transient` asks again for what may succeed now")
    if any(status == "todo" for row in rows for status, _, _ in row.reasons):
        click.echo(f"next: `avakit prepare --dataset {dataset}` makes what is still to do")
    elif not rows:
        click.echo("nothing falls to this shard")
    elif all(row.present == row.wanted for row in rows):
        click.echo("next: everything is there; `avakit verify` checks every byte of it")
