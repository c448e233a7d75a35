"""Whether this machine is able: every doubt is named, with its remedy."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avakit import cli
from avakit.doctor import Verdict, network
from avakit.errors import ConfigInvalid, TransferFailed
from avakit.tools.http_look import Look, look
from tests.faults import Fault, FaultyServer, Injection
from tests.integration.world import World

Checks = dict[str, dict[str, Any]]


def examine(capsys: pytest.CaptureFixture[str], *words: str, expect: int = 0) -> Checks:
    assert cli.run(["doctor", "--json", *words]) == expect
    *checks, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert (summary["type"], summary["exit_code"]) == ("summary", expect)
    assert summary["fail"] == sum(check["verdict"] == "fail" for check in checks)
    return {check["name"]: check for check in checks}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


# --- the machine ---


def test_nothing_stays_in_a_root_that_was_there(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    (home / "data").mkdir()
    checks = examine(capsys, "--offline")
    assert {"python", "write speed", "file system", "shared folder"} <= checks.keys()
    assert not {"clock", "cookies"} & checks.keys()
    assert "MB/s" in checks["write speed"]["detail"]
    assert "locks hold" in checks["file system"]["detail"]
    assert [path.name for path in home.rglob("*")] == ["data"]


def test_a_disk_in_memory_and_full_is_no_place(capsys: pytest.CaptureFixture[str], small_disk: Path) -> None:
    checks = examine(capsys, "--offline", "--root", str(small_disk), expect=74)
    assert checks["disk"]["verdict"] == "fail"
    assert "0.5 MB free" in checks["disk"]["detail"]
    assert checks["file system"]["verdict"] == "warn"
    assert "in memory" in checks["file system"]["detail"]


def test_a_root_that_can_not_be_made_is_no_full_disk(capsys: pytest.CaptureFixture[str]) -> None:
    checks = examine(capsys, "--offline", "--root", "/proc/nope", expect=73)
    assert checks["root"]["verdict"] == "fail"
    assert "disk" not in checks


def test_the_folder_that_workers_share_is_tried(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVAKIT_SHARED_DIR", "/proc/nope")
    check = examine(capsys, "--offline", expect=73)["shared folder"]
    assert (check["verdict"], "AVAKIT_SHARED_DIR=/proc/nope" in check["detail"]) == ("fail", True)
    monkeypatch.setenv("AVAKIT_SHARED_DIR", str(home / "deep" / "er"))
    check = examine(capsys, "--offline")["shared folder"]
    assert (check["verdict"], str(home / "deep" / "er") in check["detail"]) == ("ok", True)
    assert not (home / "deep").exists()


COOKIE = ".youtube.com\tTRUE\t/\tTRUE\t0\tSID\ts3cret\n"


@pytest.mark.parametrize(
    ("mode", "text", "verdict", "said"),
    [
        (0o600, "# Netscape HTTP Cookie File\n" + COOKIE, "ok", "yours alone"),
        (0o640, "# Netscape HTTP Cookie File\n" + COOKIE, "warn", "mode 640"),
        (0o604, "# HTTP Cookie File\n" + COOKIE, "warn", "mode 604"),
        (0o600, '[{"name": "SID", "value": "s3cret"}]\n', "warn", "Netscape"),
        (0o600, COOKIE, "warn", "Netscape"),
        (0o644, COOKIE, "warn", "mode 644); it is not a cookie file"),
        (None, "", "warn", "No such file"),
    ],
)
def test_cookies_are_for_their_owner_alone(
    capsys: pytest.CaptureFixture[str], home: Path, mode: int | None, text: str, verdict: str, said: str
) -> None:
    if mode is not None:
        (home / "cookies.txt").write_text(text)
        (home / "cookies.txt").chmod(mode)
    found = examine(capsys, "--offline", "--cookies", "cookies.txt")["cookies"]
    assert found["verdict"] == verdict
    assert said in found["detail"]
    assert bool(found["remedy"]) is (verdict != "ok")
    assert "s3cret" not in json.dumps(found)


# --- the network ---


def test_every_server_of_a_dataset_is_asked(capsys: pytest.CaptureFixture[str], world: World) -> None:
    tiny = ("--manifest", "tiny.yaml")
    where = world.server.url.removeprefix("http://").rstrip("/")
    checks = examine(capsys, *tiny)
    assert {name: checks[f"{name} {where}"]["verdict"] for name in ("annotations", "mirror", "youtube")} == {
        "annotations": "ok", "mirror": "ok", "youtube": "ok",
    }  # fmt: skip
    assert checks["clock"]["verdict"] == "ok"
    world.run("fetch", *tiny)
    world.server.requests.clear()
    checks = examine(capsys, *tiny)
    assert checks[f"mirror {where}"]["detail"] == "answers (HTTP 206)", "of a film on its list"
    world.server.inject("/videos/-Reel_mp4-1.mp4", Fault.BUSY)
    found = examine(capsys, *tiny)[f"mirror {where}"]
    assert (found["verdict"], "HTTP 503" in found["detail"]) == ("warn", True)
    world.server.requests.clear()
    examine(capsys, *tiny, "--offline")
    assert world.server.requests == []


def test_a_server_that_is_gone_is_named_with_a_remedy(capsys: pytest.CaptureFixture[str], world: World) -> None:
    manifest = world.folder / "tiny.yaml"
    manifest.write_text(manifest.read_text().replace(world.server.url.rstrip("/"), "http://127.0.0.1:9"))
    checks = examine(capsys, "--manifest", "tiny.yaml")
    gone = checks["mirror 127.0.0.1:9"]
    assert (gone["verdict"], "refused" in gone["detail"]) == ("warn", True)
    assert "--offline" in gone["remedy"]
    assert checks["clock"]["detail"] == "no server told its time"
    assert cli.run(["doctor", "--manifest", "tiny.yaml"]) == 0
    assert "this machine can do the job; " in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(("ahead", "verdict"), [(0.4, "ok"), (-59.0, "ok"), (3600.0, "warn"), (-86400.0, "warn")])
def test_the_clock_is_compared_with_the_servers(ahead: float, verdict: str) -> None:
    broken = TransferFailed("transient", "network", "gone")
    (check,) = [network._clock([Look(200, None, ahead), Look(404, None, None), broken])]
    assert (check.verdict, bool(check.remedy)) == (verdict, verdict != Verdict.OK)


# --- one look ---


@pytest.mark.parametrize(
    ("fault", "code", "size"),
    [
        (None, 206, 1000),
        (Fault.IGNORE_RANGE, 200, 1000),
        (Fault.NO_RANGE_HEADER, 206, None),
        (Fault.NOT_FOUND, 404, None),
        (Fault.RATE_LIMIT, 429, None),
    ],
)
def test_a_look_tells_length_and_time(server: FaultyServer, fault: Fault | None, code: int, size: int | None) -> None:
    (server.state.folder / "a.mp4").write_bytes(bytes(1000))
    server.inject("/a.mp4", fault or Injection())
    seen = look(f"{server.url.rstrip('/')}/a.mp4")
    assert (seen.code, seen.bytes) == (code, size)
    assert seen.clock_ahead_seconds is not None
    assert abs(seen.clock_ahead_seconds) < 30
    assert len(server.requests) == 1


def test_a_look_that_finds_nobody_fails() -> None:
    with pytest.raises(TransferFailed, match="refused"):
        look("http://127.0.0.1:9/a.mp4")
    with pytest.raises(ConfigInvalid, match="not an http"):
        look("file:///etc/passwd")
