"""Windows cut from films that lie on a server: the same bytes, hardly more traffic, and no trust."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from avakit import cut
from avakit.errors import NoRanges, TransferFailed
from avakit.model import Span
from avakit.tools import http, ranged
from demo import films
from demo.server import Request, positions
from tests.faults import Fault, FaultyServer, Injection
from tests.integration import reels
from tests.integration import world as worlds

FAST = http.Options(timeout_seconds=5.0, tries=2, backoff_seconds=0.0)
SMALL, SHORT_SPAN = "2997-open.mkv", Span(Fraction(5), Fraction(3))
#: Of a film of half a minute these eleven seconds stand for a quarter of an hour of two.
SPAN = Span(Fraction(9), Fraction(11))
_X264 = {"preset": "ultrafast", "crf": "14", "bf": "3", "g": "50", "threads": "1"}
_VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "50", "b": "1500k", "threads": "1"}
#: name -> (frame rate, style, options of the container)
KINDS: dict[str, tuple[Fraction, films.Style, dict[str, str]]] = {
    "index-last.mp4": (Fraction(24000, 1001), films.Style(options=_X264, sound="aac"), {}),
    "index-first.mp4": (Fraction(25), films.Style(options=_X264, sound="aac"), {"movflags": "+faststart"}),
    "cues-last.mkv": (Fraction(30000, 1001), films.Style(options=_X264, sound="aac"), {}),
    "cues-first.mkv": (Fraction(25), films.Style(options=_X264, sound="aac"), {"cues_to_front": "1"}),
    "vp9.webm": (Fraction(25), films.Style(codec="libvpx-vp9", options=_VP9, sound="libopus"), {}),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("long-reels")


def make(folder: Path, name: str) -> Path:
    path = folder / name
    rate, style, options = KINDS[name]
    if not path.exists():
        raw = path.with_stem("raw") if options else path
        films.make(raw, footage=reels.FOOTAGE, seconds=Fraction(30), rate=rate, style=style)
        if options:
            _remux(raw, path, options)
    return path


def _remux(source: Path, path: Path, options: dict[str, str]) -> None:
    with av.open(str(source)) as given, av.open(str(path), "w", options=options) as output:
        streams = {stream.index: output.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)


def served_film(folder: Path, server: FaultyServer, name: str) -> tuple[Path, str]:
    film = make(folder, name)
    (server.state.folder / name).hardlink_to(film)
    return film, f"{server.url}/{name}"


def served_reel(server: FaultyServer) -> tuple[Path, str]:
    """Serve a film of twelve seconds, enough where the traffic is not counted."""
    film = reels.make(worlds.REELS, SMALL)
    (server.state.folder / SMALL).hardlink_to(film)
    return film, f"{server.url}/{SMALL}"


def asked_bytes(requests: list[Request], total: int) -> int:
    """Return how many bytes were asked for, as the server saw it."""
    spans = [positions(request.range, total) for request in requests]
    return sum(last - first + 1 for first, last in spans)


def window_of(url: str, tmp_path: Path, span: Span = SHORT_SPAN) -> Path:
    path = tmp_path / "fetched.mkv"
    with ranged.opened(url, tmp_path / "store", FAST) as film:
        cut.window(film, path, span=span)
    return path


def index_is_first(path: Path) -> bool:
    data = path.read_bytes()
    marks = (b"moov", b"mdat") if path.suffix == ".mp4" else (b"\x1c\x53\xbb\x6b", b"\x1f\x43\xb6\x75")
    index, media = (data.find(mark, 300 if path.suffix == ".mkv" else 0) for mark in marks)
    return index < media


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_window_is_that_of_the_whole_film_and_little_else_is_fetched(
    folder: Path, server: FaultyServer, tmp_path: Path, name: str
) -> None:
    film, url = served_film(folder, server, name)
    if not name.endswith("webm"):
        assert index_is_first(film) == ("first" in name)
    expected = cut.window(film, tmp_path / "cut.mkv", span=SPAN)
    with ranged.opened(url, tmp_path / "store", FAST) as remote:
        found = cut.window(remote, tmp_path / "fetched.mkv", span=SPAN)
    window = (tmp_path / "fetched.mkv").read_bytes()
    assert found == expected
    assert window == (tmp_path / "cut.mkv").read_bytes()
    assert remote.fetched == asked_bytes(server.requests, film.stat().st_size)
    assert remote.fetched <= 1.1 * len(window)
    assert remote.fetched < 0.6 * film.stat().st_size
    assert {request.headers.get("if-range") for request in server.requests[1:]} == {remote.etag}


def test_its_frames_are_those_of_the_film(folder: Path, server: FaultyServer, tmp_path: Path) -> None:
    film, url = served_film(folder, server, "index-last.mp4")
    window = window_of(url, tmp_path, SPAN)
    begins, _ = reels.times(film)
    with av.open(str(window)) as container:
        stream = container.streams.video[0]
        shown = [
            (frame.pts * stream.time_base, frame.to_ndarray(format="gray"))
            for frame in container.decode(stream)
            if frame.pts * stream.time_base <= SPAN.end + 1  # after that only those that others refer to
        ]
    first = films.read_strip(shown[0][1])
    assert [films.read_strip(picture) for _, picture in shown] == list(range(first, first + len(shown)))
    assert all(abs(at - begins[first + k]) <= Fraction(1, 2000) for k, (at, _) in enumerate(shown))
    assert begins[first] <= SPAN.start - 1
    assert begins[first + len(shown) - 1] >= SPAN.end


@pytest.mark.parametrize(
    "fault", [Fault.RESET, Fault.SHORT, Fault.CHUNK_CUT, Fault.BUSY, Fault.RATE_LIMIT], ids=lambda fault: fault.value
)
def test_what_passes_is_tried_again(server: FaultyServer, tmp_path: Path, fault: Fault) -> None:
    film, url = served_reel(server)
    server.inject(f"/{SMALL}", Injection(frozenset({fault}), times=1))
    window = window_of(url, tmp_path)
    cut.window(film, tmp_path / "cut.mkv", span=SHORT_SPAN)
    assert window.read_bytes() == (tmp_path / "cut.mkv").read_bytes()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault.IGNORE_RANGE, "can't be had in parts"),
        (Fault.RANGE_REFUSED, "can't be had in parts"),
        (Fault.WEAK_ETAG, "has no strong ETag"),
        (Fault.NO_ETAG, "has no strong ETag"),
        (Fault.NO_RANGE_HEADER, "do not say which they are"),
        (Fault.WRONG_RANGE, "other parts than those asked for"),
        (Fault.EMPTY, "can't be had in parts"),
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_a_server_that_can_not_prove_its_parts_is_not_trusted(
    server: FaultyServer, tmp_path: Path, fault: Fault, why: str
) -> None:
    _, url = served_reel(server)
    server.inject(f"/{SMALL}", fault)
    with pytest.raises(NoRanges, match=why):
        window_of(url, tmp_path)


@pytest.mark.parametrize("keeps_etag", [True, False])
def test_a_film_that_changes_in_the_middle_is_not_stitched(
    server: FaultyServer, tmp_path: Path, keeps_etag: bool
) -> None:
    """Noticed by the ETag, or, where a server tells the same one for ever, by the film's length."""
    film, url = served_reel(server)
    with ranged.opened(url, tmp_path / "store", FAST) as remote:
        if keeps_etag:
            facts = film.stat()
            changed = tmp_path / "changed"
            changed.write_bytes(film.read_bytes()[:-1])
            (server.state.folder / SMALL).unlink()
            (server.state.folder / SMALL).hardlink_to(changed)
            remote.etag = f'"{changed.stat().st_mtime_ns:x}-{facts.st_size - 1:x}"'
        else:
            server.inject(f"/{SMALL}", Fault.CHANGED)
            server.state.meet(f"/{SMALL}", has_range=True)
        with pytest.raises(NoRanges, match="changed meanwhile"):
            cut.window(remote, tmp_path / "fetched.mkv", span=SHORT_SPAN)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Fault.NOT_FOUND, "not_found"), (Fault.FORBIDDEN, "forbidden"), (Fault.BUSY, "server_error")],
    ids=lambda value: getattr(value, "value", ""),
)
def test_a_server_that_fails_while_libav_reads_is_what_is_told(
    server: FaultyServer, tmp_path: Path, fault: Fault, reason: str
) -> None:
    """And not what libav makes of a file that seems to end there."""
    _, url = served_reel(server)
    with ranged.opened(url, tmp_path / "store", FAST) as remote:
        server.inject(f"/{SMALL}", fault)
        with pytest.raises(TransferFailed) as caught:
            cut.window(remote, tmp_path / "fetched.mkv", span=SHORT_SPAN)
    assert caught.value.reason == reason
    assert av.open(str(reels.make(worlds.REELS, "25.mp4"))).close() is None, "no error is left behind in libav"


def test_an_interrupt_passes_through_libav(server: FaultyServer, tmp_path: Path) -> None:
    def stop(done: int, _: int | None) -> None:
        if done > 2 * ranged.FIRST_BYTES:
            raise KeyboardInterrupt

    _, url = served_reel(server)
    with ranged.opened(url, tmp_path / "store", FAST, stop) as remote, pytest.raises(KeyboardInterrupt):
        cut.window(remote, tmp_path / "fetched.mkv", span=SHORT_SPAN)


def test_reading_is_that_of_a_file(server: FaultyServer, tmp_path: Path) -> None:
    """But that a piece may be shorter than asked for."""
    film, url = served_reel(server)
    data = film.read_bytes()
    with ranged.opened(url, tmp_path / "store", FAST) as remote, film.open("rb") as local:
        for offset, whence, size in [(0, 0, 10), (70_000, 0, 50_000), (-5, 2, 99), (-40_000, 1, 7), (0, 2, 1)]:
            assert remote.seek(offset, whence) == local.seek(offset, whence) == remote.tell()
            piece = remote.read(size)
            assert piece == local.read(len(piece))
            assert piece or not local.read(1)
        remote.seek(0)
        assert b"".join(iter(lambda: remote.read(1 << 20), b"")) == data
        assert remote.fetched == len(data) == remote.total
    assert (tmp_path / "store").read_bytes() == data
