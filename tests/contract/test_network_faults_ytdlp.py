"""The network rows of the fault matrix against yt-dlp: its real self, in its own process, on the loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import faultycase
from tests.faults import FaultyServer
from tests.faultyrows import CASES, YOUTUBE, Row

pytestmark = pytest.mark.network_fault


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, tiny_film: bytes) -> Iterator[faultycase.Stage]:
    folder = tmp_path_factory.mktemp("stage")
    (folder / "served").mkdir()
    with FaultyServer(folder / "served") as server:
        (folder / "served" / "other.mp4").write_bytes(tiny_film)
        yield faultycase.build(server, folder, tiny_film, (YOUTUBE,))


@pytest.mark.parametrize("case", [case for source, case in CASES if source == YOUTUBE], ids=str)
def test_a_fault_is_neither_silent_nor_harmful(
    case: Row, stage: faultycase.Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faultycase.play(stage, YOUTUBE, case, tmp_path, monkeypatch)
