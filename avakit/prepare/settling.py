"""How a conflict between journals ends: what lies on the disk decides."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from avakit import journal
from avakit.journal import Record, State
from avakit.model import Finding, FindingKind
from avakit.verify.check import check
from avakit.verify.things import Depth, thing_of


def settle(root: Path, state: State, findings: Iterable[Finding]) -> set[str]:
    """Close each conflict of which one record is true, every byte: a removal, and that record anew.

    Parameters
    ----------
    findings
        Among them those of the conflicts to close.

    Returns
    -------
    set of str
        The keys of those; the others match no record, and are damaged.
    """
    settled = set()
    for path in [finding.path for finding in findings if finding.kind is FindingKind.CONFLICT]:
        records = state.conflicts[path]
        key = records[0].key
        # The newest first; that of the key may be another path by now.
        claims = [state.present[key]] if key in state.present else []
        claims += [record for record in reversed(records) if record not in claims]
        true = next((claim for claim in claims if _is_true(root, claim)), None)
        if true is not None:
            newest = max((*claims, true), key=lambda claim: claim.time)
            journal.append(root, journal.removal(newest, journal.REPLACED), replace(true, time=""))
            settled.add(key)
    return settled


def _is_true(root: Path, record: Record) -> bool:
    return all(finding.kind is FindingKind.MATCH for finding in check(thing_of(record), root, Depth.FULL))
