"""Folders of annotation files that several tests count."""

import shutil
from pathlib import Path

import pytest

from avakit import stats
from tests.annotated import DATA, TEST, V10, write_v10


@pytest.fixture
def head(tmp_path: Path) -> stats.Annotations:
    """Read the first rows of the published test labels of v1.0."""
    write_v10(tmp_path, {})
    shutil.copy(DATA / "ava_test_v1.0_head.csv", tmp_path / "ava_test_v1.0.csv")
    return stats.read(V10, tmp_path, (TEST,))


@pytest.fixture
def v22(tmp_path: Path) -> Path:
    for name in ("ava_action_list_v2.2.pbtxt", "ava_val_excluded_timestamps_v2.2.csv", "ava_test_v2.2.txt",
                 "ava_test_excluded_timestamps_v2.2.csv", "ava_file_names_trainval_v2.1.txt"):  # fmt: skip
        shutil.copy(DATA / name, tmp_path)
    shutil.copy(DATA / "ava_sample_v2.1.csv", tmp_path / "ava_val_v2.2.csv")
    return tmp_path


@pytest.fixture
def k400(tmp_path: Path) -> Path:
    folder = tmp_path / "k400"
    folder.mkdir()
    shutil.copy(DATA / "kinetics-400_val_head.csv", folder / "validate.csv")
    shutil.copy(DATA / "kinetics-400_test_head.csv", folder / "test.csv")
    return folder
