"""How far a check got, so that a killed one can go on: one line a thing, appended, in `.avakit/verify`.

The findings of what was checked are in it, so they are told again, not found again. It is a help, not a record: where
it can't be written the check goes on without.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from avakit.errors import OutputImpossible, StorageFailed
from avakit.layout import CHECKPOINTS
from avakit.model import Finding, FindingKind
from avakit.tools import files, leftovers, plainfile

#: What a power cut may cost: so many things, or so many seconds of work.
_SYNC_THINGS = 1000
_SYNC_SECONDS = 1.0

#: What is known of a thing: the stamp of its record then, and what was found.
Known = Mapping[str, tuple[str, tuple[Finding, ...]]]


@dataclass
class Checkpoint:
    """Progress of one run: what earlier ones had done, and where this one notes what it does."""

    known: Known = field(default_factory=dict)
    _read: tuple[Path, ...] = ()
    _path: Path | None = None
    _descriptor: int = -1
    _unsynced: int = 0
    _synced_at: float = 0.0

    def note(self, stamp: str, key: str, found: Iterable[Finding]) -> None:
        """Note what was found of one thing."""
        if self._descriptor < 0:
            return
        wrong = [_plain(each) for each in found if each.kind is not FindingKind.MATCH]
        line = json.dumps([key, stamp, wrong] if wrong else [key, stamp], ensure_ascii=False, separators=(",", ":"))
        try:
            os.write(self._descriptor, f"{line}\n".encode())
            self._unsynced += 1
            if self._unsynced >= _SYNC_THINGS or time.monotonic() - self._synced_at > _SYNC_SECONDS:
                self.sync()
        except OSError:
            self._stop()

    def sync(self) -> None:
        """See what was noted to the disk."""
        if self._descriptor >= 0:
            with suppress(OSError):
                os.fdatasync(self._descriptor)
        self._unsynced, self._synced_at = 0, time.monotonic()

    @property
    def is_kept(self) -> bool:
        """Whether progress is noted, and so another run can go on."""
        return self._descriptor >= 0

    def _stop(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def close(self, *, is_finished: bool) -> None:
        """End: a finished check needs none of its notes any more."""
        if self._descriptor >= 0:
            self.sync()
            self._stop()
        if is_finished:
            for path in (*self._read, *([self._path] if self._path else [])):
                with suppress(OSError):
                    path.unlink()
            if self._path:
                with suppress(OSError):
                    self._path.parent.rmdir()


def begin(root: Path, selection: Mapping[str, Any], *, is_resumed: bool) -> Checkpoint:
    """Begin to note progress; read what killed runs of the same selection noted, or have it forgotten.

    Parameters
    ----------
    selection
        What is checked, and how deep: whatever makes two runs the same one.
    is_resumed
        Whether to go on from there.
    """
    text = json.dumps(selection, sort_keys=True, default=str)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    folder = root / CHECKPOINTS
    earlier = [path for path in sorted(folder.glob(f"{name}-*.jsonl")) if not _is_another_s(path)]
    known: dict[str, tuple[str, tuple[Finding, ...]]] = {}
    if is_resumed:
        for path in earlier:
            known |= _read(path)
    path = folder / f"{name}-{files.host()}-{os.getpid()}.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = plainfile.descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except (OSError, OutputImpossible, StorageFailed):
        return Checkpoint(known, tuple(earlier))
    if not is_resumed:
        for old in earlier:
            with suppress(OSError):
                old.unlink()
        earlier = []
    return Checkpoint(known, tuple(earlier), path, descriptor, 0, time.monotonic())


def _is_another_s(path: Path) -> bool:
    """Whether a process of this machine is writing it now. Of other machines that can't be told; reading harms none."""
    _, _, owner = path.stem.partition("-")
    host, _, pid = owner.rpartition("-")
    return host == files.host() and pid.isdecimal() and int(pid) != os.getpid() and leftovers.is_alive(int(pid))


def _read(path: Path) -> dict[str, tuple[str, tuple[Finding, ...]]]:
    """Read the lines of a checkpoint; what a kill left of one is nothing."""
    known = {}
    with suppress(OSError):
        for line in path.read_text(errors="replace").split("\n"):
            with suppress(ValueError, TypeError, KeyError):
                key, stamp, *rest = json.loads(line)
                known[sys.intern(key)] = (str(stamp), tuple(map(_finding, rest[0])) if rest else ())
    return known


def _plain(finding: Finding) -> dict[str, Any]:
    return {name: value for name, value in asdict(finding).items() if value not in ("", 0)}


def _finding(content: dict[str, Any]) -> Finding:
    return Finding(**{**content, "kind": FindingKind(content["kind"])})
