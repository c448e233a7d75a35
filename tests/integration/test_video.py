"""Probing, counting, checking and decoding real files, good and bad."""

import random
from fractions import Fraction
from pathlib import Path

import av
import pytest

from avakit.errors import ItemFailed, MediaRejected, Status
from avakit.tools import soundness, video
from demo import films
from tests.integration import reels


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reels")


def test_probe_tells_what_the_headers_say(folder: Path) -> None:
    path = reels.make(folder, "23976-late.mp4")
    found = video.probe(path)
    assert (found.container, found.codec) == ("mov,mp4,m4a,3gp,3g2,mj2", "h264")
    assert (found.width, found.height, found.pix_fmt) == (320, 192, "yuv420p")
    assert found.start_seconds == Fraction(1, 8)
    assert found.time_base == Fraction(1, 24000)
    assert found.average_rate == Fraction(24000, 1001)
    assert found.declared_frames == 288
    assert not found.has_audio
    assert (found.sample_aspect, found.rotation) == (1, 0)


@pytest.mark.parametrize("name", ["25.mp4", "2997-open.mkv", "30-late.mkv", "vp9.webm", "varied.mkv"])
def test_packets_are_counted_and_the_end_is_found(folder: Path, name: str) -> None:
    path = reels.make(folder, name)
    begins, end = reels.times(path)
    packets = video.count_packets(path)
    assert packets.count == len(begins)
    assert packets.first_pts_seconds == begins[0]
    assert packets.last_end_seconds == end
    rate, style = reels.REELS[name]
    assert packets.rate == (None if style.steps else rate)


def test_seconds_are_those_of_the_film_not_of_the_file(folder: Path) -> None:
    """A stream that begins at 112.7 s begins at second 0; a given origin counts instead."""
    path = reels.make(folder, "30-late.mkv")
    assert video.count_packets(path).first_pts_seconds == 0
    assert video.count_packets(path, origin=Fraction(0)).first_pts_seconds == Fraction("112.7")
    (seconds, frame), *_ = video.frames(path, Fraction(3), Fraction(4))
    assert (seconds, films.read_strip(frame.to_ndarray(format="gray"))) == (Fraction(3), 90)
    (seconds, frame), *_ = video.frames(path, Fraction("115.7"), Fraction(116), origin=Fraction(0))
    assert (seconds, films.read_strip(frame.to_ndarray(format="gray"))) == (Fraction("115.7"), 90)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", sorted(reels.REELS))
def test_frames_are_all_frames_of_a_span_with_their_exact_times(folder: Path, name: str, threads: int) -> None:
    """From the last one at or before the start to the first one at or after the end, wherever an I-frame lies."""
    path = reels.make(folder, name)
    begins, _ = reels.times(path)
    for start, end in [(0, 1), (Fraction("3.21"), Fraction("4.7")), (Fraction("2.39"), Fraction("2.41")), (11, 20)]:
        got = [
            (films.read_strip(frame.to_ndarray(format="gray")), seconds)
            for seconds, frame in video.frames(path, Fraction(start), Fraction(end), threads=threads)
        ]
        first = max((k for k, begin in enumerate(begins) if begin <= start), default=0)
        last = min((k for k, begin in enumerate(begins) if begin >= end), default=len(begins) - 1)
        assert got == [(k, begins[k]) for k in range(first, last + 1)]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_open_gop_can_be_entered_anywhere(folder: Path, threads: int) -> None:
    """Where explode would refuse a third of the entries into this sound film."""
    path = reels.make(folder, "2997-refs.mkv")
    begins, _ = reels.times(path)
    for tenth in range(5, 115, 4):
        start = Fraction(tenth, 10)
        for seconds, frame in video.frames(path, start, start, threads=threads):
            assert begins[films.read_strip(frame.to_ndarray(format="gray"))] == seconds


def test_the_first_frame_is_found_before_a_late_seek(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a container finds an I-frame after the wanted instant, the search goes on further back."""
    from avakit.tools import container

    path = reels.make(folder, "23976.mp4")
    right = list(video.frames(path, Fraction(6), Fraction(7)))
    honest = container.seek
    monkeypatch.setattr(
        container, "seek", lambda opened, stream, seconds: honest(opened, stream, seconds + Fraction(4))
    )
    assert [seconds for seconds, _ in video.frames(path, Fraction(6), Fraction(7))] == [s for s, _ in right]
    monkeypatch.setattr(container, "seek", lambda *_: False)
    assert [seconds for seconds, _ in video.frames(path, Fraction(6), Fraction(7))] == [s for s, _ in right]


def test_scan_finds_packets_and_rate_of_a_stretch(folder: Path) -> None:
    path = reels.make(folder, "23976.mp4")
    begins, end = reels.times(path)
    found = video.scan(path, Fraction(4), Fraction(6))
    seconds = found.seconds()
    assert set(seconds) <= set(begins)
    assert seconds[0] <= 4
    assert seconds[-1] >= 6
    first, last = begins.index(seconds[0]), begins.index(next(s for s in seconds if s >= 6))
    assert [s for s in seconds if s <= begins[last]] == begins[first : last + 1], "none is left out in between"
    assert found.rate == Fraction(24000, 1001)
    assert video.scan(path, Fraction(10), Fraction(99)).end_seconds == end


def test_a_good_film_passes_and_what_it_lacks_is_told(folder: Path) -> None:
    path = reels.make(folder, "25.mp4")
    assert soundness.check(path, start=Fraction(2), end=Fraction(5)).missing_seconds == 0
    assert soundness.check(path, start=Fraction(2), end=Fraction("12.02")).missing_seconds == 0
    assert soundness.check(path, start=Fraction(2), end=Fraction(20)).missing_seconds == 8
    with pytest.raises(MediaRejected) as caught:
        soundness.check(path, start=Fraction(12), end=Fraction(20))
    assert (caught.value.status, caught.value.reason) == (Status.SHORT, "starts_after_end")


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", Status.CORRUPT, "empty"),
        (b"<!DOCTYPE html><title>404</title>", Status.CORRUPT, "html"),
        (b"\xef\xbb\xbf  \n<HTML>", Status.CORRUPT, "html"),
        (b"nothing of the kind" * 99, Status.CORRUPT, "not_media"),
        (b"\0\0\0\x18ftypisom" + bytes(5000), Status.CORRUPT, "not_media"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", Status.UNSAFE, "playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", Status.UNSAFE, "playlist"),
        (b"<?xml version='1.0'?>\n<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>", Status.UNSAFE, "playlist"),
    ],
)
def test_what_is_no_video_is_refused_by_name(tmp_path: Path, content: bytes, status: Status, reason: str) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaRejected) as caught:
        soundness.check(path, start=Fraction(0), end=Fraction(1))
    assert (caught.value.status, caught.value.reason) == (status, reason)


def test_a_missing_file_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        video.probe(tmp_path / "none.mp4")


def test_sound_alone_and_a_cover_picture_are_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mkv"
    with av.open(str(path), "w") as output:
        sound = output.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts = 8000, 0
        output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    with pytest.raises(MediaRejected) as caught:
        video.probe(path)
    assert caught.value.reason == "no_video"


@pytest.mark.parametrize(
    ("name", "share"),
    [("25.mp4", 0.6), ("25.mp4", 0.999), ("2997-open.mkv", 0.6), ("vp9.webm", 0.5)],
)
def test_a_file_that_was_cut_off_is_corrupt(folder: Path, tmp_path: Path, name: str, share: float) -> None:
    """Also where the index stands at the front and the header claims the full length."""
    whole = _faststart(reels.make(folder, name), tmp_path) if name.endswith("mp4") else reels.make(folder, name)
    data = whole.read_bytes()
    path = tmp_path / f"cut-{name}"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(MediaRejected) as caught:
        soundness.check(path, start=Fraction(0), end=Fraction(1))
    assert caught.value.status == Status.CORRUPT
    assert caught.value.reason in ("truncated", "packets")


def _faststart(source: Path, folder: Path) -> Path:
    path = folder / f"front-{source.name}"
    with av.open(str(source)) as given, av.open(str(path), "w", options={"movflags": "+faststart"}) as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return path


def test_damage_inside_a_frame_is_found_by_decoding(folder: Path, tmp_path: Path) -> None:
    """Zeroed blocks and flipped bits: never an untrue frame without an error; at least 18 of 20 are noticed."""
    data = reels.make(folder, "23976-late.mp4").read_bytes()
    chance = random.Random(7)
    noticed = 0
    for number in range(20):
        damaged = bytearray(data)
        at = chance.randrange(len(data) // 10, len(data) // 2)
        if number % 2:
            damaged[at : at + 512] = bytes(512)
        else:
            damaged[at] ^= 1 << chance.randrange(8)
        broken = tmp_path / "broken.mp4"
        broken.write_bytes(damaged)
        try:
            for _ in video.frames(broken, Fraction(0), Fraction(99)):
                pass
        except ItemFailed as error:
            noticed += error.status == Status.CORRUPT
    assert noticed >= 18


def test_frames_given_out_in_the_wrong_order_are_put_right() -> None:
    from avakit.tools.decoder import _in_order

    frames = [(tick, object()) for tick in (0, 79, 113, 146, 133, 213, 213, 246)]
    assert [tick for tick, _ in _in_order(frames)] == [0, 79, 113, 133, 146, 213, 246]  # type: ignore[arg-type]
    with pytest.raises(MediaRejected, match="backwards"):
        list(_in_order([(tick, object()) for tick in (10, 20, 30, 40, 50, 60, 5)]))  # type: ignore[arg-type]


def test_versions_name_what_decodes_and_encodes() -> None:
    assert set(video.versions()) == {"av", "libavcodec", "simplejpeg"}
