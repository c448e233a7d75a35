"""What the frames of a folder show: for each, the source's own timestamp. The proof of a folder, kept beside its list.

One line of JSON: `unit` (seconds of a tick, as a fraction), `numbers` and `ticks` as runs `[first, step, count]`, and
`files`: how many files in a row show each of the ticks. `instants`, if there, has those that some numbers stand for
instead of `start + (number - 1) / rate` (annotated instants in clips). So 27 030 frames of a film of constant rate are
some numbers, and a digit for each source frame.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self

from avakit.tools.timing import Times

#: Version of the format. Readers refuse newer ones.
SCHEMA = 1


@dataclass(frozen=True)
class Shown:
    """The source frame that each file shows.

    Attributes
    ----------
    numbers
        The files' numbers, ascending.
    seconds
        The second of the video at which the source frame of each begins.
    instants
        The seconds that numbers stand for, where these are not those of the grid.
    """

    numbers: tuple[int, ...]
    seconds: tuple[Fraction, ...]
    instants: Mapping[int, Fraction] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the line of JSON, with its end."""
        unit = Fraction(1, math.lcm(*{second.denominator for second in self.seconds}))
        ticks: list[int] = []
        files: list[int] = []
        for second in self.seconds:
            tick = int(second / unit)
            if ticks and ticks[-1] == tick:
                files[-1] += 1
            else:
                ticks.append(tick)
                files.append(1)
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "unit": str(unit),
            "numbers": _runs(self.numbers),
            "ticks": _runs(ticks),
            "files": files,
        }
        if self.instants:
            content["instants"] = {str(number): str(second) for number, second in self.instants.items()}
        return (json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n").encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` returned.

        Raises
        ------
        ValueError
            If it is anything else.
        """
        try:
            content: dict[str, Any] = json.loads(data)
            if content["schema"] != SCHEMA:
                raise ValueError(f"schema {content['schema']} is not known here")
            unit = Fraction(content["unit"])
            ticks = list(_flat(content["ticks"]))
            seconds = tuple(
                tick * unit for tick, files in zip(ticks, content["files"], strict=True) for _ in range(files)
            )
            numbers = tuple(_flat(content["numbers"]))
            instants = {int(number): Fraction(second) for number, second in content.get("instants", {}).items()}
        except (AttributeError, KeyError, TypeError, ZeroDivisionError, UnicodeDecodeError) as error:
            raise ValueError(f"these are not the times of frames: {error!r}") from error
        if len(numbers) != len(seconds):
            raise ValueError(f"{len(numbers)} frames, but times of {len(seconds)}")
        return cls(numbers, seconds, instants)


def _runs(values: Sequence[int]) -> list[list[int]]:
    return [list(run) for run in Times.of(values, Fraction(1), 0).runs]


def _flat(runs: Sequence[Sequence[int]]) -> Iterator[int]:
    for first, step, count in runs:
        yield from (first + step * k for k in range(count))
