"""What a subset has of media: clips that its parent made already, and what another set of the same name left."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from avakit import journal
from avakit.journal import Record, State
from avakit.layout import Layout
from avakit.model import Stage, Video
from avakit.tools import files


def clip_keys(layout: Layout, videos: Iterable[Video]) -> dict[str, str]:
    """Return the journal key of every clip, by its name and split."""
    return {f"{clip.split}/{clip.name}": layout.of(video).clip_key(clip) for video in videos for clip in video.clips}


def share_clips(parent: Layout, layout: Layout, videos: Iterable[Video], state: State) -> int:
    """Link the clips that the parent has into the subset's own folder, and note them in the journal.

    The bytes are the same, so a hard link (a copy, where the file system has none) spares fetching and encoding.

    Returns
    -------
    int
        How many clips were linked.
    """
    if layout.clips == parent.clips:
        return 0
    videos = list(videos)
    theirs, ours = clip_keys(parent, videos), clip_keys(layout, videos)
    count = 0
    for name, key in ours.items():
        record = state.present.get(theirs[name])
        if record is None or key in state.present or not layout.absolute(record.path).is_file():
            continue
        path = f"{key}{PurePosixPath(record.path).suffix}"
        target = layout.absolute(path)
        with files.partial(target) as unpublished:
            files.link_or_copy(layout.absolute(record.path), unpublished)
            files.publish(unpublished, target)
        journal.append(layout.root, replace(record, key=key, path=path, dataset=layout.dataset, time=journal.now()))
        count += 1
    return count


def stale(state: State, name: str, names: Collection[str], wanted: Collection[str]) -> list[Record]:
    """Return what is recorded of an earlier set of the same name and does not belong to the new one.

    Parameters
    ----------
    state
        What the journal says.
    name
        The subset's name, which is also its folder.
    names
        The annotation files of the new set.
    wanted
        Keys of the clips of the new set. Key frames belong to one set of annotations and are never kept.
    """
    prefix = f"annotations/{name}/"
    return [
        record
        for key, record in state.present.items()
        if (key.startswith(prefix) and key.removeprefix(prefix) not in names)
        or (key.startswith(f"{name}/") and (record.stage is Stage.FRAMES or key not in wanted))
    ]
