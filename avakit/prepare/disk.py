"""What of the things that the journal tells of lies on the disk."""

from dataclasses import replace

from avakit.journal import Record, State
from avakit.layout import Layout, frame_index, frame_list, unpacked_frames
from avakit.model import Packing, Stage


def on_disk(layout: Layout, state: State) -> State:
    """Return the state without the things that are recorded and not there any more."""
    disk = Disk(layout)
    return replace(state, present={key: record for key, record in state.present.items() if disk.has(record)})


class Disk:
    """What lies under the root: each folder is listed once, never one look per file."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._folders: dict[str, frozenset[str]] = {}

    def has(self, record: Record | None) -> bool:
        """Whether what a record tells of lies there (frames: with their list)."""
        if record is None or not self._lists(record.path):
            return False
        return record.stage is not Stage.FRAMES or self._lists(frame_list(record.path))

    def is_otherwise(self, record: Record | None, packing: Packing | None) -> bool:
        """Whether frames that are there want a hand.

        They are in another form than asked for, or in both, as a kill leaves them, or their tar has no index.
        """
        if record is None or record.stage is not Stage.FRAMES:
            return False
        is_tar, has_index = record.packing is Packing.TAR, self._lists(frame_index(record.path))
        if packing is None or (is_tar and not has_index):
            return is_tar and not has_index
        return record.packing is not packing or (self._lists(unpacked_frames(record.path)) if is_tar else has_index)

    def _lists(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            try:
                self._folders[folder] = frozenset(entry.name for entry in self._layout.absolute(folder).iterdir())
            except (FileNotFoundError, NotADirectoryError):
                self._folders[folder] = frozenset()
        return name in self._folders[folder]
