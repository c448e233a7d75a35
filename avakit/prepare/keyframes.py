"""Which frames are key frames: annotated seconds of a film, annotated instants in a clip. Pure, in exact fractions."""

from collections.abc import Iterable
from fractions import Fraction

from avakit.frames import targets
from avakit.model import Clip, Span, Video
from avakit.recipes import FrameRecipe


def key_targets(item: Video | Clip, recipe: FrameRecipe) -> list[tuple[int, Fraction]]:
    """Return the numbers of the key frames of a film or clip, ascending, each with the instant to show.

    With `recipe.around`, also those of so many frames before and after each, as far as the span has them.
    """
    if isinstance(item, Clip):
        keys = clip_targets(item.key_seconds, item.span, recipe)
    else:
        keys = targets(item.span, recipe.rate, key_numbers(item.key_seconds, item.span, recipe))
    if not recipe.around:
        return keys
    expected = recipe.frame_count(item.span.duration)
    steps = range(-recipe.around, recipe.around + 1)
    near = {number + step for number, _ in keys for step in steps if 1 <= number + step <= expected}
    return sorted((dict(targets(item.span, recipe.rate, near)) | dict(keys)).items())


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
