"""Small worlds to try the verbs in."""

from pathlib import Path

import pytest

from tests.faults import FaultyServer
from tests.integration import world as worlds


@pytest.fixture(scope="session", autouse=True)
def _reels(tmp_path_factory: pytest.TempPathFactory) -> None:
    worlds.REELS = tmp_path_factory.mktemp("reels")


@pytest.fixture
def world(tmp_path: Path, server: FaultyServer) -> worlds.World:
    """Build a dataset of the form of AVA: two films on the mirror, the third only through yt-dlp."""
    return worlds.build_ava(tmp_path, server)


@pytest.fixture
def clip_world(tmp_path: Path, server: FaultyServer) -> worlds.World:
    """Build a dataset of the form of Kinetics, one of its videos gone."""
    return worlds.build_kinetics(tmp_path, server)


@pytest.fixture
def both_world(tmp_path: Path, server: FaultyServer) -> worlds.World:
    """Build a dataset of the form of AVA-Kinetics: one film, and two videos with three clips."""
    return worlds.build_ava_kinetics(tmp_path, server)
