"""The command itself, killed at random moments: what the journals say stays."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from avakit import journal
from avakit.journal.record import to_line
from avakit.tools import files
from benchmarks.journal import record_at, run

KILLS, LINES, FILES = 40, 3000, 40
#: So often one is left in peace: the journals would only grow otherwise.
CALM = 5
NOBODY = 2**22 + 1


def fill(root: Path, generation: int) -> None:
    folder = root / ".avakit/journal/kinetics-700"
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"20261121T0700{generation:02d}{n:06d}-{files.host()}-{NOBODY}.jsonl" for n in range(FILES)]
    streams = [(folder / name).open("wb") for name in names]
    for number, (fields, item) in zip(range(LINES), run(), strict=False):
        streams[item % FILES].write(to_line(record_at(number, fields)) + b"\n")
    for stream in streams:
        stream.close()


def test_a_compaction_killed_at_random_moments_loses_nothing(tmp_path: Path) -> None:
    dice = random.Random(1)
    command = [sys.executable, "-m", "avakit", "journal", "compact", "--root", str(tmp_path)]
    fill(tmp_path, 0)
    before = journal.read(tmp_path)
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    longest = 1.1 * (time.monotonic() - started)
    killed = 0
    for generation in range(KILLS):
        fill(tmp_path, generation)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(longest / 3, longest))  # before that, Python starts
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        assert journal.read(tmp_path) == before
        if generation % CALM == CALM - 1:
            subprocess.run(command, check=True, capture_output=True)
    subprocess.run(command, check=True, capture_output=True)
    assert journal.read(tmp_path) == before
    assert len(list(tmp_path.rglob("*.jsonl"))) == 1
    assert killed > KILLS / 4
    print(f"\n{killed} of {KILLS} compactions were killed before they ended")
