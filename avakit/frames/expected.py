"""What frames should show, by the timestamps of their source's packets: nothing is decoded."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from avakit.frames import fair
from avakit.frames.choice import choose
from avakit.model import Span
from avakit.recipes import FrameRecipe, Timing
from avakit.tools import video
from avakit.tools.footage import Footage
from avakit.tools.timing import SNAP_SECONDS


def expected(
    footage: Footage, span: Span, recipe: FrameRecipe, wanted: Sequence[tuple[int, Fraction]]
) -> dict[int, Fraction]:
    """Return the second of the video at which the source frame begins that each number should show.

    Parameters
    ----------
    wanted
        (number, instant), ascending.

    Raises
    ------
    MediaRejected
        As `tools.video.scan`.
    ValueError
        If the footage is not the window its record tells of.
    """
    if not wanted:
        return {}
    if recipe.timing is Timing.FAIR:
        return fair.aims(footage, span, recipe.rate)[0]
    film = video.scan(footage.path, wanted[0][1], wanted[-1][1], footage.origin)
    end = film.end_seconds if footage.times is None else footage.times.end * footage.times.time_base - film.origin
    chosen = choose(((second, None) for second in _exact(footage, film)), wanted, lambda *_: end, recipe.timing)
    return {choice.number: choice.seconds for choice in chosen}


def _exact(footage: Footage, film: video.Scan) -> Iterator[Fraction]:
    if footage.times is None:
        yield from film.seconds()
        return
    snapper = footage.times.snapper()
    first = min(film.origin, snapper.seconds[0]) - SNAP_SECONDS
    for second in film.seconds():
        if second + film.origin >= first:  # what lies before is hidden by the film's edit list
            yield snapper.snap(second + film.origin) - film.origin
