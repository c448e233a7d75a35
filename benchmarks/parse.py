"""Reading and validating annotation files of full size, beside plain `pandas.read_csv` of the same file.

Validation is all that `avakit check` asks of the rows: repeats and contradictions, too. Prints one line per file: the
best time of five, the peak memory above that of the imports, and their ratios to pandas. Exits with 1 if avakit takes
more than 3 times the time or 2 times the memory.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MOST_TIME, MOST_MEMORY = 3.0, 2.0
#: As many as AVA v2.2 train and Kinetics-700 train have, to the thousand.
AVA_ROWS, KINETICS_ROWS = 837_000, 545_000
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def main() -> None:
    """Measure both files, or (for a child process) write one, or measure one reader on one of them."""
    if sys.argv[1:2] == ["write"]:
        Path(sys.argv[3]).write_text("".join({"ava": ava_rows, "kinetics": kinetics_rows}[sys.argv[2]]()))
        return
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
        return
    is_good = True
    with tempfile.TemporaryDirectory() as folder:
        for form in ("ava", "kinetics"):
            path = Path(folder) / f"{form}.csv"
            # This process stays small: the peak of a child begins with that of its parent.
            subprocess.run([sys.executable, __file__, "write", form, str(path)], check=True)
            plain, ours = child("pandas", form, path), child("avakit", form, path)
            slower, larger = ours["seconds"] / plain["seconds"], ours["bytes"] / plain["bytes"]
            is_good &= slower <= MOST_TIME and larger <= MOST_MEMORY
            print(
                f"parse {form}: {ours['rows']} rows; pandas {plain['seconds']:.3f} s, {plain['bytes'] / 1e6:.0f} MB; "
                f"avakit {ours['seconds']:.3f} s, {ours['bytes'] / 1e6:.0f} MB; "
                f"time x{slower:.2f} (at most {MOST_TIME:g}), memory x{larger:.2f} (at most {MOST_MEMORY:g})"
            )
    sys.exit(0 if is_good else 1)


def child(reader: str, form: str, path: Path) -> dict[str, Any]:
    """Measure one reader in a process of its own, so that each has its own peak."""
    result = subprocess.run(
        [sys.executable, __file__, reader, form, str(path)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(result.stdout))


def measure(reader: str, form: str, path: Path) -> dict[str, float]:
    """Read a file six times: the first, with its lazy imports, says the memory, the best of the others the time."""
    read = readers(form, path)[reader]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = len(read())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": min(timed(read) for _ in range(5)), "bytes": (peak - before) * 1024, "rows": rows}


def timed(read: Callable[[], Any]) -> float:
    """Return how long a call takes, in seconds."""
    start = time.perf_counter()
    read()
    return time.perf_counter() - start


def readers(form: str, path: Path) -> dict[str, Callable[[], Any]]:
    """Return the two ways to read a file."""
    import pandas as pd

    from avakit.datasets import parsers

    if form == "ava":
        ours = lambda: parsers.read_ava(path, actions=range(1, 81), strict=True)  # noqa: E731
        return {"pandas": lambda: pd.read_csv(path, header=None), "avakit": ours}
    return {"pandas": lambda: pd.read_csv(path), "avakit": lambda: parsers.read_kinetics(path, strict=True)}


def ava_rows() -> Iterator[str]:
    """Yield rows of the form of AVA v2: persons with one to three actions each, second by second."""
    dice = random.Random(1)
    films = ["".join(dice.choices(_LETTERS, k=11)) for _ in range(235)]
    count = 0
    while True:
        for film in films:
            for second in range(902, 1799):
                person = dice.randrange(500)
                x1, x2 = sorted((dice.randrange(1001), dice.randrange(1001)))
                y1, y2 = sorted((dice.randrange(1001), dice.randrange(1001)))
                box = f"{x1 / 1000:.3f},{y1 / 1000:.3f},{x2 / 1000:.3f},{y2 / 1000:.3f}"
                for action in dice.sample(range(1, 81), 4):
                    yield f"{film},{second:04d},{box},{action},{person}\n"
                    count += 1
                    if count == AVA_ROWS:
                        return


def kinetics_rows() -> Iterator[str]:
    """Yield rows of the form of Kinetics-700, a header first."""
    dice = random.Random(2)
    yield "label,youtube_id,time_start,time_end,split\n"
    for number in range(KINETICS_ROWS):
        start = dice.randrange(600)
        yield f"a class of its own {number % 700},{''.join(dice.choices(_LETTERS, k=11))},{start},{start + 10},train\n"


if __name__ == "__main__":
    main()
