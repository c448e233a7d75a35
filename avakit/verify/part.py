"""A part of what is recorded, always the same one: by the digest of a thing's key."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import nsmallest
from typing import TypeVar

from avakit.journal import Record
from avakit.verify.things import Thing

Recorded = TypeVar("Recorded", bound=Record | Thing)
_SUBSET = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})", re.ASCII)
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(%?)", re.ASCII)


@dataclass(frozen=True)
class Subset:
    """Part `number` (from 1) of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_subset(text: str) -> Subset:
    """Read `3/7`.

    Raises
    ------
    ValueError
        If it is no such pair.
    """
    match = _SUBSET.fullmatch(text.strip())
    if match is None or int(match[1]) > int(match[2]):
        raise ValueError(f"{text!r} is not a part such as 3/7: the number, from 1, of how many")
    return Subset(int(match[1]), int(match[2]))


def parse_share(text: str) -> Fraction:
    """Read `1%` or `0.01`.

    Raises
    ------
    ValueError
        If it is neither, or not above 0 and at most all.
    """
    match = _SHARE.fullmatch(text.strip())
    share = Fraction(match[1]) / (100 if match[2] else 1) if match else Fraction(0)
    if not 0 < share <= 1:
        raise ValueError(f"{text!r} is not a share such as 1% or 0.01, above 0 and at most 100%")
    return share


def take(
    records: Sequence[Recorded], *, share: Fraction | None = None, subset: Subset | None = None, seed: int = 0
) -> list[Recorded]:
    """Return a part of some records.

    Parameters
    ----------
    share
        Of them all, at least one; a larger share holds every smaller one of the same seed.
    subset
        Of those: the parts 1 to n together hold each record exactly once.
    """
    found = list(records)
    if share is not None and found:
        count = max(1, round(share * len(found)))
        found = nsmallest(count, found, key=lambda record: _number(f"{seed} {record.key}"))
    if subset is not None:
        found = [record for record in found if _number(record.key) % subset.count == subset.number - 1]
    return found


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest())
