"""What the long tests share."""

import pytest

from tests.integration import world as worlds


@pytest.fixture(scope="session", autouse=True)
def _reels(tmp_path_factory: pytest.TempPathFactory) -> None:
    worlds.REELS = tmp_path_factory.mktemp("reels")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rows that tests have measured, as a table for the docs."""
    rows = [
        str(value)
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == "row"
    ]
    for line in sorted(rows):
        terminalreporter.write_line(line)
