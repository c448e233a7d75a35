"""Every one of 27 030 frames is the source frame nearest to its time, whatever the film's rate, container and sound.

Films of half an hour are stand-ins: their pictures are nothing but their number. What each frame should show is found
by reading the packets with PyAV alone; what the published recipes show is measured with the same films.
"""

import bisect
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from avakit import cut
from avakit.frames import Footage, extract
from avakit.model import Span
from avakit.recipes import FrameRecipe
from avakit.tools import ffmpeg, picture, standin

SPAN, RATE, FRAMES = Span(Fraction(900), Fraction(901)), Fraction(30), 27_030
INSTANTS = [SPAN.start + k / RATE for k in range(FRAMES)]
MILLISECOND = Fraction(1, 1000)
NTSC = Fraction(1000, 1001)
RATES = {
    "15": Fraction(15), "23.976": 24 * NTSC, "24": Fraction(24), "25": Fraction(25), "29.97": 30 * NTSC,
    "30": Fraction(30), "50": Fraction(50), "60": Fraction(60),
}  # fmt: skip
#: Two kinds of variable rate: ever changing, and one that freezes for two seconds now and then.
STEPS = {
    "varied": [Fraction(1, n) for n in (24, 60, 25, 30, 40, 48)],
    "freezing": [*[Fraction(1, 25)] * 500, Fraction(2)],
}
FAST_START, OPEN_GOP = {"movflags": "+faststart"}, {"x264-params": "open-gop=1:keyint=250:scenecut=0:bframes=3"}


@dataclass(frozen=True)
class Case:
    """A film: how fast it is, and how it is written."""

    speed: str
    suffix: str
    has_sound: bool = False
    encoder: Mapping[str, str] = field(default_factory=dict)
    writer: Mapping[str, str] = field(default_factory=dict)
    start: Fraction = Fraction(0)
    note: str = ""

    def __str__(self) -> str:
        return "-".join(
            word for word in (self.speed, self.suffix[1:], "sound" if self.has_sound else "silent", self.note) if word
        )


SPEEDS = [*RATES, *STEPS]
CASES = [
    *(Case(speed, ".mp4", has_sound=sound) for speed in SPEEDS for sound in (True, False)),
    *(Case(speed, ".mkv", has_sound=sound) for speed in SPEEDS for sound in (True, False)),
    *(Case(speed, ".webm", has_sound=speed == "25") for speed in ("23.976", "25", "29.97", "varied")),
    Case("23.976", ".mp4", writer=FAST_START, note="index-first"),
    Case("29.97", ".mkv", encoder=OPEN_GOP, note="open-gop"),
    Case("25", ".mp4", encoder=OPEN_GOP, note="open-gop"),
    Case("25", ".mp4", encoder={"bf": "0"}, note="no-b-frames"),
    Case("23.976", ".mp4", has_sound=True, start=Fraction("112.7"), note="late"),
    Case("29.97", ".mkv", has_sound=True, start=Fraction("112.7"), note="late"),
    Case("24", ".mp4", start=Fraction(1, 8), note="edit-list"),
]


def timeline(case: Case) -> standin.Timeline:
    """Return the times of a film of half an hour and a little."""
    until = SPAN.end + 9
    if case.speed in RATES:
        rate = RATES[case.speed]
        seconds = [k / rate for k in range(int(until * rate))]
        base = 1 / (rate.numerator * Fraction(max(1, 12_000 // rate.numerator)))
        return standin.Timeline([case.start + s for s in seconds], case.start + until, rate, base)
    steps, seconds, at = STEPS[case.speed], [], Fraction(0)
    while at < until:
        seconds.append(at)
        at += steps[(len(seconds) - 1) % len(steps)]
    rate = Fraction(len(seconds)) / at
    return standin.Timeline(
        [case.start + s for s in seconds], case.start + at, rate.limit_denominator(1001), Fraction(1, 12_000)
    )


@pytest.fixture(params=CASES, ids=str)
def film(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Case, Path]]:
    case: Case = request.param
    path = tmp_path / f"film{case.suffix}"
    standin.make(path, timeline(case), has_sound=case.has_sound, encoder=case.encoder, writer=case.writer)
    yield case, path
    path.unlink()


class Reader:
    """A shelf that reads from each frame the number it shows, and keeps nothing else."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def add(self, name: str, data: bytes) -> None:
        assert name == f"img_{len(self.numbers) + 1:05d}.jpg"
        self.numbers.append(standin.number(picture.luma(data)))


def begins_of(path: Path) -> list[Fraction]:
    """Return when each picture is shown, by the container's own timestamps, counted from the container's start."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base or Fraction(1)
        zero = min(s.start_time * (s.time_base or base) for s in container.streams if s.start_time is not None)
        return sorted(packet.pts * base - zero for packet in container.demux(stream) if packet.pts is not None)


def nearest(begins: Sequence[Fraction], instant: Fraction) -> int:
    """Return the index of the picture that begins nearest to an instant; on a tie the earlier one."""
    after = bisect.bisect_left(begins, instant)
    around = range(max(0, after - 1), min(len(begins), after + 1))
    return min(around, key=lambda index: (abs(begins[index] - instant), index))


def shown_by(footage: Footage) -> list[int]:
    reader = Reader()
    extract(footage, reader, span=SPAN, recipe=FrameRecipe())
    return reader.numbers


def test_each_frame_is_the_nearest(film: tuple[Case, Path], record_property: Callable[[str, object], None]) -> None:
    case, path = film
    begins = begins_of(path)
    shown = shown_by(Footage(path))
    assert shown == [nearest(begins, instant) for instant in INSTANTS]
    # Beside the container's: the source's own times. Two frames may be equally near to within what the container keeps.
    made = timeline(case)
    first = case.start - min(case.start, Fraction(0) if case.has_sound else case.start)
    own = [second - case.start + first for second in made.seconds]
    unit = MILLISECOND if case.suffix in (".mkv", ".webm") else made.time_base
    for instant, index in zip(INSTANTS, shown, strict=True):
        best = nearest(own, instant)
        assert index == best or abs(abs(own[index] - instant) - abs(own[best] - instant)) <= 2 * unit
    errors = [abs(begins[index] - instant) for index, instant in zip(shown, INSTANTS, strict=True)]
    widest = max(after - before for before, after in pairwise(begins))
    assert max(errors) <= widest / 2
    if case.suffix == ".mp4" and not case.note:
        record_property("row", row(case, path, begins, max(errors)))


@pytest.mark.parametrize(
    "film", [case for case in CASES if case.note or case.suffix == ".webm"], ids=str, indirect=True
)
def test_a_window_shows_the_same(film: tuple[Case, Path], tmp_path: Path) -> None:
    _, path = film
    made = cut.window(path, tmp_path / "window.mkv", span=SPAN)
    assert shown_by(Footage(tmp_path / "window.mkv", made.origin, made.times)) == shown_by(Footage(path))


def row(case: Case, path: Path, begins: Sequence[Fraction], worst: Fraction) -> str:
    """Return how far frames are from their instants, here and by the published recipes (mean and range in ms)."""
    words = [f"| {case} | at most {1000 * float(worst):.1f} ms"]
    for recipe in ([], ["-r", "30", "-strict", "experimental"]):
        numbers = published(path, recipe)
        errors = [
            1000 * float(begins[number] - instant)
            for number, instant in zip(numbers[60:26_970:30], INSTANTS[60:26_970:30], strict=False)
        ]
        mean = sum(errors) / len(errors)
        words.append(f"{mean:+.0f} [{min(errors):+.0f}, {max(errors):+.0f}] ms, {len(numbers)} files")
    return " | ".join(words) + " |"


def published(path: Path, words: Sequence[str]) -> list[int]:
    """Run SlowFast's commands, or with `words` MMAction2's, and return what their frames show."""
    program = [ffmpeg.find().path, "-nostdin", "-v", "quiet", "-y"]
    window, raw = path.with_name(f"window{path.suffix}"), path.with_name("frames.raw")
    subprocess.run([*program, "-ss", "900", "-t", "901", "-i", path, *words, window], check=True)
    frames = ["-r", "30", "-q:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", raw]
    subprocess.run([*program, "-i", window, *frames], check=True)
    return standin.numbers(raw.read_bytes())
