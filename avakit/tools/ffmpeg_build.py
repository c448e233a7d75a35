"""Whether an ffmpeg can do what is asked of it: asked before anything begins, not once an item."""

import re
from functools import cache

from avakit.errors import ToolMissing
from avakit.tools import process

#: libavutil of ffmpeg 4.4, the oldest that knows all the options we give it (`-stats_period`). Builds from a
#: developer's tree have no version of their own, but they have this one.
OLDEST_LIBAVUTIL = (56, 70)
_OLDEST = "4.4"
_TIMEOUT_SECONDS = 20.0
#: What a clip is encoded with.
CLIP_ENCODERS = ("libx264", "aac")
_LIBAVUTIL = re.compile(r"^libavutil\s+(\d+)\.\s*(\d+)\.", re.MULTILINE)


def check_age(path: str, version: str, said: str) -> None:
    """Refuse an ffmpeg that is too old.

    Parameters
    ----------
    version
        As it tells itself.
    said
        All that it says of its version; one that does not name libavutil passes.

    Raises
    ------
    ToolMissing
        If it is older than ffmpeg 4.4.
    """
    match = _LIBAVUTIL.search(said)
    if match and (int(match[1]), int(match[2])) < OLDEST_LIBAVUTIL:
        detail = f"{path} is version {version}, too old; {_OLDEST} or newer is needed, such as of imageio-ffmpeg"
        raise ToolMissing("ffmpeg", detail)


def require_encoders(path: str, names: tuple[str, ...] = CLIP_ENCODERS) -> None:
    """Refuse an ffmpeg that was built without an encoder.

    Raises
    ------
    ToolMissing
        If it lacks one of them.
    """
    lacks = [name for name in names if name not in _encoders(path)]
    if lacks:
        detail = f"{path} was built without {' and '.join(lacks)}, so it can't cut clips"
        raise ToolMissing("ffmpeg", f"{detail}; install a complete one, or `pip install imageio-ffmpeg`")


@cache
def _encoders(path: str) -> frozenset[str]:
    done = process.run([path, "-hide_banner", "-v", "error", "-encoders"], timeout_seconds=_TIMEOUT_SECONDS)
    return frozenset(re.findall(r"^ [VAS][A-Z.]{5} (\S+)", done.stdout, re.MULTILINE))
