"""The nouns: video ids, splits, spans, clips and videos. Values without I/O."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Self

#: mmaction2 reads AVA-Kinetics up to two seconds after the key frame (`AVAKineticsDataset`, which clamps no clip at its
#: own end).
KEY_MARGIN_SECONDS = Fraction(2)

_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)


class VideoId(str):
    """YouTube's eleven characters. May begin with `-`; is safe as a file name and inside a URL.

    Raises
    ------
    ValueError
        If the text is anything else, such as `../x`, a URL, or an id with a line end.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the text, and be that text."""
        if not _VIDEO_ID.fullmatch(text):
            raise ValueError(f"{text!r} is not a video id: it must be 11 characters from A-Z, a-z, 0-9, '_' and '-'")
        return super().__new__(cls, text)


class Split(StrEnum):
    """A part of a dataset. DeepMind's `validate` is our `val`."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class Stage(StrEnum):
    """A kind of thing that avakit publishes, in the order in which one follows from the other."""

    ANNOTATION = "annotation"
    VIDEO = "video"
    WINDOW = "window"
    CLIP = "clip"
    AUDIO = "audio"
    FRAMES = "frames"


class Packing(StrEnum):
    """How the frames of one item are kept: as the files of a folder, or as the members of one tar."""

    FOLDER = "folder"
    TAR = "tar"


@dataclass(frozen=True, order=True)
class Span:
    """Seconds of the original video, half open: `[start, start + duration)`."""

    start: Fraction
    duration: Fraction

    @property
    def end(self) -> Fraction:
        """The first instant after the span, in seconds."""
        return self.start + self.duration

    @property
    def plain(self) -> list[str]:
        """Start and end, as a journal line holds them."""
        return [str(self.start), str(self.end)]


@dataclass(frozen=True, order=True)
class Clip:
    """A short span of a video that is an example of its own (Kinetics).

    `key_seconds` are the annotated instants in it (AVA-Kinetics), ascending, in seconds of the original video.
    """

    video_id: VideoId
    span: Span
    split: Split
    label: str = ""
    key_seconds: tuple[Fraction, ...] = ()

    @property
    def name(self) -> str:
        """The name of record, `<id>_000010_000020`: whole seconds, six digits (ActivityNet's crawler)."""
        return f"{self.video_id}_{int(self.span.start):06d}_{int(self.span.end):06d}"

    @property
    def file_span(self) -> Span:
        """What its file, its frames and its sound hold: its own seconds, and `KEY_MARGIN_SECONDS` after a key frame."""
        end = max([self.span.end, *(second + KEY_MARGIN_SECONDS for second in self.key_seconds[-1:])])
        return Span(self.span.start, end - self.span.start)


@dataclass(frozen=True)
class Video:
    """One untrimmed video and what the dataset needs of it: what one worker is given.

    Attributes
    ----------
    id
        The video id.
    splits
        The splits it belongs to, in the order train, val, test.
    span
        The part that annotations cover, in seconds of the original video.
    file_name
        Its name on the mirror, where a file-name list gives one (AVA).
    clips
        Its clips; empty where the window itself is what is annotated (AVA).
    key_seconds
        The annotated seconds (AVA), ascending, without the excluded ones.
    """

    id: VideoId
    splits: tuple[Split, ...]
    span: Span
    file_name: str = ""
    clips: tuple[Clip, ...] = field(default=())
    key_seconds: tuple[int, ...] = field(default=())

    @property
    def file_span(self) -> Span:
        """The seconds that its frames and its sound hold: those of its window."""
        return self.span


class FindingKind(StrEnum):
    """What `verify` says of one path."""

    MATCH = "match"
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    DIFFERS = "differs"
    MOVED = "moved"
    UNSTABLE = "unstable"
    UNREADABLE = "unreadable"
    UNSAFE = "unsafe"
    CONFLICT = "conflict"

    @property
    def sigil(self) -> str:
        """One character for a listing, read as `diff` reads it."""
        return {
            FindingKind.MATCH: "=",
            FindingKind.MISSING: "-",
            FindingKind.UNEXPECTED: "+",
            FindingKind.DIFFERS: "*",
            FindingKind.MOVED: ">",
            FindingKind.UNSTABLE: "~",
            FindingKind.UNREADABLE: "!",
            FindingKind.UNSAFE: "!",
            FindingKind.CONFLICT: "!",
        }[self]


@dataclass(frozen=True, order=True)
class Finding:
    """What `verify` found at one path.

    Attributes
    ----------
    path
        Relative to the root.
    detail
        A few words for a person.
    key
        The key of the item it belongs to; empty where nobody recorded it.
    bytes
        Its recorded size, or of what nobody recorded the size it has; 0 where that is not known.
    sha256
        The digest of the bytes that lie there, where they were read and are not those recorded.
    now_at
        Of what moved: the path where its bytes lie.
    """

    path: str
    kind: FindingKind
    detail: str = ""
    key: str = ""
    bytes: int = 0
    sha256: str = ""
    now_at: str = ""
