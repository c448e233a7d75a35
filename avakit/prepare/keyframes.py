"""Which frames are key frames: annotated seconds of a film, annotated instants in a clip. Pure, in exact fractions."""

from collections.abc import Iterable
from fractions import Fraction

from avakit.frames import targets
from avakit.model import Clip, Span, Video
from avakit.recipes import FrameRecipe


def key_targets(item: Video | Clip, recipe: FrameRecipe) -> list[tuple[int, Fraction]]:
    """Return the numbers of the key frames of a film or clip, each with the instant to show."""
    if isinstance(item, Clip):
        return clip_targets(item.key_seconds, item.span, recipe)
    return targets(item.span, recipe.rate, key_numbers(item.key_seconds, item.span, recipe))


def key_numbers(seconds: Iterable[int], span: Span, recipe: FrameRecipe) -> list[int]:
    """Return the numbers that annotated seconds have among all frames: `rate x (second - start) + 1`.

    Where no frame falls on the second, the number is that of the nearest one.
    """
    expected = recipe.frame_count(span.duration)
    indices = (round((second - span.start) * recipe.rate) for second in seconds)
    return [index + 1 for index in indices if 0 <= index < expected]


def clip_targets(seconds: Iterable[Fraction], span: Span, recipe: FrameRecipe) -> list[tuple[int, Fraction]]:
    """Return the annotated instants in a clip, each with the number of the nearest among all frames.

    They are fractions of a second, so none of all frames need stand for one. The clip's end is in it: the annotation
    counts it as such. Of two instants that are one frame apart at most, and share a number, the first is taken.
    """
    found: dict[int, Fraction] = {}
    for second in seconds:
        if span.start <= second <= span.end:
            found.setdefault(round((second - span.start) * recipe.rate) + 1, second)
    return list(found.items())
