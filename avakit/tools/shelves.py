"""Where frames are put, one after the other, as they are made."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Shelf(Protocol):
    """What takes frames in their order, each once."""

    def add(self, name: str, data: bytes) -> None:
        """Put a file of this name on the shelf.

        Raises
        ------
        OSError
            If it can't be written.
        """


@dataclass(frozen=True)
class FolderShelf:
    """A folder that is there and empty: each frame becomes a file in it."""

    folder: Path

    def add(self, name: str, data: bytes) -> None:
        """Write a file."""
        (self.folder / name).write_bytes(data)


@dataclass(frozen=True)
class MemoryShelf:
    """A place in memory, for a few frames."""

    files: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, data: bytes) -> None:
        """Keep a file."""
        self.files[name] = data
