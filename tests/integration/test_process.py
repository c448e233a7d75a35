"""Programs: drained, timed, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from avakit.errors import ToolMissing
from avakit.tools import process

SHELL = "/bin/sh"


def run(script: str, timeout_seconds: float = 20.0, **more: object) -> process.Completed:
    return process.run([SHELL, "-c", script], timeout_seconds=timeout_seconds, **more)  # type: ignore[arg-type]


def test_what_it_says_and_how_it_ends() -> None:
    assert run("echo out; echo err >&2; exit 3") == process.Completed(3, "out\n", "err\n", timed_out=False)


def test_two_full_pipes_do_not_block() -> None:
    completed = run("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; echo last >&2")
    assert len(completed.stdout) == 300_000
    assert len(completed.stderr) == 64 << 10
    assert completed.stderr.endswith("last\n")


def test_it_gets_what_it_is_given_and_nothing_else() -> None:
    assert run("cat").stdout == ""
    assert run("cat", stdin=b"x" * 300_000).stdout == "x" * 300_000
    assert run("exit 0", stdin=b"x" * 300_000).returncode == 0


def test_folder_and_environment(tmp_path: Path) -> None:
    completed = run("pwd; echo $NAME", cwd=tmp_path, env={"NAME": "value"})
    assert completed.stdout == f"{tmp_path}\nvalue\n"


def test_lines_are_heard_as_they_come() -> None:
    heard: list[str] = []
    run("printf 'a\\r\\nb\\n\\nc'", on_line=heard.append)
    assert heard == ["a", "b", "", "c"]


def test_bytes_that_are_no_text_do_not_break_it() -> None:
    assert run("printf '\\377'").stdout == "\ufffd"


@pytest.mark.parametrize("argument", ["$(touch marker)", "; touch marker", "-5KQ66BBWC4", "a b\n%03d"])
def test_no_shell_reads_the_arguments(tmp_path: Path, argument: str) -> None:
    completed = process.run([SHELL, "-c", 'printf %s "$1"', "sh", argument], timeout_seconds=20, cwd=tmp_path)
    assert completed.stdout == argument
    assert list(tmp_path.iterdir()) == []


def test_a_relative_program_is_refused() -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        process.run(["sh", "-c", ":"], timeout_seconds=1)


def test_a_program_that_is_missing_or_no_program(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("not a program")
    for path in (tmp_path / "missing", plain):
        with pytest.raises(ToolMissing, match="can't be run"):
            process.run([str(path)], timeout_seconds=1)
    plain.chmod(0o755)
    with pytest.raises(ToolMissing, match="can't be run"):
        process.run([str(plain)], timeout_seconds=1)


def test_a_missing_folder_is_not_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(":", cwd=tmp_path / "missing")


def pid_in(path: Path) -> int:
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text().strip():
        assert time.monotonic() < deadline, "waited for 20 s"
        time.sleep(0.01)
    return int(path.read_text())


def assert_ends(pid: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return  # ended; it is for whoever adopted it to notice
        except (ProcessLookupError, FileNotFoundError):
            return
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def test_too_long_ends_the_whole_group(tmp_path: Path) -> None:
    started = time.monotonic()
    completed = run("sleep 60 & echo $! > child; wait", 0.5, cwd=tmp_path)
    assert completed.timed_out
    assert completed.returncode == -signal.SIGTERM
    assert time.monotonic() - started < 2.5
    assert_ends(pid_in(tmp_path / "child"))


def test_one_that_will_not_listen_is_killed() -> None:
    started = time.monotonic()
    completed = run("trap '' TERM; while :; do sleep 0.1; done", 0.2)
    assert (completed.timed_out, completed.returncode) == (True, -signal.SIGKILL)
    assert 2 < time.monotonic() - started < 8


def test_what_the_listener_raises_ends_it(tmp_path: Path) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("echo $$ > child; echo line; sleep 60", cwd=tmp_path, on_line=stop)
    assert_ends(pid_in(tmp_path / "child"))


def test_a_grandchild_that_holds_the_pipes_is_not_waited_for(tmp_path: Path) -> None:
    started = time.monotonic()
    completed = run("sleep 60 & echo $! > child; echo done", cwd=tmp_path)
    assert (completed.returncode, completed.stdout, completed.timed_out) == (0, "done\n", False)
    assert time.monotonic() - started < 10
    assert_ends(pid_in(tmp_path / "child"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    code = "from avakit.tools import process; "
    code += f"process.run(['/bin/sh', '-c', 'echo $$ > {tmp_path}/child; exec sleep 60'], timeout_seconds=60)"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    child = pid_in(tmp_path / "child")
    parent.kill()
    parent.wait()
    assert_ends(child)


@pytest.mark.skipif(sys.platform != "linux", reason="what has ended and was not waited for is told by /proc")
def test_nobody_is_left_unburied(tmp_path: Path) -> None:
    run("sleep 60 & exit 1", cwd=tmp_path)
    run("trap '' TERM; while :; do sleep 0.1; done", 0.2)
    left = [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]
    assert not left
