"""What holds after every fault, whatever it was: seven invariants, in one place.

I1 what lies under a final name is whole, and recorded · I2 one record for each thing that was asked for · I3 the exit
code is the right one · I4 without the fault, the same command makes what it would have made at once · I5 no process
and no temporary file is left · I6 one line for each failure, no traceback, no secret · I7 what was good is untouched.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from avakit import cli, execute
from avakit.cli import setup, youtube
from avakit.tools import files, http, ytdlp

#: Stands in every address that is asked; may stand nowhere else.
SECRET = "planted-5ecret"  # noqa: S105 - a lure
#: No process has this number: Linux counts to 4194304.
DEAD_PID = 4194999
#: Longer than any case needs on a busy machine, far shorter than a hang.
LIMIT_SECONDS = 30.0
EXIT_CODES = {
    "done": 0, "cached": 0, "short": 3, "unavailable": 3, "corrupt": 3, "unsafe": 3, "invalid": 3, "transient": 75,
}  # fmt: skip
LOCAL_EXIT_CODES = {"storage": 74, "permission": 73, "tool_missing": 69, "vanished": 75, "crashed": 75}
#: The part of a root that tells of runs, and the user's own manifest: no part of what was made.
_OF_RUNS = (
    ".avakit/journal",
    ".avakit/reports",
    ".avakit/datasets",
    ".avakit/commands",
    ".avakit/manifests/manifest.jsonl",
)

Expected = tuple[str, str]


@dataclass(frozen=True)
class Ran:
    """A run that has ended: its exit code, what it printed, and its report."""

    code: int
    out: str
    err: str
    report: Mapping[str, Any]
    seconds: float
    children: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Trial:
    """A root with something good in it, and the words of the command that is tried on it.

    Attributes
    ----------
    folder
        Holds the manifest, the root `data`, and the temporary folder `tmp`.
    words
        The command.
    known
        What is good from the start, by path: bytes and mtime.
    """

    folder: Path
    words: tuple[str, ...]
    known: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.folder / "data"

    def run(self, *words: str) -> Ran:
        """Run the command in this process."""
        out, err = io.StringIO(), io.StringIO()
        started, before = time.monotonic(), _children()  # an earlier test may have left its idle workers
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run([*self.words, *words])
        seconds, left = time.monotonic() - started, _children() - before
        return Ran(int(code), out.getvalue(), err.getvalue(), self.report(), seconds, left)

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """Start the command as a process of its own, in a group of its own."""
        given = {name: value for name, value in os.environ.items() if not name.startswith(("AVAKIT_", "SLURM"))}
        given |= {"AVAKIT_SHARED_DIR": str(self.folder / "shared"), **environment}
        return subprocess.Popen(
            [sys.executable, "-m", "avakit", *self.words, *words], cwd=self.folder, env=given, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def end(self, process: "subprocess.Popen[str]") -> Ran:
        """Wait for a process that was started."""
        started = time.monotonic()
        out, err = process.communicate(timeout=60)
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() - started < LIMIT_SECONDS:  # until init has buried its orphans
                os.killpg(process.pid, 0)
                time.sleep(0.02)
        report = self.report() if process.returncode >= 0 else {}
        return Ran(process.returncode, out, err, report, time.monotonic() - started)

    def report(self) -> Mapping[str, Any]:
        reports = (self.root / ".avakit/reports").glob("*.json")
        newest = max(reports, key=lambda path: path.stat().st_mtime_ns)
        content: dict[str, Any] = json.loads(newest.read_text())
        return content

    def at(self, folder: Path) -> "Trial":
        """Return a copy of this trial elsewhere, times and all."""
        shutil.copytree(self.folder, folder, symlinks=True)
        copy = Trial(folder, self.words)
        return Trial(folder, self.words, good(copy.root))

    def bury(self) -> None:
        """Have what the last run left belong to a process that has ended, as it does outside of tests."""
        for path in self.leftovers():
            name = path.name.replace(f".{files.host()}.{psutil.Process().pid}.", f".{files.host()}.{DEAD_PID}.")
            path.rename(path.with_name(name))

    def leftovers(self) -> list[Path]:
        return [path for path in self.root.rglob(".*") if files.is_partial(path.name)]


def _children() -> frozenset[int]:
    return frozenset(child.pid for child in psutil.Process().children(recursive=True))


def good(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return everything that lies under final names, with bytes and mtime."""
    return {
        name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file() and not files.is_partial(path.name)
        if not (name := str(path.relative_to(root))).startswith(_OF_RUNS)
    }


def digest(root: Path) -> str:
    """Return one digest of all paths and bytes that a root holds but for the stories of its runs."""
    found = {name: hashlib.sha256(data).hexdigest() for name, (data, _) in good(root).items()}
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def exit_code_of(expected: Iterable[Expected]) -> int:
    """Return the exit code of a run with these ends, as docs/exit-codes.md has it."""
    codes = {LOCAL_EXIT_CODES[reason] if status == "local_error" else EXIT_CODES[status] for status, reason in expected}
    return next(code for code in (1, 74, 73, 69, 65, 4, 75, 3, 0) if code in codes)


def assert_invariants(trial: Trial, ran: Ran, expected: Mapping[str, Expected], *, in_the_way: str = "") -> None:
    """Assert what holds after any fault; I4 is `assert_converges`.

    Parameters
    ----------
    expected
        Status and reason of each thing that was asked for and is not there already, by name.
    in_the_way
        What the fault itself put under a final name; `verify` names it.
    """
    told = ran.out + ran.err
    # I2, I3
    failures = {row["item"]: (row["status"], row["reason"]) for row in ran.report["failures"]}
    assert failures == {name: end for name, end in expected.items() if end[0] not in ("done", "cached")}, told
    counted = sum(row["count"] for row in ran.report["counts"] if row["status"] != "cached")
    assert counted == len(expected), ran.report
    assert not ran.report["not_tried"]
    assert ran.code == exit_code_of(expected.values()), told
    # I6
    for name, (status, _) in expected.items():
        lines = [line for line in ran.err.splitlines() if f" {name} " in line and f" {status} " in line]
        assert len(lines) == 1, f"{name}: {told}"
    assert "Traceback" not in told
    assert_no_secret(trial, told)
    # I5
    assert not ran.children
    assert not list((trial.folder / "tmp").iterdir())
    left = set(trial.leftovers())
    lonely = [path for path in left if path.suffix != ".json" and files.side_file(path) not in left]
    assert not lonely, "what can not be resumed is not left behind"
    # I7, I1
    assert good(trial.root).items() >= trial.known.items()
    code, found = verify(trial)
    assert code == (4 if in_the_way else 0), found
    assert in_the_way in found
    assert ran.seconds < LIMIT_SECONDS


def assert_converges(trial: Trial, reference: str) -> None:
    """Assert I4: the same command without the fault makes the tree that it would have made at once."""
    trial.bury()
    ran = trial.run("--recheck-after", "0")
    assert ran.code == 0, ran.out + ran.err
    assert digest(trial.root) == reference
    assert not trial.leftovers()
    assert good(trial.root).items() >= trial.known.items()


def assert_no_secret(trial: Trial, told: str) -> None:
    """Assert that the secret stands in nothing that was printed or written."""
    assert SECRET not in told
    for path in trial.root.rglob("*"):
        if path.is_file() and ".avakit/datasets" not in str(path):
            assert SECRET.encode() not in path.read_bytes(), path


def verify(trial: Trial) -> tuple[int, str]:
    """Return the exit code of `verify`, and what it found."""
    out = io.StringIO()
    with contextlib.chdir(trial.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        return int(cli.run(["verify", "--root", "data"])), out.getvalue()


def in_this_process(
    function: Callable[[Any], Any], items: Iterable[Any], *, jobs: int, on_crash: Callable[[Any, str], Any]
) -> Generator[Any, None, None]:
    """Do what `execute.run` does, without workers: test_execute.py and the runs as processes try those."""
    del jobs, on_crash
    for item in items:
        yield function(item)


def hasten(patch: pytest.MonkeyPatch, http_options: http.Options, youtube_options: Mapping[str, Any]) -> None:
    """Have runs in this process lose their patience soon, and need no workers."""
    options_of = youtube.options_of

    def hasty(*given: Any) -> ytdlp.Options:
        return replace(options_of(*given), **youtube_options)

    patch.setattr(execute, "run", in_this_process)
    patch.setattr(setup, "http_options", lambda _: http_options)
    patch.setattr(youtube, "options_of", hasty)


def settle(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Give runs in this process a temporary folder of their own."""
    (folder / "tmp").mkdir(exist_ok=True)
    patch.setenv("TMPDIR", str(folder / "tmp"))
    patch.setattr(tempfile, "tempdir", None)
