"""Colours of frames beside the published recipes: flat patches of each matrix and range, read back with PIL."""

import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from avakit.frames import Footage, extract
from avakit.model import Span
from avakit.recipes import FrameRecipe
from avakit.tools.shelves import FolderShelf
from tests import patches


def main() -> None:
    """Print by how many levels the worst patch is off."""
    print("| film of 1280x720 | avakit | `ffmpeg -q:v 1`, as the recipes extract |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for matrix, is_full in patches.KINDS:
            film, theirs = folder / "film.mp4", folder / "theirs.jpg"
            patches.make(film, matrix, is_full=is_full)
            words = [
                imageio_ffmpeg.get_ffmpeg_exe(),
                "-v",
                "error",
                "-y",
                "-i",
                film,
                "-frames:v",
                "1",
                "-q:v",
                "1",
                theirs,
            ]
            subprocess.run(words, check=True)
            span = Span(Fraction(0), Fraction(1, 30))
            extract(Footage(film), FolderShelf(folder), span=span, recipe=FrameRecipe())
            title = f"{patches.MATRICES[matrix][2]}, {'full' if is_full else 'limited'} range"
            levels = [patches.worst_level(each, matrix, is_full=is_full) for each in (folder / "img_00001.jpg", theirs)]
            print(f"| {title} | {levels[0]:.1f} | {levels[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
