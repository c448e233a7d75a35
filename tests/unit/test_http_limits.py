"""What the workers of one machine share about a server."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avakit.errors import OutputImpossible
from avakit.tools import http_limits
from avakit.tools.http_limits import Limits, Server

URL = "http://User:secret@Mirror.example:8080/a?token=secret"
NONE = Limits()


@pytest.fixture(autouse=True)
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "local" / "shared"
    monkeypatch.setenv("AVAKIT_SHARED_DIR", str(folder))
    return folder


def in_another_process(shared: Path, code: str) -> subprocess.Popen[str]:
    header = "import sys, time\nfrom avakit.tools.http_limits import Limits, Server\n"
    environment = os.environ | {"AVAKIT_SHARED_DIR": str(shared)}
    return subprocess.Popen(
        [sys.executable, "-c", header + code], env=environment, text=True, stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip


def test_a_pause_holds_for_all_processes(shared: Path) -> None:
    with in_another_process(shared, f"Server({URL!r}, Limits()).pause(50)") as other:
        other.wait()
    assert 0 < Server("https://mirror.example:8080/other", NONE).pause_left() <= 50
    assert Server("https://mirror.example/", NONE).pause_left() == 0


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    server = Server(URL, NONE)
    server.pause(50)
    server.pause(1)
    assert server.pause_left() > 40


@pytest.mark.parametrize("seconds", [1e9, -5.0, 0.0])
def test_a_pause_that_makes_no_sense_is_none(seconds: float) -> None:
    """The clock was set back, or it is over."""
    server = Server(URL, NONE)
    server.pause(seconds)
    assert server.pause_left() == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pause": "x"}', "\0\0"])
def test_a_torn_file_says_nothing(shared: Path, text: str) -> None:
    server = Server(URL, Limits(bytes_per_second=1000))
    server.pause(50)
    (state,) = shared.iterdir()
    state.write_text(text)
    assert server.pause_left() == 0
    server.spend(1000)
    server.pause(50)
    assert server.pause_left() > 40


def test_nothing_is_written_without_need(shared: Path) -> None:
    server = Server(URL, NONE)
    assert (server.turn(), server.spend(10**9), server.pause_left()) == (0, 0, 0)
    slot = server.slot()
    assert slot is not None
    with slot:
        assert not shared.exists()


def test_bytes_are_paid_for_in_time() -> None:
    one, other = (Server(URL, Limits(bytes_per_second=1000)) for _ in range(2))
    assert one.spend(20_000) == pytest.approx(20, abs=1)
    assert other.spend(20_000) == pytest.approx(40, abs=1)
    assert Server("http://elsewhere/", Limits(bytes_per_second=1000)).spend(1000) == pytest.approx(1, abs=0.5)


def test_requests_take_turns() -> None:
    one, other = (Server(URL, Limits(requests_per_second=0.1)) for _ in range(2))
    assert one.turn() == pytest.approx(0, abs=0.5)
    assert other.turn() == pytest.approx(10, abs=1)
    assert one.turn() == pytest.approx(20, abs=1)


def test_what_was_not_used_is_not_saved_up() -> None:
    server = Server(URL, Limits(bytes_per_second=1000))
    server.spend(1)
    time.sleep(0.05)
    assert server.spend(5000) == pytest.approx(5, abs=0.5)


def test_no_more_slots_than_allowed() -> None:
    server = Server(URL, Limits(connections=2))
    first, second = server.slot(), server.slot()
    assert first is not None
    assert second is not None
    with second:
        with first:
            assert server.slot() is None
        again = server.slot()
        assert again is not None
        with again:
            assert server.slot() is None


def test_the_slot_of_a_killed_process_is_free_again(shared: Path) -> None:
    server = Server(URL, Limits(connections=1))
    code = f"slot = Server({URL!r}, Limits(connections=1)).slot()\nprint(slot is not None, flush=True)\ntime.sleep(60)"
    with in_another_process(shared, code) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert server.slot() is None
        other.send_signal(signal.SIGKILL)
    slot = server.slot()
    assert slot is not None
    with slot:
        pass


def test_names_hold_no_secret_and_files_are_ours_alone(shared: Path) -> None:
    server = Server(URL, Limits(connections=1))
    server.pause(5)
    slot = server.slot()
    assert slot is not None
    with slot:
        assert all("secret" not in path.name for path in shared.iterdir())
        assert {stat.S_IMODE(path.stat().st_mode) for path in shared.iterdir()} == {0o600}
        assert stat.S_IMODE(shared.stat().st_mode) == 0o700


def test_a_planted_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause is then not shared; a limit that can't be kept is said to be."""
    monkeypatch.delenv("AVAKIT_SHARED_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"avakit-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    server = Server(URL, Limits(connections=1))
    server.pause(50)
    assert server.pause_left() == 0
    with pytest.raises(OutputImpossible, match="the folder that workers share"):
        http_limits.require_shared_folder()
    with pytest.raises(OSError, match="AVAKIT_SHARED_DIR"):
        server.slot()
