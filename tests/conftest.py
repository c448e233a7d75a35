"""What all tests share."""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.faults import FaultyServer


@pytest.fixture(autouse=True)
def _shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Share nothing between tests: one that was told to wait must not have the next one wait."""
    monkeypatch.setenv("AVAKIT_SHARED_DIR", str(tmp_path / "shared"))


#: More tests than this may not be skipped: a tool that is missing would go unnoticed otherwise. `.ci/run` sets it.
MOST_SKIPPED = "AVAKIT_MAX_SKIPPED"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where more was skipped than is allowed; the process that leads the workers counts for all."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    most = os.environ.get(MOST_SKIPPED, "")
    if reporter is not None and most and len(reporter.stats.get("skipped", [])) > int(most):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say at the end how many faults were tried, where any were, and how many tests could not be."""
    skipped, most = len(terminalreporter.stats.get("skipped", [])), os.environ.get(MOST_SKIPPED, "")
    if skipped or most:
        is_over = bool(most) and skipped > int(most)
        allowed = f" ({MOST_SKIPPED} allows {most}{': a tool is missing' if is_over else ''})" if most else ""
        terminalreporter.write_line(f"skipped: {skipped}{allowed}")
    ended = {
        outcome: [report for report in terminalreporter.stats.get(outcome, []) if report.when == "call"]
        for outcome in ("passed", "failed")
    }
    tried = [report for reports in ended.values() for report in reports]
    kinds = ("network", "storage", "media", "process")
    counts = [sum(f"{kind}_fault" in report.keywords for report in tried) for kind in kinds]
    silent = sum(bool({f"{kind}_fault" for kind in kinds} & set(report.keywords)) for report in ended["failed"])
    if any(counts):
        told = ", ".join(f"{count} {kind}" for count, kind in zip(counts, kinds, strict=True))
        terminalreporter.write_line(f"faults: {told} tried, {silent} silent")


# --- servers: a loopback mirror that can be told to fail ---


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """Make the folder that `server` serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def server(served: Path) -> Iterator[FaultyServer]:
    """Start a mirror of `served` on a free port."""
    with FaultyServer(served) as running:
        yield running


@pytest.fixture(scope="session")
def tiny_film() -> bytes:
    """Make one second of moving grey, as a whole MP4 file of a few kilobytes."""
    memory = BytesIO()
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(25):
            picture = np.full((48, 64, 3), number * 10, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return memory.getvalue()
