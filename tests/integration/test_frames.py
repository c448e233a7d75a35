"""Frames of films whose pixels carry their frame's index: each must be the nearest one, from the film or its window."""

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest
import simplejpeg

from avakit import cut, frames
from avakit.errors import MediaRejected, Status
from avakit.frames import Footage
from avakit.model import Span
from avakit.prepare import keyframes
from avakit.recipes import FrameRecipe
from avakit.tools.shelves import FolderShelf
from demo import films
from tests.integration import reels

SPANS = [
    Span(Fraction(0), Fraction(1)),
    Span(Fraction(3), Fraction(3)),
    Span(Fraction("4.567"), Fraction("2.05")),
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reels")


def _shown(place: Path, made: frames.Extracted) -> list[int]:
    """Return the index that each frame's strip spells, in order of the files' numbers."""
    return [
        films.read_strip(simplejpeg.decode_jpeg((place / name).read_bytes(), colorspace="GRAY")[..., 0])
        for name, _ in made.digests
    ]


def _expected(path: Path, span: Span, rate: Fraction) -> list[int]:
    """Return the index of the nearest frame for each instant before the film's end, by trying all frames."""
    begins, end = reels.times(path)
    instants = [span.start + k / rate for k in range(FrameRecipe(rate=rate).frame_count(span.duration))]
    return [reels.nearest(begins, instant) for instant in instants if instant < end]


@pytest.mark.parametrize("name", sorted(reels.REELS))
def test_every_frame_is_the_nearest_one(folder: Path, tmp_path: Path, name: str) -> None:
    path = reels.make(folder, name)
    for number, span in enumerate(SPANS):
        place = tmp_path / str(number)
        place.mkdir()
        made = frames.extract(Footage(path), FolderShelf(place), span=span, recipe=FrameRecipe())
        assert _shown(place, made) == _expected(path, span, Fraction(30))
        assert (made.count, made.missing_seconds) == (made.expected, 0)
        assert sorted(entry.name for entry in place.iterdir()) == [name for name, _ in made.digests]
        assert made.digests[0][0] == "img_00001.jpg"


@pytest.mark.parametrize("name", ["23976.mp4", "23976-late.mp4", "2997-open.mkv", "varied.mp4", "30-late.mkv"])
def test_frames_of_a_window_are_those_of_the_film_to_the_byte(folder: Path, tmp_path: Path, name: str) -> None:
    """Matroska rounds times to milliseconds; the exact ones, kept beside it, undo that."""
    path = reels.make(folder, name)
    span = Span(Fraction("4.004"), Fraction(4))
    window = tmp_path / "window.mkv"
    result = cut.window(path, window, span=span)
    made = []
    for place, footage in (("film", Footage(path)), ("window", Footage(window, result.origin, result.times))):
        (tmp_path / place).mkdir()
        made.append(
            frames.extract(footage, FolderShelf(tmp_path / place), span=span, recipe=FrameRecipe(rate=Fraction(60)))
        )
    assert made[0] == made[1]
    assert made[0].count == 240


@pytest.mark.parametrize("name", ["25.mp4", "23976.mp4", "2997-open.mkv", "varied.mkv", "vp9.webm", "30-late.mkv"])
def test_a_short_window_ends_where_its_film_ends(folder: Path, tmp_path: Path, name: str) -> None:
    path = reels.make(folder, name)
    span = Span(Fraction(10), Fraction(4))
    result = cut.window(path, tmp_path / "window.mkv", span=span)
    made = []
    for place, footage in (
        ("film", Footage(path)),
        ("window", Footage(tmp_path / "window.mkv", result.origin, result.times)),
    ):
        (tmp_path / place).mkdir()
        made.append(frames.extract(footage, FolderShelf(tmp_path / place), span=span, recipe=FrameRecipe()))
    assert made[0].digests == made[1].digests
    assert made[0].missing_seconds == made[1].missing_seconds == result.missing_seconds > 0


def test_times_of_another_window_are_noticed(folder: Path, tmp_path: Path) -> None:
    path = reels.make(folder, "23976.mp4")
    span = Span(Fraction(4), Fraction(4))
    window = tmp_path / "window.mkv"
    result = cut.window(path, window, span=span)
    other = cut.window(
        reels.make(folder, "23976-late.mp4"), tmp_path / "other.mkv", span=Span(Fraction(9), Fraction(1))
    )
    with pytest.raises(MediaRejected, match="not the window its record tells of"):
        frames.extract(
            Footage(window, result.origin, other.times), FolderShelf(tmp_path), span=span, recipe=FrameRecipe()
        )


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(7), Fraction(120)])
def test_other_rates(folder: Path, tmp_path: Path, rate: Fraction) -> None:
    path = reels.make(folder, "25.mp4")
    span = Span(Fraction(2), Fraction(2))
    made = frames.extract(Footage(path), FolderShelf(tmp_path), span=span, recipe=FrameRecipe(rate=rate))
    assert _shown(tmp_path, made) == _expected(path, span, rate)


def test_the_record_tells_how_exact_the_frames_are(folder: Path, tmp_path: Path) -> None:
    """25 frames a second shown 30 times a second: every sixth file repeats one, and none is off by over 20 ms."""
    path = reels.make(folder, "25.mp4")
    made = frames.extract(
        Footage(path), FolderShelf(tmp_path), span=Span(Fraction(2), Fraction(4)), recipe=FrameRecipe()
    )
    assert made.timing_facts() == {
        "max_error_seconds": 0.02,
        "mean_error_seconds": 0.01,
        "repeated": 20,
        "dropped": 0,
    }
    files = [tmp_path / name for name, _ in made.digests]
    assert made.bytes == sum(file.stat().st_size for file in files)
    assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in files] == [digest for _, digest in made.digests]


def test_dropped_frames_are_counted(folder: Path, tmp_path: Path) -> None:
    path = reels.make(folder, "30.mp4")
    made = frames.extract(
        Footage(path), FolderShelf(tmp_path), span=Span(Fraction(1), Fraction(2)), recipe=FrameRecipe(Fraction(10))
    )
    assert (made.count, made.repeated, made.dropped) == (20, 0, 38)


@pytest.mark.parametrize("name", ["23976.mp4", "2997-open.mkv"])
def test_key_frames_have_the_numbers_and_bytes_they_have_among_all(folder: Path, tmp_path: Path, name: str) -> None:
    """Whether they are decoded through to, or jumped to over a long gap."""
    path = reels.make(folder, name)
    span = Span(Fraction(0), Fraction(12))
    (tmp_path / "all").mkdir()
    (tmp_path / "some").mkdir()
    everything = dict(
        frames.extract(Footage(path), FolderShelf(tmp_path / "all"), span=span, recipe=FrameRecipe()).digests
    )
    for seconds in ([2, 3, 4, 7], [0, 11]):
        recipe = FrameRecipe(key_frames=True)
        wanted = frames.targets(span, recipe.rate, keyframes.key_numbers(seconds, span, recipe))
        made = frames.extract(Footage(path), FolderShelf(tmp_path / "some"), span=span, recipe=recipe, wanted=wanted)
        assert [name for name, _ in made.digests] == [f"img_{30 * second + 1:05d}.jpg" for second in seconds]
        assert dict(made.digests).items() <= everything.items()
        assert (made.expected, made.dropped) == (len(seconds), 0)


def test_no_key_frames_are_no_frames(folder: Path, tmp_path: Path) -> None:
    """An empty list is not the same as none given."""
    path = reels.make(folder, "25.mp4")
    made = frames.extract(
        Footage(path), FolderShelf(tmp_path), span=Span(Fraction(0), Fraction(2)), recipe=FrameRecipe(), wanted=[]
    )
    assert (made.count, list(tmp_path.iterdir())) == (0, [])


@pytest.mark.parametrize("name", ["25.mp4", "23976.mp4", "vp9.webm", "varied.mkv"])
def test_a_film_that_ends_early_gives_the_frames_it_has(folder: Path, tmp_path: Path, name: str) -> None:
    path = reels.make(folder, name)
    span = Span(Fraction(11), Fraction(3))
    made = frames.extract(Footage(path), FolderShelf(tmp_path), span=span, recipe=FrameRecipe())
    _, end = reels.times(path)
    assert _shown(tmp_path, made) == _expected(path, span, Fraction(30))
    assert made.count < made.expected == 90
    assert made.missing_seconds == 14 - end


def test_a_film_that_ends_before_gives_none_and_says_so(folder: Path, tmp_path: Path) -> None:
    path = reels.make(folder, "25.mp4")
    with pytest.raises(MediaRejected) as caught:
        frames.extract(Footage(path), FolderShelf(tmp_path), span=Span(Fraction(12), Fraction(3)), recipe=FrameRecipe())
    assert (caught.value.status, caught.value.reason) == (Status.SHORT, "starts_after_end")


def test_a_scaled_frame_is_smaller_and_still_right(folder: Path, tmp_path: Path) -> None:
    path = reels.make(folder, "25.mp4")
    span = Span(Fraction(2), Fraction(1))
    made = frames.extract(Footage(path), FolderShelf(tmp_path), span=span, recipe=FrameRecipe(short_side=120))
    assert _shown(tmp_path, made) == _expected(path, span, Fraction(30))
    assert simplejpeg.decode_jpeg((tmp_path / "img_00001.jpg").read_bytes()).shape == (120, 200, 3)


def test_progress_is_told_after_each_frame(folder: Path, tmp_path: Path) -> None:
    path = reels.make(folder, "25.mp4")
    told: list[tuple[int, int]] = []
    frames.extract(
        Footage(path), FolderShelf(tmp_path), span=Span(Fraction(2), Fraction(1)), recipe=FrameRecipe(),
        on_progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(k, 30) for k in range(1, 31)]
