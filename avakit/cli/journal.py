"""`avakit journal`: care for the record of what was done."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avakit.cli import options
from avakit.cli.display import print_json, readable_bytes, readable_count
from avakit.cli.settings import Verb
from avakit.errors import ExitCode

if TYPE_CHECKING:
    from avakit.journal.compaction import Compacted


@click.group("journal")
def command() -> None:
    """Care for the journal, the record of what was done."""


@command.command("compact", cls=Verb)
@options.root
@options.option("--dry-run", "-n", is_flag=True, help="Say what would be gained, and touch nothing.")
@options.as_json
def compact(root: Path, dry_run: bool, as_json: bool) -> int:
    """Make one small file of the journals of processes that have ended; what it says stays the same.

    May be run at any time, beside running jobs and beside itself. Files of other machines are taken once nothing was
    written to them for 24 hours.
    """
    from avakit.journal import compaction

    root = root.absolute()
    done = []
    for each in compaction.compact(root, dry_run=dry_run):
        done.append(each)
        if as_json:
            print_json("journal", asdict(each))
        else:
            click.echo(_told(each, dry_run=dry_run))
    count = sum(each.files for each in done)
    saved = sum(each.bytes_before - each.bytes_after for each in done)
    if as_json:
        facts = {"verb": "journal compact", "dry_run": dry_run, "files": count, "bytes_saved": saved, "exit_code": 0}
        print_json("summary", facts)
    else:
        what = f"{readable_bytes(saved)} {'would be ' * dry_run}saved" if count else "nothing to do"
        click.echo(f"avakit journal compact: {what} -> exit 0")
    return ExitCode.OK


def _told(each: "Compacted", *, dry_run: bool) -> str:
    alone = f"; {readable_count(each.living)} may still be written to" if each.living else ""
    if not each.files:
        return f"{each.dataset}: nothing to compact{alone}"
    torn = f", {readable_count(each.torn)} torn" if each.torn else ""
    before = f"{readable_count(each.lines_before)} lines in {readable_count(each.files)} files{torn}"
    after = f"{readable_count(each.lines_after)} lines in one"
    sizes = f"{readable_bytes(each.bytes_before)} to {readable_bytes(each.bytes_after)}"
    return f"{each.dataset}: {before} {'would become' if dry_run else 'became'} {after} ({sizes}){alone}"
