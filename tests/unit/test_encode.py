"""What ffmpeg is told where something is encoded."""

from fractions import Fraction
from pathlib import Path

from avakit.tools import encode


def encoder_threads(threads: int) -> list[str]:
    import ffmpeg

    plan = encode.ClipPlan(
        start=Fraction(0), origin=Fraction(0), time_base=Fraction(1, 1000), first=Fraction(0), before=Fraction(0),
        after=Fraction(1), rate=Fraction(25), frames=25, crf=18, preset="fast", has_audio=False, threads=threads,
    )  # fmt: skip
    words: list[str] = ffmpeg.get_args(encode.clip(Path("/film.mp4"), Path("/clip.mp4"), plan))
    return [words[at + 1] for at, word in enumerate(words) if word == "-threads"]


def test_an_encoded_clip_does_not_depend_on_how_many_threads_there_are() -> None:
    """x264 writes other bytes with another number: two copies made the same way would have two roots."""
    (decoder, encoder), (other_decoder, same) = encoder_threads(1), encoder_threads(8)
    assert (decoder, other_decoder) == ("1", "8")
    assert encoder == same
