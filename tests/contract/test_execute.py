"""One function over many items: one result each, whatever happens to a worker; and nobody is left behind."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from avakit import execute
from avakit.tools import process
from avakit.tools.channel import Receiver, Sender

ITEMS = list(range(8))
#: Workers look after their parent twice a second; everything beyond is a loaded machine.
SOON_SECONDS = 20.0


def until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SOON_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"still waiting: {what}"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether a process of this number runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return not Path("/proc/self").exists()
        return False
    return state not in "ZX"


def noted(folder: Path, count: int) -> set[int]:
    """Return the process numbers that workers noted, once there are `count`."""
    until(lambda: len(list(folder.glob("*.pid"))) >= count, f"{count} processes in {folder}")
    return {int(path.stem) for path in folder.glob("*.pid")}


def on_crash(item: int, detail: str) -> tuple[int, str]:
    return item, detail


# --- what workers do ---


def square(item: int) -> tuple[int, str]:
    return item, str(item * item)


def tell_pid(item: int) -> tuple[int, str]:
    time.sleep(0.05)
    return item, str(os.getpid())


def die(item: int, *, fatal: Iterable[int], how: str) -> tuple[int, str]:
    if item in fatal:
        if how == "segfault":
            ctypes.string_at(0)
        elif how == "exit":
            os._exit(3)
        os.kill(os.getpid(), getattr(signal, how))
        time.sleep(SOON_SECONDS)  # a signal may take a moment to arrive
    return square(item)


def die_once(item: int, *, folder: Path) -> tuple[int, str]:
    mark = folder / str(item)
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(item)


def ignore(item: int) -> tuple[int, str]:
    """Send this worker what a cluster sends to every process of a job."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(os.getpid(), number)
    time.sleep(0.05)
    return square(item)


def fail(item: int) -> tuple[int, str]:
    if item == 3:
        raise ValueError(f"item {item}")
    return square(item)


def return_a_lock(item: int) -> object:
    return threading.Lock() if item == 3 else square(item)


def report(item: int, *, address: str) -> tuple[int, str]:
    Sender(address, f"item {item}", "frames", "frames")(item, 8)
    return square(item)


def linger(item: int, *, folder: Path) -> tuple[int, str]:
    """Note this worker and a program that it starts, and stay; the first item is done at once."""
    if item:
        (folder / f"{os.getpid()}.pid").touch()
        note = (
            f"import os, pathlib, time; pathlib.Path({str(folder)!r}, f'{{os.getpid()}}.pid').touch(); time.sleep(600)"
        )
        process.run([sys.executable, "-S", "-c", note], timeout_seconds=600)
    return square(item)


# --- results ---


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_each_item_has_one_result(jobs: int) -> None:
    results = list(execute.run(square, ITEMS, jobs=jobs, on_crash=on_crash))
    assert sorted(results) == [square(item) for item in ITEMS]


def test_nothing_to_do_starts_nothing() -> None:
    assert list(execute.run(square, [], jobs=2, on_crash=on_crash)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_items_are_done_by_other_processes(jobs: int) -> None:
    results = dict(execute.run(tell_pid, ITEMS, jobs=jobs, on_crash=on_crash))
    assert str(os.getpid()) not in results.values()
    assert 1 <= len(set(results.values())) <= jobs


def test_a_result_arrives_as_soon_as_it_is_there(tmp_path: Path) -> None:
    results = execute.run(partial(linger, folder=tmp_path), [0, 1], jobs=2, on_crash=on_crash)
    try:
        assert next(results) == square(0)
    finally:
        results.close()


# --- workers that die ---


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("how", ["SIGKILL", "segfault", "exit"])
def test_an_item_that_kills_its_worker_costs_no_other_item(jobs: int, how: str) -> None:
    run = execute.run(partial(die, fatal=[3], how=how), ITEMS, jobs=jobs, on_crash=on_crash)
    results = sorted(run)
    assert [item for item, _ in results] == ITEMS
    assert [item for item, detail in results if "died on it twice" in detail] == [3]
    assert [result for result in results if result[0] != 3] == [square(item) for item in ITEMS if item != 3]


def test_each_item_that_kills_its_worker_is_named() -> None:
    run = execute.run(partial(die, fatal=[0, 1, 7], how="SIGKILL"), ITEMS, jobs=2, on_crash=on_crash)
    results = sorted(run)
    assert [item for item, _ in results] == ITEMS
    assert [item for item, detail in results if "died on it twice" in detail] == [0, 1, 7]


def test_an_item_whose_worker_died_by_accident_is_done_by_another(tmp_path: Path) -> None:
    (tmp_path / "3").unlink(missing_ok=True)
    for item in ITEMS:
        if item != 3:
            (tmp_path / str(item)).touch()
    results = execute.run(partial(die_once, folder=tmp_path), ITEMS, jobs=2, on_crash=on_crash)
    assert sorted(results) == [square(item) for item in ITEMS]


def test_a_worker_leaves_the_signals_of_a_cluster_to_its_parent() -> None:
    results = execute.run(ignore, [0, 1], jobs=1, on_crash=on_crash)
    assert sorted(results) == [square(0), square(1)]


def test_workers_start_where_temporary_files_have_long_names(tmp_path: Path) -> None:
    place = tmp_path / ("x" * 100)
    place.mkdir()
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_execute as t\n"
        "print(*t.execute.run(t.square, [3], jobs=1, on_crash=t.on_crash))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(place)},
        capture_output=True, text=True, check=False, timeout=SOON_SECONDS,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("(3, '9')\n", "")
    assert list(place.iterdir()) == []


# --- functions that break the rules ---


def test_an_exception_that_escapes_ends_the_run() -> None:
    with pytest.raises(ValueError, match="item 3"):
        list(execute.run(fail, ITEMS, jobs=2, on_crash=on_crash))


def test_a_result_that_can_not_be_pickled_ends_the_run_with_a_reason() -> None:
    with pytest.raises(Exception, match=r"pickle.*lock"):
        list(execute.run(return_a_lock, ITEMS, jobs=2, on_crash=on_crash))


def test_an_item_that_can_not_be_pickled_ends_the_run_with_a_reason() -> None:
    with pytest.raises(Exception, match="pickle"):
        list(execute.run(repr, [threading.Lock()], jobs=1, on_crash=lambda item, _: repr(item)))


# --- nobody is left behind ---


def test_closing_ends_the_workers_and_what_they_started(tmp_path: Path) -> None:
    results = execute.run(partial(linger, folder=tmp_path), ITEMS, jobs=2, on_crash=on_crash)
    next(results)
    pids = noted(tmp_path, 4)
    assert all(map(is_running, pids))
    results.close()
    until(lambda: not any(map(is_running, pids)), "workers after close()")


@pytest.mark.parametrize("broken", ["a run that is stopped", "a worker that dies"])
def test_a_machine_without_pgrep_ends_its_workers_too(tmp_path: Path, broken: str) -> None:
    script = (
        "import sys; from functools import partial; from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_execute as t\n"
        "does = partial(t.linger, folder=Path(sys.argv[1]))\n"
        "if 'dies' in sys.argv[2]: does = partial(t.die, fatal=[3], how='SIGKILL')\n"
        "run = t.execute.run(does, t.ITEMS, jobs=2, on_crash=t.on_crash)\n"
        "next(run)\n"
        "run.close() if 'stopped' in sys.argv[2] else list(run)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), broken], env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=SOON_SECONDS,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_worker_does_not_outlive_its_parent(tmp_path: Path) -> None:
    script = (
        "import sys; from functools import partial; from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_execute as t\n"
        "run = t.execute.run(partial(t.linger, folder=Path(sys.argv[1])), [1, 2], jobs=2, on_crash=t.on_crash)\n"
        "list(run)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    try:
        pids = noted(tmp_path, 4)
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not any(map(is_running, pids)), "workers of a parent that was killed")


# --- how many ---


@pytest.mark.parametrize(("told", "expected"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_slurm_says_how_many_cores_may_be_used(
    monkeypatch: pytest.MonkeyPatch, told: str, expected: int | None
) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", told)
    mask = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert execute.usable_cores() == (mask if expected is None else expected)


# --- what workers tell meanwhile ---


def test_workers_tell_their_parent_what_they_are_at() -> None:
    with Receiver() as receiver:
        list(execute.run(partial(report, address=receiver.address), ITEMS, jobs=2, on_crash=on_crash))
        messages = list(receiver.messages())
        assert list(receiver.messages()) == []
    assert {(m.item, m.activity, m.done, m.total, m.unit) for m in messages} == {
        (f"item {item}", "frames", item, 8, "frames") for item in ITEMS
    }
    assert os.getpid() not in {message.worker for message in messages}


def test_a_worker_tells_little_and_always_the_end() -> None:
    with Receiver() as receiver:
        sender = Sender(receiver.address, "a", "download")
        for done in range(1001):
            sender(done, 1000)
        told = [message.done for message in receiver.messages()]
    assert told[0] == 0
    assert told[-1] == 1000
    assert len(told) < 20


def test_a_parent_that_does_not_listen_stops_nobody(tmp_path: Path) -> None:
    with Receiver() as receiver:
        for number in range(3000):  # more than a socket holds
            Sender(receiver.address, "a", "download")(number)
    for address in (receiver.address, str(tmp_path / "nothing"), ""):
        Sender(address, "a", "download")(1, 2)
    assert not Path(receiver.address).parent.exists()
