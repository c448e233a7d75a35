"""The network rows of the fault matrix, N1 to N27, against a mirror: none is silent, none hangs, each has its name.

After every fault: nothing torn stands under a final name, what was good before is untouched, the status is the right
one, and the same call without the fault makes what it would have made at once.
"""

import socket
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from avakit import download, sources
from avakit.errors import ItemFailed, Status
from avakit.layout import Layout
from avakit.model import Span, Split, Video, VideoId
from avakit.recipes import FrameRecipe
from avakit.tools import files, http, ytdlp
from tests.faults import Fault, FaultyServer, Injection
from tests.integration import test_http

WANTED = Video(VideoId("-5KQ66BBWC4"), (Split.TRAIN,), Span(Fraction(0), Fraction(1)), "-5KQ66BBWC4.mp4")
PATH = "/-5KQ66BBWC4.mp4"
FAST = http.Options(
    timeout_seconds=0.5, tries=3, backoff_seconds=0.0, deadline_seconds=200.0, max_bytes=1 << 20, sleep=lambda _: None
)
MENDED = (None, "")
CUT = (Status.TRANSIENT, "network")
UNSAFE = (Status.UNSAFE, "redirect")


@dataclass(frozen=True)
class Row:
    """A fault, and what becomes of the video: a status and a reason, or `MENDED`."""

    row: str
    injection: Injection
    expected: tuple[Status | None, str]

    def __str__(self) -> str:
        name = "+".join(sorted(self.injection.faults)) + (f"-{self.injection.times}" if self.injection.times else "")
        more = self.injection.location or self.injection.retry_after
        return f"{self.row}-{name}{more and '-'}{more}"


def row(
    name: str, *faults: Fault, expected: tuple[Status | None, str] = MENDED, times: int | None = None, **more: str
) -> Row:
    return Row(
        name, Injection(frozenset(faults), times, seconds=0.02 if Fault.DRIP in faults else 2.0, **more), expected
    )


ROWS = (
    row("N1", Fault.RESET, times=1),
    row("N1", Fault.RESET, Fault.NO_ETAG, expected=CUT),
    row("N2", Fault.SHORT, times=1),
    row("N2", Fault.SHORT, Fault.NO_ETAG, expected=CUT),
    row("N3", Fault.NO_LENGTH, Fault.SHORT, expected=(Status.CORRUPT, "not_media")),
    row("N4", Fault.SMALL_LENGTH, expected=(Status.CORRUPT, "not_media")),
    row("N5", Fault.CHUNK_NO_END, expected=CUT),
    row("N5", Fault.CHUNK_CUT, Fault.NO_ETAG, expected=CUT),
    row("N6", Fault.SHORT, Fault.WRONG_RANGE, times=2),
    row("N6", Fault.SHORT, Fault.NO_RANGE_HEADER, times=2),
    row("N7", Fault.SHORT, Fault.IGNORE_RANGE, times=2),
    row("N8", Fault.CHANGED, expected=(Status.CORRUPT, "not_media")),
    row("N10", Fault.SHORT, Fault.RANGE_REFUSED, times=2),
    row("N11", Fault.HTML, expected=(Status.TRANSIENT, "bot_check")),
    row("N11", Fault.JSON, expected=(Status.CORRUPT, "not_media")),
    row("N12", Fault.HTML_AS_VIDEO, expected=(Status.TRANSIENT, "bot_check")),
    row("N13", Fault.EMPTY, expected=(Status.CORRUPT, "empty")),
    row("N13", Fault.EMPTY, times=1),
    row("N14", Fault.RATE_LIMIT, expected=(Status.TRANSIENT, "rate_limit"), retry_after="7"),
    row("N14", Fault.RATE_LIMIT, expected=(Status.TRANSIENT, "rate_limit"), retry_after="1000000000"),
    row("N14", Fault.RATE_LIMIT, times=1, retry_after="Fri, 31 Dec 2100 23:59:59 GMT"),
    row("N15", Fault.BUSY, times=1),
    row("N15", Fault.BUSY, expected=(Status.TRANSIENT, "server_error")),
    row("N16", Fault.LOOP, expected=(Status.UNAVAILABLE, "redirect")),
    row("N17", Fault.TO_FILE, expected=UNSAFE),
    row("N17", Fault.REDIRECT, expected=UNSAFE, location="ftp://127.0.0.1/a.mp4"),
    row("N17", Fault.REDIRECT, expected=UNSAFE, location="data:video/mp4;base64,AAAA"),
    row("N18", Fault.REDIRECT, expected=UNSAFE, location="http://127.0.0.2:{port}/other.mp4"),
    row("N18", Fault.REDIRECT, expected=UNSAFE, location="http://localhost:{port}/other.mp4"),
    row("N18", Fault.REDIRECT, expected=UNSAFE, location="http://[::1]:{port}/other.mp4"),
    row("N18", Fault.REDIRECT, expected=UNSAFE, location="http://[::ffff:127.0.0.1]:{port}/other.mp4"),
    row("N18", Fault.REDIRECT, expected=UNSAFE, location="http://169.254.169.254/latest/meta-data"),
    row("N18", Fault.REDIRECT, expected=UNSAFE, location="http://10.0.0.1/other.mp4"),
    row("N19", Fault.STALL, times=1),
    row("N19", Fault.STALL, Fault.NO_ETAG, expected=(Status.TRANSIENT, "timeout")),
    row("N20", Fault.DRIP, expected=(Status.TRANSIENT, "timeout")),
    row("N22", Fault.GZIP, expected=(Status.CORRUPT, "not_media")),
    row("N23", Fault.ENDLESS, expected=(Status.CORRUPT, "length")),
    row("N27", Fault.NOT_FOUND, expected=(Status.UNAVAILABLE, "not_found")),
    row("N27", Fault.GONE, expected=(Status.UNAVAILABLE, "not_found")),
)
#: Rows that need more than one answer of a mirror: the test that stands for each.
ELSEWHERE = {
    "N9": test_http.test_a_rotten_beginning_is_not_built_upon,
    "N21": test_http.test_a_certificate_that_is_not_the_servers_is_refused_at_once,
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "data", "ava", "videos", "windows", "clips", "frames", "keys", FrameRecipe())
    canary = made.absolute("videos/canary-0001.mp4")
    canary.parent.mkdir(parents=True)
    canary.write_bytes(b"good before")
    return made


def get(layout: Layout, *asked: sources.Source) -> Path:
    """Download the video; return where it stands."""
    made = download.video(WANTED, layout, asked, lambda *_: None)
    assert made.path is not None
    path = layout.absolute(made.path)
    assert made.sha256 == files.sha256(path)
    return path


def finals(layout: Layout) -> list[str]:
    folder = layout.absolute(layout.videos)
    return sorted(path.name for path in folder.iterdir() if not files.is_partial(path.name))


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_a_fault_is_neither_silent_nor_harmful(
    case: Row, server: FaultyServer, served: Path, layout: Layout, tiny_film: bytes
) -> None:
    for name in (PATH, "/other.mp4"):
        (served / name[1:]).write_bytes(tiny_film)
    port = server.url.rpartition(":")[2]
    server.inject(PATH, replace(case.injection, location=case.injection.location.format(port=port)))
    before = layout.absolute("videos/canary-0001.mp4").stat().st_mtime_ns
    mirror = sources.Mirror((f"{server.url}/{{file_name}}",), options=FAST)
    if case.expected == MENDED:
        get(layout, mirror)
        assert len(server.requests) > 1
    else:
        with pytest.raises(ItemFailed) as caught:
            get(layout, mirror)
        assert (caught.value.status, caught.value.reason) == case.expected
        assert finals(layout) == ["canary-0001.mp4"]
    server.heal(PATH)
    assert get(layout, mirror).read_bytes() == tiny_film
    assert finals(layout) == ["-5KQ66BBWC4.mp4", "canary-0001.mp4"]
    canary = layout.absolute("videos/canary-0001.mp4")
    assert (canary.read_bytes(), canary.stat().st_mtime_ns) == (b"good before", before)


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid/{id}.mp4", "http://127.0.0.1:{port}/{{id}}.mp4"], ids=["name", "refused"]
)
def test_n24_a_server_that_can_not_be_reached(url: str, layout: Layout) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        template = url.format(port=unused.getsockname()[1], id="{id}")
        with pytest.raises(ItemFailed) as caught:
            get(layout, sources.Mirror((template,), options=FAST))
    assert (caught.value.status, caught.value.reason) == CUT
    assert finals(layout) == ["canary-0001.mp4"]


def test_n24_a_proxy_that_refuses(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ItemFailed, match="proxy") as caught:
        get(layout, sources.Mirror(("http://mirror.example/{id}.mp4",), options=FAST))
    assert (caught.value.status, caught.value.reason) == CUT


def test_n25_a_missing_fragment_is_no_video(server: FaultyServer, served: Path, layout: Layout) -> None:
    """yt-dlp leaves a hole by default."""
    lines = [f"#EXTINF:1,\n{number}.ts\n" for number in range(3)]
    (served / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + "".join(lines) + "#EXT-X-ENDLIST\n")
    for number in (0, 2):
        (served / f"{number}.ts").write_bytes(b"G" + bytes(187))
    options = ytdlp.Options(ffmpeg=get_ffmpeg_exe(), timeout_seconds=5.0, deadline_seconds=60.0, retries=0)
    with pytest.raises(ItemFailed):
        get(layout, sources.Youtube(f"{server.url}/list.m3u8?{{id}}", options))
    assert "/1.ts" in [request.path for request in server.requests]
    assert finals(layout) == ["canary-0001.mp4"]


def test_n26_the_fallback_is_written_down(server: FaultyServer, served: Path, layout: Layout, tiny_film: bytes) -> None:
    (served / "other.mp4").write_bytes(tiny_film)
    first = sources.Mirror((f"{server.url}/{{file_name}}",), options=FAST)
    second = sources.Mirror((f"{server.url}/other.mp4?{{id}}",), options=FAST)
    made = download.video(WANTED, layout, (first, second), lambda *_: None)
    assert made.facts["source"]["url"] == f"{server.url}/other.mp4"
    assert "not_found" in str(made.facts["tried_before"])


def test_n18_the_user_can_allow_a_private_network(
    server: FaultyServer, served: Path, layout: Layout, tiny_film: bytes
) -> None:
    (served / "other.mp4").write_bytes(tiny_film)
    target = server.url.replace("127.0.0.1", "localhost") + "/other.mp4"
    server.inject(PATH, Injection(frozenset({Fault.REDIRECT}), location=target))
    mirror = sources.Mirror((f"{server.url}/{{file_name}}",), options=replace(FAST, allow_private=True))
    assert get(layout, mirror).read_bytes() == tiny_film


def test_no_row_is_forgotten() -> None:
    here = {case.row for case in ROWS} | {"N24", "N25", "N26"}
    assert here | set(ELSEWHERE) == {f"N{number}" for number in range(1, 28)}
    assert not here & set(ELSEWHERE)
