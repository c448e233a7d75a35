"""What can go wrong, and what it is called.

AvakitError
├── ConfigInvalid        the command line, a manifest or avakit.yaml is wrong          (exit 2)
├── DataInvalid          an annotation file or a journal can't be read                 (exit 65)
├── ToolMissing          a needed program is not on this machine                       (exit 69)
├── OutputImpossible     can't create a file or folder where it should be              (exit 73)
├── StorageFailed        disk full, quota, I/O error                                   (exit 74)
├── RunStopped           nothing can begin; carries its exit code
├── Interrupted          a signal told us to stop; state is saved                      (exit 130, 143)
└── ItemFailed           one item can't be had; carries status and reason
    ├── TransferFailed   the bytes did not arrive
    │   └── NoRanges     not in parts, and perhaps whole
    ├── MediaRejected    they arrived, and are not what they should be
    └── ToolFailed       ffmpeg or yt-dlp ended with an error

Every error takes its facts as positional arguments and formats them in `__str__`, so it survives pickling
between processes. An item's failure becomes an `Outcome` (see `avakit.outcome`); all others end the run.
"""

import difflib
import errno
import signal
from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import ClassVar


class Status(StrEnum):
    """What became of one item. The set is closed; the reason code says more."""

    DONE = "done"
    CACHED = "cached"
    SHORT = "short"
    UNAVAILABLE = "unavailable"
    TRANSIENT = "transient"
    CORRUPT = "corrupt"
    UNSAFE = "unsafe"
    INVALID = "invalid"
    LOCAL_ERROR = "local_error"
    INTERRUPTED = "interrupted"


#: The reasons of what is not there, as docs/reasons.md tells of them.
REASONS = frozenset({
    "age", "ambiguous", "archive_member", "bot_check", "bug", "changed", "copyright", "crashed", "damaged",
    "decode", "drm", "empty", "ends_inside_span", "error", "forbidden", "format", "geo", "html", "length",
    "live", "login", "members", "names", "network", "no_audio", "no_video", "not_downloaded", "not_found",
    "not_listed", "not_media", "not_published", "occupied", "other_shard", "packets", "permission", "playlist",
    "private", "rate_limit", "redirect", "removed", "resources", "server_error", "signal", "size",
    "source_error", "starts_after_end", "storage", "symlink", "terminated", "timeout", "timestamps", "tool",
    "tool_missing", "truncated", "unknown", "unreadable", "vanished",
})  # fmt: skip


class ExitCode(IntEnum):
    """Exit codes of every verb; 65 to 75 follow sysexits(3)."""

    OK = 0
    BUG = 1
    USAGE = 2
    GAPS = 3
    INTEGRITY = 4
    DATA = 65
    TOOL_MISSING = 69
    CANT_CREATE = 73
    STORAGE = 74
    TRANSIENT = 75
    SIGINT = 130
    SIGPIPE = 141
    SIGTERM = 143


#: Where several apply, the first of these decides.
PRECEDENCE = (
    ExitCode.BUG,
    ExitCode.STORAGE,
    ExitCode.CANT_CREATE,
    ExitCode.TOOL_MISSING,
    ExitCode.USAGE,
    ExitCode.DATA,
    ExitCode.INTEGRITY,
    ExitCode.SIGTERM,
    ExitCode.SIGINT,
    ExitCode.SIGPIPE,
    ExitCode.TRANSIENT,
    ExitCode.GAPS,
    ExitCode.OK,
)

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_IO = frozenset({errno.EIO, errno.EXDEV, errno.ESTALE})
#: What a machine says that has no more descriptors, processes or memory to give.
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG, errno.ELOOP})


class AvakitError(Exception):
    """The base of all errors of avakit."""

    code: ClassVar[ExitCode] = ExitCode.BUG

    @property
    def exit_code(self) -> ExitCode:
        """What a run that ends on this error exits with."""
        return self.code

    def __str__(self) -> str:
        return ": ".join(str(argument) for argument in self.args if str(argument))


class ConfigInvalid(AvakitError):
    """The command line, a manifest or a settings file is wrong: `ConfigInvalid(problem, ...)`."""

    code = ExitCode.USAGE

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.args)


class DataInvalid(AvakitError):
    """An input file can't be read or breaks its format: `DataInvalid(problem, ...)`, each with file and line."""

    code = ExitCode.DATA

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.args)


class ToolMissing(AvakitError):
    """A needed program is missing or too old: `ToolMissing(tool, what_to_do)`."""

    code = ExitCode.TOOL_MISSING


class OutputImpossible(AvakitError):
    """A file can't be created where it should be: `OutputImpossible(path, why)`."""

    code = ExitCode.CANT_CREATE


class StorageFailed(AvakitError):
    """Disk full, quota or I/O error: `StorageFailed(path, why)`. Trying again does not help."""

    code = ExitCode.STORAGE


class RunStopped(AvakitError):
    """A run can't begin: `RunStopped(sentence, exit_code)`."""

    @property
    def exit_code(self) -> ExitCode:
        """The code of what stopped it."""
        return ExitCode(self.args[1])

    def __str__(self) -> str:
        return str(self.args[0])


class Interrupted(AvakitError):
    """A signal told us to stop: `Interrupted(signal_number)`."""

    @property
    def exit_code(self) -> ExitCode:
        """130 after Ctrl-C, 143 after everything else."""
        return ExitCode.SIGINT if self.args[0] == signal.SIGINT else ExitCode.SIGTERM

    def __str__(self) -> str:
        name = "Ctrl-C" if self.args[0] == signal.SIGINT else signal.Signals(self.args[0]).name
        return f"stopped by {name}; what was finished is kept, run the same command again"


class ItemFailed(AvakitError):
    """One item can't be had: `ItemFailed(status, reason, detail)`."""

    @property
    def status(self) -> Status:
        """What becomes of the item."""
        return Status(self.args[0])

    @property
    def reason(self) -> str:
        """The reason code, as listed in docs/reasons.md."""
        return str(self.args[1])

    @property
    def detail(self) -> str:
        """One sentence for a person."""
        return str(self.args[2])

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class TransferFailed(ItemFailed):
    """The bytes did not arrive: `TransferFailed(status, reason, detail)`."""


class NoRanges(TransferFailed):
    """A file can't be had in parts that surely belong together; whole it may: `NoRanges(status, reason, detail)`."""


class MediaRejected(ItemFailed):
    """The bytes arrived and are not what they should be: `MediaRejected(status, reason, detail)`."""


class ToolFailed(ItemFailed):
    """A program ended with an error: `ToolFailed(status, reason, detail)`; the detail holds its last words."""


def from_os_error(error: OSError) -> AvakitError | None:
    """Translate an error of the file system into ours.

    Parameters
    ----------
    error
        Anything that `open`, `write`, `rename` and their kin raise.

    Returns
    -------
    AvakitError or None
        `StorageFailed` for a full disk, quota or I/O error, `OutputImpossible` for missing permission, a read-only
        file system or something that stands in the way, None for everything else.
    """
    path = str(error.filename or "")
    if error.errno in _DISK_FULL:
        return StorageFailed(path, f"{error.strerror}; free some space or choose another --root")
    if error.errno in _IO:
        return StorageFailed(path, f"{error.strerror}; check the disk or the file server")
    if error.errno in _PERMISSION:
        return OutputImpossible(path, f"{error.strerror}; choose a --root that you may write to")
    if error.errno in _IN_THE_WAY:
        return OutputImpossible(path, f"{error.strerror}; move away what stands there, or choose another --root")
    return None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `: did you mean 'x'?` for the known word nearest to `word`, or nothing."""
    folded = {candidate.casefold(): candidate for candidate in reversed(list(known))}
    found = difflib.get_close_matches(word.casefold(), folded, n=1)
    return f": did you mean {folded[found[0]]!r}?" if found else ""
