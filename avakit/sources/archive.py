"""Archives: a mirror that packs clips by the thousand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from avakit.errors import ItemFailed, Status, TransferFailed
from avakit.model import Split, Video
from avakit.sources.delivery import Delivery, OnBytes
from avakit.tools import http
from avakit.tools.http_policy import public_url

if TYPE_CHECKING:
    from avakit.datasets.parts import Archives


@dataclass(frozen=True)
class Archive:
    """One list of archives with clips of some splits.

    They are read as a whole before videos are asked for one by one (`avakit.prepare.archives`): what `deliver` does
    is to say why a clip was not among what was read.

    Attributes
    ----------
    splits
        Whose clips it holds.
    address
        Of the list of its archives, or of its only one.
    is_list
        Which of the two.
    overlays
        Archives whose clips take the place of those in the others.
    class_by
        How the list tells which class an archive holds: by its `name`, by its place in the `order` of classes, or not.
    count, clips
        How many archives and clips there are, as published; 0 where nobody says.
    options
        How patient to be.
    failures
        Why a clip could not be had, by its name, as status, reason and detail; what is not named was not found.
    """

    splits: tuple[Split, ...]
    address: str
    is_list: bool = True
    overlays: tuple[str, ...] = ()
    class_by: str = ""
    count: int = 0
    clips: int = 0
    options: http.Options = field(default_factory=http.Options)
    failures: Mapping[str, tuple[Status, str, str]] = field(default_factory=dict)

    name: ClassVar[str] = "archive"

    @property
    def identity(self) -> str:
        """What tells this source from another of its name."""
        return f"{self.name} {self.public}"

    @property
    def public(self) -> str:
        """The address without what may be secret in it."""
        return public_url(self.address)

    def concerns(self, video: Video) -> bool:
        """Whether it may hold a clip of this video."""
        return any(clip.split in self.splits for clip in video.clips)

    def deliver(self, video: Video, target_folder: Path, on_bytes: OnBytes) -> Delivery:
        """Say why a clip of the video was not found; see `Source`."""
        del target_folder, on_bytes
        raise self._failure(video)

    def _failure(self, video: Video) -> ItemFailed:
        for clip in video.clips:
            if clip.name in self.failures:
                return TransferFailed(*self.failures[clip.name])
        return TransferFailed(Status.UNAVAILABLE, "not_found", f"no archive of {self.public} holds its clips")


def archives_of(facts: "Iterable[Archives]", options: http.Options) -> list[Archive]:
    """Return the archives that a manifest names, each with the overlays of its splits."""
    facts = list(facts)
    overlays = [each for each in facts if each.overlay and each.url]
    return [
        Archive(
            splits=each.splits,
            address=each.list or each.url or "",
            is_list=each.list is not None,
            overlays=tuple(o.url for o in overlays if o.url and set(o.splits) & set(each.splits)),
            class_by=each.class_by or "",
            count=each.count or (0 if each.list else 1),
            clips=each.clips or 0,
            options=options,
        )
        for each in facts
        if not each.overlay
    ]
