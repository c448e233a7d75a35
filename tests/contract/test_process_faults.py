"""The process rows of the fault matrix, P1 to P15: workers that are killed, signals, clocks, limits, closed streams.

Each through the real command as a process of its own; after each the invariants of tests/invariants.py, and the same
command without the fault makes the same tree. What is tried elsewhere says where.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from avakit import execute
from tests import invariants
from tests.contract import faultycase, test_execute, test_media_faults
from tests.contract.faultycase import FAST, HASTY, Stage
from tests.faults import Fault, FaultyServer
from tests.faultyrows import MIRROR
from tests.faultysources import WANTED, path_of
from tests.integration import test_cli, test_prepare, test_process
from tests.invariants import Trial

pytestmark = pytest.mark.process_fault

CRASHED = ("local_error", "crashed")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
#: Rows that are tried elsewhere: where, or why not.
ELSEWHERE: dict[str, Callable[..., None] | str] = {
    "P3": test_media_faults.test_m21_an_ffmpeg_that_hangs_is_stopped,
    "P4": test_process.test_one_that_will_not_listen_is_killed,
    "P5": test_execute.test_a_worker_does_not_outlive_its_parent,
    "P6": test_prepare.test_ctrl_c_counts_even_where_the_shell_ignores_it,
    "P7": test_process.test_nobody_is_left_unburied,
    "P12": "S12 stops a run and begins it again, as a requeued job does; Slurm itself is not here",
    "P15": test_prepare.test_ctrl_c_counts_even_where_the_shell_ignores_it,
}
_ALSO = (test_cli.test_a_reader_that_goes_away_is_no_bug, test_execute.test_slurm_says_how_many_cores_may_be_used)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, tiny_film: bytes) -> Iterator[Stage]:
    """Serve a small film from a mirror."""
    folder = tmp_path_factory.mktemp("stage")
    (folder / "served").mkdir()
    with FaultyServer(folder / "served") as server:
        yield faultycase.build(server, folder, tiny_film, (MIRROR,))


@pytest.fixture
def trial(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    begun = stage.trials[MIRROR][0].at(tmp_path / "trial")
    invariants.hasten(monkeypatch, FAST, HASTY | {"timeout_seconds": 20.0})
    invariants.settle(monkeypatch, begun.folder)
    return begun


@pytest.fixture
def stalled(stage: Stage) -> Iterator[FaultyServer]:
    """Have the mirror fall silent in the middle of the film."""
    stage.server.inject(path_of(MIRROR), Fault.STALL)
    stage.server.requests.clear()
    yield stage.server
    stage.server.heal(path_of(MIRROR))


def asked(server: FaultyServer, times: int) -> None:
    """Wait until the film was asked for so often."""
    deadline = time.monotonic() + 40
    while sum(request.path.startswith(path_of(MIRROR)) for request in server.requests) < times:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def worker(process: "subprocess.Popen[str]") -> psutil.Process:
    """Return the process that holds the connection to the mirror."""
    children = psutil.Process(process.pid).children(recursive=True)
    return next(child for child in children if child.net_connections("tcp"))


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=20)[1]


# --- P1, P2: workers that die ---


@pytest.mark.parametrize(
    ("row", "number"), [("P1", signal.SIGKILL), ("P2", signal.SIGSEGV)], ids=["P1 out of memory", "P2 segfault"]
)
def test_p1_p2_a_worker_that_dies_on_an_item_twice_is_told(
    row: str, number: int, trial: Trial, stalled: FaultyServer, stage: Stage
) -> None:
    """What ends a worker that takes too much memory is SIGKILL, from the kernel."""
    del row
    process = trial.start("--no-space-check")
    for times in (1, 2):
        asked(stalled, times)
        worker(process).send_signal(number)
    ran = trial.end(process)
    stalled.heal(path_of(MIRROR))
    invariants.assert_invariants(trial, ran, {WANTED: CRASHED})
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


# --- S12, S13: signals ---


@pytest.mark.parametrize("to", ["group", "parent"])
@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 143)], ids=["SIGINT", "SIGTERM", "SIGHUP"]
)
def test_s12_a_signal_saves_the_state(
    name: str, code: int, to: str, trial: Trial, stalled: FaultyServer, stage: Stage
) -> None:
    process = trial.start("--no-space-check")
    asked(stalled, 1)
    children = psutil.Process(process.pid).children(recursive=True)
    (os.killpg if to == "group" else os.kill)(process.pid, getattr(signal, name))
    ran = trial.end(process)
    assert ran.code == code, ran.out + ran.err
    assert "run the same command again" in ran.err
    assert f"-> exit {code}" in ran.out
    assert ran.report["exit_code"] == code
    assert gone(children)
    settled(trial)
    stalled.heal(path_of(MIRROR))
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


def test_s13_a_second_ctrl_c_ends_it_at_once(trial: Trial, stalled: FaultyServer, stage: Stage) -> None:
    process = trial.start("--no-space-check")
    asked(stalled, 1)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert trial.end(process).code in (130, -signal.SIGINT)
    assert gone(children)
    settled(trial)
    stalled.heal(path_of(MIRROR))
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


def settled(trial: Trial) -> None:
    assert invariants.good(trial.root).items() >= trial.known.items()
    code, found = invariants.verify(trial)
    assert code == 0, found


# --- what surrounds a process ---


def test_p8_what_the_caller_reads_is_left_to_it(trial: Trial, stage: Stage) -> None:
    """As in `while read id; do avakit …; done`."""
    there, here = os.pipe()
    os.write(here, b"second\nthird\n")
    ran = started(trial, stdin=there)
    os.close(here)
    assert os.read(there, 100) == b"second\nthird\n"
    os.close(there)
    assert ran.returncode == 0, ran.stderr
    assert invariants.digest(trial.root) == stage.trials[MIRROR][1]


@pytest.mark.skipif(FAKETIME is None, reason="another time of day needs libfaketime")
@pytest.mark.parametrize("shift", ["-5m", "+400d", "+13y"])
def test_p9_a_clock_that_is_wrong_changes_nothing_that_is_made(shift: str, trial: Trial, stage: Stage) -> None:
    """The last is beyond 2038."""
    ran = trial.end(trial.start(LD_PRELOAD=str(FAKETIME), FAKETIME=shift))
    assert ran.code == 0, ran.out + ran.err
    assert invariants.digest(trial.root) == stage.trials[MIRROR][1]
    settled(trial)
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


@pytest.mark.parametrize("files", [12, 24])
def test_p10_too_few_open_files_are_told_and_nothing_is_lost(files: int, trial: Trial, stage: Stage) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    ran = started(trial, preexec_fn=limit)
    assert ran.returncode in (0, 73, 74, 75), ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    settled(trial)
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


def test_p11_a_mask_of_cores_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert execute.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize("stream", ["stdout", "stderr", "both"])
@pytest.mark.parametrize("how", ["closed", "full"])
def test_p13_streams_that_are_closed_or_full(stream: str, how: str, trial: Trial, stage: Stage) -> None:
    numbers = {"stdout": "1", "stderr": "2", "both": "1 2"}[stream].split()
    ends = " ".join(f"{number}>{'&-' if how == 'closed' else '/dev/full'}" for number in numbers)
    ran = started(trial, shell=ends)
    assert ran.returncode in (0, 74), ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert ran.returncode or invariants.digest(trial.root) == stage.trials[MIRROR][1]
    settled(trial)
    invariants.assert_converges(trial, stage.trials[MIRROR][1])


def test_p14_a_locale_without_letters(trial: Trial, stage: Stage) -> None:
    moved = trial.folder / os.fsdecode(b"caf\xe9")
    trial.root.rename(moved)
    ran = started(trial, "--root", os.fsencode(moved), LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    moved.rename(trial.root)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert invariants.digest(trial.root) == stage.trials[MIRROR][1]
    settled(trial)


def started(
    trial: Trial, *words: str | bytes, shell: str = "", stdin: int | None = None,
    preexec_fn: Callable[[], None] | None = None, **environment: str,
) -> "subprocess.CompletedProcess[str]":  # fmt: skip
    """Run the command with what a test of this page is about."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("AVAKIT_", "SLURM"))}
    command = [sys.executable, "-m", "avakit", *trial.words, "--no-space-check", *words]
    if shell:
        command = [str(shutil.which("sh")), "-c", f'exec "$@" {shell}', "sh", *map(str, command)]
    return subprocess.run(
        command, cwd=trial.folder, env={**given, "AVAKIT_SHARED_DIR": str(trial.folder / "shared"), **environment},
        stdin=stdin, capture_output=True, text=True, errors="replace", check=False,
        timeout=120, preexec_fn=preexec_fn,
    )  # fmt: skip
