"""What file and folder names say of the media in them. Pure; names are anything that a file system holds."""

import re
from dataclasses import dataclass

from avakit.layout import VIDEO_EXTENSIONS

_ID = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)
#: ActivityNet's crawler pads the seconds to six digits (`%06d`); some of its copies do not.
_CLIP = re.compile(r"(?P<id>[A-Za-z0-9_-]{11})_(?P<start>[0-9]{1,6})_(?P<end>[0-9]{1,6})", re.ASCII)
#: MMAction2's `filename_tmpl`, which is ours; numbers from 100 000 on are longer.
_OURS = re.compile(r"img_(?P<number>[0-9]{5,7})\.jpg", re.ASCII)
#: SlowFast's DATASET.md: `{id}_%06d.jpg` in the folder `{id}`.
_SLOWFAST = re.compile(r"(?P<item>.+)_(?P<number>[0-9]{6,7})\.jpg", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Named:
    """The item that a name names.

    Attributes
    ----------
    id
        Eleven characters of a video id.
    seconds
        Start and end of a clip; None where the name holds the id alone.
    """

    id: str
    seconds: tuple[int, int] | None = None


def item_of(stem: str) -> Named | None:
    """Return the item of a folder's name, or a file's without its extension: `<id>` or `<id>_<start>_<end>`."""
    if _ID.fullmatch(stem):
        return Named(stem)
    match = _CLIP.fullmatch(stem)
    return Named(match["id"], (int(match["start"]), int(match["end"]))) if match else None


def extension_of(name: str) -> str:
    """Return the extension of a video file in small letters; empty for any other file, and for hidden ones."""
    stem, dot, extension = name.rpartition(".")
    known = extension.lower()
    return known if dot and stem and known in VIDEO_EXTENSIONS and not name.startswith(".") else ""


def media_of(name: str) -> Named | None:
    """Return the item that a video file's name names."""
    return item_of(name.rpartition(".")[0]) if extension_of(name) else None


def frame_number(name: str, folder: str) -> tuple[int, bool] | None:
    """Return the number of a frame, and whether it is named as ours are; None for any other file.

    Parameters
    ----------
    folder
        The name of the folder that it lies in: part of the names that SlowFast's commands give.
    """
    if match := _OURS.fullmatch(name):
        return int(match["number"]), True
    match = _SLOWFAST.fullmatch(name)
    return (int(match["number"]), False) if match and match["item"] == folder else None


def shown(path: str) -> str:
    """Return a path fit to be shown and to be kept in JSON: what is not printable, or no UTF-8, is escaped."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "backslashreplace").decode() for each in path
    )
