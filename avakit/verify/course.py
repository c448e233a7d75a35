"""The course of a check: what killed runs had done, what is left, what nobody recorded, and what has only moved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from avakit import execute, journal
from avakit.errors import DataInvalid
from avakit.journal import Record, State
from avakit.journal.conflicts import conflicts
from avakit.model import Finding, FindingKind
from avakit.verify import against as lists
from avakit.verify import check, moved, unrecorded
from avakit.verify.against import Against
from avakit.verify.checkpoint import Checkpoint
from avakit.verify.things import Depth, Thing, effort, lots, stamp, thing_of

#: Less than this is read sooner than workers start.
_ALONE_BYTES = 32 << 20
_MAY_HAVE_MOVED = frozenset({FindingKind.MISSING, FindingKind.DIFFERS})


@dataclass
class Verification:
    """One check of a root, or of a part of it. It writes nothing but its checkpoint.

    Attributes
    ----------
    root
        The data root.
    records
        What to check.
    depth
        How deep.
    jobs
        Worker processes.
    state
        What the journal says; None where a list counts instead.
    against
        That list.
    whole_root
        Whether to look for what nobody recorded, too.
    checkpoint
        What is done already, and where to note what is.
    held
        What is missing or differs: told at the end, when it is known whether it only moved.
    """

    root: Path
    records: Sequence[Record | Thing]
    depth: Depth
    jobs: int
    state: State | None = None
    against: Against | None = None
    whole_root: bool = True
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    held: list[Finding] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each recorded thing, for each frame that is not right, and for each file nobody recorded.

        Raises
        ------
        DataInvalid
            If nothing is recorded: an empty journal never passes.
        """
        if not self.records and not (self.state and self.state.lost):
            raise DataInvalid(f"{self.root}: nothing is recorded here; run `avakit prepare` first, or check --root")
        for finding in self._each():
            if finding.kind in _MAY_HAVE_MOVED:
                self.held.append(finding)
            else:
                yield finding
        if self.state:
            yield from conflicts(
                self.root, self.state, None if self.whole_root else {each.key for each in self.records}
            )
        if self.whole_root and self.state:
            yield from (_quarantined(record) for record in self.state.lost.values())
        yield from self._settle()

    def was_checked(self, record: Record | Thing) -> bool:
        """Whether a killed run has checked a thing, and its record is the same since."""
        known = self.checkpoint.known.get(record.key)
        return known is not None and known[0] == stamp(record)

    def _each(self) -> Iterator[Finding]:
        left = []
        for record in self.records:
            if not self.was_checked(record):
                left.append(record)
            else:
                found = self.checkpoint.known[record.key][1]
                yield from found or [Finding(record.path, FindingKind.MATCH, "", record.key, _size(record))]
        by_key = {record.key: record for record in left}
        work = partial(check.check_lot, root=self.root, depth=self.depth)
        its_lots = lots(left, self.depth)
        if self.depth is not Depth.DEEP and effort(left, self.depth) <= _ALONE_BYTES:
            yield from self._noted(map(work, its_lots), by_key)
            return
        results = execute.run(work, its_lots, jobs=self.jobs, on_crash=_crashed)
        try:
            yield from self._noted(results, by_key)
        finally:
            results.close()

    def _noted(self, results: Iterable[tuple[Finding, ...]], by_key: Mapping[str, Record | Thing]) -> Iterator[Finding]:
        """Note what was found of each thing, and yield it."""
        for result in results:
            for key, found in groupby(result, attrgetter("key")):
                its = tuple(found)
                self.checkpoint.note(stamp(by_key[key]), key, its)
                yield from its

    def _settle(self) -> Iterator[Finding]:
        """Tell what was held back."""
        extra = self._unexpected()
        if self.state is not None and (self.held or extra):
            extra = self._freshen(journal.read(self.root), extra)
        keys = {each.key for each in self.held}
        things = {record.key: thing_of(record) for record in self.records if record.key in keys}
        if self.depth is Depth.QUICK:  # no byte is read
            settled = [*self.held, *extra]
        else:
            settled = list(moved.settle(self.root, self.held, extra, things, self.jobs))
        self.held.clear()
        yield from settled

    def _unexpected(self) -> list[Finding]:
        if not self.whole_root:
            return []
        if self.against is not None:
            return list(lists.unexpected(self.root, self.against))
        recorded = {record.path for record in self.state.present.values()} if self.state else set()
        return list(unrecorded.unexpected(self.root, recorded))

    def _freshen(self, now: State, extra: list[Finding]) -> list[Finding]:
        """Forget what running jobs have published, replaced or removed meanwhile; return what nobody recorded."""
        stale = {record.key for record in self.records if _is_stale(record, now)}
        if stale:
            again = [now.present[key] for key in {each.key for each in self.held} & stale if key in now.present]
            found = check.check_lot((thing_of(record) for record in again), root=self.root, depth=self.depth)
            kept = [each for each in self.held if each.key not in stale]
            self.held[:] = [*kept, *(each for each in found if each.kind is not FindingKind.MATCH)]
        recorded = {record.path for record in now.present.values()}
        return [each for each in extra if each.path not in recorded]


def _is_stale(record: Record | Thing, now: State) -> bool:
    known = now.present.get(record.key) or now.lost.get(record.key)
    return known is None or stamp(known) != stamp(record)


def _crashed(things: Iterable[Thing], detail: str) -> tuple[Finding, ...]:
    return tuple(Finding(thing.path, FindingKind.UNREADABLE, detail, thing.key) for thing in things)


def _quarantined(record: Record) -> Finding:
    why = "vanished, or was moved to quarantine and not made again"
    return Finding(record.path, FindingKind.MISSING, why, record.key, record.bytes)


def _size(record: Record | Thing) -> int:
    return (record.size if isinstance(record, Thing) else record.bytes) or 0
