"""What a dataset's manifest may say: the pydantic model behind `manifests/<dataset>.yaml`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from avakit.datasets.fields import Slug, WebUrl
from avakit.datasets.parts import (
    CLIP_FORMS,
    AnnotationFile,
    Archives,
    ArchiveSource,
    ClipFacts,
    Expect,
    Facts,
    Figure,
    Folders,
    Form,
    FrameFacts,
    KeySeconds,
    Known,
    MirrorSource,
    Role,
    SourceFacts,
    SpanFacts,
    SplitFacts,
)
from avakit.layout import Layout
from avakit.model import Span, Split, Stage
from avakit.recipes import COPY, ClipRecipe, FrameRecipe

__all__ = ["AnnotationFile", "Dataset", "Expect", "Form", "Known", "Role", "SourceFacts"]


def _rows_is_none(value: object) -> object:
    return None if value == "rows" else value


class Dataset(Facts):
    """One named, versioned dataset: what its manifest says.

    The manifest's keys `span` and `layout` are the properties `span` and `layout()` here, as values of the
    program; all other keys are attributes of the same name. `unpublished` says why there are no labels to be had;
    `clip_layout` is the layout of videos with clips, where those without have another (AVA-Kinetics).
    """

    name: Slug
    title: str
    family: Slug
    description: str
    licence: str
    citation: str
    homepage: WebUrl
    notes: tuple[str, ...] = ()
    unpublished: str = ""
    figures: tuple[Figure, ...] = ()
    classes: int | None = Field(default=None, ge=1)
    labels: tuple[str, ...] = ()
    archives: tuple[Archives, ...] = ()
    files: tuple[AnnotationFile, ...] = Field(min_length=1)
    splits: dict[Split, SplitFacts] = Field(min_length=1)
    span_facts: Annotated[SpanFacts | None, BeforeValidator(_rows_is_none)] = Field(alias="span")
    key_seconds: KeySeconds | None = None
    frames: FrameFacts
    clips: ClipFacts | None = None
    sources: tuple[SourceFacts, ...] = Field(min_length=1)
    folders: Folders = Field(alias="layout")
    clip_folders: Folders | None = Field(default=None, alias="clip_layout")
    stages: tuple[Stage, ...] = Field(min_length=1)
    span_only: bool = False
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
        return None if self.clips is None else ClipRecipe(**dict(self.clips))

    def layout(self, root: Path) -> Layout:
        """Return where this dataset's files live under `root`."""
        own = self.clip_recipe
        main = Layout(
            root=root, dataset=self.name, default_frames=self.frame_recipe,
            clip_extension=own.extension if own else "mp4",
            **{**self.folders.model_dump(), "audio": self.sound_folder},
        )  # fmt: skip
        if self.clip_folders is None:
            return main
        places = {**self.clip_folders.model_dump(), "audio": self.clip_sound_folder}
        return replace(main, for_clips=replace(main, **places))

    @property
    def sound_folder(self) -> str:
        """The folder of sound files; one of the dataset's own where its manifest names none."""
        return self.folders.audio or f"{self.name}/audio"

    @property
    def clip_sound_folder(self) -> str:
        """The same for videos with clips, where they have folders of their own."""
        return (self.clip_folders and self.clip_folders.audio) or f"{self.name}/clips-audio"

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
            if not self.unpublished
            and not self.files_of(Role.LABELS, (split,))
            and not any(file.required for file in self.files_of(Role.ID_LIST, (split,)))
        ]

    def _source_problems(self) -> list[str]:
        problems = []
        for number, source in enumerate(self.sources):
            if isinstance(source, ArchiveSource):
                problems += self._archive_problems(number)
            if not isinstance(source, MirrorSource):
                continue
            if "{folder}" in source.url:
                missing = [split for split in self.splits if split not in source.folders]
                problems += [f"sources.{number}.folders: no folder for split {str(split)!r}" for split in missing]
            if "{file_name}" in source.url and not self.files_of(Role.FILE_NAMES):
                problems.append(f"sources.{number}.url: {{file_name}} needs a file of role 'file_names'")
        return problems

    def _archive_problems(self, number: int) -> list[str]:
        problems = []
        if all(each.overlay for each in self.archives):
            problems.append(f"sources.{number}: 'archive' needs an entry under 'archives'")
        if self.clips is not None and self.clips.mode == COPY:
            problems.append(f"sources.{number}: clips of archives are encoded, so 'clips.mode' can't be 'copy'")
        if any(source.type in ("mirror", "youtube") for source in self.sources[:number]):
            problems.append(f"sources.{number}: archives are read before videos are asked for, so they must come first")
        return problems

    def _span_problems(self) -> list[str]:
        span, problems = self.span, []
        forms = {file.form for file in self.files_of(Role.LABELS)}
        are_clips = bool(forms) and forms <= CLIP_FORMS
        if not self.unpublished and (span is None) != are_clips:
            problems.append("span: 'rows' belongs to labels of the form 'kinetics', and to no other")
        if Form.AVA_KINETICS_CLIPS in forms and not self.files_of(Role.CLIPS):
            problems.append("files: labels of the form 'ava_kinetics_clips' need a file of role 'clips'")
        if span is None and Stage.WINDOW in self.stages:
            problems.append("stages: a window needs a span with a start and a duration")
        if Stage.CLIP in self.stages and self.clips is None:
            problems.append("stages: 'clip' needs a recipe under 'clips'")
        grid = self.key_seconds
        if span and grid and not span.start <= grid.first <= grid.last < span.end:
            problems.append(f"key_seconds: {grid.first} to {grid.last} must lie inside the span")
        if (
            span
            and not grid
            and not self.unpublished
            and not all(self.files_of(Role.LABELS, (split,)) for split in self.splits)
        ):
            problems.append("key_seconds: needed, because a split has no labels of its own")
        return problems
