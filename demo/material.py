"""What the demo makes: its films, which of the mirror's folders they lie in, and what of them is annotated."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from avakit import execute
from demo import films

_FOOTAGE = Path(__file__).parent.parent / "tests" / "data" / "footage"
_SCENES = ("walk", "book", "eat")


@dataclass(frozen=True)
class Film:
    """A film to be made.

    Attributes
    ----------
    video_id
        Eleven characters, as YouTube's.
    extension
        Its container.
    rate
        Frames a second.
    seconds
        How long it is.
    folder
        Where the mirror has it: `videos/trainval`, or `youtube` for what only yt-dlp finds.
    scenes
        The footage in it.
    sound
        The audio encoder; empty for a silent film.
    """

    video_id: str
    extension: str
    rate: Fraction
    seconds: int
    folder: str
    scenes: tuple[str, ...] = _SCENES
    sound: str = ""

    @property
    def file_name(self) -> str:
        """The name under which it is known everywhere."""
        return f"{self.video_id}.{self.extension}"

    def path(self, mirror: Path) -> Path:
        """Return where it lies."""
        return mirror / self.folder / self.file_name


@dataclass(frozen=True)
class Clip:
    """Ten seconds with a label, as Kinetics has them."""

    label: str
    video_id: str
    start: int
    split: str

    @property
    def end(self) -> int:
        """Where it ends, in seconds."""
        return self.start + 10


#: Two films for the form of AVA: one the mirror has, one that it lacks.
FEATURES = (
    Film("-demoFilm01", "mkv", Fraction(25), 960, "videos/trainval"),
    Film("demoFilm_02", "mp4", Fraction(24000, 1001), 960, "youtube"),
)
#: Three short videos for the form of Kinetics, with sound.
SHORTS = (
    Film("-demoClip01", "mp4", Fraction(25), 20, "youtube", ("walk",), "aac"),
    Film("demoClip_02", "mp4", Fraction(30000, 1001), 25, "youtube", ("book",), "aac"),
    Film("demoClip_03", "mp4", Fraction(30), 30, "youtube", ("eat",), "aac"),
)
#: The last one's video is nowhere: every year some videos of Kinetics vanish.
CLIPS = (
    Clip("walking by", "-demoClip01", 5, "train"),
    Clip("reading book", "demoClip_02", 12, "train"),
    Clip("eating snack", "demoClip_03", 0, "validate"),
    Clip("reading book", "demoClip_99", 40, "train"),
)


def slow(film: Film) -> Film:
    """Return a film of a fifth of the frames: made sooner, and the same in all that matters."""
    return replace(film, rate=film.rate / 5) if film in FEATURES else film


def make(chosen: tuple[Film, ...], mirror: Path) -> Iterator[Film]:
    """Make films in processes of their own, two at a time; yield each as it is finished."""
    for film in chosen:
        film.path(mirror).parent.mkdir(parents=True, exist_ok=True)
    # avakit's own pool: its workers leave Ctrl-C to this process, and never outlive it.
    with closing(execute.run(partial(_make_one, mirror=mirror), chosen, jobs=2, on_crash=_crashed)) as made:
        yield from made


def _crashed(film: Film, detail: str) -> Film:
    raise RuntimeError(f"{film.video_id} could not be made: {detail}")


def _make_one(film: Film, mirror: Path) -> Film:
    films.make(
        film.path(mirror),
        footage=[_FOOTAGE / f"{scene}.mkv" for scene in film.scenes],
        seconds=Fraction(film.seconds),
        rate=film.rate,
        style=films.Style(sound=film.sound),
    )
    return film
