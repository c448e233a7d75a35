"""A short test of the libraries that are installed here: a film whose pictures spell their number, and flat colours.

Frame errors come from libraries as well as from recipes: one version of ffmpeg cost its users three points of mAP, and
no count of files showed it. So what is installed proves itself once on a machine before its frames are believed.
"""

import hashlib
import json
import os
import platform
import tempfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import avakit
from avakit.errors import ItemFailed, ToolMissing
from avakit.frames.extract import extract
from avakit.model import Span
from avakit.recipes import FrameRecipe
from avakit.tools import files, picture, standin
from avakit.tools.footage import Footage
from avakit.tools.shelves import MemoryShelf
from avakit.tools.video import versions

_RATE, _FRAMES = Fraction(24000, 1001), 72
_SPAN = Span(Fraction(1, 3), Fraction(2))
#: Levels by which a flat colour may be off: rounding of two conversions.
_LEVELS = 2
#: (height, matrix of ITU-T H.273, full range, Y, Cb and Cr, the colour as H.273 computes it)
_COLOURS = (
    (720, 1, False, (113, 90, 176), (199, 95, 33)),
    (720, 1, True, (113, 90, 176), (189, 98, 42)),
    (360, 6, False, (113, 90, 176), (190, 89, 36)),
    (360, 6, True, (113, 90, 176), (180, 92, 46)),
)


def require() -> None:
    """Test the libraries, once for each set of their versions on this machine.

    Raises
    ------
    ToolMissing
        If they fail.
    """
    mark = _mark()
    if mark is not None and mark.is_file():
        return
    problems = examine()
    if problems:
        raise ToolMissing("the libraries for frames", f"{problems[0]}; install other versions of {_named()}")
    if mark is not None:
        with suppress(OSError):  # a home that can't be written to: the test is short, and runs again
            files.write_atomically(mark, b"")


def examine() -> list[str]:
    """Return a sentence for each thing that the libraries get wrong."""
    return [problem for problem in (_timing(), *map(_colour, _COLOURS)) if problem]


def _named() -> str:
    return ", ".join(f"{name} {version}" for name, version in versions().items())


def _mark() -> Path | None:
    """Return the file whose presence says that the test was passed."""
    about = json.dumps([avakit.__version__, versions(), platform.node(), platform.machine()])
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # nobody's home
        return None
    return cache / "avakit" / f"frames-{hashlib.sha256(about.encode()).hexdigest()[:16]}.passed"


def _timing() -> str:
    begins = [number / _RATE for number in range(_FRAMES)]
    shelf = MemoryShelf()
    with tempfile.TemporaryDirectory(prefix="avakit-test-") as name:
        path = Path(name) / "film.mp4"
        timeline = standin.Timeline(begins, _FRAMES / _RATE, _RATE, Fraction(1, 24000))
        standin.make(path, timeline, has_sound=True)
        try:
            extract(Footage(path), shelf, span=_SPAN, recipe=FrameRecipe())
        except ItemFailed as error:
            return f"a film made by them can't be read by them: {error}"
    shown = [standin.number(picture.luma(data)) for data in shelf.files.values()]
    instants = [_SPAN.start + Fraction(k, 30) for k in range(60)]
    right = [min(range(_FRAMES), key=lambda each, at=at: (abs(begins[each] - at), each)) for at in instants]  # type: ignore[misc]
    if shown == right:
        return ""
    wrong = next((k for k, (one, other) in enumerate(zip(shown, right, strict=False)) if one != other), len(shown))
    return f"{len(shown)} frames of {len(right)}, the first wrong one is number {wrong + 1}"


def _colour(colour: tuple[int, int, bool, tuple[int, int, int], tuple[int, int, int]]) -> str:
    height, matrix, is_full, code, right = colour
    shown = picture.flat(code, height, matrix, is_full=is_full)
    if max(abs(one - other) for one, other in zip(shown, right, strict=True)) <= _LEVELS:
        return ""
    return f"a colour of matrix {matrix} in {'full' if is_full else 'limited'} range becomes {shown} and not {right}"
