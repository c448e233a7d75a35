"""The one protocol by which anything appears under a final name."""

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.errors import OutputImpossible, StorageFailed
from avakit.tools import appending, files, http_body, leftovers, mounts, plainfile

DAY = 24 * 3600.0
STEMS = st.from_regex(r"[A-Za-z0-9_-]{11}(_\d{6}_\d{6})?", fullmatch=True) | st.sampled_from([
    "ava_train_excluded_timestamps_v2.2", "SHA256SUMS", "sources.lock", "a b (c)", "é",
])  # fmt: skip
SUFFIXES = st.sampled_from(["", ".mp4", ".mkv", ".webm", ".json", ".csv", ".sha256", ".yaml", ".gz"])


@pytest.fixture(scope="session")
def dead_pid() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Have the kernel refuse every byte of a file beyond `size`, after it took those before: like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def refuse(number: int, times: int, call: Callable[..., None] = lambda *_, **__: None) -> Callable[..., None]:
    """Return a call that fails so often and then is itself."""
    left = [OSError(number, os.strerror(number)) for _ in range(times)]

    def refused(*given: object, **named: object) -> None:
        if left:
            raise left.pop()
        return call(*given, **named)

    return refused


def leave(folder: Path, *, pid: int, host: str | None = None, stem: str = "a", suffix: str = ".mp4") -> Path:
    """Leave a partial behind, as another run would."""
    path = folder / f".{stem}.{host or files.host()}.{pid}.0123abcd.partial{suffix}"
    path.write_bytes(b"half")
    return path


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- names of partials ---


@given(STEMS, SUFFIXES)
def test_a_partial_is_hidden_and_lies_beside_its_target_under_a_name_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, stem: str, suffix: str
) -> None:
    target = tmp_path_factory.getbasetemp() / f"{stem}{suffix}"
    one, other = files.partial_path(target), files.partial_path(target)
    assert one != other
    assert one.parent == target.parent
    assert one.name.startswith(".")
    assert one.name.endswith(f".partial{target.suffix}")
    assert files.is_partial(one.name)
    assert files.is_partial(files.side_file(one).name)


@pytest.mark.parametrize(
    "name",
    [
        "-5KQ66BBWC4.mp4",
        "img_00001.jpg",
        ".hidden",
        "a.partial.mp4",
        ".a.partial.mp4",
        ".a.host.12.0123abcd.mp4",
        ".a.host.x.0123abcd.partial.mp4",
        ".a.host.12.0123ABCD.partial.mp4",
        "a.host.12.0123abcd.partial.mp4",
    ],
)
def test_what_is_no_partial_of_ours(name: str) -> None:
    assert not files.is_partial(name)


def test_a_partial_is_gone_at_the_end_whatever_happened(tmp_path: Path) -> None:
    def fail() -> None:
        with files.partial(tmp_path / "deep" / "a.mp4") as path:
            path.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(tmp_path / "deep") == set()


def test_a_partial_folder_is_gone_at_the_end(tmp_path: Path) -> None:
    with files.partial(tmp_path / "frames") as path:
        path.mkdir()
        (path / "img_00001.jpg").write_bytes(b"x")
    assert names(tmp_path) == set()


def test_removing_a_link_to_a_folder_leaves_the_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    files.remove(tmp_path / "link")
    files.remove(tmp_path / "nothing")
    assert names(tmp_path) == {"folder"}


# --- publishing ---


@pytest.mark.parametrize("exists", [False, True])
def test_a_published_file_has_its_final_name_and_no_other(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "a.mp4"
    if exists:
        target.write_bytes(b"old")
    with files.partial(target) as path:
        path.write_bytes(b"new")
        files.publish(path, target)
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == {"a.mp4"}


OBSTACLES: dict[str, Callable[[Path], None]] = {
    "link": lambda path: path.symlink_to("elsewhere.mp4"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "folder": lambda path: path.mkdir(),
    "fifo": os.mkfifo,
}


@pytest.mark.parametrize("kind", OBSTACLES)
def test_a_file_is_not_published_over_anything_special(tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere.mp4").write_bytes(b"another's")
    target = tmp_path / "a.mp4"
    OBSTACLES[kind](target)
    before = target.lstat()
    with pytest.raises(OutputImpossible, match="not a regular file"):
        files.write_atomically(target, b"new")
    assert target.lstat().st_ino == before.st_ino
    assert (tmp_path / "elsewhere.mp4").read_bytes() == b"another's"
    assert names(tmp_path) == {"a.mp4", "elsewhere.mp4"}


def frames(folder: Path, *numbers: int) -> Path:
    folder.mkdir()
    for number in numbers:
        (folder / f"img_{number:05d}.jpg").write_bytes(bytes([number]))
    return folder


@pytest.mark.parametrize("old", [None, (1, 2, 3)])
def test_a_published_folder_replaces_an_older_one_as_a_whole(tmp_path: Path, old: tuple[int, ...] | None) -> None:
    target = tmp_path / "-5KQ66BBWC4"
    if old is not None:
        frames(target, *old)
    with files.partial(target) as path:
        files.publish_folder(frames(path, 1, 2), target)
    assert names(target) == {"img_00001.jpg", "img_00002.jpg"}
    assert names(tmp_path) == {"-5KQ66BBWC4"}


@pytest.mark.parametrize("kind", ["link", "dangling link", "fifo", "file"])
def test_a_folder_is_not_published_over_anything_else(tmp_path: Path, kind: str) -> None:
    frames(tmp_path / "elsewhere.mp4", 9)
    target = tmp_path / "-5KQ66BBWC4"
    if kind == "file":
        target.write_bytes(b"another's")
    else:
        OBSTACLES[kind](target)
    with files.partial(target) as path, pytest.raises(OutputImpossible, match="not a folder"):
        files.publish_folder(frames(path, 1), target)
    assert names(tmp_path) == {"-5KQ66BBWC4", "elsewhere.mp4"}
    assert names(tmp_path / "elsewhere.mp4") == {"img_00009.jpg"}


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_small_file_is_written_whole_or_not_at_all(tmp_path: Path, old: bytes | None) -> None:
    target = tmp_path / "sources.lock.json"
    if old is not None:
        target.write_bytes(old)
    with files_limited_to(1000), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        files.write_atomically(target, b"x" * 5000)
    assert names(tmp_path) == (set() if old is None else {"sources.lock.json"})
    assert old is None or target.read_bytes() == old


def test_a_line_is_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.jsonl"
    appending.append_line(path, "one")
    with files_limited_to(10), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        appending.append_line(path, "a line that is too long")
    appending.append_line(path, "two")
    assert path.read_text() == "one\ntwo\n"


def test_a_copy_is_a_hard_link_where_that_is_possible(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"film")
    files.link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "a")


def test_a_copy_is_a_copy_where_a_link_is_not_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"film")
    monkeypatch.setattr(os, "link", refuse(errno.EPERM, times=1))
    files.link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"film"
    assert not (tmp_path / "b").samefile(tmp_path / "a")


# --- file servers that forget, and other disks ---


@pytest.mark.parametrize("times", [1, 4, 5])
def test_a_rename_whose_handle_went_stale_is_tried_five_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    (tmp_path / "part").write_bytes(b"film")
    monkeypatch.setattr(plainfile, "_STALE_SECONDS", 0.001)
    monkeypatch.setattr(os, "replace", refuse(errno.ESTALE, times, os.replace))
    if times < 5:
        files.publish(tmp_path / "part", tmp_path / "a")
        assert names(tmp_path) == {"a"}
    else:
        with pytest.raises(StorageFailed, match="5 times; check the file server"):
            files.publish(tmp_path / "part", tmp_path / "a")
        assert names(tmp_path) == {"part"}


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_folder_that_can_not_be_synced_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", refuse(number, times=1))
    with pytest.raises(OSError, match=os.strerror(number)):
        files.sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL, times=1))
    files.sync_folder(tmp_path)  # some file systems know no such thing


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_set_aside_to_another_disk_is_copied_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "in").mkdir()
    path, target = tmp_path / "in" / "a", tmp_path / "out" / "a"
    if kind == "folder":
        path.mkdir()
        (path / "img").write_bytes(b"frame")
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        path.write_bytes(b"film")
    monkeypatch.setattr(os, "replace", refuse(errno.EXDEV, 1, os.replace))
    files.set_aside(path, target)
    assert names(tmp_path / "in") == set()
    assert names(tmp_path / "out") == {"a"}
    assert (target.is_symlink(), target.is_dir()) == (kind == "link", kind == "folder")


# --- what somebody planted ---


@pytest.fixture
def precious(tmp_path: Path) -> Iterator[Path]:
    """Return a file that nothing may write to."""
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    yield path
    assert path.read_bytes() == b"precious"


def plant(path: Path, kind: str, precious: Path) -> None:
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(precious if kind == "link" else path.parent / "nowhere")


PLANTED = pytest.mark.parametrize("kind", ["link", "dangling link", "fifo"])


@PLANTED
def test_a_partial_is_never_written_through_what_was_planted(tmp_path: Path, kind: str, precious: Path) -> None:
    path = tmp_path / "part"
    plant(path, kind, precious)
    for write in (plainfile.create, plainfile.reserve, lambda path: files.copy(precious, path)):
        with pytest.raises(FileExistsError):
            write(path)
    with pytest.raises(OutputImpossible, match="a plain file stands here"):
        plainfile.reopen(path)
    with pytest.raises(OutputImpossible, match="a plain file stands here"):
        files.publish(path, tmp_path / "a")
    assert names(tmp_path) == {"part", "precious"}


@PLANTED
def test_a_line_is_never_appended_to_what_was_planted(tmp_path: Path, kind: str, precious: Path) -> None:
    plant(tmp_path / "journal.jsonl", kind, precious)
    with pytest.raises(OutputImpossible, match="a plain file stands here"):
        appending.append_line(tmp_path / "journal.jsonl", "{}")


@PLANTED
def test_a_planted_final_name_is_refused(tmp_path: Path, kind: str, precious: Path) -> None:
    plant(tmp_path / "a", kind, precious)
    with pytest.raises(OutputImpossible, match="a regular file stands here"):
        files.write_atomically(tmp_path / "a", b"film")
    assert names(tmp_path) == {"a", "precious"}


@PLANTED
def test_a_planted_side_file_vouches_for_nothing_and_is_replaced(tmp_path: Path, kind: str, precious: Path) -> None:
    side = files.side_file(tmp_path / "part")
    plant(side, kind, precious)
    assert http_body.read_side(side) == []
    http_body.write_side(side, [{"url": "u"}])
    assert http_body.read_side(side) == [{"url": "u"}]


@PLANTED
def test_a_planted_partial_is_swept_and_never_taken_up(
    tmp_path: Path, kind: str, precious: Path, dead_pid: int
) -> None:
    path = leave(tmp_path, pid=dead_pid)
    path.unlink()
    plant(path, kind, precious)
    assert leftovers.dead_partials(tmp_path / "a.mp4") == []
    assert leftovers.sweep(tmp_path) == [path]
    assert names(tmp_path) == {"precious"}


@PLANTED
def test_a_planted_probe_of_the_root_is_not_followed(tmp_path: Path, kind: str, precious: Path) -> None:
    plant(tmp_path / f".{files.host()}.{os.getpid()}.writable", kind, precious)
    files.check_writable(tmp_path)
    assert not (tmp_path / "nowhere").exists()


# --- leftovers ---


def test_sweeping_removes_what_the_dead_left_and_nothing_else(tmp_path: Path, dead_pid: int) -> None:
    dead = leave(tmp_path, pid=dead_pid)
    folder = tmp_path / f".frames.{files.host()}.{dead_pid}.89abcdef.partial"
    frames(folder, 1, 2)
    kept = [
        leave(tmp_path, pid=os.getpid()),
        leave(tmp_path, pid=1),
        leave(tmp_path, pid=dead_pid, host="another-node"),
        frames(tmp_path / "-5KQ66BBWC4", 1),
    ]
    (tmp_path / ".hidden").write_bytes(b"another's")
    assert set(leftovers.sweep(tmp_path)) == {dead, folder}
    assert names(tmp_path) == {path.name for path in kept} | {".hidden"}


def test_the_partial_of_another_host_is_dead_after_a_day(tmp_path: Path) -> None:
    young = leave(tmp_path, pid=1, host="another-node", stem="young")
    old = leave(tmp_path, pid=1, host="another-node", stem="old")
    age(young, 0.9 * DAY)
    age(old, 1.1 * DAY)
    assert leftovers.sweep(tmp_path) == [old]


def test_a_resumable_partial_waits_a_week_for_the_next_run(tmp_path: Path, dead_pid: int) -> None:
    resumable = leave(tmp_path, pid=dead_pid)
    files.side_file(resumable).write_text("{}")
    age(resumable, 6 * DAY)
    assert leftovers.sweep(tmp_path) == []
    age(resumable, 8 * DAY)
    assert set(leftovers.sweep(tmp_path)) == {resumable, files.side_file(resumable)}


def test_a_resumable_partial_of_what_is_there_is_swept(tmp_path: Path, dead_pid: int) -> None:
    resumable = leave(tmp_path, pid=dead_pid)
    files.side_file(resumable).write_text("{}")
    (tmp_path / "a.mp4").write_bytes(b"whole")
    assert set(leftovers.sweep(tmp_path)) == {resumable, files.side_file(resumable)}
    assert names(tmp_path) == {"a.mp4"}


def test_a_side_file_alone_is_swept(tmp_path: Path, dead_pid: int) -> None:
    path = leave(tmp_path, pid=dead_pid, suffix=".mp4.json")
    assert leftovers.sweep(tmp_path) == [path]


def test_sweeping_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert leftovers.sweep(tmp_path / "nothing") == []


def test_the_dead_partials_of_a_target_are_its_own_the_newest_first(tmp_path: Path, dead_pid: int) -> None:
    ours = leave(tmp_path, pid=dead_pid)
    older = leave(tmp_path, pid=1, host="another-node")
    age(older, 2 * DAY)
    files.side_file(ours).write_text("{}")
    leave(tmp_path, pid=os.getpid())
    leave(tmp_path, pid=dead_pid, stem="b")
    leave(tmp_path, pid=dead_pid, suffix=".mkv")
    assert leftovers.dead_partials(tmp_path / "a.mp4") == [ours, older]
    assert leftovers.dead_partials(tmp_path / "nothing" / "a.mp4") == []


def test_who_is_alive(dead_pid: int) -> None:
    assert leftovers.is_alive(os.getpid())
    assert leftovers.is_alive(1)
    assert not leftovers.is_alive(dead_pid)


def test_who_has_ended_is_dead_before_its_parent_has_noticed() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read()  # until it has closed its end
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not leftovers.is_alive(child.pid)


# --- digests ---


@given(st.binary())
def test_sha256(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "data"
    path.write_bytes(data)
    assert files.sha256(path) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "expected"),  # what `git hash-object` prints
    [
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
        (b"\0" * (3 << 20), "b7f1f882873aaf18ecf6104b88fd1a7bfee58d7b"),
    ],
)
def test_git_blob_sha1(tmp_path: Path, data: bytes, expected: str) -> None:
    (tmp_path / "data").write_bytes(data)
    assert files.git_blob_sha1(tmp_path / "data") == expected


# --- the disk ---


def test_the_space_of_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    space = mounts.space(tmp_path / "not" / "yet")
    assert space.free_bytes > 0
    assert space.free_inodes is None or space.free_inodes > 0
    assert names(tmp_path) == set()


def test_a_root_that_can_be_written_to_is_made_and_left_empty(tmp_path: Path) -> None:
    files.check_writable(tmp_path / "new" / "root")
    assert names(tmp_path / "new" / "root") == set()


def test_a_root_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputImpossible, match="can't write here"):
        files.check_writable(tmp_path / "file" / "root")


def test_a_host_name_can_stand_in_a_file_name() -> None:
    assert files.is_partial(f".a.{files.host()}.1.01234567.partial")
