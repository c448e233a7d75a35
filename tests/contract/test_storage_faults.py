"""The storage rows of the fault matrix, S1 to S23, as far as downloads go: real full disks, and a libc that fails.

After each, the invariants of tests/invariants.py; and the same command with the disk mended makes the same tree.
"""

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests import invariants
from tests.contract import faultycase
from tests.contract.faultycase import FAST, HASTY, Stage
from tests.faults import FaultyServer
from tests.faultyrows import ALL, ARCHIVE, MENDED, MIRROR, YOUTUBE, Expected
from tests.faultysources import CANARY, WANTED, name_of
from tests.integration import test_prepare
from tests.invariants import DEAD_PID, Trial
from tests.unit import test_layout, test_slots

pytestmark = pytest.mark.storage_fault

FULL: Expected = ("local_error", "storage")
REFUSED: Expected = ("local_error", "permission")
VIDEO = f"k/videos/{WANTED}.mp4"
CLIP = f"tiny/train/walking/{name_of(ARCHIVE)}.mp4"
IS_ROOT = os.geteuid() == 0
needs_mount = pytest.mark.skipif(not IS_ROOT or shutil.which("mount") is None, reason="mounting a disk needs root")
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="a libc that fails needs a C compiler")


@dataclass(frozen=True)
class Broken:
    """A call of the C library that fails on certain paths, and what becomes of what was asked for."""

    row: str
    source: str
    call: str
    path: str
    number: int
    expected: Expected

    def __str__(self) -> str:
        what = {0: "SIGKILL", -1: "short"}.get(self.number) or errno.errorcode[self.number]
        return f"{self.row}-{self.source}-{self.call}-{what}"


PART, CLIP_PART, PACK = f".{WANTED}.", f".{name_of(ARCHIVE)}.", ".tar"
BROKEN = (
    Broken("S1", MIRROR, "write", PART, errno.ENOSPC, FULL),
    Broken("S1", ARCHIVE, "write", PACK, errno.ENOSPC, FULL),
    Broken("S1", YOUTUBE, "write", "video.mp4", errno.ENOSPC, FULL),
    Broken("S3", MIRROR, "write", PART, errno.EDQUOT, FULL),
    Broken("S3", MIRROR, "close", f"{PART}", errno.EDQUOT, FULL),
    Broken("S3", ARCHIVE, "close", CLIP_PART, errno.EDQUOT, FULL),
    Broken("S3", YOUTUBE, "close", "video.mp4", errno.EDQUOT, FULL),
    Broken("S4", MIRROR, "write", PART, errno.EIO, FULL),
    Broken("S4", MIRROR, "fsync", PART, errno.EIO, FULL),
    Broken("S4", ARCHIVE, "fsync", CLIP_PART, errno.EIO, FULL),
    Broken("S4", YOUTUBE, "fsync", PART, errno.EIO, FULL),
    Broken("S8", MIRROR, "rename", VIDEO, errno.ESTALE, FULL),
    Broken("S9", MIRROR, "rename", VIDEO, errno.EXDEV, FULL),
    Broken("S20", MIRROR, "write", PART, -1, MENDED),
)
KILLED = (
    Broken("S10", MIRROR, "fsync", PART, 0, MENDED),
    Broken("S10", MIRROR, "rename", VIDEO, 0, MENDED),
    Broken("S10", MIRROR, "renamed", VIDEO, 0, MENDED),
    Broken("S10", MIRROR, "append", ".jsonl", 0, MENDED),
    Broken("S10", ARCHIVE, "renamed", CLIP, 0, MENDED),
    Broken("S10", YOUTUBE, "renamed", VIDEO, 0, MENDED),
)
LOCKS = ("S14 a lock that holds", "S15 a lock that does nothing")
#: Rows that are no matter of downloads or are tried elsewhere: where, or why not.
ELSEWHERE: dict[str, Callable[..., None] | str] = {
    "S2": "ffmpeg writes nothing of a download; test_cut.py has it",
    "S11": "tests/long/test_power_cut.py (make test-faults) copies a disk under a run, and looks at the copies",
    "S12": test_prepare.test_sigterm_saves_the_state_and_exits_143,
    "S13": "tests/contract/test_process_faults.py sends two, and tries S12 with more signals",
    "S17": test_slots.test_a_mark_from_the_future_makes_nobody_wait_for_it,
    "S21": test_layout.test_a_label_that_can_not_be_a_folder_is_refused,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, tiny_film: bytes) -> Iterator[Stage]:
    """Serve a film of 200 kB, most of which is a box of nothing."""
    folder = tmp_path_factory.mktemp("stage")
    (folder / "served").mkdir()
    film = tiny_film + (200_000).to_bytes(4, "big") + b"free" + bytes(199_992)
    with FaultyServer(folder / "served") as server:
        yield faultycase.build(server, folder, film, ALL)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the libc that fails."""
    path = tmp_path_factory.mktemp("library") / "faultydisk.so"
    source = Path(__file__).parents[1] / "faultydisk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, source, "-ldl"], check=True)
    return path


@pytest.fixture
def begin(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Trial]:
    """Return what makes a trial of a source."""

    def make(source: str) -> Trial:
        trial = stage.trials[source][0].at(tmp_path / "trial")
        invariants.hasten(monkeypatch, FAST, HASTY | {"timeout_seconds": 20.0})
        invariants.settle(monkeypatch, trial.folder)
        return trial

    return make


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[Trial, str], Trial]]:
    """Return what moves a trial's root to a disk of its own, mounted with these options."""
    mounted: list[Path] = []

    def mount(trial: Trial, options: str) -> Trial:
        moved = trial.root.rename(tmp_path / "moved")
        trial.root.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", trial.root], check=False)
        if done.returncode:
            pytest.skip("this machine can't mount a tmpfs")
        mounted.append(trial.root)
        shutil.copytree(moved, trial.root, dirs_exist_ok=True)
        return replace(trial, known=invariants.good(trial.root))

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def remount(path: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)


def lines(case: Broken, library: Path) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(library), "FAULTY_CALL": case.call, "FAULTY_PATH": case.path, "FAULTY_ERRNO": str(case.number)
    }  # fmt: skip


@needs_cc
@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_call_that_fails(case: Broken, begin: Callable[[str], Trial], stage: Stage, library: Path) -> None:
    trial = begin(case.source)
    ran = trial.end(trial.start(**lines(case, library)))
    if case.source == ARCHIVE:
        # An archive that can't be kept ends the run: nothing is said of its clips, and nothing of them lost.
        assert ran.code == 74, ran.out + ran.err
        assert "Traceback" not in ran.err
        assert invariants.good(trial.root).items() >= trial.known.items()
        assert invariants.verify(trial)[0] == 0
    else:
        invariants.assert_invariants(trial, ran, {WANTED: case.expected})
    invariants.assert_converges(trial, stage.trials[case.source][1])


@needs_cc
@pytest.mark.parametrize("case", KILLED, ids=str)
def test_killed_at_the_worst_moment(case: Broken, begin: Callable[[str], Trial], stage: Stage, library: Path) -> None:
    trial = begin(case.source)
    ran = trial.end(trial.start(**lines(case, library)))
    assert ran.code == -9
    code, found = invariants.verify(trial)
    assert code == 0 or case.path in (VIDEO, CLIP, ".jsonl"), found
    invariants.assert_converges(trial, stage.trials[case.source][1])
    assert invariants.verify(trial)[0] == 0


@needs_mount
@pytest.mark.parametrize("source", ALL)
def test_s1_a_disk_that_is_full(
    source: str, begin: Callable[[str], Trial], disk: Callable[[Trial, str], Trial], stage: Stage
) -> None:
    trial = disk(begin(source), "size=2m")
    filler = trial.folder / "data" / ".filler"
    room = shutil.disk_usage(trial.root).free - 100_000
    filler.write_bytes(bytes(room))
    ran = trial.run("--no-space-check")
    filler.unlink()
    assert ran.code == 74
    assert "No space left" in ran.err
    assert "free some space" in ran.err
    assert not [path for path in trial.leftovers() if path.is_dir()]
    assert invariants.good(trial.root).items() >= trial.known.items()
    invariants.assert_converges(trial, stage.trials[source][1])


@needs_mount
@pytest.mark.parametrize(("source", "left"), [(MIRROR, 0), (YOUTUBE, 1)])
def test_s5_a_disk_without_inodes(
    source: str, left: int, begin: Callable[[str], Trial], disk: Callable[[Trial, str], Trial], stage: Stage
) -> None:
    """None for the first file, and none for the second."""
    trial = disk(begin(source), "size=9m,nr_inodes=80")
    fillers = [trial.root / f".filler{number}" for number in range(os.statvfs(trial.root).f_ffree - left)]
    for path in fillers:
        path.touch()
    ran = trial.run("--no-space-check")
    for path in fillers:
        path.unlink()
    assert ran.code == 74, ran.out + ran.err
    assert "No space left" in ran.err
    assert "Traceback" not in ran.err
    assert invariants.good(trial.root).items() >= trial.known.items()
    invariants.assert_converges(trial, stage.trials[source][1])


@needs_mount
def test_s6_a_root_that_is_read_only_is_told_before_anything_is_asked(
    begin: Callable[[str], Trial], disk: Callable[[Trial, str], Trial], stage: Stage
) -> None:
    trial = disk(begin(MIRROR), "size=9m")
    remount(trial.root, "ro")
    stage.server.requests.clear()
    ran = trial.run()
    assert ran.code == 73
    assert "choose another --root" in ran.err
    assert not stage.server.requests
    assert invariants.good(trial.root) == trial.known
    remount(trial.root, "rw")
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


@needs_mount
def test_s7_a_folder_that_is_read_only(begin: Callable[[str], Trial], stage: Stage) -> None:
    trial = begin(MIRROR)
    videos = trial.root / "k/videos"
    if subprocess.run(["mount", "--bind", videos, videos], check=False).returncode:
        pytest.skip("this machine can't mount a folder")
    try:
        remount(videos, "bind,ro")
        invariants.assert_invariants(trial, trial.run(), {WANTED: REFUSED})
    finally:
        subprocess.run(["umount", "-l", videos], check=True)
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


@pytest.mark.parametrize("kind", ["folder", "link", "fifo"])
@pytest.mark.parametrize("source", [MIRROR, YOUTUBE])
def test_s19_something_stands_where_the_file_should(
    source: str, kind: str, begin: Callable[[str], Trial], stage: Stage
) -> None:
    trial = begin(source)
    place = trial.root / VIDEO
    precious = trial.folder / "precious"
    precious.write_bytes(b"precious")
    if kind == "folder":
        place.mkdir()
        (place / "mine").write_bytes(b"precious")
    elif kind == "link":
        place.symlink_to(precious)
    else:
        os.mkfifo(place)
    before = place.lstat().st_ino, place.lstat().st_mtime_ns
    invariants.assert_invariants(trial, trial.run(), {WANTED: REFUSED}, in_the_way=VIDEO)
    assert (place.lstat().st_ino, place.lstat().st_mtime_ns) == before
    assert precious.read_bytes() == b"precious"
    shutil.rmtree(place) if kind == "folder" else place.unlink()
    invariants.assert_converges(trial, stage.trials[source][1])


@pytest.mark.parametrize("size", [0, 1000])
def test_s16_a_file_that_seems_empty_is_neither_lost_nor_trusted(
    size: int, begin: Callable[[str], Trial], stage: Stage
) -> None:
    """As a file server shows one that was just renamed: a run goes by the journal, and `verify` by the bytes."""
    trial = begin(MIRROR)
    name = f"k/videos/{CANARY}.mp4"
    os.truncate(trial.root / name, size)
    assert trial.run().code == 0
    code, found = invariants.verify(trial)
    assert code == 4
    assert name in found
    (trial.root / name).write_bytes(trial.known[name][0])  # the moment is over
    assert invariants.verify(trial)[0] == 0
    assert invariants.digest(trial.root) == stage.trials[MIRROR][1]


@pytest.mark.parametrize("kind", ["link", "dangling link", "fifo"])
@pytest.mark.parametrize("what", ["journal", "side file", "partial"])
def test_s19_what_was_planted_under_names_of_ours(
    what: str, kind: str, begin: Callable[[str], Trial], stage: Stage
) -> None:
    """By somebody who may write to the folder: nothing is written, read or waited for through it."""
    trial = begin(MIRROR)
    precious = trial.folder / "precious"
    precious.write_bytes(b"precious")
    left = trial.root / "k/videos" / f".{WANTED}.{invariants.files.host()}.{DEAD_PID}.01234567.partial.mp4"
    place = {
        "journal": trial.root / ".avakit/journal/tiny/20200101T000000000000-evil-1.jsonl",
        "side file": invariants.files.side_file(left), "partial": left,
    }[what]  # fmt: skip
    if what == "side file":
        left.write_bytes(b"rotten" * 1000)
    if kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to(precious if kind == "link" else trial.folder / "nowhere")
    ran = trial.run()
    assert precious.read_bytes() == b"precious"
    assert not (trial.folder / "nowhere").exists()
    assert "Traceback" not in ran.err
    if what == "journal":
        assert ran.code == 73
        assert f"{place.name}: something that is not a plain file stands here; move it away" in ran.err
        place.unlink()
    else:
        assert ran.code == 0, ran.out + ran.err
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


@pytest.mark.parametrize("what", LOCKS)
def test_two_jobs_on_one_root(
    what: str, begin: Callable[[str], Trial], stage: Stage, request: pytest.FixtureRequest
) -> None:
    trial = begin(MIRROR)
    environment = {}
    if what.startswith("S15"):
        if shutil.which("cc") is None:
            pytest.skip("a libc that fails needs a C compiler")
        library = request.getfixturevalue("library")
        environment = {"LD_PRELOAD": str(library), "FAULTY_CALL": "flock"}
    both = [trial.start(**environment) for _ in range(2)]
    assert [trial.end(process).code for process in both] == [0, 0]
    assert invariants.verify(trial)[0] == 0
    assert invariants.digest(trial.root) == stage.trials[MIRROR][1]
    assert not trial.leftovers()


@pytest.mark.parametrize("side", ["", '{"url": "http://other/", "etag": "\\"x\\""}\n', "no json"])
def test_s18_what_another_tool_or_version_left_is_not_built_upon(
    side: str, begin: Callable[[str], Trial], stage: Stage
) -> None:
    trial = begin(MIRROR)
    left = trial.root / "k/videos" / f".{WANTED}.{invariants.files.host()}.{DEAD_PID}.01234567.partial.mp4"
    left.write_bytes(b"rotten" * 1000)
    if side:
        invariants.files.side_file(left).write_text(side)
    invariants.assert_invariants(trial, trial.run(), {WANTED: MENDED})
    assert invariants.digest(trial.root) == stage.trials[MIRROR][1]


@pytest.mark.parametrize("source", ALL)
def test_s22_a_temporary_folder_that_is_not_there(source: str, begin: Callable[[str], Trial], stage: Stage) -> None:
    trial = begin(source)
    ran = trial.end(trial.start(TMPDIR="/nowhere"))
    invariants.assert_invariants(trial, ran, {name_of(source): MENDED})
    assert invariants.digest(trial.root) == stage.trials[source][1]


@pytest.mark.parametrize("source", ALL)
def test_s23_the_mask_and_the_group_of_the_user_are_kept(source: str, begin: Callable[[str], Trial]) -> None:
    trial = begin(source)
    path = trial.root / (CLIP if source == ARCHIVE else VIDEO)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o2770)
    if IS_ROOT:
        os.chown(path.parent, -1, 12345)
        path.parent.chmod(0o2770)
    before = os.umask(0o027)
    try:
        invariants.assert_invariants(trial, trial.run(), {name_of(source): MENDED})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_gid == path.parent.stat().st_gid
    journals = trial.root.glob(".avakit/journal/*/*.jsonl")
    newest = max(journals, key=lambda path: path.stat().st_mtime_ns)
    assert stat.S_IMODE(newest.stat().st_mode) == 0o640
