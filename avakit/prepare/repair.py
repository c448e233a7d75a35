"""What moved is put back; what is damaged moves to quarantine with its finding, then is missing, and is made again."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from avakit import journal, packing
from avakit.journal import Record, State
from avakit.layout import QUARANTINE, SHA256SUMS, frame_index, frame_list, frame_times
from avakit.model import Finding, FindingKind, Packing, Stage
from avakit.tools import files
from avakit.verify import moved
from avakit.verify.things import thing_of

#: What is no damage, or can't be told from none.
_LEFT_ALONE = frozenset({FindingKind.MATCH, FindingKind.UNSTABLE})


@dataclass
class Repaired:
    """What a repair did.

    Attributes
    ----------
    lost
        What was moved to quarantine, now or by an earlier repair, and has to be made again.
    put_back
        What had moved, and lies in its place again.
    """

    lost: list[Record] = field(default_factory=list)
    put_back: list[Finding] = field(default_factory=list)

    @property
    def moved_from(self) -> set[str]:
        """Where what was put back had lain."""
        return {finding.now_at for finding in self.put_back}


def quarantine(root: Path, state: State, findings: Iterable[Finding], reason: str = journal.QUARANTINED) -> Repaired:
    """Put back what moved; move what is damaged out of the way and write it off in the journal.

    A file nobody recorded is moved only where it does harm: inside a frame folder, where loaders would take it for
    a frame. Everything else that is unexpected is left to its owner. What is unstable is left, too: to be read again.

    Parameters
    ----------
    reason
        What the journal says of it: what was `quarantined` is missed until it has been made again, what was
        `replaced` is not.
    """
    folder = root / QUARANTINE / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    done = Repaired()
    lost: dict[str, Record] = {}
    noted, others = [], []
    told = [finding for finding in findings if finding.kind not in _LEFT_ALONE]
    done.put_back = _put_back(root, state, told, folder)
    for finding in told:
        record = state.present.get(finding.key) or state.lost.get(finding.key)
        if finding.path == SHA256SUMS:
            others.append(finding)
        elif record is None or finding in done.put_back or _is_mended(root, record, finding):
            continue
        elif finding.kind is FindingKind.UNEXPECTED:
            others.append(finding)
        else:
            lost[record.key] = record
        noted.append(finding)
    if noted:
        text = "".join(json.dumps(asdict(finding)) + "\n" for finding in noted)
        files.write_atomically(folder / "findings.jsonl", text.encode())
    for record in lost.values():
        if record.key not in state.lost:  # else an earlier repair moved it, and did not get to make it again
            _write_off(root, record, folder, reason)
    for finding in others:
        if finding.key not in lost:
            _move(root, finding.path, folder)
    done.lost = list(lost.values())
    return done


def _write_off(root: Path, record: Record, folder: Path, reason: str) -> None:
    _move(root, record.path, folder)
    if record.stage is Stage.FRAMES:
        _move(root, frame_list(record.path), folder)
        _move(root, frame_times(record.path), folder)
        _move(root, frame_index(record.path), folder)
    # The journal last: killed in between, the thing is missing, which is true, and the next repair goes on.
    journal.append(root, journal.removal(record, reason))


def _put_back(root: Path, state: State, findings: Iterable[Finding], folder: Path) -> list[Finding]:
    """Rename what moved to its own place, if it still has the recorded bytes.

    What lies in that place goes to quarantine first; of two that were swapped the second is taken from there.
    """
    right = [finding for finding in findings if _is_right(root, state, finding)]
    displaced: dict[str, Path] = {}
    for finding in right:
        target = root / finding.path
        if os.path.lexists(target):
            _move(root, finding.path, folder)
            displaced[finding.path] = folder / finding.path
        source = displaced.pop(finding.now_at, root / finding.now_at)
        files.set_aside(source, target)  # by a rename, unless the folder is linked to another disk
    return right


def _is_right(root: Path, state: State, finding: Finding) -> bool:
    """Whether the bytes that moved are those recorded for the place that they left."""
    record = state.present.get(finding.key)
    if record is None or finding.kind is not FindingKind.MOVED:
        return False
    at = root / finding.now_at
    try:
        if finding.path != record.path:  # a frame of a folder, whose list was found to be right
            return files.sha256(at) == packing.listed(root, record.path)[packing.file_name(finding.path)]
        if record.stage is Stage.FRAMES and record.packing is Packing.FOLDER:
            listed = packing.listed(root, record.path)
            return moved.is_equal(root, replace(thing_of(record), path=finding.now_at), listed)
        return files.sha256(at) == record.sha256
    except (OSError, ValueError, KeyError):
        return False


def _is_mended(root: Path, record: Record, finding: Finding) -> bool:
    """Whether it could be mended on the spot: the index of a tar. What is wrong beside it has a finding of its own."""
    return finding.path == frame_index(record.path) and packing.restore_index(root, record)


def _move(root: Path, path: str, folder: Path) -> None:
    source, target = root / path, folder / path
    if source.is_symlink() or source.exists():
        files.set_aside(source, target)  # the folder may be linked to another disk
