"""`avakit verify --repair`: what moved is put back, what is damaged is made again, and what was touched is checked."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avakit.cli import repairing, telling, verifying
from avakit.errors import ExitCode
from avakit.layout import SHA256SUMS
from avakit.model import Finding, FindingKind
from avakit.outcome import decisive

if TYPE_CHECKING:
    from avakit.cli.telling import Tally
    from avakit.journal import State
    from avakit.verify import Depth


def repair(given: dict[str, Any], state: "State", tally: "Tally", depth: "Depth") -> ExitCode:
    """Mend what was found; return the exit code of making and checking, whichever is graver."""
    from avakit import journal, manifest
    from avakit.prepare.repair import quarantine
    from avakit.prepare.settling import settle
    from avakit.verify import Verification

    root = given["root"]
    settled = settle(root, state, tally.wrong)
    done = quarantine(root, state, [finding for finding in tally.wrong if finding.key not in settled])
    for finding in done.put_back:
        click.echo(f"= {finding.path}  (put back from {finding.now_at})", err=True)
    codes = [
        repairing.remake(given, name, [record for record in done.lost if record.dataset == name])
        for name in sorted({record.dataset for record in done.lost})
    ]
    if any(finding.path == SHA256SUMS for finding in tally.wrong):
        manifest.write(root, journal.read(root))
        click.echo(f"= {SHA256SUMS}  (written anew from the journal; what lay there is in quarantine)", err=True)
    touched = {finding.key for finding in tally.wrong if finding.key}
    state = journal.read(root)
    again = [record for key, record in {**state.lost, **state.present}.items() if key in touched]
    after = telling.Tally(tally.recorded, len(again), depth, "those with findings")
    if again:
        verifying.check(
            {**given, "resume": False}, Verification(root, again, depth, given["jobs"], state, None, False), after
        )
    for finding in _left(root, state, tally.wrong, {SHA256SUMS, *done.moved_from}):
        after.count(finding)
    return decisive([*codes, telling.close({**given, "html": None}, after)])


def _left(root: Path, state: "State", wrong: Iterable[Finding], seen_to: set[str]) -> Iterator[Finding]:
    """Yield what no repair mends. What was published by a killed run, and not recorded, is looked for once more."""
    from avakit.verify import unrecorded

    loose = [finding for finding in wrong if not finding.key and finding.path not in seen_to]
    yield from (finding for finding in loose if finding.kind is not FindingKind.UNEXPECTED)
    if any(finding.kind is FindingKind.UNEXPECTED for finding in loose):
        yield from unrecorded.unexpected(root, {record.path for record in state.present.values()})
