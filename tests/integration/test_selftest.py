"""The libraries prove themselves before their frames are believed, and those that fail are refused."""

from fractions import Fraction
from pathlib import Path

import pytest

from avakit import cli
from avakit.errors import ToolMissing
from avakit.frames import selftest
from avakit.tools import pixels, video


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "avakit"


def test_what_is_installed_here_passes_and_is_not_asked_twice(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    selftest.require()
    assert [path.suffix for path in cache.iterdir()] == [".passed"]
    monkeypatch.setattr(selftest, "examine", lambda: pytest.fail("it was asked again"))
    selftest.require()


def test_a_library_that_takes_one_matrix_for_another_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_MATRICES", pixels._MATRICES | {1: "smpte170m"})
    with pytest.raises(ToolMissing, match="a colour of matrix 1 in limited range becomes"):
        selftest.require()
    assert not cache.exists()


def test_a_library_that_is_off_by_a_frame_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = video.frames

    def late(*words: object, **named: object) -> object:
        return ((seconds + Fraction(1, 24), frame) for seconds, frame in right(*words, **named))  # type: ignore[arg-type]

    monkeypatch.setattr(video, "frames", late)
    with pytest.raises(ToolMissing, match="the first wrong one is number"):
        selftest.require()


def test_a_home_that_can_not_be_written_to_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    selftest.require()


def test_the_verb_ends_with_69(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(selftest, "examine", lambda: ["frames are wrong"])
    assert cli.run(["extract-frames", "--root", str(tmp_path / "data")]) == 69
    assert "the libraries for frames: frames are wrong; install other versions of av" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
