"""yt-dlp, in a process of its own, so that a hang, a crash or its global state stays out of ours.

`download` starts `python -m avakit.tools.ytdlp` in the folder that is to be filled; `avakit.tools.ytdlp_child` is
what runs there. No configuration files are read, no plugins but those asked for, and no name comes from the server.
"""

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from avakit.errors import ConfigInvalid, Status, ToolMissing, TransferFailed
from avakit.tools import process
from avakit.tools.ytdlp_errors import classify, sentence
from avakit.tools.ytdlp_options import Options

__all__ = ["Fetched", "Options", "download"]

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Fetched:
    """What was fetched: the file, what yt-dlp says of it, and yt-dlp's own version."""

    path: Path
    extension: str
    format_id: str
    height: int | None
    vcodec: str
    extractor: str
    version: str
    duration_seconds: float | None = None


def download(
    url: str,
    folder: Path,
    video_id: str,
    options: Options | None = None,
    on_bytes: Callable[[int, int | None], None] | None = None,
) -> Fetched:
    """Fetch one video into `folder`, an empty folder of the caller's own.

    Parameters
    ----------
    url
        A full address, so that an id that begins with `-` can't be taken for an option.
    folder
        Holds `video.<extension>` afterwards; after a failure, whatever yt-dlp left.
    video_id
        The id that YouTube must answer with.
    options
        How to ask.
    on_bytes
        Called with the bytes fetched so far and the whole length, if known. What it raises ends the call.

    Raises
    ------
    TransferFailed
        With the status and reason that `ytdlp_errors` finds for what yt-dlp said.
    ConfigInvalid
        If it can't even begin: the browser's cookies, or those of the file, can't be read.
    ToolMissing
        If it can't begin for another reason.
    OSError
        If the local disk fails.
    """
    options = options or Options()
    if options.cookies is not None and not options.cookies.is_file():
        raise ConfigInvalid(f"there is no cookie file {options.cookies}")
    answers: list[dict[str, object]] = []

    def hear(line: str) -> None:
        message = _message(line)
        if "bytes" not in message:
            answers.append(message)
        elif on_bytes is not None:
            on_bytes(_number(message["bytes"]) or 0, _number(message.get("total")))

    completed = process.run(
        [sys.executable, "-P", "-m", "avakit.tools.ytdlp"],
        timeout_seconds=options.deadline_seconds,
        stdin=_request(url, options).encode(),
        cwd=folder,
        env=_environment(options),
        on_line=hear,
    )
    if completed.timed_out:
        raise TransferFailed(Status.TRANSIENT, "timeout", f"took longer than {options.deadline_seconds:g} s")
    answer = next((answer for answer in reversed(answers) if answer), {})
    if "error" in answer:
        _raise(answer, folder, options)
    if "ok" not in answer:
        words = completed.stderr.strip().rpartition("\n")[2]
        detail = f"yt-dlp ended with code {completed.returncode} and no answer: {sentence(words)}"
        raise TransferFailed(Status.TRANSIENT, "source_error", detail)
    return _fetched(answer, folder, video_id, options)


def _message(line: str) -> dict[str, object]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _request(url: str, options: Options) -> str:
    fields = asdict(options) | {"url": url}
    for name in ("cookies", "plugins"):
        path = fields[name]
        fields[name] = str(path.resolve()) if path else ""  # the child works in another folder
    return json.dumps(fields)


def _environment(options: Options) -> dict[str, str]:
    """Return the child's environment: this very package, no proxy for this machine, no plugins unless asked for."""
    path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH")]))
    direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
    # Empty counts as unset there; the child itself names the only folder that is searched.
    no_plugins = "" if options.plugins else "1"
    return {**os.environ, "YTDLP_NO_PLUGINS": no_plugins, "PYTHONPATH": path, "no_proxy": direct, "PYTHONUTF8": "1"}


def _raise(answer: dict[str, object], folder: Path, options: Options) -> None:
    """Raise what the child's failure amounts to."""
    number = _number(answer.get("errno"))
    status, reason, words = classify(str(answer["error"]))
    if reason == "storage":
        number = number or errno.ENOSPC
    if number is not None:
        raise OSError(number, os.strerror(number), str(folder))
    if not answer.get("has_begun"):
        # Nothing was asked yet, and no other video can do better: the run ends here.
        if options.browser or options.cookies is not None:
            named = f"--cookies-from-browser {options.browser}" if options.browser else f"--cookies {options.cookies}"
            raise ConfigInvalid(f"{named}: {words}")
        raise ToolMissing("yt-dlp", f"it could not begin: {words}")
    raise TransferFailed(status, reason, words)


def _fetched(answer: dict[str, object], folder: Path, video_id: str, options: Options) -> Fetched:
    """Check what the child says it has fetched: yt-dlp has called success what left no file at all."""
    facts = answer["ok"] if isinstance(answer["ok"], dict) else {}
    if options.extractor == "youtube" and facts.get("id") != video_id:
        raise TransferFailed(Status.TRANSIENT, "source_error", f"YouTube answered with video {facts.get('id')!r}")
    files = [path for path in folder.glob("video.*") if path.suffix != ".part" and path.is_file()]
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "no file"
        raise TransferFailed(Status.TRANSIENT, "source_error", f"yt-dlp said it was done and left {names}")
    (path,) = files
    if path.is_symlink() or path.stat().st_size == 0:
        raise TransferFailed(Status.CORRUPT, "empty", "yt-dlp delivered an empty file")
    return Fetched(
        path=path,
        extension=path.suffix[1:],
        format_id=str(facts.get("format_id") or ""),
        height=_number(facts.get("height")),
        vcodec=str(facts.get("vcodec") or ""),
        extractor=str(facts.get("extractor") or ""),
        version=str(facts.get("version") or ""),
        duration_seconds=_seconds(facts.get("duration")),
    )


if __name__ == "__main__":
    from avakit.tools.ytdlp_child import main

    main()
