"""Frames of films of 720 and more lines show the films' colours, as PIL reads them."""

from fractions import Fraction
from pathlib import Path

import pytest

from avakit import frames
from avakit.frames import Footage
from avakit.model import Span
from avakit.recipes import LOSSLESS, FrameRecipe, Picture
from avakit.tools.shelves import FolderShelf
from tests import patches

SPAN = Span(Fraction(0), Fraction(1, 30))
#: A colour is rounded twice on its way from the film to a reader.
LEVELS = 2


@pytest.mark.parametrize(("matrix", "is_full"), patches.KINDS)
@pytest.mark.parametrize("recipe", [FrameRecipe(), FrameRecipe(short_side=256)], ids=["full-size", "short-side"])
def test_flat_patches_keep_their_colours(tmp_path: Path, matrix: int, is_full: bool, recipe: FrameRecipe) -> None:
    patches.make(tmp_path / "film.mp4", matrix, is_full=is_full)
    made = frames.extract(Footage(tmp_path / "film.mp4"), FolderShelf(tmp_path), span=SPAN, recipe=recipe)
    assert patches.worst_level(tmp_path / made.digests[0][0], matrix, is_full=is_full) <= LEVELS


@pytest.mark.parametrize("kind", [Picture.PNG, Picture.WEBP])
def test_so_they_do_in_other_formats(tmp_path: Path, kind: Picture) -> None:
    patches.make(tmp_path / "film.mp4", 1, is_full=False, width=1920, height=1080)
    recipe = FrameRecipe(picture=kind, quality=LOSSLESS)
    made = frames.extract(Footage(tmp_path / "film.mp4"), FolderShelf(tmp_path), span=SPAN, recipe=recipe)
    assert patches.worst_level(tmp_path / made.digests[0][0], 1, is_full=False) <= LEVELS
