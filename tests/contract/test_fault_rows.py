"""No row of the fault matrix is forgotten, and docs/reliability.md has the number that is tried."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests import faultyfilms
from tests.contract import test_media_faults as media
from tests.contract import test_network_faults as network
from tests.contract import test_process_faults as process
from tests.contract import test_storage_faults as storage
from tests.faultyrows import ALL, CASES, NOT_APPLICABLE, YOUTUBE

TOP = Path(__file__).parents[2]


def test_each_network_row_is_tried_on_each_source() -> None:
    """Here or elsewhere, or it is said why it can't be."""
    here = {(case.row, source) for source, case in CASES}
    here |= {(name, source) for name in ("N21", "N24", "N26") for source in ALL} | {("N25", YOUTUBE)}
    groups = (here, set(network.ELSEWHERE), set(NOT_APPLICABLE))
    assert set.union(*groups) == {(f"N{number}", source) for number in range(1, 28) for source in ALL}
    assert sum(len(group) for group in groups) == 27 * len(ALL)


def test_each_storage_row_is_tried() -> None:
    here = {case.row for case in (*storage.BROKEN, *storage.KILLED)} | {row[:3] for row in storage.LOCKS}
    here |= {match[1].upper() for name in dir(storage) if (match := re.match(r"test_(s\d+)_", name))}
    assert here | set(storage.ELSEWHERE) == {f"S{number}" for number in range(1, 24)}
    assert not here & set(storage.ELSEWHERE)


def test_each_process_row_is_tried() -> None:
    here = {row.upper() for name in dir(process) if name.startswith("test_p") for row in re.findall(r"p\d+", name)}
    assert here | set(process.ELSEWHERE) == {f"P{number}" for number in range(1, 16)}
    assert not here & set(process.ELSEWHERE)


def test_each_media_row_is_tried() -> None:
    here = {case.row for case in (*faultyfilms.DAMAGED, *faultyfilms.ODD)}
    here |= {match[1].upper() for name in dir(media) if (match := re.match(r"test_(m\d+)_", name))}
    assert here == {f"M{number}" for number in range(1, 24)}


def test_the_documented_numbers_are_those_that_are_tried() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/contract"]
    listed = subprocess.run(
        [*command, "-m", "network_fault or storage_fault or media_fault or process_fault"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = Counter(re.findall(r"^tests/contract/test_(network|storage|media|process)_faults", listed, re.MULTILINE))
    text = (TOP / "docs/reliability.md").read_text("utf-8")
    numbers = (
        f"**{found['network']} network, {found['storage']} storage, {found['media']} media and {found['process']} "
    )
    numbers += "process faults**"
    assert numbers in text, found
