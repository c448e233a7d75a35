"""What runs in the process of yt-dlp: one request on standard input, one JSON object a line on standard output.

{"bytes": 1, "total": 2} while it goes on, {"ok": {...}} or {"error": "...", "errno": 28} at its end.
"""

import errno
import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avakit.tools import process
from avakit.tools.ytdlp_guard import watch_redirects
from avakit.tools.ytdlp_options import arguments

_PROGRESS_SECONDS = 0.25
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
_DISK_TEXT = re.compile(r"unable to (open for writing|write data|create directory)")
_ERRNO = re.compile(r"\[Errno (\d+)\]")


def main() -> None:
    """Do what standard input asks for, and say what became of it."""
    _leave_with_parent()
    send = _channel()
    request = json.load(sys.stdin)
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import YoutubeDLError
    from yt_dlp.version import __version__

    watch_redirects(request["url"], allow_private=request["allow_private"])
    if request["plugins"]:
        _load_plugins(request["plugins"])
    has_begun = False
    try:
        with YoutubeDL(_parameters(request, send)) as downloader:
            has_begun = downloader.cookiejar is not None  # which reads the cookies
            info = downloader.extract_info(request["url"], download=True)
    except (YoutubeDLError, OSError) as error:
        send({"error": str(error), "errno": _disk_error(error), "has_begun": has_begun})
        return
    info = info or {}
    wanted = ("id", "format_id", "height", "vcodec", "extractor", "duration")
    send({"ok": {name: info.get(name) for name in wanted} | {"version": __version__}})


def _load_plugins(folder: str) -> None:
    """Load the plugins in the folders of this folder, and none of those that lie about on the machine."""
    from yt_dlp.globals import plugin_dirs
    from yt_dlp.plugins import load_all_plugins

    plugin_dirs.value = [folder]
    load_all_plugins()


def _leave_with_parent() -> None:
    """Take the programs that yt-dlp starts along: SIGTERM, also that of a parent's death, ends the whole group."""

    def end(number: int, frame: object) -> None:  # noqa: ARG001
        os.killpg(0, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    process.die_with_parent(signal.SIGTERM, os.getppid())


def _channel() -> Callable[[dict[str, object]], None]:
    """Take standard output for ourselves: what yt-dlp or its programs print there goes to standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(message: dict[str, object]) -> None:
        print(json.dumps(message), file=stream, flush=True)

    return send


def _parameters(request: dict[str, Any], send: Callable[[dict[str, object]], None]) -> dict[str, Any]:
    """Return the parameters of YoutubeDL. The API's own defaults differ from the program's: it never retries."""

    def pause(n: int) -> float:  # yt-dlp passes it by this name
        return min(2.0**n, 30.0)

    return {
        "allowed_extractors": [request["extractor"]],
        "cachedir": False,
        "color": "no_color",
        "cookiesfrombrowser": _browser(request["browser"]),
        # A copy in memory: given a path, yt-dlp writes the file anew at its end, in a race with its neighbours.
        "cookiefile": io.StringIO(Path(request["cookies"]).read_text("utf-8")) if request["cookies"] else None,
        "extractor_args": arguments(request["extractor_args"]),
        "extractor_retries": min(3, request["retries"]),
        "ffmpeg_location": request["ffmpeg"] or None,
        "format": "bv*+ba/b",
        # `res` is the shorter side. Of one size: plain colours, and what every decoder reads.
        "format_sort": [f"res:{request['height']}", "hdr:sdr", "vcodec:h264", "acodec:aac"],
        "fragment_retries": request["retries"],
        "js_runtimes": _runtimes(request["js_runtimes"]),
        "logger": _Logger(),
        "merge_output_format": "mp4/mkv",
        "noplaylist": True,
        "noprogress": True,
        "outtmpl": "video.%(ext)s",
        "overwrites": True,
        "progress_hooks": [_Progress(send, request["max_bytes"])],
        "proxy": request["proxy"] or None,
        "quiet": True,
        "retries": request["retries"],
        "retry_sleep_functions": {"http": pause, "fragment": pause, "extractor": pause},
        "skip_unavailable_fragments": False,
        "socket_timeout": request["timeout_seconds"],
        "updatetime": False,
    }


def _browser(text: str) -> tuple[str, str | None, None, None] | None:
    name, _, profile = text.partition(":")
    return (name, profile or None, None, None) if name else None


def _runtimes(texts: list[str]) -> dict[str, dict[str, str]]:
    named = (text.partition(":") for text in texts)
    return {"deno": {}} | {name: {"path": path} if path else {} for name, _, path in named}


def _disk_error(error: Exception) -> int | None:
    """Return the number of the error of the local disk behind this one, if there is one."""
    match = _ERRNO.search(str(error))
    number = error.errno if isinstance(error, OSError) else int(match[1]) if match else None
    is_disk = number in _DISK_ERRORS or bool(_DISK_TEXT.search(str(error)))
    return number if is_disk else None


class _Logger:
    """Sends yt-dlp's talk to standard error, of which the parent keeps the last words."""

    def debug(self, message: str) -> None:
        """Drop it."""

    def warning(self, message: str) -> None:
        """Pass it on."""
        sys.stderr.write(f"{message}\n")

    def error(self, message: str) -> None:
        """Pass it on."""
        sys.stderr.write(f"{message}\n")


class _Progress:
    """Adds up the bytes of all files of one video: picture and sound come one after the other."""

    def __init__(self, send: Callable[[dict[str, object]], None], max_bytes: int) -> None:
        self._send = send
        self._max_bytes = max_bytes
        self._finished = 0
        self._last = 0.0

    def __call__(self, facts: dict[str, Any]) -> None:
        done = int(facts.get("downloaded_bytes") or 0)
        total = facts.get("total_bytes") or facts.get("total_bytes_estimate")
        self._check_size(self._finished + done)
        if facts["status"] == "finished":
            self._finished += done
            self._send({"bytes": self._finished, "total": None})
        elif time.monotonic() - self._last >= _PROGRESS_SECONDS:
            self._last = time.monotonic()
            self._send({"bytes": self._finished + done, "total": self._finished + int(total) if total else None})

    def _check_size(self, done: int) -> None:
        """End a body without an end: yt-dlp's own `max_filesize` believes what the server declares."""
        from yt_dlp.utils import YoutubeDLError

        if done > self._max_bytes:
            raise YoutubeDLError(f"it is longer than the {self._max_bytes} bytes allowed")
