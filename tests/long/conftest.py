"""What the long tests share."""

import pytest

from tests.integration import world as worlds


@pytest.fixture(scope="session", autouse=True)
def _reels(tmp_path_factory: pytest.TempPathFactory) -> None:
    worlds.REELS = tmp_path_factory.mktemp("reels")
