"""Named sets of parameters, each with the document it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self


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
        The JPEG quality factor of libjpeg-turbo, 1 to 100.
    key_frames
        Only the annotated seconds, under the numbers they have among all frames.
    """

    rate: Fraction = Fraction(30)
    short_side: int = 0
    quality: int = 92
    key_frames: bool = False

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the recipe that a journal line holds."""
        return cls(Fraction(facts["rate"]), facts["short_side"], facts["quality"], facts["key_frames"])

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
        if self.quality != default.quality:
            parts.append(f"q{self.quality}")
        return "".join(f"-{part}" for part in parts)


@dataclass(frozen=True)
class ClipRecipe:
    """How clips are made: constant-rate H.264/yuv420p MP4, first pts 0.

    Attributes
    ----------
    rate
        Frames a second; 0 keeps the source's, and gives a variable-rate source `VARIABLE_RATE`.
    crf, preset
        x264's constant rate factor and preset. 18 is what x264's authors call visually lossless.
    """

    rate: Fraction = Fraction(0)
    crf: int = 18
    preset: str = "medium"

    @property
    def plain(self) -> dict[str, Any]:
        """What a journal line holds of the recipe."""
        return {"rate": str(self.rate), "crf": self.crf, "preset": self.preset}


#: The rate of a clip whose source has none of its own (FORMATS: pytorchvideo and SlowFast count in 30 fps).
VARIABLE_RATE = Fraction(30)

#: Seconds kept before and after a window, so that open GOPs decode and `onscreen` frames exist at its edges.
WINDOW_MARGIN_SECONDS = Fraction(1)
