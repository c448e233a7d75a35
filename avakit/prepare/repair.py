"""What is damaged moves to quarantine with its finding; then it is simply missing, and is made again."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from avakit import journal, packing
from avakit.journal import Record, State
from avakit.layout import QUARANTINE, frame_index, frame_list, frame_times
from avakit.model import Finding, FindingKind, Stage
from avakit.tools import files


def quarantine(
    root: Path, state: State, findings: Iterable[Finding], reason: str = journal.QUARANTINED
) -> list[Record]:
    """Move what is damaged out of the way and write it off in the journal.

    A file nobody recorded is moved only where it does harm: inside a frame folder, where loaders would take it for
    a frame. Everything else that is unexpected is left to its owner.

    Parameters
    ----------
    reason
        What the journal says of it: what was `quarantined` is missed until it has been made again, what was
        `replaced` is not.

    Returns
    -------
    list of Record
        What was moved, now or by an earlier repair.
    """
    folder = root / QUARANTINE / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    lost: dict[str, Record] = {}
    noted = []
    for finding in findings:
        record = state.present.get(finding.key) or state.lost.get(finding.key)
        if record is None or finding.kind is FindingKind.MATCH or _is_mended(root, record, finding):
            continue
        noted.append(finding)
        if finding.kind is not FindingKind.UNEXPECTED:
            lost[record.key] = record
    if noted:
        text = "".join(json.dumps(asdict(finding)) + "\n" for finding in noted)
        files.write_atomically(folder / "findings.jsonl", text.encode())
    for record in lost.values():
        if record.key in state.lost:
            continue  # an earlier repair moved it, and did not get to make it again
        _move(root, record.path, folder)
        if record.stage is Stage.FRAMES:
            _move(root, frame_list(record.path), folder)
            _move(root, frame_times(record.path), folder)
            _move(root, frame_index(record.path), folder)
        # The journal last: killed in between, the thing is missing, which is true, and the next repair goes on.
        journal.append(root, Record(record.key, record.stage, record.item, record.dataset, journal.REMOVED, reason))
    for finding in noted:
        if finding.kind is FindingKind.UNEXPECTED and finding.key not in lost:
            _move(root, finding.path, folder)
    return list(lost.values())


def _is_mended(root: Path, record: Record, finding: Finding) -> bool:
    """Whether it could be mended on the spot: the index of a tar. What is wrong beside it has a finding of its own."""
    return finding.path == frame_index(record.path) and packing.restore_index(root, record)


def _move(root: Path, path: str, folder: Path) -> None:
    source, target = root / path, folder / path
    if source.is_symlink() or source.exists():
        files.set_aside(source, target)  # the folder may be linked to another disk
