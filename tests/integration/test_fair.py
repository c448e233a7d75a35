"""`--timing fair`: the source frames that SlowFast's published commands show, as those commands show them."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
import simplejpeg

from avakit.frames import Footage, fair
from avakit.model import Span
from avakit.tools import ffmpeg
from demo import films
from tests.integration import reels

SPAN = Span(Fraction(3), Fraction(5))


def _published(path: Path, folder: Path) -> list[int]:
    """Run the two commands of SlowFast's DATASET.md on the film itself, and read what their frames show."""
    program, window = ffmpeg.find().path, folder / f"window{path.suffix}"
    quiet = [program, "-nostdin", "-v", "quiet"]
    subprocess.run([*quiet, "-ss", "3", "-t", "5", "-i", path, window], check=True)
    subprocess.run([*quiet, "-i", window, "-r", "30", "-q:v", "1", folder / "f_%06d.jpg"], check=True)
    pictures = (path.read_bytes() for path in sorted(folder.glob("f_*.jpg")))
    return [films.read_strip(simplejpeg.decode_jpeg(data, "GRAY")[..., 0]) for data in pictures]


@pytest.mark.parametrize("name", ["25.mp4", "23976.mp4", "2997-open.mkv", "30.mp4", "vp9.webm"])
def test_it_is_what_the_published_commands_show(tmp_path: Path, name: str) -> None:
    path = reels.make(tmp_path, name)
    begins, _ = reels.times(path)
    aims, missing = fair.aims(Footage(path), SPAN, Fraction(30))
    assert [begins.index(second) for second in aims.values()] == _published(path, tmp_path)
    assert (list(aims), missing) == (list(range(1, len(aims) + 1)), 0)


def test_of_a_variable_rate_it_is_off_by_two_source_frames_at_most(tmp_path: Path) -> None:
    """The mean rate that ffmpeg goes by depends on how the last pictures were coded, which a stand-in can't copy."""
    path = reels.make(tmp_path, "varied.mp4")
    begins, _ = reels.times(path)
    aims, _ = fair.aims(Footage(path), SPAN, Fraction(30))
    ours, theirs = [begins.index(second) for second in aims.values()], _published(path, tmp_path)
    assert len(ours) == len(theirs)
    assert max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) <= 2
