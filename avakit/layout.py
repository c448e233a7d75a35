"""Where every file lives under the root. Pure: nothing here looks at a disk."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from avakit.model import Clip, Stage, Video, VideoId
from avakit.recipes import AudioRecipe, FrameRecipe

#: Containers that a source may deliver, by file extension.
VIDEO_EXTENSIONS = ("mp4", "mkv", "webm", "mov", "avi", "m4v", "flv")

_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Place:
    """A folder, and the extension of the files in it."""

    folder: str
    extension: str


@dataclass(frozen=True)
class Layout:
    """The map from nouns to paths. Paths are relative to `root`, with `/`.

    Attributes
    ----------
    root
        The one folder that holds everything.
    dataset
        The dataset's name.
    videos, windows, clips, frames, key_frames, audio
        Folders of the dataset's manifest.
    default_frames
        The dataset's own frame recipe: its frames have the plain folder name.
    clip_extension
        Of the dataset's own clips.
    other_windows, other_clips
        Where windows and clips go that are cut by another recipe than the dataset's own; None where they are not.
    for_clips
        The layout of videos that have clips, where it is another.
    """

    root: Path
    dataset: str
    videos: str
    windows: str
    clips: str
    frames: str
    key_frames: str
    default_frames: FrameRecipe
    audio: str = ""
    clip_extension: str = "mp4"
    other_windows: Place | None = None
    other_clips: Place | None = None
    for_clips: Self | None = None

    def of(self, video: Video) -> "Layout":
        """Return the layout of one video: AVA-Kinetics has films among AVA's, and clips among those of Kinetics."""
        return self.for_clips if video.clips and self.for_clips is not None else self

    def absolute(self, path: str) -> Path:
        """Return where a relative path lies on disk."""
        return self.root / path

    @property
    def annotations(self) -> str:
        """The folder of the official annotation files."""
        return f"annotations/{self.dataset}"

    def video(self, video_id: VideoId, extension: str) -> str:
        """Return the path of an untrimmed video, as delivered."""
        return f"{self.videos}/{video_id}.{extension}"

    def window(self, video_id: VideoId) -> str:
        """Return the path of an AVA window: the copied one, which frames are made from."""
        return f"{self.windows}/{video_id}.mkv"

    def cut_window(self, video_id: VideoId) -> str:
        """Return the path of a window as it is to be cut: by another recipe it has a folder of its own."""
        place = self.other_windows or Place(self.windows, "mkv")
        return f"{place.folder}/{video_id}.{place.extension}"

    def clip(self, clip: Clip) -> str:
        """Return the path of a Kinetics clip; a split without labels has no class folders."""
        return f"{self.clip_key(clip)}.{self.clip_extension}"

    def clip_key(self, clip: Clip) -> str:
        """Return the key of a Kinetics clip: its path without the extension."""
        return f"{self.clips}/{_inner(clip)}"

    def cut_clip(self, clip: Clip) -> str:
        """Return the path of a clip as it is to be cut: by another recipe it has a folder of its own."""
        place = self.other_clips or Place(self.clips, self.clip_extension)
        return f"{place.folder}/{_inner(clip)}.{place.extension}"

    def sound(self, item: Video | Clip, recipe: AudioRecipe) -> str:
        """Return the path of the sound beside a window or clip; clips have the same folders as among `clips`."""
        name = _inner(item) if isinstance(item, Clip) else item.id
        return f"{self.audio}{recipe.folder_suffix}/{name}.{recipe.extension}"

    def folder_of(self, stage: Stage, frames: FrameRecipe, audio: AudioRecipe) -> str:
        """Return the folder of everything that a stage makes by these recipes, as windows and clips are to be cut."""
        return {
            Stage.VIDEO: self.videos,
            Stage.WINDOW: self.other_windows.folder if self.other_windows else self.windows,
            Stage.CLIP: self.other_clips.folder if self.other_clips else self.clips,
            Stage.AUDIO: f"{self.audio}{audio.folder_suffix}",
        }.get(stage) or self.frames_of(frames)

    def frame_folder(self, item: Video | Clip, recipe: FrameRecipe) -> str:
        """Return the folder of an item's frames."""
        return f"{self.frames_of(recipe)}/{item.name if isinstance(item, Clip) else item.id}"

    def frames_of(self, recipe: FrameRecipe) -> str:
        """Return the folder of all frames made by a recipe."""
        base = self.key_frames if recipe.key_frames else self.frames
        return f"{base}{recipe.folder_suffix(self.default_frames)}"


def _inner(clip: Clip) -> str:
    """Return where a clip lies among those of its dataset; a split without labels has no class folders."""
    label = f"/{class_folder(clip.label)}" if clip.label else ""
    return f"{clip.split}{label}/{clip.name}"


def class_folder(label: str) -> str:
    """Return the folder of a class: blanks become `_`, nothing else changes.

    torchvision's own renaming also drops `'()`, which re-orders the classes and so changes their ids.

    Raises
    ------
    ValueError
        If the label can't be a folder name.
    """
    name = label.replace(" ", "_")
    if _UNSAFE.search(name) or name.startswith(".") or not name:
        raise ValueError(f"{label!r} can't be a folder name")
    return name


def frame_name(number: int, extension: str = "jpg") -> str:
    """Return the file name of a frame by its number, which counts from 1."""
    return f"img_{number:05d}.{extension}"


#: What follows the name of a frame folder in that of its tar. Names of items have no dot.
_TAR = ".tar"


def packed_frames(folder: str) -> str:
    """Return the path of the tar that holds what would lie in a frame folder."""
    return f"{folder}{_TAR}"


def unpacked_frames(path: str) -> str:
    """Return the frame folder of a path, which may be that of its tar."""
    return path.removesuffix(_TAR)


def frame_list(path: str) -> str:
    """Return the path of the list of digests of a frame folder or its tar; never inside the folder itself."""
    return f".avakit/manifests/frames/{unpacked_frames(path)}.sha256"


def frame_index(path: str) -> str:
    """Return the path of the index of a tar of frames: where in it each frame lies."""
    return f".avakit/manifests/frames/{unpacked_frames(path)}.idx"


def frame_times(path: str) -> str:
    """Return the path of the record of what each frame of a folder or its tar shows, beside the list of digests."""
    return f".avakit/manifests/frames/{unpacked_frames(path)}.times.json"


def kept_manifest(dataset: str) -> str:
    """Return where a root keeps the manifest of a dataset that the user brought."""
    return f".avakit/datasets/{Path(dataset).name}.yaml"


#: The digests of everything that is there, in the form of `sha256sum`.
SHA256SUMS = ".avakit/manifests/SHA256SUMS"
#: The digest of that list: one line that `sha256sum -c` reads.
ROOT = ".avakit/manifests/ROOT"
#: A record of each thing that is there, or could not be had.
MANIFEST = ".avakit/manifests/manifest.jsonl"
PARQUET = ".avakit/manifests/manifest.parquet"
#: At the top, as the patterns in it count from where it lies.
CROISSANT = "croissant.json"
#: The command lines that made what is there, each by the digest of its words.
COMMANDS = ".avakit/commands"
JOURNAL = ".avakit/journal"
REPORTS = ".avakit/reports"
#: Folders of small files of our own, beside those of what is made.
OWN_FOLDERS = (".", ".avakit/manifests", REPORTS, COMMANDS, ".avakit/datasets")
#: What was found in each archive of clips that was read.
ARCHIVES = ".avakit/archives"
QUARANTINE = ".avakit/quarantine"
#: How far checks got that were killed.
CHECKPOINTS = ".avakit/verify"
#: What `--skip-bad-rows` left out, by dataset.
REJECTS = ".avakit/rejects"
