"""A foreign tree, walked: its media by their names, one by one. Nothing in it is opened, and no link is followed."""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from avakit.adopt import names
from avakit.adopt.names import Named

#: Folders deeper than this are not looked into: each takes an open file.
MAX_DEPTH = 64


@dataclass(frozen=True)
class Seen:
    """Something in the tree.

    Attributes
    ----------
    path
        Absolute.
    named
        The item that its name names; None if it names none.
    is_media
        Whether it is a video file by its extension, or a folder of frames.
    is_folder
        Whether it is a folder.
    trouble, detail
        Why it can't be adopted: `symlink` or `unreadable`; empty if nothing is wrong with it so far.
    """

    path: str
    named: Named | None = None
    is_media: bool = False
    is_folder: bool = False
    trouble: str = ""
    detail: str = ""


@dataclass
class _Folder:
    """A folder that is being read: memory does not grow with what lies in it."""

    path: str
    entries: Any  # what `os.scandir` returns; its type has no public name
    holds_frames: bool = False

    @property
    def name(self) -> str:
        return os.path.basename(self.path)  # noqa: PTH119 - names are anything, and there may be a million of them


def walk(tree: str, links: Collection[str] = (), skip: Collection[str] = ()) -> Iterator[Seen]:
    """Yield everything below a folder but hidden files and folders; frames as the folder that they lie in.

    Parameters
    ----------
    tree
        Absolute. It may itself be a link.
    links
        Folders that may be links, too: those of a data root.
    skip
        Folders that are not looked into.
    """
    stack: list[_Folder] = []
    try:
        yield from _enter(tree, stack)
        while stack:
            folder = stack[-1]
            try:
                entry = next(folder.entries, None)
            except OSError as error:
                yield _unreadable(folder.path, error)
                entry = None
            if entry is None:
                stack.pop().entries.close()
                if folder.holds_frames:
                    yield Seen(folder.path, names.item_of(folder.name), is_media=True, is_folder=True)
            elif entry.name.startswith(".") or entry.path in skip:
                continue
            elif _is_folder(entry, links):
                yield from _enter(entry.path, stack)
            elif names.frame_number(entry.name, folder.name):
                folder.holds_frames = True
            else:
                yield _file(entry)
    finally:
        for folder in stack:
            folder.entries.close()


def _enter(path: str, stack: list[_Folder]) -> Iterator[Seen]:
    if len(stack) >= MAX_DEPTH:
        yield Seen(path, is_folder=True, trouble="unreadable", detail=f"more than {MAX_DEPTH} folders in each other")
        return
    try:
        entries = os.scandir(path)
    except OSError as error:
        yield _unreadable(path, error)
        return
    stack.append(_Folder(path, entries))


def _is_folder(entry: "os.DirEntry[str]", links: Collection[str]) -> bool:
    if entry.is_dir(follow_symlinks=False):
        return True
    return entry.path in links and entry.is_symlink() and os.path.isdir(entry.path)  # noqa: PTH112


def _file(entry: "os.DirEntry[str]") -> Seen:
    is_media, named = bool(names.extension_of(entry.name)), names.media_of(entry.name)
    if entry.is_file(follow_symlinks=False):
        return Seen(entry.path, named, is_media)
    if entry.is_symlink():
        is_folder = os.path.isdir(entry.path)  # noqa: PTH112
        what = "a link to a folder; name that folder with --from" if is_folder else "a symbolic link"
        return Seen(entry.path, named, is_media or is_folder, is_folder=is_folder, trouble="symlink", detail=what)
    return Seen(entry.path, named, is_media, trouble="symlink", detail="a pipe, a socket or a device")


def _unreadable(path: str, error: OSError) -> Seen:
    return Seen(path, is_folder=True, trouble="unreadable", detail=error.strerror or str(error))
