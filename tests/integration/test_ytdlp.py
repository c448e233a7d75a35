"""yt-dlp for real: its own process, its generic extractor, a server on this machine."""

import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import av
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from avakit.errors import ConfigInvalid, Status, TransferFailed
from avakit.tools import ytdlp
from tests.faults import Fault, FaultyServer, Injection

OPTIONS = ytdlp.Options(
    ffmpeg=get_ffmpeg_exe(), extractor="generic", timeout_seconds=5.0, deadline_seconds=60.0, retries=2
)


@pytest.fixture
def folder(tmp_path: Path, served: Path, tiny_film: bytes) -> Path:
    (served / "-5KQ66BBWC4.mp4").write_bytes(tiny_film)
    path = tmp_path / "100% $HOME ~"
    path.mkdir()
    return path


def fetch(server: FaultyServer, folder: Path, options: ytdlp.Options = OPTIONS) -> ytdlp.Fetched:
    return ytdlp.download(f"{server.url}/-5KQ66BBWC4.mp4", folder, "-5KQ66BBWC4", options)


def test_a_film_is_fetched_under_a_fixed_name(server: FaultyServer, folder: Path, tiny_film: bytes) -> None:
    seen: list[tuple[int, int | None]] = []
    url = f"{server.url}/-5KQ66BBWC4.mp4"
    fetched = ytdlp.download(url, folder, "-5KQ66BBWC4", OPTIONS, lambda *now: seen.append(now))
    assert fetched.path == folder / "video.mp4"
    assert fetched.path.read_bytes() == tiny_film
    assert (fetched.extension, fetched.extractor) == ("mp4", "generic")
    assert fetched.version.startswith("20")
    assert seen[-1][0] == len(tiny_film)
    assert [path.name for path in folder.iterdir()] == ["video.mp4"]


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (Fault.NOT_FOUND, Status.UNAVAILABLE, "not_found"),
        (Fault.GONE, Status.UNAVAILABLE, "not_found"),
        (Fault.FORBIDDEN, Status.TRANSIENT, "forbidden"),
        (Fault.RATE_LIMIT, Status.TRANSIENT, "rate_limit"),
        (Fault.BUSY, Status.TRANSIENT, "server_error"),
        (Fault.HTML, Status.TRANSIENT, "source_error"),
    ],
)
def test_a_failure_is_named(server: FaultyServer, folder: Path, fault: Fault, status: Status, reason: str) -> None:
    server.inject("/-5KQ66BBWC4.mp4", fault)
    with pytest.raises(TransferFailed) as caught:
        fetch(server, folder)
    assert (caught.value.status, caught.value.reason) == (status, reason), caught.value


def test_a_cut_is_mended(server: FaultyServer, folder: Path, tiny_film: bytes) -> None:
    server.inject("/-5KQ66BBWC4.mp4", Injection(frozenset({Fault.SHORT}), times=2))
    assert fetch(server, folder).path.read_bytes() == tiny_film


def test_nobody_listens(folder: Path) -> None:
    with pytest.raises(TransferFailed) as caught:
        ytdlp.download("http://127.0.0.1:9/-5KQ66BBWC4.mp4", folder, "-5KQ66BBWC4", OPTIONS)
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "network"), caught.value


def test_youtube_beyond_reach_is_no_verdict_on_the_video(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that refuses keeps the test away from the network; the extractor of YouTube runs for real."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    options = replace(OPTIONS, extractor="youtube", retries=0)
    url = "https://www.youtube.com/watch?v=-5KQ66BBWC4"
    with pytest.raises(TransferFailed, match="-5KQ66BBWC4") as caught:
        ytdlp.download(url, folder, "-5KQ66BBWC4", options)
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "network"), caught.value


def test_an_address_of_another_site_is_not_for_the_extractor_of_youtube(server: FaultyServer, folder: Path) -> None:
    with pytest.raises(TransferFailed) as caught:
        fetch(server, folder, replace(OPTIONS, extractor="youtube"))
    assert caught.value.status == Status.TRANSIENT
    assert server.requests == []


def test_picture_and_sound_are_joined_by_the_ffmpeg_given(
    server: FaultyServer, folder: Path, served: Path, tiny_film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (served / "picture.mp4").write_bytes(tiny_film)
    with av.open(str(served / "sound.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        for number in range(20):
            frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = 44100, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (served / "-5KQ66BBWC4.mpd").write_text(MANIFEST)
    url = f"{server.url}/-5KQ66BBWC4.mpd"
    fetched = ytdlp.download(url, folder, "-5KQ66BBWC4", OPTIONS)
    assert "+" in fetched.format_id
    with av.open(str(fetched.path)) as joined:
        assert (len(joined.streams.video), len(joined.streams.audio)) == (1, 1)
    assert [path.name for path in folder.iterdir()] == [fetched.path.name]


MANIFEST = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" profiles="a">
 <Period>
  <AdaptationSet mimeType="video/mp4"><Representation id="v" codecs="avc1.64000a" width="64" height="48" bandwidth="9">
   <BaseURL>picture.mp4</BaseURL></Representation></AdaptationSet>
  <AdaptationSet mimeType="audio/mp4"><Representation id="a" codecs="mp4a.40.2" bandwidth="9">
   <BaseURL>sound.m4a</BaseURL></Representation></AdaptationSet>
 </Period>
</MPD>
"""


def test_neither_settings_nor_plugins_of_the_user_run(
    server: FaultyServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "marker"
    settings = tmp_path / "config" / "yt-dlp"
    plugins = settings / "plugins" / "evil" / "yt_dlp_plugins" / "extractor"
    plugins.mkdir(parents=True)
    (plugins / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
    (settings / "config").write_text(f"--exec 'touch {marker}'\n")
    for name in ("yt-dlp.conf", "yt_dlp.py", "json.py"):
        (folder / name).write_text(f"open({str(marker)!r}, 'w')\n--exec 'touch {marker}'\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    fetch(server, folder)
    assert not marker.exists()


def test_cookies_are_read_and_never_written(server: FaultyServer, folder: Path, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n"
    cookies.write_text(text)
    fetch(server, folder, replace(OPTIONS, cookies=cookies))
    assert cookies.read_text() == text
    assert any(request.headers.get("cookie") == "name=value" for request in server.requests)


def test_a_missing_cookie_file_is_a_mistake_in_the_configuration(server: FaultyServer, folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no cookie file"):
        fetch(server, folder, replace(OPTIONS, cookies=folder / "none.txt"))


def test_the_deadline_ends_a_stall(server: FaultyServer, folder: Path) -> None:
    server.inject("/-5KQ66BBWC4.mp4", Fault.STALL)
    started = time.monotonic()
    with pytest.raises(TransferFailed, match="longer than") as caught:
        fetch(server, folder, replace(OPTIONS, timeout_seconds=60.0, deadline_seconds=3.0))
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "timeout")
    assert time.monotonic() - started < 10


def test_what_the_listener_raises_ends_the_call(server: FaultyServer, folder: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ytdlp.download(f"{server.url}/-5KQ66BBWC4.mp4", folder, "-5KQ66BBWC4", OPTIONS, stop)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_parent_takes_its_child_along(server: FaultyServer, folder: Path) -> None:
    server.inject("/-5KQ66BBWC4.mp4", Fault.STALL)
    code = "import sys, pathlib, avakit.tools.ytdlp as y; y.download(sys.argv[1], pathlib.Path(sys.argv[2]), 'x', "
    code += "y.Options(extractor='generic'))"
    url = f"{server.url}/-5KQ66BBWC4.mp4"
    parent = subprocess.Popen([sys.executable, "-c", code, url, str(folder)], cwd=Path(__file__).parents[2])
    wait_until(lambda: server.requests)
    (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_running(int(child)))


def wait_until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited for half a minute"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_full_disk_is_an_error_of_the_disk(server: FaultyServer, folder: Path) -> None:
    """A limit on the size of files stands for the disk: yt-dlp sees the same kind of error."""
    code = "import resource, sys, json; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    code += "from avakit.tools.ytdlp_child import main; main()"
    request = ytdlp._request(f"{server.url}/-5KQ66BBWC4.mp4", replace(OPTIONS, ffmpeg="", retries=0))
    completed = subprocess.run(
        [sys.executable, "-c", code],
        input=request,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}:{os.environ.get('PYTHONPATH', '')}"},
        check=True,
        start_new_session=True,
    )
    answer = json.loads(completed.stdout.splitlines()[-1])
    assert answer["errno"] == errno.EFBIG, answer
