"""How much of a dataset is there, and why the rest is not."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from avakit.errors import Status
from avakit.journal import Record, State
from avakit.model import Clip, Split, Stage, Video


@dataclass(frozen=True)
class Coverage:
    """How much of one stage of one group is there.

    Attributes
    ----------
    group
        A split, or a class.
    stage
        What was to be made.
    wanted, present, short
        Things wanted, things that are there, and how many of those are short.
    reasons
        How often each (status, reason) is why something is not there; (`todo`, ``) was never tried.
    """

    group: str
    stage: Stage
    wanted: int
    present: int
    short: int
    reasons: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Reason:
    """Why things are not there, and how often they were asked for in vain.

    Attributes
    ----------
    stage, status, reason
        What failed, and how; what is made from a video that can't be had is no failure of its own.
    count
        Things that failed like this when they were last tried.
    attempts
        How often these were tried, over all runs, since they were last there.
    first_seen, last_seen
        When the first and the last of these attempts failed: UTC, ISO 8601.
    """

    stage: Stage
    status: str
    reason: str
    count: int
    attempts: int
    first_seen: str
    last_seen: str


@dataclass(frozen=True)
class Wanted:
    """One thing that a dataset wants: its key, that of its video, and the groups it counts for."""

    key: str
    video_key: str
    stage: Stage
    splits: tuple[Split, ...]
    label: str = ""


def wanted(video: Video, key: str, video_key: str, stage: Stage, item: Video | Clip) -> Wanted:
    """Return what `coverage` counts for one target."""
    if isinstance(item, Clip):
        return Wanted(key, video_key, stage, (item.split,), item.label)
    return Wanted(key, video_key, stage, video.splits)


def coverage(things: Iterable[Wanted], state: State, *, by_class: bool = False) -> list[Coverage]:
    """Count what is there, per split (or per class) and stage.

    Parameters
    ----------
    things
        Everything the dataset wants.
    state
        What the journal says is there.
    by_class
        Group clips by their class instead of their split.
    """
    groups: dict[tuple[str, Stage], list[Wanted]] = {}
    for thing in things:
        names = (thing.label or "(no label)",) if by_class else thing.splits
        for name in names:
            groups.setdefault((str(name), thing.stage), []).append(thing)
    order = list(Stage)
    return [
        _count(name, stage, members, state)
        for (name, stage), members in sorted(groups.items(), key=lambda group: (group[0][0], order.index(group[0][1])))
    ]


def reasons(things: Iterable[Wanted], state: State) -> list[Reason]:
    """Count what failed, by stage, status and reason; the most frequent first."""
    failed = {gap.key: gap for thing, gap in _missing(things, state) if gap}
    groups: dict[tuple[Stage, str, str], list[Record]] = {}
    for gap in failed.values():
        groups.setdefault((gap.stage, gap.status, gap.reason), []).append(gap)
    found = []
    for (stage, status, reason), gaps in groups.items():
        times = [state.met.get(gap.key, (gap.time,)) for gap in gaps]
        first, last = min(each[0] for each in times), max(each[-1] for each in times)
        found.append(Reason(stage, status, reason, len(gaps), sum(map(len, times)), first, last))
    order = list(Stage)
    return sorted(found, key=lambda each: (order.index(each.stage), -each.count, each.status, each.reason))


def missing(things: Iterable[Wanted], state: State, why: Collection[str] = ()) -> list[str]:
    """Return the ids of the videos of which something is not there, in order, each once.

    Parameters
    ----------
    things
        Everything that is wanted.
    state
        What the journal says is there.
    why
        Statuses (`todo` among them) and reasons: only what is missing for one of these. Empty for everything that
        is missing; what was dropped on request is not missed.
    """
    ids: dict[str, None] = {}
    for thing, gap in _missing(things, state):
        words = (gap.status, gap.reason) if gap else ("todo",)
        if not why or not set(why).isdisjoint(words):
            ids[thing.video_key.rpartition("/")[2]] = None
    return list(ids)


def _missing(things: Iterable[Wanted], state: State) -> Iterator[tuple[Wanted, Record | None]]:
    """Yield what is not there and was not dropped or not needed, with the record that says why not."""
    unwanted = state.dropped | state.not_needed
    for thing in things:
        if thing.key not in state.present and thing.key not in unwanted:
            yield thing, _gap(thing, state)


def _gap(thing: Wanted, state: State) -> Record | None:
    # What is made from a video shares its fate, unless it met one of its own.
    return state.gaps.get(thing.key) or state.gaps.get(thing.video_key)


def _count(name: str, stage: Stage, members: list[Wanted], state: State) -> Coverage:
    there = [state.present[thing.key] for thing in members if thing.key in state.present]
    reasons = Counter(_why(thing, state) for thing in members if thing.key not in state.present)
    short = sum(record.status == Status.SHORT for record in there)
    rows = tuple((status, reason, count) for (status, reason), count in reasons.most_common())
    return Coverage(name, stage, len(members), len(there), short, rows)


def _why(thing: Wanted, state: State) -> tuple[str, str]:
    if thing.key in state.dropped and thing.key in state.spent:
        return "dropped", ""
    if thing.key in state.dropped or thing.key in state.not_needed:  # it never was there
        return "not needed", ""
    gap = _gap(thing, state)
    return (gap.status, gap.reason) if gap else ("todo", "")
