"""`avakit fetch`: annotation files and id lists, checked and pinned."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from avakit.cli import annotations, making, options, restoring, setup
from avakit.cli.display import Display
from avakit.cli.settings import Verb
from avakit.errors import AvakitError


@click.command("fetch", cls=Verb)
@options.dataset
@options.option("--split", "splits", type=options.SPLITS, multiple=True, help="train, val, test  [default: all]")
@options.option(
    "--from",
    "origin",
    type=click.Path(exists=True, path_type=Path),
    envvar="AVAKIT_FROM",
    help="Take the files from this folder, zip or tar instead of the network.",
)
@options.option("--accept-changed", is_flag=True, help="Accept a file that differs from the one pinned before.")
@options.allow_private
@options.output
def command(**given: Any) -> int:
    """Fetch the annotation files of a dataset; keep the official bytes, pin their digests."""
    from avakit import fetch, journal

    chosen = setup.choose(given)
    if given["dry_run"]:
        for file in fetch.missing(chosen.dataset, chosen.root, chosen.splits):
            click.echo(f"would fetch {file.name}")
        return 0
    setup.open_root(chosen.root)
    setup.keep_manifest(given, chosen)
    run = making.begin("fetch", given, chosen)
    show = {name: given[name] for name in ("as_json", "quiet", "verbose")}
    with making.interruptible(), Display("fetch", 0, **show) as display:
        try:
            state = journal.read(chosen.root)
            if given["origin"] is None:
                restoring.restore(chosen, state, display.say)
            run.outcomes += fetch.fetch(
                chosen.dataset, chosen.root, chosen.splits,
                origin=given["origin"], accept_changed=given["accept_changed"], tell=display.say,
                options=replace(fetch.OPTIONS, allow_private=given["allow_private"]),
            )  # fmt: skip
            for outcome in run.outcomes:
                display.outcome(outcome)
        except AvakitError as error:
            return making.close(run, error)
        annotations.record_annotations(chosen, run.outcomes, state)
    return making.close(run)
