"""The parts of a dataset's manifest, each with what may stand under its key."""

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from avakit.datasets.fields import (
    ARCHIVE_SUFFIXES,
    AnnotationUrl,
    FileName,
    Folder,
    Md5,
    Sha1,
    Sha256,
    Template,
    WebUrl,
)
from avakit.model import Split


class Role(StrEnum):
    """What an annotation file is for."""

    LABELS = "labels"
    EXCLUDED_TIMESTAMPS = "excluded_timestamps"
    INCLUDED_TIMESTAMPS = "included_timestamps"
    LABEL_MAP = "label_map"
    FILE_NAMES = "file_names"
    ID_LIST = "id_list"
    #: The clips in which the key frames of the labels lie: rows of another dataset.
    CLIPS = "clips"
    #: Kept beside the others; nothing reads it.
    EXTRA = "extra"


class Form(StrEnum):
    """The row form of a labels file."""

    AVA7 = "ava7"
    AVA8 = "ava8"
    AVA_KINETICS = "ava_kinetics"
    AVA_KINETICS_CLIPS = "ava_kinetics_clips"
    ACTIVESPEAKER = "activespeaker"
    SPEECH = "speech"
    KINETICS = "kinetics"
    KINETICS_JSON = "kinetics_json"


#: The forms whose rows are clips: the span comes from them.
CLIP_FORMS = frozenset({Form.KINETICS, Form.KINETICS_JSON})


#: The announcement of AVA counts its films in pieces of three seconds: 192 x 300 are its 57 600 segments.
SEGMENT_SECONDS = 3
#: Figures that only files of labels can be counted for.
LABEL_COUNTS = frozenset({"labels", "persons", "tracks", "faces", "segments", "key_frames", "classes"})


class Facts(BaseModel):
    """The base of all parts of a manifest: frozen, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Known(Facts):
    """Digests of copies that were seen elsewhere: hints, never a gate (third-party copies drift)."""

    sha256: tuple[Sha256, ...] = ()
    git_blob: tuple[Sha1, ...] = ()
    md5: tuple[Md5, ...] = ()

    @property
    def is_given(self) -> bool:
        """Whether any copy is known."""
        return bool(self.sha256 or self.git_blob or self.md5)


class AnnotationFile(Facts):
    """One official annotation file.

    `urls` are tried in order; `…/ava_v2.2.zip#ava_val_v2.2.csv` is the member of that name of an archive.
    A file that is not `required` is fetched where it can be had, and nothing stops without it.
    """

    name: FileName
    role: Role
    splits: tuple[Split, ...] = Field(min_length=1)
    urls: tuple[AnnotationUrl, ...] = ()
    known: Known = Known()
    required: bool = True
    form: Form | None = None

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names under which copies of this file are found: its own, then those its URLs end in."""
        names = (url.partition("#")[2] or urlsplit(url).path.rsplit("/", 1)[-1] for url in self.urls)
        return tuple(dict.fromkeys([self.name, *(name for name in names if not name.endswith(ARCHIVE_SUFFIXES))]))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.role in (Role.LABELS, Role.CLIPS)) != (self.form is not None):
            raise ValueError(f"'form' ({', '.join(Form)}) must be given for a labels file, and for no other")
        if self.role is Role.CLIPS and self.form not in CLIP_FORMS:
            raise ValueError(f"'form' of a file of clips must be one of {', '.join(sorted(CLIP_FORMS))}")
        if self.required and not self.urls:
            raise ValueError("a required file needs at least one address under 'urls'")
        return self


class SplitFacts(Facts):
    """Published counts of one split; absent where none is established."""

    videos: int | None = Field(default=None, ge=0)
    clips: int | None = Field(default=None, ge=0)


class Figure(Facts):
    """A published count that the rows don't bear out, and why; `avakit check` puts the counted one beside it.

    `counted` is the count, or the least and the greatest, that the reason explains; without it, any.
    """

    name: Literal[
        "videos", "clips", "rows", "key_frames", "segments", "persons", "tracks", "faces", "labels", "classes"
    ]
    published: int = Field(ge=0)
    splits: tuple[Split, ...] = Field(min_length=1)
    counted: int | tuple[int, int] | None = None
    reason: str

    def why(self, counted: int) -> str:
        """Return the reason if it is that of this count."""
        if counted == self.published:
            return ""
        if self.counted is None:
            return self.reason
        least, most = self.counted if isinstance(self.counted, tuple) else (self.counted, self.counted)
        return self.reason if least <= counted <= most else ""


class Archives(Facts):
    """Where a mirror keeps clips in archives: what the source `archive` reads.

    `list` is the address of a list of addresses (one a line; blanks in them stand unquoted), `url` a single archive.
    `class_by` says how the list tells which class each archive holds: by its `name`, or by its place in the `order` of
    the classes. An `overlay` replaces clips of the others.
    """

    splits: tuple[Split, ...] = Field(min_length=1)
    list: WebUrl | None = None
    url: WebUrl | None = None
    count: int | None = Field(default=None, ge=1)
    holds: str
    class_by: Literal["name", "order"] | None = None
    clips: int | None = Field(default=None, ge=0)
    overlay: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.list is None) == (self.url is None):
            raise ValueError("needs either the 'list' of its addresses or its one 'url'")
        if self.overlay and not self.url:
            raise ValueError("an overlay needs its 'url'")
        return self


class SpanFacts(Facts):
    """The annotated part of every video, in seconds of the original."""

    start: Fraction = Field(ge=0)
    duration: Fraction = Field(gt=0)


class KeySeconds(Facts):
    """The grid of annotated seconds, both ends included."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)
    step: int = Field(ge=1)

    @property
    def seconds(self) -> tuple[int, ...]:
        """All seconds of the grid."""
        return tuple(range(self.first, self.last + 1, self.step))


class FrameFacts(Facts):
    """The dataset's own frame recipe (see `avakit.recipes.FrameRecipe`)."""

    rate: Fraction = Field(gt=0)
    short_side: int = Field(default=0, ge=0)
    quality: int = Field(default=87, ge=1, le=100)


#: x264's own, from fast and large to slow and small.
Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]


class ClipFacts(Facts):
    """The dataset's own clip recipe (see `avakit.recipes.ClipRecipe`)."""

    rate: Fraction = Field(default=Fraction(0), ge=0)
    crf: int = Field(default=18, ge=0, le=51)
    preset: Preset = "medium"
    mode: Literal["encode", "copy"] = "encode"
    gop: int = Field(default=0, ge=0)
    short_side: int = Field(default=0, ge=0)
    sound: bool = True


class MirrorSource(Facts):
    """A plain HTTP copy: `url` with {id}, {file_name}, {split} or {folder}, which `folders` gives per split."""

    type: Literal["mirror"]
    url: Template
    folders: dict[Split, Folder] = Field(default_factory=dict)


class YoutubeSource(Facts):
    """The original, through yt-dlp."""

    type: Literal["youtube"]
    url: Template = "https://www.youtube.com/watch?v={id}"


class ArchiveSource(Facts):
    """The archives of the mirror, as `archives` has them: clips that are cut already."""

    type: Literal["archive"]


class FolderSource(Facts):
    """A disk that already holds videos."""

    type: Literal["folder"]
    path: str = Field(min_length=1)


SourceFacts = Annotated[MirrorSource | YoutubeSource | ArchiveSource | FolderSource, Field(discriminator="type")]


class Folders(Facts):
    """Where the dataset's media live, relative to the root. Versions of one family share their media."""

    videos: Folder
    windows: Folder
    clips: Folder
    frames: Folder
    key_frames: Folder
    audio: Folder | None = None


class Expect(Facts):
    """Average bytes of one video, frame and clip, for `plan`; 0 where nothing was measured or published."""

    video_bytes: int = Field(default=0, ge=0)
    frame_bytes: int = Field(default=0, ge=0)
    clip_bytes: int = Field(default=0, ge=0)
