"""The sound beside a window or clip: exactly its span, with silence where the film has none."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from avakit.errors import Status, ToolFailed
from avakit.model import Span
from avakit.recipes import COPY, AudioRecipe
from avakit.tools import encode, ffmpeg, plainfile, timing, track
from avakit.tools.footage import Footage

#: As for clips, though sound takes a fraction of it (FAULTS M21).
_TIMEOUT_SECONDS = 60
_TIMEOUT_PER_SECOND = 1
#: Containers round times; what is shorter than this is no silence.
_SILENCE_SECONDS = Fraction(1, 100)


@dataclass(frozen=True)
class Sound:
    """A sound file that was made, and checked to be whole.

    Attributes
    ----------
    samples
        Of each channel; 0 of a copy.
    rate, channels, codec
        Samples a second and channels of the file, and what the film's track was encoded with.
    silent_before, silent_after
        Seconds of the span before the film's track begins, and after it ends: silence in the file, nothing in a copy.
    origin
        Second 0 of the original video on the file's own clock, in seconds.
    """

    samples: int
    rate: int
    channels: int
    codec: str
    silent_before: Fraction
    silent_after: Fraction
    origin: Fraction


def sound(source: Path | Footage, partial: Path, *, span: Span, recipe: AudioRecipe) -> Sound:
    """Write the first sound track of a span into a file of its own.

    As `wav` or `flac` sample k sounds at `start + k / rate`, and there are exactly as many samples as the span has.

    Parameters
    ----------
    source
        The film, a window of it, or a clip.

    Raises
    ------
    MediaRejected
        Unavailable `no_audio` if the film has no sound in the span; otherwise as `tools.container.opened`.
    ToolFailed
        As `tools.ffmpeg.run`; `length` or `packets` if the result is not what it should be.
    OSError
        If it can't be written.
    """
    footage = source if isinstance(source, Footage) else Footage(source)
    heard = track.scan(footage.path, span.start, span.end, footage.origin)
    before, after = _silence(heard.begins - span.start), _silence(span.end - heard.ends)
    if recipe.form == COPY:
        later = track.copy(footage.path, partial, span.start, span.end, heard.origin)
        written = track.measure(partial)
        if written.packets != heard.packets:
            detail = f"the copy has {written.packets} packets of sound instead of {heard.packets}"
            raise ToolFailed(Status.CORRUPT, "packets", detail)
        return Sound(0, heard.rate, heard.channels, heard.codec, before, after, heard.origin + later)
    samples = timing.frame_count(span.duration, Fraction(recipe.rate))
    begin = span.start + heard.origin
    plan = encode.SoundPlan(begin, begin - heard.file_begins, span.duration, recipe.rate, samples, recipe.form)
    _encode(footage.path, partial, plan)
    written = track.measure(partial)
    if (written.samples, written.rate) != (samples, recipe.rate):
        detail = f"the file has {written.samples} samples at {written.rate} Hz instead of {samples} at {recipe.rate}"
        raise ToolFailed(Status.CORRUPT, "length", detail)
    return Sound(samples, recipe.rate, written.channels, heard.codec, before, after, -span.start)


def _encode(source: Path, partial: Path, plan: encode.SoundPlan) -> None:
    seconds = float(_TIMEOUT_SECONDS + _TIMEOUT_PER_SECOND * (plan.seek + plan.duration))
    plainfile.reserve(partial)
    try:
        ffmpeg.run(encode.sound(source, partial, plan), timeout_seconds=seconds)
    except ToolFailed as error:
        if error.reason != "decode" or plan.seek <= 0:
            raise
        # Decoders that begin inside a track may complain of what they were not given: read from its beginning they
        # have no reason to.
        ffmpeg.run(encode.sound(source, partial, plan, from_beginning=True), timeout_seconds=seconds)


def _silence(seconds: Fraction) -> Fraction:
    return seconds if seconds >= _SILENCE_SECONDS else Fraction(0)
