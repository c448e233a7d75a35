"""One command, over and over: in its n-th run the n-th call that touches the root fails.

    LD_PRELOAD=faultydisk.so python -m tests.long.torture FOLDER ERROR[,ERROR…] CALLS STEP -- avakit's words

`FOLDER/begun` holds a trial as it begins, `FOLDER/whole` one that never met a fault. Each run is a child that was
forked with everything imported, so that a run takes a tenth of what a new process would; its items are done without
workers. Several errors take turns. Prints one JSON line: how many calls there were, the exit codes by how often, and
what was found wrong.
"""

import contextlib
import errno
import gc
import io
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from avakit import cli
from avakit.layout import MANIFEST, ROOT, SHA256SUMS
from tests import invariants
from tests.contract.faultycase import FAST, HASTY
from tests.invariants import Trial

#: What a run may end with: a disk that failed; a child that was killed; or 0 where the fault could be borne.
CODES = {0, 74}
CODES_OF_KILLS = {-9, 75}  # the latter if it was ffmpeg that was killed
KILLED = -9
MOST_CALLS = 2000


@dataclass(frozen=True)
class Expected:
    """What a root holds, by path: before the command, and after it."""

    begun: dict[str, bytes]
    whole: dict[str, bytes]

    def of(self, name: str) -> tuple[bytes | None, ...]:
        return self.begun.get(name), self.whole.get(name)


def forked(does: Callable[[], Any], answer: Path) -> Any:
    """Return what a child makes of it; -9 if it was killed."""
    answer.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        try:
            os.setpgid(0, 0)
            result = does()
        except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
            result = f"{type(error).__name__}: {error}"
        os.environ.pop("FAULTY_PATH", None)
        answer.write_text(json.dumps(result))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else json.loads(answer.read_text())


def run(trial: Trial, number: int, calls: str, at: int, counter: Path) -> dict[str, Any]:
    """Run the command in this (forked) process, with the fault where there is one."""
    patch = pytest.MonkeyPatch()
    invariants.hasten(patch, FAST, HASTY)
    invariants.settle(patch, trial.folder)
    if at:
        faults = {"CALL": calls, "ERRNO": str(number), "COUNTER": str(counter), "AT": str(at), "PATH": str(trial.root)}
        os.environ.update({f"FAULTY_{name}": value for name, value in faults.items()})
    out = io.StringIO()
    with contextlib.chdir(trial.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = cli.run(trial.words)
    return {"code": int(code), "told": out.getvalue()}


def problems(trial: Trial, ran: Any, expected: Expected, number: int) -> list[str]:
    """Return what is wrong after a run with a fault, and after the same command without it."""
    found = []
    text = "" if ran == KILLED else ran["told"]
    code = ran if ran == KILLED else ran["code"]
    if code not in (CODES if number else CODES_OF_KILLS):
        found.append(f"exit {code}: {text[-300:]}")
    if "Traceback" in text:
        found.append(f"a traceback: {text[-600:]}")
    found += torn(trial, expected)
    if code == 0 and missing(trial, expected):
        found.append(f"exit 0 without {missing(trial, expected)}")
    lonely = [path for path in trial.leftovers() if path.suffix != ".json"]
    if number and any(not invariants.files.side_file(path).exists() for path in lonely):
        found.append(f"left behind: {lonely}")
    return found


def mended(trial: Trial, expected: Expected) -> list[str]:
    """Return what is wrong after the same command without the fault."""
    again = run(trial, 0, "", 0, Path())
    found = [] if again["code"] == 0 else [f"then exit {again['code']}: {again['told'][-300:]}"]
    found += torn(trial, expected)
    if missing(trial, expected):
        found.append(f"then without {missing(trial, expected)}")
    if trial.leftovers():
        found.append(f"then left behind: {trial.leftovers()}")
    code, said = invariants.verify(trial)
    return found + ([] if code == 0 else [f"then verify says {code}: {said[-300:]}"])


def is_list(name: str, data: bytes) -> bool:
    """Whether it is a whole list of those that grow, or what was put aside, or notes of a check."""
    if name == MANIFEST:
        return data.endswith(b"\n") and all(json.loads(line) for line in data.splitlines())
    if name in (SHA256SUMS, ROOT):
        return all(re.fullmatch(rb"[0-9a-f]{64}  .+\n", line) for line in data.splitlines(keepends=True))
    if name.endswith("sources.lock.json"):
        return bool(json.loads(data))
    return ".avakit/quarantine" in name or ".avakit/verify" in name


def contents(trial: Trial) -> dict[str, bytes]:
    return {
        name: stable(name, data) for name, (data, _) in invariants.good(trial.root).items() if ".partial/" not in name
    }


def stable(name: str, data: bytes) -> bytes:
    """Return what of a file does not depend on when it was made."""
    return re.sub(rb'"(date|time)": ?"[^"]*"', rb'"\1": ""', data) if name.endswith(".json") else data


def torn(trial: Trial, expected: Expected) -> list[str]:
    """Return what is neither as it was nor as it will be, and what should not have been touched."""
    found, now = contents(trial), invariants.good(trial.root)
    odd = [name for name, data in found.items() if data not in expected.of(name) and not is_list(name, data)]
    known = [name for name, seen in trial.known.items() if now.get(name) != seen]
    return [f"not as it should be: {name}" for name in odd] + [f"was good and is not: {name}" for name in known]


def missing(trial: Trial, expected: Expected) -> list[str]:
    return sorted(name for name in expected.whole.keys() - contents(trial).keys() if ".avakit/quarantine" not in name)


def torture(folder: Path, name: str, calls: str, step: int, words: tuple[str, ...]) -> dict[str, Any]:
    """Have every `step`-th of the calls fail, each in a run of its own."""
    numbers = [0 if each == "SIGKILL" else int(getattr(errno, each)) for each in name.split(",")]
    begun = Trial(folder / "begun", words)
    expected = Expected(contents(begun), contents(Trial(folder / "whole", words)))
    spared = json.loads((folder / "spared.json").read_text()) if (folder / "spared.json").exists() else []
    counter, answer = folder / "count", folder / "answer"
    codes: Counter[str] = Counter()
    wrong: list[str] = []
    for at in range(1, MOST_CALLS, step):
        number = numbers[at % len(numbers)]
        trial = begun.at(folder / "trial")
        known = {path: seen for path, seen in trial.known.items() if path not in spared}
        trial = Trial(trial.folder, words, known)
        counter.write_bytes(bytes(8))
        ran = forked(partial(run, trial, number, calls, at, counter), answer)
        met = int.from_bytes(counter.read_bytes(), "little")
        if met < at:
            break
        found = problems(trial, ran, expected, number)
        after = forked(partial(mended, trial, expected), answer)
        found += after if isinstance(after, list) else [str(after)]
        codes[str(ran if ran == KILLED else ran["code"])] += 1
        wrong += [f"{errno.errorcode.get(number, 'SIGKILL')} at call {at}: {what}" for what in found]
        shutil.rmtree(trial.folder)
    return {"calls": met, "runs": sum(codes.values()), "codes": codes, "wrong": wrong}


def warm(folder: Path, words: tuple[str, ...]) -> None:
    """Import whatever a run imports, by one run here: children then have it from their parent."""
    trial = Trial(folder / "begun", words).at(folder / "warm")
    run(trial, 0, "", 0, Path())
    invariants.verify(trial)
    shutil.rmtree(trial.folder)
    gc.collect()
    gc.freeze()


def main() -> None:
    """Torture, and say what came of it."""
    folder, name, calls, step, _, *words = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        warm(Path(folder), tuple(words))
        result = torture(Path(folder), name, calls, int(step), tuple(words))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
