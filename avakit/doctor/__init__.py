"""Whether this machine is able to do the job. Every doubt comes with its remedy."""

import os
import platform
import stat
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from avakit import execute
from avakit.doctor import disk
from avakit.doctor.check import Check, Verdict
from avakit.errors import AvakitError, ToolMissing
from avakit.tools import ffmpeg, ffmpeg_build, ytdlp_about
from avakit.tools.ytdlp_options import COOKIE_FORM, JS_RUNTIMES, is_cookie_file

__all__ = ["Check", "Verdict", "examine", "frames_check"]

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


def frames_check(problems: list[str]) -> Check:
    """Return the check of the libraries that frames are made with, from what a test of them found wrong."""
    if not problems:
        return Check("frames", Verdict.OK, "a film whose frames spell their number, and flat colours, come out exactly")
    return Check("frames", Verdict.FAIL, "; ".join(problems), "install other versions of av and simplejpeg")


def _python() -> Check:
    return Check("python", Verdict.OK, f"{platform.python_version()} at {sys.executable}")


def _ffmpeg() -> Check:
    try:
        found = ffmpeg.find()
        ffmpeg_build.require_encoders(found.path)
    except AvakitError as error:
        return Check("ffmpeg", Verdict.FAIL, str(error).removeprefix("ffmpeg: "))
    return Check("ffmpeg", Verdict.OK, f"{found.version} at {found.path}")


def _libraries() -> list[Check]:
    checks = []
    for package, use in (("av", "decodes video"), ("simplejpeg", "encodes frames")):
        try:
            checks.append(Check(package, Verdict.OK, f"{version(package)} ({use})"))
        except PackageNotFoundError:
            checks.append(Check(package, Verdict.FAIL, f"missing ({use})", f"pip install {package}"))
    return checks


def _ytdlp() -> Check:
    age = ytdlp_about.age_days()
    if age is None:
        return Check("yt-dlp", Verdict.WARN, "missing: nothing can come from YouTube", "pip install yt-dlp")
    found = f"{version('yt-dlp')}, {age} days old"
    if age > YTDLP_OLD_DAYS:
        detail = f"{found}: YouTube may refuse it"
        return Check("yt-dlp", Verdict.WARN, detail, "pip install -U 'avakit[youtube]'")
    return Check("yt-dlp", Verdict.OK, found)


def _javascript() -> Check:
    if ytdlp_about.age_days() is None:
        return Check("javascript", Verdict.WARN, "not looked for: there is no yt-dlp to use it", "pip install yt-dlp")
    found = {name: text for name in JS_RUNTIMES if (text := _runtime(name))}
    if "deno" in found:  # the one that yt-dlp uses unasked
        return Check("javascript", Verdict.OK, found["deno"])
    if found:
        name, text = next(iter(found.items()))
        detail = f"no Deno, which yt-dlp uses unasked; {text} will do if it is named"
        return Check("javascript", Verdict.WARN, detail, f"--js-runtime {name}, or pip install 'avakit[youtube]'")
    detail = "no JavaScript runtime for yt-dlp: YouTube offers fewer formats, or none"
    return Check("javascript", Verdict.WARN, detail, "pip install 'avakit[youtube]'")


def _runtime(name: str) -> str:
    try:
        return ytdlp_about.require_runtime(name)
    except ToolMissing:
        return ""


def _cores() -> Check:
    detail = f"{execute.usable_cores()} of {os.cpu_count()} for this process (the default of --jobs)"
    return Check("cores", Verdict.OK, detail)


def _cookies(path: Path) -> Check:
    """Look at a cookie file: who has it can act as its owner. Nothing of its content is ever shown."""
    try:
        mode = path.stat().st_mode
        is_good = is_cookie_file(path)
    except OSError as error:
        return Check("cookies", Verdict.WARN, f"{path}: {error.strerror}", "name a file that you may read")
    doubts, remedies = [], []
    if mode & 0o077:
        doubts.append(f"can be read or changed by others (mode {stat.S_IMODE(mode):o})")
        remedies.append(f"chmod 600 {path}")
    if not is_good:
        doubts.append(f"is not a cookie file in Netscape's form, {COOKIE_FORM}")
        remedies.append("export the cookies again, in Netscape's form (cookies.txt)")
    if doubts:
        return Check("cookies", Verdict.WARN, f"{path} {'; it '.join(doubts)}", "; ".join(remedies))
    return Check("cookies", Verdict.OK, f"{path} is yours alone")
