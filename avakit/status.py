"""How much of a dataset is there, and why the rest is not."""

from collections import Counter
from collections.abc import Iterable
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


def _count(name: str, stage: Stage, members: list[Wanted], state: State) -> Coverage:
    there = [state.present[thing.key] for thing in members if thing.key in state.present]
    reasons = Counter(_why(thing, state) for thing in members if thing.key not in state.present)
    short = sum(record.status == Status.SHORT for record in there)
    rows = tuple((status, reason, count) for (status, reason), count in reasons.most_common())
    return Coverage(name, stage, len(members), len(there), short, rows)


def _why(thing: Wanted, state: State) -> tuple[str, str]:
    if thing.key in state.dropped:
        return "dropped", ""
    # What is made from a video shares its fate, unless it met one of its own.
    gap: Record | None = state.gaps.get(thing.key) or state.gaps.get(thing.video_key)
    return (gap.status, gap.reason) if gap else ("todo", "")
