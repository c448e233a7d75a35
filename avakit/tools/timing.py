"""Exact times: the presentation times of a film's packets as integers, and what may be said of them."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

#: A film that ends less than this before a span does still has all of its frames at 30 a second.
END_TOLERANCE_SECONDS = Fraction(1, 30)
#: Matroska keeps whole milliseconds: a copied time is off by half of one at most. The rest is for a reader's rounding.
SNAP_SECONDS = Fraction(1, 1000)
#: No picture is decoded so much earlier than it is shown: 16 of them, the most of H.264, at 24 a second.
REORDER_SECONDS = Fraction(16, 24)


@dataclass(frozen=True)
class Times:
    """The exact times of the packets of a window, which Matroska rounds to milliseconds.

    Attributes
    ----------
    time_base
        Seconds a tick.
    runs
        (first tick, step, count) of each stretch of equally spaced times, in presentation order.
    end
        The tick at which the last packet ends.
    """

    time_base: Fraction
    runs: tuple[tuple[int, int, int], ...]
    end: int

    @classmethod
    def of(cls, ticks: Iterable[int], time_base: Fraction, end: int) -> Self:
        """Encode ascending ticks."""
        runs: list[tuple[int, int, int]] = []
        for tick in ticks:
            if runs:
                first, step, count = runs[-1]
                if count == 1:
                    runs[-1] = (first, tick - first, 2)
                    continue
                if tick == first + step * count:
                    runs[-1] = (first, step, count + 1)
                    continue
            runs.append((tick, 0, 1))
        return cls(time_base, tuple(runs), end)

    def ticks(self) -> list[int]:
        """Return all ticks, ascending."""
        return [first + step * k for first, step, count in self.runs for k in range(count)]

    def encode(self) -> dict[str, Any]:
        """Return what `json` can write."""
        return {"time_base": str(self.time_base), "runs": [list(run) for run in self.runs], "end": self.end}

    @classmethod
    def decode(cls, data: dict[str, Any]) -> Self:
        """Read what `encode` returned.

        Raises
        ------
        ValueError
            If it has another form.
        """
        try:
            runs = tuple((int(first), int(step), int(count)) for first, step, count in data["runs"])
            return cls(Fraction(data["time_base"]), runs, int(data["end"]))
        except (KeyError, TypeError, ZeroDivisionError) as error:
            raise ValueError(f"these are not the times of a window: {error!r}") from error

    def snapper(self) -> "Snapper":
        """Return what finds the exact time of a rounded one."""
        return Snapper([tick * self.time_base for tick in self.ticks()], self.end * self.time_base)


@dataclass(frozen=True)
class Snapper:
    """Exact times in seconds, ascending, and the instant at which the last of them ends."""

    seconds: Sequence[Fraction]
    end: Fraction

    def snap(self, rounded: Fraction) -> Fraction:
        """Return the exact time nearest to a rounded one.

        Raises
        ------
        ValueError
            If there is none within `SNAP_SECONDS`: the times belong to another file.
        """
        at = bisect_left(self.seconds, rounded)
        around = self.seconds[max(0, at - 1) : at + 1]
        exact = min(around, key=lambda second: abs(second - rounded), default=None)
        if exact is None or abs(exact - rounded) > SNAP_SECONDS:
            raise ValueError(f"no packet of the film lies at {float(rounded):.3f} s")
        return exact


def constant_rate(ticks: Sequence[int], time_base: Fraction, candidates: Iterable[Fraction]) -> Fraction | None:
    """Return the first of the candidate rates that all of the ticks follow, or None for a variable rate.

    A tick follows a rate if it is off by no more than the rounding of two ticks (containers round times, and some
    by truncation) and a microsecond.

    Parameters
    ----------
    ticks
        Times in presentation order, in units of `time_base` seconds.
    candidates
        Rates to try, in frames a second; those that are not positive are passed over.
    """
    if len(ticks) < 2:  # noqa: PLR2004
        return None
    tolerance = 2 * time_base + Fraction(1, 1_000_000)
    for rate in candidates:
        if rate <= 0:
            continue
        # Whole numbers: fractions would take a second for every half hour of film.
        unit = time_base.denominator * rate.numerator
        tick, frame = time_base.numerator * rate.numerator, rate.denominator * time_base.denominator
        limit = math.floor(tolerance * unit)
        if all(abs((at - ticks[0]) * tick - k * frame) <= limit for k, at in enumerate(ticks)):
            return rate
    return None


def frame_count(duration: Fraction, rate: Fraction) -> int:
    """Return how many k >= 0 have k / rate < duration; 0 for a duration that is not positive."""
    return max(0, math.ceil(duration * rate))


def missing(wanted_end: Fraction, film_end: Fraction) -> Fraction:
    """Return how many seconds a film lacks of a span; 0 for less than `END_TOLERANCE_SECONDS`."""
    lacks = wanted_end - film_end
    return lacks if lacks >= END_TOLERANCE_SECONDS else Fraction(0)


def early_decoding_tick(at: int, last: int | None, time_base: Fraction) -> int:
    """Return a tick to decode a packet at where the container knows none: after the last one, and early enough.

    libav guesses such times from what it has read, up to the tick to show at; a picture that is decoded later and
    shown earlier would have none left.

    Parameters
    ----------
    at
        When it is shown, in units of `time_base` seconds.
    last
        When the packet before it is decoded; None for the first.
    """
    early = max(at - math.ceil(REORDER_SECONDS / time_base), min(at, 0))  # below 0 a muxer would move all times
    return early if last is None else min(at, max(early, last + 1))
