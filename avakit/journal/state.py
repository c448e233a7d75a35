"""What all journals of a root say together."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from avakit.journal.record import DROPPED, NOT_NEEDED, QUARANTINED, VANISHED, Record, to_line, to_record
from avakit.journal.reduction import Reduction, thing_of, time_of

Value = TypeVar("Value")


class View(Mapping[str, Value], Generic[Value]):
    """Values that are made when they are asked for: all at once, they would take several times the memory."""

    def __init__(self, sources: Mapping[str, Any], make: Callable[[Any], Value]) -> None:
        self._sources = sources
        self._make = make

    def __getitem__(self, key: str) -> Value:
        return self._make(self._sources[key])

    def __contains__(self, key: object) -> bool:
        return key in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclass(frozen=True)
class State:
    """What all journals of a root say together.

    Attributes
    ----------
    present
        The record of each thing that is there, by key.
    gaps
        The newest record of each thing that could not be had since it was last there or taken away, by key.
    lost
        The last record of each thing that was moved to quarantine, or had vanished from the disk, and has not been
        made again, by key.
    dropped
        Keys of what was removed because the user asked for it.
    spent
        The last record of each of those that were ever there, by key: what they took to make is still known.
    not_needed
        Keys of videos whose windows were fetched without them.
    torn
        Lines that could not be read, as a kill leaves them.
    met
        When each gap was met since the thing was last there or taken away: the times of its lines, the oldest
        first, by key. One attempt of one run is one line.
    conflicts
        Paths of which several digests were recorded without a removal between: the newest record of each, the
        oldest first. That the newest of all stands in `present` does not make it the right one.
    ahead
        The newest time of those keys of which lines were written by a clock that is ahead of ours, by key: what is
        written of them must be newer yet.
    """

    present: Mapping[str, Record]
    gaps: Mapping[str, Record]
    lost: Mapping[str, Record] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    spent: Mapping[str, Record] = field(default_factory=dict)
    not_needed: frozenset[str] = frozenset()
    torn: int = 0
    met: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    ahead: Mapping[str, str] = field(default_factory=dict, compare=False)


def merge(records: Iterable[Record]) -> State:
    """Reduce records, in any order, to the state they describe."""
    reduction = Reduction()
    for record in records:
        reduction.add(to_line(record))
    return state_of(reduction)


def state_of(reduction: Reduction, torn: int = 0) -> State:
    """Return what lines say together; the reduction can't be used any more.

    For each key the newest line that says whether something *is there* counts: a `done` or `short` with a path puts
    it there, `removed` takes it away; of the same instant, it is there. The newest gap after that says why it can't be
    had.
    """
    met = {key: times for key in reduction.gaps if (times := reduction.attempts(key))}
    conflicts = _conflicts(reduction)
    lost: dict[str, bytes] = {}
    spent: dict[str, bytes] = {}
    dropped: set[str] = set()
    not_needed: set[str] = set()
    for key, (line, reason) in reduction.removed.items():
        last = reduction.present.get(key)
        if last is not None and time_of(last) >= time_of(line):
            continue
        reduction.present.pop(key, None)
        if reason == DROPPED:
            dropped.add(key)
        elif reason == NOT_NEEDED:
            not_needed.add(key)
        if last is not None and reason == DROPPED:
            spent[key] = last
        elif last is not None and reason in (QUARANTINED, VANISHED):
            lost[key] = last
    return State(
        present=View(reduction.present, to_record),
        gaps=View({key: reduction.gaps[key] for key in met}, to_record),
        lost=View(lost, to_record),
        dropped=frozenset(dropped),
        spent=View(spent, to_record),
        not_needed=frozenset(not_needed),
        torn=torn,
        met=View(met, _texts),
        conflicts=conflicts,
        ahead=reduction.ahead,
    )


def _conflicts(reduction: Reduction) -> dict[str, tuple[Record, ...]]:
    lines: defaultdict[tuple[str, str], list[bytes]] = defaultdict(list)
    for key in sorted(reduction.several):
        for line in reduction.alive(key):
            lines[thing_of(line)[0], key].append(line)
    return {path: tuple(map(to_record, its)) for (path, _), its in sorted(lines.items()) if len(its) > 1}


def _texts(times: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(time.decode() for time in times)
