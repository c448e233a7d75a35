"""Every case of the folder `integrity`, through command lines alone: avakit's, and those of three other programs."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bagit
import pytest
import yaml

from avakit import cli, execute
from avakit.layout import SHA256SUMS, frame_list
from tests.conformance import tampering
from tests.conformance.tampering import FRAMES, Tree
from tests.invariants import in_this_process

FOLDER = Path(__file__).parent / "integrity"
CASES: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "cases.yaml").read_text(encoding="utf-8"))
PAGE = Path(__file__).parents[2] / "docs" / "integrity.md"
NOBODY = 65534
OTHERS = ("sha256sum", "bagit", "hashdeep")
IN_PROCESS = [name for name, case in CASES.items() if case.get("during") in (None, "rewriting")]


@pytest.fixture(scope="module")
def pristine() -> Iterator[Tree]:
    """Make the tree once, on a path that everybody may walk."""
    folder = Path(tempfile.mkdtemp(prefix="avakit-test-"))
    folder.chmod(0o755)
    tree = tampering.build(folder / "tree")
    if shutil.which("hashdeep"):
        known = hashdeep(tree, "-c", "sha256")
        (tree.folder / "known").write_text(known.stdout)
    yield tree
    shutil.rmtree(folder)


@pytest.fixture
def tree(pristine: Tree, request: pytest.FixtureRequest) -> Iterator[Tree]:
    copy = pristine.at(pristine.folder.with_name(str(abs(hash(request.node.name)))))
    yield copy
    shutil.rmtree(copy.folder)


def hashdeep(tree: Tree, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["hashdeep", "-r", "-l", *words, "ava", "annotations"]
    return subprocess.run(command, cwd=tree.root, capture_output=True, text=True, check=False)


def flags_sha256sum(tree: Tree) -> bool:
    words = ["sha256sum", "-c", "--strict", "--status", SHA256SUMS, frame_list(FRAMES)]
    return subprocess.run(words, cwd=tree.root, capture_output=True, check=False).returncode != 0


def flags_bagit(tree: Tree) -> bool:
    try:
        bagit.Bag(str(tree.bag)).validate()
    except (bagit.BagError, OSError, ValueError):
        return True
    return False


def flags_hashdeep(tree: Tree) -> bool:
    return hashdeep(tree, "-a", "-k", "../known").returncode != 0


PROGRAMS: dict[str, Callable[[Tree], bool]] = {
    "sha256sum": flags_sha256sum, "bagit": flags_bagit, "hashdeep": flags_hashdeep,
}  # fmt: skip


@contextlib.contextmanager
def acting(case: dict[str, Any]) -> Iterator[None]:
    """Act as somebody to whom permissions mean something, where a case asks for that."""
    if case.get("as") != "nobody" or os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def circumstances(tree: Tree, case: dict[str, Any]) -> Iterator[None]:
    with acting(case), tampering.rewriting(tree) if case.get("during") else contextlib.nullcontext():
        yield


def prepare(tree: Tree, case: dict[str, Any]) -> None:
    if case.get("during") == "rewriting":
        tampering.add_large(tree)
    tampering.tamper(tree, case["does"])


def words_of(tree: Tree, run: dict[str, Any]) -> list[str]:
    known = {"SUMS": str(tree.sums), "DIGEST": f"sha256:{tree.digest}"}
    return ["verify", "--root", str(tree.root), "--json", *(known.get(word, word) for word in run.get("with", []))]


def found_in(out: str) -> list[str]:
    rows = [json.loads(line) for line in out.splitlines()]
    return sorted(f"{row['kind']} {row['path']}" for row in rows if row["type"] == "finding" and row["kind"] != "match")


def expected(tree: Tree, run: dict[str, Any]) -> list[str]:
    pairs = (each.split(" ", 1) for each in run.get("finds", []))
    return sorted(f"{kind} {tree.sums if word == 'SUMS-FILE' else tree.named(word)}" for kind, word in pairs)


def test_every_row_of_the_matrix_has_a_case() -> None:
    assert {name.partition("-")[0] for name in CASES} == {f"V{number}" for number in range(1, 23)}


@pytest.mark.parametrize("name", IN_PROCESS)
def test_avakit_names_what_was_done_and_nothing_else(
    name: str, tree: Tree, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    prepare(tree, case)
    monkeypatch.setattr(execute, "run", in_this_process)
    for run in case["runs"]:
        with circumstances(tree, case):
            code = cli.run(words_of(tree, run))
        printed = capsys.readouterr()
        assert code == run["exit"], printed
        assert found_in(printed.out) == expected(tree, run)
        assert run.get("says", "") in printed.out + printed.err
        assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("name", "program"),
    [(name, each) for name in IN_PROCESS for each in OTHERS if CASES[name]["others"][each] is not None],
)
def test_what_other_programs_say(name: str, program: str, tree: Tree) -> None:
    case = CASES[name]
    verdict = case["others"][program]
    if program != "bagit" and shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    prepare(tree, case)
    with circumstances(tree, case):
        assert PROGRAMS[program](tree) == verdict


def start(tree: Tree, *words: str, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "avakit", "verify", "--root", str(tree.root), "-j", "1", "--json", *words]
    return subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_check_that_is_stopped_goes_on_with_its_findings(number: int, tree: Tree) -> None:
    """V19: by SIGKILL, as by what batch systems and people send."""
    case = CASES["V19"]
    tampering.add_large(tree)
    tampering.tamper(tree, case["does"])
    noted = tree.root / ".avakit/verify"
    # A disk that stops before the large film stands for one that is slow.
    process = start(tree, **library(tree, "stall", tampering.NAMES["LARGE"]))
    deadline = time.monotonic() + 60
    while not any(tampering.VIDEO in path.read_text() for path in noted.glob("*.jsonl")):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(str(process.communicate()))
        time.sleep(0.02)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[signal.Signals(number)]
    if number != signal.SIGKILL:
        assert json.loads(out.splitlines()[-1])["is_resumable"]
        assert json.loads(out.splitlines()[-1])["exit_code"] == process.returncode
    # What was checked is not read again: only its finding is told.
    tampering.tamper(tree, ["delete OTHER"])
    again = start(tree, "--resume")
    out, err = again.communicate(timeout=60)
    assert (again.returncode, found_in(out)) == (4, expected(tree, case["runs"][0])), err
    assert not noted.exists()


def library(tree: Tree, call: str, path: str) -> dict[str, str]:
    if shutil.which("cc") is None:
        pytest.skip("a libc that fails needs a C compiler")
    target = tree.folder / "faultydisk.so"
    source = Path(__file__).parents[1] / "faultydisk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(target), str(source), "-ldl"], check=True)
    return {"LD_PRELOAD": str(target), "FAULTY_CALL": call, "FAULTY_PATH": path, "FAULTY_ERRNO": "5"}


def test_a_flip_on_the_way_from_the_disk_is_no_bit_rot(tree: Tree) -> None:
    """V22."""
    run = CASES["V22"]["runs"][0]
    process = start(tree, **library(tree, "flip", tampering.VIDEO))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, found_in(out)) == (run["exit"], expected(tree, run)), err
    assert run["says"] in out


def test_a_disk_that_fails_is_no_silence(tree: Tree) -> None:
    """V16, by the disk itself."""
    process = start(tree, **library(tree, "read", tampering.VIDEO))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, found_in(out)) == (74, [f"unreadable {tampering.VIDEO}"]), err


def table() -> str:
    """Return the verdicts as a table of the documentation."""
    signs = {True: "yes", False: "no", None: ""}
    rows = [f"| row | what is done | avakit | {' | '.join(OTHERS)} |", "|---|---|---|---|---|---|"]
    for name, case in CASES.items():
        kinds = dict.fromkeys(f.split()[0] for run in case["runs"] for f in run.get("finds", []))
        refuses = ["refused (65)"] if any(run["exit"] == 65 for run in case["runs"]) else []
        others = " | ".join(signs[case["others"][program]] for program in OTHERS)
        rows.append(f"| {name} | {case['title']} | {', '.join([*kinds, *refuses]) or 'nothing'} | {others} |")
    return "\n".join(rows)


def test_the_documentation_has_these_verdicts() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), f"write this into {PAGE}:\n{table()}"
