"""The n-th call that touches the root fails, for every n: one small film through each of the verbs that write.

The C library between (`tests/faultydisk.c`) sees every call of avakit, of Python and of libav, in a process that is
forked for each run (`tests/long/torture.py`); `test_the_system_call_itself` has strace fail the calls of the real
command line, workers and all, for a sample.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from avakit.layout import MANIFEST, ROOT, SHA256SUMS
from tests import invariants, scale
from tests.invariants import Trial

pytestmark = pytest.mark.storage_fault
CALLS = "write,fsync,rename,close,open,mkdir"
ERRORS = ("ENOSPC", "EDQUOT", "EIO", "ESTALE", "SIGKILL")
#: Of these commands every call meets every error; of the others, which write through the same few functions, one each.
EVERY_ERROR = ("download", "frames")
NAME = "film0000001"
FROM = ("--manifest", "many.yaml", "--folder", "films", "--sources", "folder", "--jobs", "1", "--no-space-check")
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="a libc that fails needs a C compiler")
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="a system call that fails needs strace")


@dataclass(frozen=True)
class Case:
    """A command, what was run before it, what is broken before it, and at least how many calls it takes."""

    name: str
    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    broken: str = ""
    calls: int = 20


HERE = ("--manifest", "many.yaml", "--jobs", "1", "--no-space-check")
FETCHED = ("fetch", "--manifest", "many.yaml", "--from", "annotations")
PREPARED = ("prepare", *FROM, "--fps", "4")
FRAMES = ("extract-frames", *HERE, "--fps", "4")
CASES = (
    Case("fetch", FETCHED),
    Case("download", ("download", *FROM), (FETCHED,)),
    Case("window", ("cut", *HERE), (FETCHED, ("download", *FROM))),
    Case("frames", FRAMES, (FETCHED, ("download", *FROM))),
    Case("tar", (*FRAMES, "--pack", "tar"), (FETCHED, ("download", *FROM))),
    Case("pack", (*FRAMES, "--pack", "tar"), (FETCHED, PREPARED)),
    Case("encode", ("cut", *HERE, "--mode", "encode", "--preset", "ultrafast"), (FETCHED, ("download", *FROM))),
    Case("manifest", ("manifest",), (FETCHED, PREPARED), calls=5),
    Case("repair", ("verify", "--repair", "--folder", "films"), (FETCHED, PREPARED), "many/rawframes-4fps"),
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory where there is one: what is tried is the calls, and disks sync slowly."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="avakit-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the libc that fails."""
    path = tmp_path_factory.mktemp("library") / "faultydisk.so"
    source = Path(__file__).parents[1] / "faultydisk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, source, "-ldl"], check=True)
    return path


def build(folder: Path, film: bytes, case: Case) -> Trial:
    """Make a trial as it begins, and one that went through."""
    begun = folder / "begun"
    (begun / "tmp").mkdir(parents=True)
    (begun / "films").mkdir()
    (begun / "films" / f"{NAME}.mp4").write_bytes(film)
    scale.build(begun, begun, "http://127.0.0.1:9", [f"{NAME}.mp4"])
    trial = Trial(begun, case.words)
    for words in case.before:
        finish(replace(trial, words=words))
    whole = trial.at(folder / "whole")
    if case.broken:
        victim = min((trial.root / case.broken).glob("*/*.jpg"))
        victim.write_bytes(victim.read_bytes()[:-1])
        lost = [
            path
            for path in trial.at(folder / "look").known
            if (NAME in path and "frames" in path) or path in (SHA256SUMS, ROOT, MANIFEST)
        ]
        (folder / "spared.json").write_text(json.dumps(lost))
    else:
        finish(whole)
        changed = invariants.good(whole.root)
        spared = [path for path, seen in invariants.good(trial.root).items() if changed.get(path) != seen]
        (folder / "spared.json").write_text(json.dumps(spared))
    return trial


def finish(trial: Trial) -> None:
    process = trial.start()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err


@needs_cc
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("case", "error"), [
    pytest.param(case, error, id=f"{case.name}-{error}")
    for case in CASES
    for error in (ERRORS if case.name in EVERY_ERROR else (",".join(ERRORS),))
])  # fmt: skip
def test_every_call_fails_once(case: Case, error: str, room: Path, tiny_film: bytes, library: Path) -> None:
    build(room, tiny_film, case)
    done = subprocess.run(
        [sys.executable, "-m", "tests.long.torture", str(room), error, CALLS, "1", "--", *case.words],
        cwd=Path(__file__).parents[2], env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    print(f"\n{case.name} {error}: {result['calls']} calls, exit codes {result['codes']}")
    assert not result["wrong"], "\n".join(result["wrong"])
    assert result["runs"] >= case.calls


@needs_strace
@pytest.mark.timeout(900)
@pytest.mark.parametrize("when", ["1", "2", "3", "4", "1+"])
@pytest.mark.parametrize(("call", "error"), [
    ("fsync", "EIO"), ("rename,renameat,renameat2", "ESTALE"), ("rename,renameat,renameat2", "EDQUOT"),
    ("pwrite64", "ENOSPC"), ("syncfs", "EIO"), ("mkdir,mkdirat", "ENOSPC"),
])  # fmt: skip
def test_the_system_call_itself(call: str, error: str, when: str, room: Path, tiny_film: bytes) -> None:
    """`when` counts in each thread; the command is run as it is, with its workers."""
    case = Case("prepare", PREPARED, (FETCHED,))
    trial = build(room, tiny_film, case)
    whole = invariants.digest(room / "whole" / "data")
    inject = f"inject={call}:error={error}:when={when}"
    given = {**os.environ, "TMPDIR": str(room), "AVAKIT_SHARED_DIR": str(room / "shared")}
    done = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject, sys.executable, "-m", "avakit",
         *case.words],
        cwd=trial.folder, env=given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 73, 74), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode or invariants.digest(trial.root) == whole
    finish(trial)
    assert invariants.digest(trial.root) == whole
    assert not trial.leftovers()
    assert invariants.verify(trial)[0] == 0
