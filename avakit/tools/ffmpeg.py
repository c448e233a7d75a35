"""ffmpeg: found, told what to do in one argument list, and believed only when it is silent.

Its exit code proves nothing: on 12 of 12 damaged files it exits 0, and in 7 with the right number of frames. An exit
code of 0 under `-xerror` *and* an empty stderr at `-v error` are asked for.

One kind of line is allowed, and only if the caller has decoded the same stretch itself without an error: those of the
video decoder. It complains of sound films too when it starts at an open GOP, of frames that are not shown ("mmco:
unref short failure"; `-err_detect explode` would even stop there).
"""

import errno
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from avakit.errors import ItemFailed, Status, ToolFailed, ToolMissing
from avakit.tools import ffmpeg_build, process
from avakit.tools.container import DEMUXERS, MAX_PIXELS

#: A node of ffmpeg-python, which has no types.
Node: TypeAlias = Any

#: Where to look first; a path, or a name on PATH.
VARIABLE = "AVAKIT_FFMPEG"
_ADVICE = "install it, or `pip install imageio-ffmpeg`"
_VERSION_TIMEOUT_SECONDS = 20.0
#: ffmpeg's exit code after a signal that it handled.
_STOPPED = 255
_LAST_WORDS = 300
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.EFBIG)
_OUTPUT = re.compile(r"\[out#|[Ee]rror (writing|closing|muxing|opening output)|output file|av_interleaved_write_frame")


@dataclass(frozen=True)
class Ffmpeg:
    """The ffmpeg of this machine.

    Attributes
    ----------
    path
        Absolute.
    version
        As it tells itself, e.g. `7.0.2-static`.
    """

    path: str
    version: str


def find() -> Ffmpeg:
    """Return the ffmpeg to use: of `AVAKIT_FFMPEG`, of PATH, or of the package imageio-ffmpeg, in that order.

    Raises
    ------
    ToolMissing
        If there is none or it is too old, or the one that `AVAKIT_FFMPEG` names can't be run.
    """
    return _find(os.environ.get(VARIABLE, ""), os.environ.get("PATH", ""))


@cache
def _find(wanted: str, search_path: str) -> Ffmpeg:
    if wanted:
        path = shutil.which(wanted, path=search_path)
        if path is None:
            raise ToolMissing("ffmpeg", f"{VARIABLE}={wanted} can't be run; correct that variable, or unset it")
        return Ffmpeg(str(Path(path).absolute()), _version(path))
    path = shutil.which("ffmpeg", path=search_path) or _packaged()
    if path is None:
        raise ToolMissing("ffmpeg", _ADVICE)
    return Ffmpeg(str(Path(path).absolute()), _version(path))


def _packaged() -> str | None:
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # its wheel for this platform carries no binary
        return None


def _version(path: str) -> str:
    done = process.run([str(Path(path).absolute()), "-version"], timeout_seconds=_VERSION_TIMEOUT_SECONDS)
    words = done.stdout.split()
    if done.returncode != 0 or words[:2] != ["ffmpeg", "version"]:
        raise ToolMissing("ffmpeg", f"{path} does not say its version: it is broken or not ffmpeg; {_ADVICE}")
    ffmpeg_build.check_age(path, words[2], done.stdout)
    return words[2]


def source(path: Path, *, demuxers: str = DEMUXERS, **options: object) -> Node:
    """Return an input node of ffmpeg-python for a local file: known containers only, and no picture too large."""
    import ffmpeg

    limits = {"protocol_whitelist": "file", "format_whitelist": demuxers}
    return ffmpeg.input(f"file:{path.absolute()}", **limits, max_pixels=MAX_PIXELS, **options)


def argv(node: Node) -> list[str]:
    """Return the whole argument list of an output node."""
    import ffmpeg

    silent = ("-nostdin", "-hide_banner", "-v", "error", "-xerror", "-progress", "pipe:1", "-stats_period", "0.5")
    return [str(word) for word in ffmpeg.compile(node.global_args(*silent), cmd=find().path, overwrite_output=True)]


def run(
    node: Node,
    *,
    timeout_seconds: float,
    decoded: str = "",
    on_progress: Callable[[int], None] | None = None,
) -> None:
    """Run what an output node says, and believe it only if it was silent.

    Parameters
    ----------
    node
        Of `tools.encode`, or any other output node of ffmpeg-python.
    decoded
        The decoder that the caller has already run over the same frames without an error: its complaints don't count.
    on_progress
        Called now and then with how many frames are written.

    Raises
    ------
    ToolFailed
        `decode`, with ffmpeg's last words, if it complained or failed; local `tool` if it took too long.
    ItemFailed
        Interrupted `signal`, if a signal ended it.
    OSError
        If the disk is full.
    """
    done = process.run(argv(node), timeout_seconds=timeout_seconds, on_line=_Listener(on_progress))
    if number := _of_disk(done.stderr):
        raise OSError(number, os.strerror(number))
    complaints = _complaints(done.stderr, decoded)
    last = complaints[-1][-_LAST_WORDS:] if complaints else ""
    if done.timed_out:
        raise ToolFailed(Status.LOCAL_ERROR, "tool", f"ffmpeg took longer than {timeout_seconds:.0f} s; {last}")
    if done.returncode < 0 or done.returncode == _STOPPED:
        raise ItemFailed(Status.INTERRUPTED, "signal", f"ffmpeg was stopped by a signal; {last}")
    if done.returncode != 0 or complaints:
        raise ToolFailed(Status.CORRUPT, "decode", f"ffmpeg says: {last or f'nothing, exit code {done.returncode}'}")


def _of_disk(stderr: str) -> int:
    """Return the error of the disk that ffmpeg met, or 0; of an I/O error only where it speaks of its output."""
    found = next((number for number in _DISK if os.strerror(number) in stderr), 0)
    is_output = any(os.strerror(errno.EIO) in line and _OUTPUT.search(line) for line in stderr.splitlines())
    return found or (errno.EIO if is_output else 0)


def _complaints(stderr: str, decoded: str) -> list[str]:
    lines = [line for line in stderr.splitlines() if line.strip()]
    if not decoded:
        return lines
    harmless = re.compile(rf"(\[{re.escape(decoded)} @ 0x[0-9a-f]+\]|\s*Last message repeated) ")
    return [line for line in lines if not harmless.match(line)]


@dataclass
class _Listener:
    on_progress: Callable[[int], None] | None

    def __call__(self, line: str) -> None:
        key, _, value = line.partition("=")
        if self.on_progress is not None and key == "frame" and value.strip().isdigit():
            self.on_progress(int(value))
