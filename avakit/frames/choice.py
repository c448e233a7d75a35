"""Which source frame each number shows. Pure: exact fractions in, choices out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

from avakit.model import Span
from avakit.recipes import Timing

T = TypeVar("T")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """The source frame that a number shows.

    Attributes
    ----------
    number
        The frame's number, from 1.
    target, seconds
        The instant it was chosen for, and that of the source frame it shows.
    index
        Which of the source frames given it is, from 0.
    """

    number: int
    target: Fraction
    seconds: Fraction
    index: int
    frame: T


def targets(span: Span, rate: Fraction, numbers: Iterable[int]) -> list[tuple[int, Fraction]]:
    """Return each number with the instant it stands for."""
    return [(number, span.start + (number - 1) / rate) for number in numbers]


def choose(
    shown: Iterable[tuple[Fraction, T]],
    wanted: Sequence[tuple[int, Fraction]],
    ends: Callable[[Fraction, T], Fraction],
    timing: Timing = Timing.NEAREST,
) -> Iterator[Choice[T]]:
    """Choose for each wanted instant a source frame, in one pass.

    What lies at or after the end of the last frame is not chosen for.

    Parameters
    ----------
    shown
        (seconds, frame), ascending. Needed are the last frame at or before the first instant up to the first one at
        or after the last.
    wanted
        (number, instant), ascending.
    ends
        Called with the last frame shown, if instants are left after it: the second at which it ends.
    timing
        `nearest`: the frame that begins nearest to the instant, on a tie the earlier one. `onscreen`: the last one
        that has begun, as a player shows it; before the first one has, the first.
    """
    is_earlier_better = _on_screen if timing is Timing.ONSCREEN else _nearest
    todo = iter(wanted)
    item = next(todo, None)
    before: tuple[int, Fraction, T] | None = None
    for index, (seconds, frame) in enumerate(shown):
        while item is not None and item[1] <= seconds:
            number, target = item
            if before is not None and is_earlier_better(target, before[1], seconds):
                yield Choice(number, target, before[1], before[0], before[2])
            else:
                yield Choice(number, target, seconds, index, frame)
            item = next(todo, None)
        if item is None:
            return
        before = (index, seconds, frame)
    if before is None:
        return
    end = ends(before[1], before[2])
    while item is not None and item[1] < end:
        yield Choice(item[0], item[1], before[1], before[0], before[2])
        item = next(todo, None)


def _nearest(target: Fraction, before: Fraction, after: Fraction) -> bool:
    return target - before <= after - target


def _on_screen(target: Fraction, before: Fraction, after: Fraction) -> bool:
    del before
    return target < after
