"""So many at a time: across processes, and whatever becomes of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avakit.errors import OutputImpossible
from avakit.tools import slots

#: Appends a line as it enters and one as it leaves; on standard input it waits for leave to go.
HOLDER = """
import sys
from avakit.tools.slots import slot
for _ in range(int(sys.argv[3])):
    with slot("name", int(sys.argv[2])), open(sys.argv[1], "ab", buffering=0) as log:
        log.write(b"in\\n")
        if sys.argv[4:]:
            print("held", flush=True)
            sys.stdin.readline()
        log.write(b"out\\n")
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the slots of a test to itself."""
    monkeypatch.setenv("AVAKIT_SHARED_DIR", str(tmp_path / "slots"))
    return tmp_path / "slots"


def holder(log: Path, limit: int, rounds: int, *wait: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(log), str(limit), str(rounds), *wait],
        cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2])
def test_no_more_than_the_limit_at_once(tmp_path: Path, limit: int) -> None:
    log = tmp_path / "log"
    holders = [holder(log, limit, 5) for _ in range(4)]
    for each in holders:
        each.communicate()
        assert each.returncode == 0
    inside = most = 0
    for line in log.read_text().splitlines():
        inside += 1 if line == "in" else -1
        most = max(most, inside)
    assert most <= limit
    assert log.read_text().count("in\n") == 20


def test_a_killed_holder_frees_its_slot(tmp_path: Path) -> None:
    held = holder(tmp_path / "log", 1, 1, "wait")
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    held.send_signal(signal.SIGKILL)
    held.communicate()
    with slots.slot("name", 1):
        pass


def test_names_do_not_share_slots() -> None:
    with slots.slot("name", 1), slots.slot("other", 1):
        pass


def test_the_first_does_not_wait_and_the_next_waits_since_the_last() -> None:
    started = time.monotonic()
    with slots.slot("name", 1, (50.0, 60.0)):
        pass
    assert time.monotonic() - started < 40
    before = time.time()
    with slots.slot("name", 1, (0.3, 0.4)):
        assert time.time() - before >= 0.2


def test_a_mark_from_the_future_makes_nobody_wait_for_it(place: Path) -> None:
    with slots.slot("name", 1):
        pass
    (mark,) = place.iterdir()
    os.utime(mark, (time.time() + 1e6, time.time() + 1e6))
    with slots.slot("name", 1, (0.01, 0.02)):
        pass


def test_a_folder_that_can_not_be_used_is_named(place: Path) -> None:
    place.write_text("in the way")
    with pytest.raises(OutputImpossible, match="AVAKIT_SHARED_DIR"), slots.slot("name", 1):
        pass
