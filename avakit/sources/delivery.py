"""What every source has in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from avakit.model import Video
from avakit.tools import files, http_body, leftovers

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from avakit.tools.ranged import RangedFile

#: Called with the bytes there so far and the whole length, if known.
OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Delivery:
    """What a source wrote; it counts only after its checks.

    Attributes
    ----------
    path
        A partial beside its final name.
    extension
        The final name's extension, without a dot.
    source
        The source's name.
    facts
        What is known of the origin: `url` without query, `etag`, `last_modified`, `sha256`, `format_id`, ...
    """

    path: Path
    extension: str
    source: str
    facts: Mapping[str, object] = field(default_factory=dict)


class Source(Protocol):
    """Anything that can deliver one video. Sources travel to workers, so they can be pickled."""

    @property
    def name(self) -> str:
        """`mirror`, `youtube` or `folder`."""

    @property
    def identity(self) -> str:
        """What tells this source from another of its name: where it looks."""

    def deliver(self, video: Video, target_folder: Path, on_bytes: OnBytes) -> Delivery:
        """Write one video into a partial in `target_folder`.

        Raises
        ------
        TransferFailed
            If it can't be had. What is left in the folder is a partial that can be resumed, or nothing.
        """


@runtime_checkable
class InParts(Protocol):
    """What a source can do besides, from which a part of a video can be had without the rest."""

    def open_range(self, video: Video, store: Path, on_bytes: OnBytes) -> "AbstractContextManager[RangedFile]":
        """Open a video where it lies, to read no more of it than is needed.

        Parameters
        ----------
        store
            Where to keep what was fetched: a partial of the caller's own.

        Raises
        ------
        NoRanges
            If it can be had whole only.
        TransferFailed
            If it can't be had.
        """


def claim(target: Path, url: str) -> Path:
    """Return a partial of ours for `target`: one that a killed run left of this very address, or a fresh name."""
    path = files.partial_path(target)
    for dead in leftovers.dead_partials(target):
        if http_body.can_resume(dead, url) and leftovers.take_over(dead, path):
            break
    return path


def give_up(path: Path) -> None:
    """Remove a partial after a failure, unless it can be resumed."""
    if not files.side_file(path).exists():
        files.remove(path)


def discard(path: Path) -> None:
    """Remove a partial and its side file."""
    files.remove(path)
    files.remove(files.side_file(path))
