"""Whether this machine is able to do the job. Every doubt comes with its remedy."""

import os
import platform
import shutil
import stat
import sys
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from avakit import execute
from avakit.doctor import disk
from avakit.doctor.check import Check, Verdict
from avakit.errors import AvakitError
from avakit.tools import ffmpeg

__all__ = ["Check", "Verdict", "examine"]

#: yt-dlp follows YouTube's changes; what is older than this is likely to fail there.
YTDLP_OLD_DAYS = 90


def examine(root: Path, cookies: Path | None = None) -> list[Check]:
    """Return the checks of this machine for a data root; what they write into it they remove again.

    Parameters
    ----------
    root
        The data root, which need not exist.
    cookies
        The cookie file that YouTube is to be asked with.
    """
    checks = [_python(), _ffmpeg(), *_libraries(), _ytdlp(), _javascript(), _cores(), *disk.examine(root)]
    return checks if cookies is None else [*checks, _cookies(cookies)]


def _python() -> Check:
    return Check("python", Verdict.OK, f"{platform.python_version()} at {sys.executable}")


def _ffmpeg() -> Check:
    try:
        found = ffmpeg.find()
    except AvakitError as error:
        return Check("ffmpeg", Verdict.FAIL, str(error).removeprefix("ffmpeg: "))
    return Check("ffmpeg", Verdict.OK, f"{found.version} at {found.path}")


def _libraries() -> list[Check]:
    checks = []
    for package, use in (("av", "decodes video"), ("simplejpeg", "encodes frames"), ("joblib", "runs workers")):
        try:
            checks.append(Check(package, Verdict.OK, f"{version(package)} ({use})"))
        except PackageNotFoundError:
            checks.append(Check(package, Verdict.FAIL, f"missing ({use})", f"pip install {package}"))
    return checks


def _ytdlp() -> Check:
    try:
        found = version("yt-dlp")
    except PackageNotFoundError:
        return Check("yt-dlp", Verdict.WARN, "missing: nothing can come from YouTube", "pip install yt-dlp")
    year, month, day = (int(part) for part in found.split(".")[:3])
    age = (datetime.now(UTC).date() - date(year, month, day)).days
    if age > YTDLP_OLD_DAYS:
        return Check(
            "yt-dlp",
            Verdict.WARN,
            f"{found}, {age} days old: YouTube may refuse it",
            "pip install -U 'avakit[youtube]'",
        )
    return Check("yt-dlp", Verdict.OK, f"{found}, {age} days old")


def _javascript() -> Check:
    # yt-dlp enables Deno alone by default.
    found = shutil.which("deno")
    try:
        found = found or f"deno {version('deno')} (from pip)"
    except PackageNotFoundError:
        others = [name for name in ("node", "bun", "qjs") if shutil.which(name)]
        here = f" ({' and '.join(others)} alone will not do)" if others else ""
        detail = f"no Deno, the JavaScript runtime of yt-dlp{here}: YouTube offers fewer formats, or none"
        return Check("javascript", Verdict.WARN, detail, "pip install 'avakit[youtube]'")
    return Check("javascript", Verdict.OK, found)


def _cores() -> Check:
    detail = f"{execute.usable_cores()} of {os.cpu_count()} for this process (the default of --jobs)"
    return Check("cores", Verdict.OK, detail)


def _cookies(path: Path) -> Check:
    """Look at a cookie file: who has it can act as its owner. Nothing of its content is ever shown."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as stream:
            head = stream.readline(200)
    except OSError as error:
        return Check("cookies", Verdict.WARN, f"{path}: {error.strerror}", "name a file that you may read")
    if mode & 0o077:
        detail = f"{path} can be read or changed by others (mode {stat.S_IMODE(mode):o})"
        return Check("cookies", Verdict.WARN, detail, f"chmod 600 {path}")
    if b"HTTP Cookie File" not in head:
        detail = f"{path} does not begin as a cookie file in Netscape's form does"
        return Check("cookies", Verdict.WARN, detail, "export the cookies again, in Netscape's form (cookies.txt)")
    return Check("cookies", Verdict.OK, f"{path} is yours alone")
