"""Whether this machine is able to do the job. Every doubt comes with its remedy."""

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from avakit import execute
from avakit.errors import AvakitError
from avakit.tools import ffmpeg, files

#: yt-dlp follows YouTube's changes; what is older than this is likely to fail there.
YTDLP_OLD_DAYS = 90
#: With less than this not even a journal can be written.
_NOTHING_BYTES = 1 << 20
#: A run that begins with less than this is likely to end on a full disk: one AVA film with its frames.
_LITTLE_BYTES = 4 << 30
_LITTLE_INODES = 100_000


class Verdict(StrEnum):
    """How grave a check's answer is; `fail` means that the machine can't do the job."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One question about this machine, its answer, and what to do about it."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def examine(root: Path) -> list[Check]:
    """Return all checks for a data root; touches nothing but a probe file in it."""
    return [_ffmpeg(), *_libraries(), _ytdlp(), _javascript(), _cores(), _writable(root), *_space(root)]


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
        detail = "no Deno, the JavaScript runtime of yt-dlp: YouTube offers fewer formats, or none"
        return Check("javascript", Verdict.WARN, detail, "pip install 'avakit[youtube]'")
    return Check("javascript", Verdict.OK, found)


def _cores() -> Check:
    return Check("cores", Verdict.OK, f"{execute.usable_cores()} for this process (the default of --jobs)")


def _writable(root: Path) -> Check:
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        files.check_writable(root)
    except AvakitError as error:
        return Check("root", Verdict.FAIL, str(error), "choose another --root")
    finally:
        for folder in missing:  # from the inside out
            if folder.exists():
                folder.rmdir()
    return Check("root", Verdict.OK, f"{root} can be written to")


def _space(root: Path) -> list[Check]:
    space = files.space(root)
    is_little = space.free_bytes < _LITTLE_BYTES
    remedy = "`avakit plan` says how much a dataset needs"
    checks = [
        Check(
            "disk", _verdict_of(space.free_bytes), f"{space.free_bytes / 1e9:.1f} GB free",
            remedy if is_little else "",
        )
    ]  # fmt: skip
    if space.free_inodes is not None:
        few = space.free_inodes < _LITTLE_INODES
        detail = f"{space.free_inodes:,} files may still be created".replace(",", " ")
        checks.append(Check("inodes", Verdict.WARN if few else Verdict.OK, detail, remedy if few else ""))
    return checks


def _verdict_of(free_bytes: int) -> Verdict:
    if free_bytes < _NOTHING_BYTES:
        return Verdict.FAIL
    return Verdict.WARN if free_bytes < _LITTLE_BYTES else Verdict.OK
