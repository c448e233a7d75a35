"""Before anything is asked for: whom each video would be asked of first, and how long a few of them are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from avakit.errors import TransferFailed
from avakit.model import Video
from avakit.sources.archive import Archive
from avakit.sources.delivery import Source
from avakit.sources.folder import Folder
from avakit.sources.mirror import Mirror
from avakit.tools import http_look


@dataclass(frozen=True)
class Sample:
    """What a mirror said of a few videos.

    Attributes
    ----------
    asked, found
        How many were asked for, and how many of these it has.
    bytes
        The average length of those; 0 if none told.
    problem
        Why no more were asked for: the mirror did not answer.
    """

    asked: int
    found: int
    bytes: int
    problem: str = ""


def first_asked(sources: Sequence[Source], videos: Iterable[Video]) -> dict[int, list[Video]]:
    """Sort videos by the source that is asked for them first.

    Returns
    -------
    dict
        By the source's place in `sources`; -1 holds those that are on no list of any source.
    """
    found: dict[int, list[Video]] = {}
    for video in videos:
        place = next((i for i, source in enumerate(sources) if _may_have(source, video)), -1)
        found.setdefault(place, []).append(video)
    return dict(sorted(found.items()))


def _may_have(source: Source, video: Video) -> bool:
    if isinstance(source, Mirror):
        return bool(source.addresses(video))
    if isinstance(source, Archive):  # holds clips: what is asked for is what those lack
        return False
    return source.find(video) is not None if isinstance(source, Folder) else True


def sample(mirror: Mirror, videos: Sequence[Video], count: int) -> Sample:
    """Ask a mirror how long some of its videos are: `count` of them, evenly spread over the list."""
    chosen = [videos[i * len(videos) // count] for i in range(count)] if len(videos) > count else videos
    sizes: list[int] = []
    for number, video in enumerate(chosen):
        try:
            looks = (http_look.look(url) for url in mirror.addresses(video))
            size = next((seen.bytes or 0 for seen in looks if seen.has_file), None)
        except TransferFailed as error:
            return _sample(number, sizes, error.detail)
        if size is not None:
            sizes.append(size)
    return _sample(len(chosen), sizes)


def _sample(asked: int, sizes: list[int], problem: str = "") -> Sample:
    told = [size for size in sizes if size]
    return Sample(asked, len(sizes), sum(told) // len(told) if told else 0, problem)
