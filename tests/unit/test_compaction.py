"""Journals made small: what they say stays, whoever is killed, reads or writes meanwhile."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from avakit import cli, journal
from avakit.journal import Record, store
from avakit.journal.compaction import compact
from avakit.journal.record import to_line
from avakit.journal.reduction import Reduction
from avakit.model import Stage
from avakit.tools import appending, files

HERE = files.host()
#: A process that can't be: the kernel's numbers end at 2^22.
NOBODY = 2**22 + 1
DAY = 24 * 3600.0
#: Ends itself by SIGKILL as it opens, renames or removes a journal file, or a folder of them, for the n-th time.
KILLED = """
import os, signal, sys
from pathlib import Path
from avakit.journal.compaction import compact
left = int(sys.argv[2])
def hook(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove", "os.scandir") and "avakit/journal" in str(arguments[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
list(compact(Path(sys.argv[1])))
"""
#: Appends a line a millisecond to the file of a process that can't be, as one does that was thought dead.
UNDEAD = """
import sys, time
from pathlib import Path
from avakit.tools import appending
for number in range(int(sys.argv[2])):
    appending.append_line(Path(sys.argv[1]), sys.argv[3].replace("NUMBER", str(number)))
    time.sleep(0.001)
"""
AGAIN_AND_AGAIN = """
import sys
from pathlib import Path
from avakit.journal.compaction import compact
while True:
    list(compact(Path(sys.argv[1])))
"""


def record(number: int, status: str = "done", second: int = 0, **changes: str) -> Record:
    key = f"ava/videos/{number:011d}"
    made = {"path": f"{key}.mp4", "sha256": f"{number:064d}"} if status == "done" else {}
    when = f"2026-11-21T10:00:{second:02d}.000000+00:00"
    return replace(Record(key, Stage.VIDEO, key[-11:], "demo", status, time=when, **made), **changes)


def write(root: Path, *records: Record, host: str = HERE, pid: int = NOBODY, start: int = 0, torn: str = "") -> Path:
    path = root / f".avakit/journal/demo/20261121T1000{start:02d}000000-{host}-{pid}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{to_line(each).decode()}\n" for each in records) + torn)
    return path


def fill(root: Path) -> None:
    """Three journals that hold everything there can be: gaps and their times, removals, a conflict, a torn line."""
    write(root, record(1), record(2, "transient", 1, reason="timeout"), record(3), start=1)
    write(root, record(1), record(2, "transient", 3, reason="timeout"), record(3, second=2, sha256="f" * 64), start=2)
    gone = [record(4), record(4, "removed", 1, reason="dropped"), record(5), record(5, "removed", 1, reason="vanished")]
    write(root, *gone, record(6), record(6, "removed", 1), record(6, second=2), start=3, torn='{"key": "to')


def journals(root: Path) -> list[Path]:
    return sorted((root / ".avakit/journal/demo").iterdir())


def without_torn(state: journal.State) -> journal.State:
    return replace(state, torn=0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path)
    return tmp_path


def test_what_the_journals_say_stays_the_same(root: Path) -> None:
    before = journal.read(root)
    assert (len(before.conflicts), before.torn, len(before.lost)) == (1, 1, 1)
    (done,) = compact(root)
    assert (done.files, done.lines_before, done.lines_after, done.torn) == (3, 13, 10, 1)
    assert len(journals(root)) == 1
    assert journal.read(root) == without_torn(before)
    assert journal.read(root).met[record(2).key] == (record(2, second=1).time, record(2, second=3).time)


def test_what_is_small_is_left_alone(root: Path) -> None:
    list(compact(root))
    path, size = (journals(root)[0], journals(root)[0].stat().st_size)
    dead = path.rename(path.with_name(f"20261121T110000000000-{HERE}-{NOBODY}.jsonl"))
    (done,) = compact(root)
    assert (done.files, journals(root), dead.stat().st_size) == (0, [dead], size)


def test_a_dry_run_touches_nothing(root: Path) -> None:
    before = [(path, path.stat().st_mtime_ns) for path in journals(root)]
    (done,) = compact(root, dry_run=True)
    assert (done.files, done.lines_after) == (3, 10)
    assert [(path, path.stat().st_mtime_ns) for path in journals(root)] == before


@pytest.mark.parametrize(
    ("host", "pid", "age", "is_taken"),
    [
        (HERE, NOBODY, 0.0, True), (HERE, os.getpid(), 2 * DAY, False),
        ("elsewhere", os.getpid(), DAY / 2, False), ("elsewhere", os.getpid(), DAY + 60, True),
    ],
    ids=["dead", "alive", "elsewhere today", "elsewhere before"],
)  # fmt: skip
def test_a_writer_that_may_live_keeps_its_file(root: Path, host: str, pid: int, age: float, is_taken: bool) -> None:
    path = write(root, record(9), host=host, pid=pid, start=9)
    then = time.time() - age
    os.utime(path, (then, then))
    (done,) = compact(root)
    assert (path.exists(), done.living) == ((False, 0) if is_taken else (True, 1))
    assert record(9).key in journal.read(root).present


def test_a_broken_line_stops_it_and_nothing_is_removed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(root, record(8), start=8)
    path.write_text(f"{path.read_text()}nonsense\n{path.read_text()}")
    before = journals(root)
    assert cli.run(["journal", "compact", "--root", str(root)]) == 65
    assert f"{path}, line 2: not a journal line" in capsys.readouterr().err
    assert journals(root) == before


def test_the_command_says_what_it_did(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["journal", "compact", "--dry-run", "--root", str(root)]) == 0
    assert "demo: 13 lines in 3 files, 1 torn would become 10 lines in one" in capsys.readouterr().out
    assert cli.run(["journal", "compact", "--json", "--root", str(root)]) == 0
    first, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["files"], first["lines_after"], last["type"], last["exit_code"]) == (3, 10, "summary", 0)
    assert cli.run(["journal", "compact", "--root", str(root)]) == 0
    assert "demo: nothing to compact; 1 may still be written to" in capsys.readouterr().out


def test_killed_anywhere_it_leaves_what_was_said(tmp_path: Path) -> None:
    killed = 0
    for number in range(100):
        root = tmp_path / str(number)
        fill(root)
        before = without_torn(journal.read(root))
        done = subprocess.run([sys.executable, "-c", KILLED, str(root), str(number)], check=False)
        assert without_torn(journal.read(root)) == before
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        killed += 1
        list(compact(root))
        assert [path.name for path in journals(root) if not path.name.endswith(f"-{os.getpid()}.jsonl")] == []
        assert without_torn(journal.read(root)) == before
    assert killed >= 12


def test_a_file_that_grew_after_it_was_read_stays(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, publish = journals(root)[0], files.publish

    def slow(source: Path, target: Path) -> None:
        publish(source, target)
        with path.open("a") as stream:
            stream.write(to_line(record(7)).decode() + "\n")

    monkeypatch.setattr(files, "publish", slow)
    list(compact(root))
    assert record(7).key in journal.read(root).present


def test_a_line_written_to_a_file_that_was_taken_away_is_written_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, fsync = tmp_path / "a.jsonl", os.fsync
    taken = [path.unlink, lambda: path.rename(tmp_path / "b.jsonl")]

    def fsync_then_taken(descriptor: int) -> None:
        fsync(descriptor)
        if taken and stat.S_ISREG(os.fstat(descriptor).st_mode):
            taken.pop()()

    monkeypatch.setattr(os, "fsync", fsync_then_taken)
    appending.append_line(path, "once")
    assert path.read_text() == "once\n"


def test_a_file_that_was_compacted_and_begun_anew_before_it_is_opened_hides_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read_file = write(root, record(9), start=9), store.read_file
    late = [path]

    def compacted_first(each: Path, reduction: Reduction) -> int:
        if each in late:
            late.clear()
            list(compact(root))
            write(root, record(10), start=9)
        return read_file(each, reduction)

    monkeypatch.setattr(store, "read_file", compacted_first)
    assert {record(9).key, record(10).key} <= journal.read(root).present.keys()
    assert not late


def test_whoever_writes_reads_or_compacts_meanwhile_loses_nothing(root: Path) -> None:
    """A process that was thought dead appends 300 lines, while two compactions and a reader are at work."""
    path, line = write(root, start=9), to_line(record(0)).decode().replace(record(0).key, "undead/NUMBER")
    known = len(journal.read(root).present)
    writer = subprocess.Popen([sys.executable, "-c", UNDEAD, str(path), "300", line])
    other = subprocess.Popen([sys.executable, "-c", AGAIN_AND_AGAIN, str(root)])
    stop = threading.Event()
    mine = threading.Thread(target=lambda: [list(compact(root)) for _ in iter(stop.is_set, True)])
    mine.start()
    try:
        while writer.poll() is None:
            found = len(journal.read(root).present)
            assert found >= known
            known = found
    finally:
        stop.set()
        mine.join()
        for process in (writer, other):
            process.kill()
            process.wait()
    assert writer.returncode == 0
    state = journal.read(root)
    assert {f"undead/{number}" for number in range(300)} <= state.present.keys()
