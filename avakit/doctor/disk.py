"""The disk under a root: may we write, how fast, how much is left, and what kind of file system it is."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avakit.doctor.check import Check, Verdict
from avakit.errors import AvakitError
from avakit.tools import files, http_limits, mounts

#: With less than this a run ends on a full disk soon: one AVA film is as large.
_NOTHING_BYTES = 1_000_000_000
#: A run that begins with less than this is likely to end on a full disk: one AVA film with its frames.
_LITTLE_BYTES = 4 << 30
_LITTLE_INODES = 100_000
#: One core makes 300 frames of 50 kB a second (360p): a slower disk holds it up.
_SLOW_BYTES_PER_SECOND = 15e6
_TRIAL_BYTES = 64 << 20


def examine(root: Path) -> list[Check]:
    """Return all checks of a root's disk; nothing that they write stays."""
    with _leaving_no_folder(root):
        tried = _tried(root)
        # Where there is nothing and nothing can be made, what the parent has left says nothing.
        space = _space(root) if root.exists() else []
        return [*tried, *space, _shared()]


@contextmanager
def _leaving_no_folder(folder: Path) -> Iterator[None]:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    finally:
        for each in missing:  # from the inside out
            with suppress(OSError):  # somebody else has begun to use it
                each.rmdir()


def _tried(root: Path) -> list[Check]:
    try:
        files.check_writable(root)
    except AvakitError as error:
        return [Check("root", Verdict.FAIL, str(error), "choose another --root")]
    checks = [Check("root", Verdict.OK, f"{root} can be written to")]
    for name, look in (("write speed", _speed), ("file system", _file_system)):
        try:
            checks.append(look(root))
        except (AvakitError, OSError) as error:  # such as a disk that fills up under the trial
            checks.append(Check(name, Verdict.WARN, getattr(error, "strerror", "") or str(error), "see to the disk"))
    return checks


def _speed(root: Path) -> Check:
    speed = mounts.write_speed(root, min(_TRIAL_BYTES, mounts.space(root).free_bytes // 4))
    detail = f"{speed / 1e6:.0f} MB/s"
    if speed < _SLOW_BYTES_PER_SECOND:
        detail += f"; one core makes {_SLOW_BYTES_PER_SECOND / 1e6:.0f} MB of frames a second"
        return Check("write speed", Verdict.WARN, detail, "use few --jobs, or a --root on a faster disk")
    return Check("write speed", Verdict.OK, detail)


def _file_system(root: Path) -> Check:
    mount = mounts.mount_of(root)
    kind = mount.kind if mount else "of unknown kind"
    locks = "locks hold" if mounts.locks_hold(root) else "locks keep nobody out"
    if mounts.folds_case(root):
        detail = f"{kind}: takes names that differ in capitals alone for one file, and ids of videos do"
        return Check("file system", Verdict.WARN, detail, "choose a --root on a file system that tells them apart")
    if kind in mounts.PASSING:
        why = "a container's own layer, gone with it" if kind in ("overlay", "aufs") else "in memory, gone at a restart"
        return Check("file system", Verdict.WARN, f"{kind}: {why}; {locks}", "choose a --root on a disk that stays")
    if kind in mounts.NETWORK:
        locks += " on this machine, and perhaps not between machines"
    source = f" from {mount.source}" if mount else ""
    return Check("file system", Verdict.OK, f"{kind}{source}; {locks}; avakit needs none in the root")


def _shared() -> Check:
    """Try the folder in which the workers of this machine meet: it is not the root."""
    remedy = "set AVAKIT_SHARED_DIR to a folder on a local disk"
    name = "shared folder"
    try:
        with _leaving_no_folder(http_limits.shared_place()):
            folder = http_limits.require_shared_folder()
            hold = mounts.locks_hold(folder)
    except (AvakitError, OSError) as error:
        return Check(name, Verdict.FAIL, str(error), remedy)
    mount = mounts.mount_of(folder)
    detail = f"{folder}, {mount.kind if mount else 'of unknown kind'}"
    if not hold:
        return Check(name, Verdict.WARN, f"{detail}; locks keep nobody out, so jobs can't share limits", remedy)
    return Check(name, Verdict.OK, f"{detail}; locks hold")


def _space(root: Path) -> list[Check]:
    space = mounts.space(root)
    is_little = space.free_bytes < _LITTLE_BYTES
    remedy = "`avakit plan` says how much a dataset needs"
    checks = [
        Check(
            "disk", _verdict_of(space.free_bytes), _free(space.free_bytes),
            remedy if is_little else "",
        )
    ]  # fmt: skip
    if space.free_inodes is not None:
        few = space.free_inodes < _LITTLE_INODES
        detail = f"{space.free_inodes:,} files may still be created".replace(",", " ")
        advice = f"{remedy}; with `--pack tar` a film's frames take 3 files" if few else ""
        checks.append(Check("inodes", Verdict.WARN if few else Verdict.OK, detail, advice))
    return checks


def _verdict_of(free_bytes: int) -> Verdict:
    if free_bytes < _NOTHING_BYTES:
        return Verdict.FAIL
    return Verdict.WARN if free_bytes < _LITTLE_BYTES else Verdict.OK


def _free(free_bytes: int) -> str:
    if free_bytes < _NOTHING_BYTES:
        return f"{free_bytes / 1e6:.1f} MB free: too little to begin"
    return f"{free_bytes / 1e9:.1f} GB free"
