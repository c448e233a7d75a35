"""What a dataset's manifest may say: the pydantic models behind `manifests/<dataset>.yaml`."""

from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from avakit.datasets.fields import (
    ARCHIVE_SUFFIXES,
    AnnotationUrl,
    FileName,
    Folder,
    Md5,
    Sha1,
    Sha256,
    Slug,
    Template,
    WebUrl,
)
from avakit.layout import Layout
from avakit.model import Span, Split, Stage
from avakit.recipes import ClipRecipe, FrameRecipe


class Role(StrEnum):
    """What an annotation file is for."""

    LABELS = "labels"
    EXCLUDED_TIMESTAMPS = "excluded_timestamps"
    INCLUDED_TIMESTAMPS = "included_timestamps"
    LABEL_MAP = "label_map"
    FILE_NAMES = "file_names"
    ID_LIST = "id_list"


class Form(StrEnum):
    """The row form of a labels file."""

    AVA7 = "ava7"
    AVA8 = "ava8"
    KINETICS = "kinetics"


class Facts(BaseModel):
    """The base of all parts of a manifest: frozen, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Known(Facts):
    """Digests of copies that were seen elsewhere: hints, never a gate (third-party copies drift)."""

    sha256: tuple[Sha256, ...] = ()
    git_blob: tuple[Sha1, ...] = ()
    md5: tuple[Md5, ...] = ()


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
        names = (self.name, *(url.partition("#")[2] or urlsplit(url).path.rsplit("/", 1)[-1] for url in self.urls))
        return tuple(dict.fromkeys(name for name in names if not name.endswith(ARCHIVE_SUFFIXES)))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.role is Role.LABELS) != (self.form is not None):
            raise ValueError(f"'form' ({', '.join(Form)}) must be given for a labels file, and for no other")
        if self.required and not self.urls:
            raise ValueError("a required file needs at least one address under 'urls'")
        return self


class SplitFacts(Facts):
    """Published counts of one split; absent where none is established."""

    videos: int | None = Field(default=None, ge=0)
    clips: int | None = Field(default=None, ge=0)


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
    quality: int = Field(default=92, ge=1, le=100)


#: x264's own, from fast and large to slow and small.
Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]


class ClipFacts(Facts):
    """The dataset's own clip recipe (see `avakit.recipes.ClipRecipe`)."""

    rate: Fraction = Field(default=Fraction(0), ge=0)
    crf: int = Field(default=18, ge=0, le=51)
    preset: Preset = "medium"


class MirrorSource(Facts):
    """A plain HTTP copy: `url` with {id}, {file_name}, {split} or {folder}, which `folders` gives per split."""

    type: Literal["mirror"]
    url: Template
    folders: dict[Split, Folder] = Field(default_factory=dict)


class YoutubeSource(Facts):
    """The original, through yt-dlp."""

    type: Literal["youtube"]
    url: Template = "https://www.youtube.com/watch?v={id}"


class FolderSource(Facts):
    """A disk that already holds videos."""

    type: Literal["folder"]
    path: str = Field(min_length=1)


SourceFacts = Annotated[MirrorSource | YoutubeSource | FolderSource, Field(discriminator="type")]


class Folders(Facts):
    """Where the dataset's media live, relative to the root. Versions of one family share their media."""

    videos: Folder
    windows: Folder
    clips: Folder
    frames: Folder
    key_frames: Folder


class Expect(Facts):
    """Average bytes of one video, frame and clip, for `plan`; 0 where nothing was measured or published."""

    video_bytes: int = Field(default=0, ge=0)
    frame_bytes: int = Field(default=0, ge=0)
    clip_bytes: int = Field(default=0, ge=0)


def _rows_is_none(value: object) -> object:
    return None if value == "rows" else value


class Dataset(Facts):
    """One named, versioned dataset: what its manifest says.

    The manifest's keys `span` and `layout` are the properties `span` and `layout()` here, as values of the
    program; all other keys are attributes of the same name.
    """

    name: Slug
    title: str
    family: Slug
    description: str
    licence: str
    citation: str
    homepage: WebUrl
    notes: tuple[str, ...] = ()
    files: tuple[AnnotationFile, ...] = Field(min_length=1)
    splits: dict[Split, SplitFacts] = Field(min_length=1)
    span_facts: Annotated[SpanFacts | None, BeforeValidator(_rows_is_none)] = Field(alias="span")
    key_seconds: KeySeconds | None = None
    frames: FrameFacts
    clips: ClipFacts | None = None
    sources: tuple[SourceFacts, ...] = Field(min_length=1)
    folders: Folders = Field(alias="layout")
    stages: tuple[Stage, ...] = Field(min_length=1)
    max_unavailable: float = Field(ge=0, le=1)
    expect: Expect = Expect()

    @property
    def span(self) -> Span | None:
        """The annotated part of every video, in seconds; None where it comes from the rows (Kinetics)."""
        facts = self.span_facts
        return None if facts is None else Span(facts.start, facts.duration)

    @property
    def frame_recipe(self) -> FrameRecipe:
        """The dataset's own frame recipe."""
        return FrameRecipe(self.frames.rate, self.frames.short_side, self.frames.quality)

    @property
    def clip_recipe(self) -> ClipRecipe | None:
        """The dataset's own clip recipe; None where it has no clips (AVA)."""
        return None if self.clips is None else ClipRecipe(self.clips.rate, self.clips.crf, self.clips.preset)

    def layout(self, root: Path) -> Layout:
        """Return where this dataset's files live under `root`."""
        return Layout(root=root, dataset=self.name, default_frames=self.frame_recipe, **self.folders.model_dump())

    def files_of(self, role: Role, splits: tuple[Split, ...] | None = None) -> tuple[AnnotationFile, ...]:
        """Return the files of one role (that serve one of `splits`), in the manifest's order."""
        wanted = set(self.splits if splits is None else splits)
        return tuple(file for file in self.files if file.role is role and wanted & set(file.splits))

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [*self._file_problems(), *self._split_problems(), *self._source_problems(), *self._span_problems()]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _file_problems(self) -> list[str]:
        names = [file.name.casefold() for file in self.files]
        twice = sorted({file.name for file in self.files if names.count(file.name.casefold()) > 1})
        problems = [f"files: {name!r} appears twice" for name in twice]
        for number, file in enumerate(self.files):
            missing = [split for split in file.splits if split not in self.splits]
            problems += [f"files.{number}.splits: {str(split)!r} is not under 'splits'" for split in missing]
        return problems

    def _split_problems(self) -> list[str]:
        return [
            f"splits.{split}: neither a labels file nor a required id list names its videos"
            for split in self.splits
            if not self.files_of(Role.LABELS, (split,))
            and not any(file.required for file in self.files_of(Role.ID_LIST, (split,)))
        ]

    def _source_problems(self) -> list[str]:
        problems = []
        for number, source in enumerate(self.sources):
            if not isinstance(source, MirrorSource):
                continue
            if "{folder}" in source.url:
                missing = [split for split in self.splits if split not in source.folders]
                problems += [f"sources.{number}.folders: no folder for split {str(split)!r}" for split in missing]
            if "{file_name}" in source.url and not self.files_of(Role.FILE_NAMES):
                problems.append(f"sources.{number}.url: {{file_name}} needs a file of role 'file_names'")
        return problems

    def _span_problems(self) -> list[str]:
        span, problems = self.span, []
        forms = {file.form for file in self.files_of(Role.LABELS)}
        if (span is None) != (forms == {Form.KINETICS}):
            problems.append("span: 'rows' belongs to labels of the form 'kinetics', and to no other")
        if span is None and Stage.WINDOW in self.stages:
            problems.append("stages: a window needs a span with a start and a duration")
        if Stage.CLIP in self.stages and self.clips is None:
            problems.append("stages: 'clip' needs a recipe under 'clips'")
        grid = self.key_seconds
        if span and grid and not span.start <= grid.first <= grid.last < span.end:
            problems.append(f"key_seconds: {grid.first} to {grid.last} must lie inside the span")
        if span and not grid and not all(self.files_of(Role.LABELS, (split,)) for split in self.splits):
            problems.append("key_seconds: needed, because a split has no labels of its own")
        return problems
