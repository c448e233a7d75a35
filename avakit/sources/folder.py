"""A disk that already holds videos."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from avakit.errors import Status, TransferFailed
from avakit.layout import VIDEO_EXTENSIONS
from avakit.model import Video
from avakit.sources.delivery import Delivery, OnBytes
from avakit.tools import files


@dataclass(frozen=True)
class Folder:
    """A folder, searched with all folders below it for `<id>.<extension>` or the name on the mirror's list.

    Attributes
    ----------
    path
        The folder. It is listed once per process.
    """

    path: Path

    name: ClassVar[str] = "folder"

    @property
    def identity(self) -> str:
        """What tells this source from another of its name."""
        return f"{self.name} {self.path}"

    def find(self, video: Video) -> Path | None:
        """Return the video's file; None if the folder holds none."""
        index = _index(self.path)
        names = [_folded(video.file_name), *(f"{video.id}.{extension}" for extension in VIDEO_EXTENSIONS)]
        return next((index[name] for name in names if name in index), None)

    def deliver(self, video: Video, target_folder: Path, on_bytes: OnBytes) -> Delivery:
        """Deliver by a hard link where the file system allows, else by a copy; see `Source`."""
        found = self.find(video)
        if found is None or not found.is_file():
            raise TransferFailed(Status.UNAVAILABLE, "not_found", f"{self.path} holds no video {video.id}")
        extension = found.suffix[1:].lower()
        path = files.partial_path(target_folder / f"{video.id}.{extension}")
        try:
            # The link's own target: a hard link to a link would be one more link.
            files.link_or_copy(found.resolve(), path)
            size = path.stat().st_size
            on_bytes(size, size)
        except BaseException:
            files.remove(path)
            raise
        return Delivery(path, extension, self.name, {"path": str(found), "bytes": size})


@lru_cache(maxsize=8)
def _index(folder: Path) -> Mapping[str, Path]:
    """Return the videos below a folder by name; of several of one name the first in order of paths."""
    found: dict[str, Path] = {}
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix[1:].lower() in VIDEO_EXTENSIONS and not files.is_partial(name):
                found.setdefault(_folded(name), Path(where, name))
    return found


def _folded(name: str) -> str:
    """Return a file name with its extension in small letters: cameras and Windows write `.MP4`."""
    return f"{Path(name).stem}{Path(name).suffix.lower()}"
