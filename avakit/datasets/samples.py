"""Which samples a share or a balanced set takes: by the sha256 of seed and key, the same on every machine.

No random generator is asked: a video or a sample is taken for what it is, not for when it was drawn. So a larger
share holds every smaller one of the same seed, and other splits, ids or files beside it change nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

_Class = TypeVar("_Class", bound=Hashable)
_BITS = 64


def draw(seed: int, key: str) -> int:
    """Return the number below 2**64 that stands for a key: the first eight bytes of a sha256."""
    return int.from_bytes(hashlib.sha256(f"{seed}\n{key}".encode()).digest()[: _BITS // 8])


def takes(video_id: str, share: float, seed: int) -> bool:
    """Whether a share (0 to 1) of all videos has this one; a larger share of the same seed has it, too."""
    return draw(seed, video_id) < share * (1 << _BITS)


def balanced(samples: Mapping[str, Iterable[_Class]], limit: int, seed: int) -> frozenset[str]:
    """Choose samples so that no class has more than `limit` of them.

    A sample is taken with all its classes or not at all: a person whose rare action is wanted but whose frequent
    one was left out would teach the wrong thing. So the rarest class is filled first, and a sample that would make
    any of its classes too large is passed over; a frequent class may stay below the limit, never above.

    Parameters
    ----------
    samples
        The classes of each sample, by its key.
    limit
        At most so many samples of a class.
    seed
        Of equals, those with the smallest `draw` are taken.

    Returns
    -------
    frozenset of str
        The keys of the chosen samples.
    """
    classes = {key: frozenset(found) for key, found in samples.items()}
    members: dict[_Class, list[str]] = {}
    for key in sorted(classes, key=lambda key: (draw(seed, key), key)):
        for name in classes[key]:
            members.setdefault(name, []).append(key)
    counts: Counter[_Class] = Counter()
    chosen: set[str] = set()
    for name in sorted(members, key=lambda name: (len(members[name]), str(name))):
        for key in members[name]:
            if counts[name] >= limit:
                break
            if key not in chosen and all(counts[other] < limit for other in classes[key]):
                chosen.add(key)
                counts.update(classes[key])
    return frozenset(chosen)
