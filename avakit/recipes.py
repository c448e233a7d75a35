"""Named sets of parameters, each with the document it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction
from typing import Any, Self


class Timing(StrEnum):
    """Which source frame stands for an instant.

    `nearest` begins nearest to it; `onscreen` is the one that a player shows then; `fair` is the one that SlowFast's
    published commands give, which FAIR's frame lists count on (SlowFast DATASET.md).
    """

    NEAREST = "nearest"
    ONSCREEN = "onscreen"
    FAIR = "fair"


class Picture(StrEnum):
    """The format of a frame's file."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"

    @property
    def extension(self) -> str:
        """The extension of the file's name."""
        return "jpg" if self is Picture.JPEG else str(self)


@dataclass(frozen=True)
class FrameRecipe:
    """How frames are made of a span.

    Attributes
    ----------
    rate
        Frames a second. 30 is AVA's convention (SlowFast DATASET.md).
    short_side
        The smaller of width and height in pixels; 0 keeps the source's. Never scaled up.
    quality
        The quality factor of libjpeg-turbo or libwebp, 1 to 100; PNG is lossless, and has 100. For 87 see
        docs/performance.md.
    picture
        The format of the files.
    timing
        Which source frame stands for an instant.
    key_frames
        Only the annotated seconds, under the numbers they have among all frames.
    around
        With `key_frames`: also so many frames before and after each.
    keep_excluded
        With `key_frames`: also those at excluded timestamps.
    """

    rate: Fraction = Fraction(30)
    short_side: int = 0
    quality: int = 87
    picture: Picture = Picture.JPEG
    timing: Timing = Timing.NEAREST
    key_frames: bool = False
    around: int = 0
    keep_excluded: bool = False

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the recipe that a journal line holds."""
        known = {each.name: facts[each.name] for each in fields(cls) if each.name in facts}
        known["rate"] = Fraction(facts["rate"])
        known["picture"] = Picture(facts.get("picture", Picture.JPEG))
        known["timing"] = Timing(facts.get("timing", Timing.NEAREST))
        return cls(**known)

    @property
    def plain(self) -> dict[str, Any]:
        """What a journal line holds of the recipe: all that is not as it always was."""
        content = {"rate": str(self.rate), "short_side": self.short_side, "quality": self.quality}
        default = FrameRecipe()
        more = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in content}
        always = {"key_frames": self.key_frames}
        return content | always | {name: value for name, value in more.items() if value != getattr(default, name)}

    def frame_count(self, duration: Fraction) -> int:
        """Return how many frames a span of `duration` seconds holds (27 030 for 901 s at 30)."""
        return -((-duration * self.rate) // 1)

    def folder_suffix(self, default: "FrameRecipe") -> str:
        """Return what the folder's name says about this recipe where it differs from the dataset's own.

        Frames of two recipes never share a folder, and the dataset's own recipe has the plain name.
        """
        parts = []
        if self.rate != default.rate:
            parts.append(f"{str(self.rate).replace('/', '_')}fps")
        if self.short_side != default.short_side:
            parts.append(f"short{self.short_side}" if self.short_side else "fullsize")
        if self.picture != default.picture:
            parts.append(str(self.picture))
        if self.quality != default.quality and self.picture is not Picture.PNG:
            parts.append(f"q{self.quality}")
        if self.timing != default.timing:
            parts.append(str(self.timing))
        if self.around:
            parts.append(f"around{self.around}")
        if self.keep_excluded:
            parts.append("excluded")
        return "".join(f"-{part}" for part in parts)


#: How something is cut: its packets as they are, or encoded anew.
COPY, ENCODE = "copy", "encode"


@dataclass(frozen=True)
class ClipRecipe:
    """How clips and windows are cut.

    Encoded: constant-rate H.264/yuv420p MP4, first pts 0. Copied: the packets in Matroska, timestamps and all; the
    other parameters but `sound` then mean nothing.

    Attributes
    ----------
    rate
        Frames a second; 0 keeps the source's, and gives a variable-rate source `VARIABLE_RATE`.
    crf, preset
        x264's constant rate factor and preset. 18 is what x264's authors call visually lossless.
    mode
        `encode` or `copy`.
    gop
        Frames from one I-frame to the next, exactly; 0 leaves that to x264 (250 at most).
    short_side
        The smaller of width and height in pixels; 0 keeps the source's. Never scaled up.
    sound
        Whether the sound track comes along.
    """

    rate: Fraction = Fraction(0)
    crf: int = 18
    preset: str = "medium"
    mode: str = ENCODE
    gop: int = 0
    short_side: int = 0
    sound: bool = True

    @property
    def plain(self) -> dict[str, Any]:
        """What a journal line holds of the recipe: of what came later, only what is chosen."""
        silent = {} if self.sound else {"sound": False}
        if self.mode == COPY:
            return {"mode": COPY, **silent}
        chosen = {"gop": self.gop, "short_side": self.short_side}
        given = {name: value for name, value in chosen.items() if value}
        return {"rate": str(self.rate), "crf": self.crf, "preset": self.preset, **given, **silent}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the recipe that a journal line holds."""
        return cls(**{**facts, "rate": Fraction(facts.get("rate", 0))})

    @property
    def extension(self) -> str:
        """The extension of what it makes."""
        return "mkv" if self.mode == COPY else "mp4"

    def folder_suffix(self, default: "ClipRecipe") -> str:
        """Return what the folder's name says about this recipe where it differs from the dataset's own."""
        parts = [self.mode] if self.mode != default.mode else []
        if self.mode == ENCODE:
            parts += self._differences(default if default.mode == ENCODE else ClipRecipe(rate=default.rate))
        if self.sound != default.sound:
            parts.append("sound" if self.sound else "nosound")
        return "".join(f"-{part}" for part in parts)

    def _differences(self, usual: "ClipRecipe") -> list[str]:
        parts = []
        if self.rate != usual.rate:
            parts.append(f"{str(self.rate).replace('/', '_')}fps" if self.rate else "ownfps")
        if self.crf != usual.crf:
            parts.append(f"crf{self.crf}")
        if self.preset != usual.preset:
            parts.append(self.preset)
        if self.gop != usual.gop:
            parts.append(f"gop{self.gop}" if self.gop else "freegop")
        if self.short_side != usual.short_side:
            parts.append(f"short{self.short_side}" if self.short_side else "fullsize")
        return parts


@dataclass(frozen=True)
class AudioRecipe:
    """How the sound beside a window or clip is made: exactly its span, whatever the track holds of it.

    Attributes
    ----------
    form
        `wav` or `flac` (16 bits, the film's channels), or `copy`: the packets of the track in Matroska.
    rate
        Samples a second. 16 000 is what speech and most audio networks read (mmaction2's extract_audio.py).
    """

    form: str = "wav"
    rate: int = 16_000

    @property
    def plain(self) -> dict[str, Any]:
        """What a journal line holds of the recipe."""
        return {"form": self.form} if self.form == COPY else {"form": self.form, "rate": self.rate}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the recipe that a journal line holds."""
        return cls(**facts)

    @property
    def extension(self) -> str:
        """The extension of what it makes."""
        return "mka" if self.form == COPY else self.form

    @property
    def bytes_per_second(self) -> int:
        """About how much it writes: of two channels; FLAC keeps three fifths of it, and films have 128 kbit/s."""
        whole = self.rate * 2 * 2
        return {"wav": whole, "flac": whole * 3 // 5}.get(self.form, 16_000)

    @property
    def folder_suffix(self) -> str:
        """What the folder's name says about this recipe: nothing of wav at 16 kHz."""
        usual = AudioRecipe()
        form = f"-{self.form}" if self.form != usual.form else ""
        return form if self.form == COPY or self.rate == usual.rate else f"{form}-{self.rate // 1000}k"


#: The quality of what loses nothing.
LOSSLESS = 100

#: The rate of a clip whose source has none of its own (FORMATS: pytorchvideo and SlowFast count in 30 fps).
VARIABLE_RATE = Fraction(30)

#: Seconds kept before and after a window, so that open GOPs decode and `onscreen` frames exist at its edges.
WINDOW_MARGIN_SECONDS = Fraction(1)
