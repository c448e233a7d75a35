"""What `cut` makes besides copied windows and plain clips, frame by frame and sample by sample."""

import os
import shutil
import subprocess
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg

from avakit import cut, frames
from avakit.errors import MediaRejected, Status, ToolFailed
from avakit.model import Span
from avakit.recipes import AudioRecipe, ClipRecipe, FrameRecipe
from avakit.tools import ffmpeg
from avakit.tools.footage import Footage
from avakit.tools.shelves import FolderShelf
from demo import films
from tests.integration import reels

FAST = ClipRecipe(rate=Fraction(30), preset="ultrafast")
#: At the end of these lies no frame's exact time in milliseconds.
ROUNDED = ("23976.mp4", "23976-late.mp4", "30.mp4", "varied.mp4")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reels")


def _shown(path: Path) -> list[int]:
    with av.open(str(path)) as clip:
        return [films.read_strip(frame.to_ndarray(format="gray")) for frame in clip.decode(video=0)]


@pytest.mark.parametrize("name", [*ROUNDED, "2997-open.mkv", "vp9.webm"])
def test_an_encoded_window_shows_the_frames_that_are_extracted(folder: Path, tmp_path: Path, name: str) -> None:
    """From the film and from its copied window, whose times Matroska rounds: file frame k is frame number k + 1."""
    film, span = reels.make(folder, name), Span(Fraction(5), Fraction(3))
    window = cut.window(film, tmp_path / "window.mkv", span=span)
    assert (window.times is not None) == (name in ROUNDED)
    copied = Footage(tmp_path / "window.mkv", window.origin, window.times)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    frames.extract(copied, FolderShelf(pictures), span=span, recipe=FrameRecipe())
    numbers = [
        films.read_strip(simplejpeg.decode_jpeg(path.read_bytes(), "GRAY")[:, :, 0])
        for path in sorted(pictures.iterdir())
    ]
    for place, source in {"film": Footage(film), "window": copied}.items():
        made = cut.clip(source, tmp_path / f"{place}.mp4", span=span, recipe=FAST)
        assert (made.count, made.missing_seconds) == (90, 0)
        assert _shown(tmp_path / f"{place}.mp4") == numbers, place
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".nut"]


def test_a_window_of_one_gop_is_encoded_too(tmp_path: Path) -> None:
    """A NUT file with a single I-frame can't be searched: it is read from its beginning."""
    style = films.Style(options={"preset": "ultrafast", "g": "1000", "bf": "2", "threads": "1"})
    film, span = tmp_path / "film.mp4", Span(Fraction(2), Fraction(2))
    films.make(film, footage=reels.FOOTAGE, seconds=Fraction(5), rate=Fraction(24000, 1001), style=style)
    window = cut.window(film, tmp_path / "window.mkv", span=span)
    assert window.times is not None
    cut.clip(Footage(tmp_path / "window.mkv", window.origin, window.times), tmp_path / "b.mp4", span=span, recipe=FAST)
    cut.clip(film, tmp_path / "a.mp4", span=span, recipe=FAST)
    assert _shown(tmp_path / "a.mp4") == _shown(tmp_path / "b.mp4")


@pytest.mark.parametrize("start", [0, 1])
def test_frames_hidden_by_an_edit_list_stay_hidden(folder: Path, tmp_path: Path, start: int) -> None:
    """They lie in the window, and in what is encoded from it, because others refer to them."""
    film, span = tmp_path / "edited.mp4", Span(Fraction(start), Fraction(2))
    given = ["-ss", "3.3", "-i", str(reels.make(folder, "23976.mp4")), "-c", "copy", str(film)]
    subprocess.run([ffmpeg.find().path, "-nostdin", "-v", "error", *given], check=True)
    window = cut.window(film, tmp_path / "window.mkv", span=span)
    assert window.times is not None
    cut.clip(Footage(tmp_path / "window.mkv", window.origin, window.times), tmp_path / "b.mp4", span=span, recipe=FAST)
    cut.clip(film, tmp_path / "a.mp4", span=span, recipe=FAST)
    assert _shown(tmp_path / "a.mp4") == _shown(tmp_path / "b.mp4")
    assert _shown(tmp_path / "a.mp4")[0] == 80 + 24 * start


def test_a_window_whose_times_are_another_films_is_refused(folder: Path, tmp_path: Path) -> None:
    span = Span(Fraction(5), Fraction(3))
    window = cut.window(reels.make(folder, "23976.mp4"), tmp_path / "window.mkv", span=span)
    other = cut.window(reels.make(folder, "varied.mp4"), tmp_path / "other.mkv", span=span)
    with pytest.raises(MediaRejected):
        cut.clip(
            Footage(tmp_path / "window.mkv", window.origin, other.times), tmp_path / "a.mp4", span=span, recipe=FAST
        )


def _counts(path: Path) -> dict[str, int]:
    """Return how many frames each decoder that is on this machine finds, and how many it shows."""
    found = {}
    with av.open(str(path)) as clip:
        found["PyAV"] = sum(1 for _ in clip.decode(video=0))
        found["header"] = clip.streams.video[0].frames
    command = [
        ffmpeg.find().path,
        "-v",
        "error",
        "-i",
        str(path),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-s",
        "2x2",
        "-",
    ]
    found["ffmpeg"] = len(subprocess.run(command, check=True, capture_output=True).stdout) // 4
    found |= _of_opencv(path) | _of_decord(path) | _of_torchcodec(path)
    return found


def _of_opencv(path: Path) -> dict[str, int]:
    try:
        import cv2
    except ImportError:
        return {}
    capture, count = cv2.VideoCapture(str(path)), 0
    claimed = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    while capture.read()[0]:
        count += 1
    return {"OpenCV": count, "OpenCV's claim": claimed}


def _of_decord(path: Path) -> dict[str, int]:
    try:
        import decord
    except ImportError:
        return {}
    reader = decord.VideoReader(str(path))
    assert reader.get_avg_fps() == pytest.approx(30)
    first = films.read_strip(reader[0].asnumpy())
    with av.open(str(path)) as clip:
        assert first == films.read_strip(next(clip.decode(video=0)).to_ndarray(format="gray"))
    return {"decord": len(reader)}


def _of_torchcodec(path: Path) -> dict[str, int]:
    try:
        from torchcodec.decoders import VideoDecoder
    except (ImportError, RuntimeError):  # without a torch that it fits
        return {}
    return {"TorchCodec": len(VideoDecoder(str(path)))}


@pytest.mark.parametrize("name", ["varied.mp4", "varied.mkv"])
def test_a_clip_of_a_variable_rate_has_as_many_frames_in_every_decoder(folder: Path, tmp_path: Path, name: str) -> None:
    cut.clip(
        reels.make(folder, name), tmp_path / "clip.mp4", span=Span(Fraction("2.5"), Fraction(4)),
        recipe=ClipRecipe(preset="ultrafast"),
    )  # fmt: skip
    counts = _counts(tmp_path / "clip.mp4")
    assert len(counts) >= 3
    assert set(counts.values()) == {120}, counts


@pytest.mark.parametrize(("side", "size"), [(96, (160, 96)), (100, (166, 100)), (500, (320, 192)), (0, (320, 192))])
def test_a_clip_is_scaled_down_and_never_up(folder: Path, tmp_path: Path, side: int, size: tuple[int, int]) -> None:
    recipe = ClipRecipe(preset="ultrafast", short_side=side)
    cut.clip(reels.make(folder, "25.mp4"), tmp_path / "clip.mp4", span=Span(Fraction(1), Fraction(1)), recipe=recipe)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        stream = clip.streams.video[0]
        assert (stream.width, stream.height) == size
        assert stream.sample_aspect_ratio in (None, 1)
    assert _shown(tmp_path / "clip.mp4") == list(range(25, 50))


def test_a_turned_film_is_scaled_upright(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(reels.make(folder, "30.mp4"))) as given, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        stream.set_display_rotation(90)
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    recipe = ClipRecipe(preset="ultrafast", short_side=96)
    cut.clip(path, tmp_path / "clip.mp4", span=Span(Fraction(1), Fraction(1)), recipe=recipe)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert (clip.streams.video[0].width, clip.streams.video[0].height) == (96, 160)


def test_a_gop_is_exact_and_the_sound_can_stay_away(folder: Path, tmp_path: Path) -> None:
    recipe = ClipRecipe(preset="veryfast", gop=8, sound=False)
    cut.clip(reels.make(folder, "25.mp4"), tmp_path / "clip.mp4", span=Span(Fraction(1), Fraction(3)), recipe=recipe)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        packets = [packet for packet in clip.demux(video=0) if packet.size]
        shown = sorted((packet.pts, packet.is_keyframe) for packet in packets)
        assert not clip.streams.audio
    assert [k for k, (_, is_keyframe) in enumerate(shown) if is_keyframe] == list(range(0, 75, 8))


def test_a_copied_window_without_sound_has_the_same_pictures(folder: Path, tmp_path: Path) -> None:
    film, span = reels.make(folder, "23976.mp4"), Span(Fraction(5), Fraction(3))
    window = cut.window(film, tmp_path / "window.mkv", span=span)
    cut.window(film, tmp_path / "mute.mkv", span=span, sound=False)
    again = cut.without_sound(tmp_path / "window.mkv", tmp_path / "again.mkv", origin=window.origin, times=window.times)
    assert again == window
    found = []
    for name in ("window", "mute", "again"):
        with av.open(str(tmp_path / f"{name}.mkv")) as file:
            assert len(file.streams.audio) == (name == "window")
            found.append([(packet.pts, bytes(packet)) for packet in file.demux(video=0) if packet.size])
    assert found[0] == found[1] == found[2]


# --- the sound beside it ---

CLICK_RATE, BEGINS, ENDS = 48_000, Fraction(9, 4), Fraction(19, 2)


def _clicking(path: Path, codec: str, start: Fraction = Fraction(0)) -> Path:
    """Make a film of twelve seconds that clicks at every full second from 2.25 s to 9.5 s."""
    count = int((ENDS - BEGINS) * CLICK_RATE)
    sound = np.zeros((1, count), np.int16)
    for second in range(3, 10):
        at = int((second - BEGINS) * CLICK_RATE)
        sound[:, at : at + 48] = 30_000
    with av.open(str(path), "w") as output:
        pictures = output.add_stream("libx264", rate=25, options={"preset": "ultrafast", "g": "50"})
        pictures.width = pictures.height = 64
        track = output.add_stream(codec, rate=CLICK_RATE, layout="mono")
        for k in range(300):
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts, frame.time_base = k + int(start * 25), Fraction(1, 25)
            output.mux(pictures.encode(frame))
        output.mux(pictures.encode(None))
        for at in range(0, count, 1024):
            piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[:, at : at + 1024]), "s16", "mono")
            piece.sample_rate, piece.time_base = CLICK_RATE, Fraction(1, CLICK_RATE)
            piece.pts = at + int((BEGINS + start) * CLICK_RATE)
            output.mux(track.encode(piece))
        output.mux(track.encode(None))
    return path


def _samples(path: Path) -> tuple[int, "np.ndarray"]:
    with av.open(str(path)) as file:
        rate = file.streams.audio[0].rate
        return rate, np.concatenate([frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]).astype(float)


def _clicks(path: Path) -> list[float]:
    rate, samples = _samples(path)
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() / 2)
    return [float(at / rate) for k, at in enumerate(loud) if k == 0 or at - loud[k - 1] > rate // 10]


@pytest.mark.parametrize(
    ("name", "codec", "start"),
    [("a.mkv", "pcm_s16le", "0"), ("b.mkv", "flac", "112.72"), ("c.mp4", "aac", "0"), ("d.webm", "libopus", "0")],
)
def test_sound_has_exactly_the_samples_of_its_span(tmp_path: Path, name: str, codec: str, start: str) -> None:
    """Every click is within two milliseconds of its second, wherever the span begins, late sound or not."""
    if name.endswith(".webm"):
        (film := _clicking(tmp_path / "d.mkv", codec)).rename(tmp_path / name)
        film = tmp_path / name
    else:
        film = _clicking(tmp_path / name, codec, Fraction(start))
    for begin, duration, form, rate in (
        (0, 12, "wav", 16_000),
        (4, 4, "flac", 48_000),
        (Fraction("5.3"), 5, "wav", 48_000),
    ):
        span = Span(Fraction(begin), Fraction(duration))
        out = tmp_path / f"sound-{float(begin)}.{form}"
        made = cut.sound(film, out, span=span, recipe=AudioRecipe(form, rate))
        assert (made.samples, made.rate, made.origin) == (duration * rate, rate, -span.start)
        assert _samples(out)[0] == rate
        assert len(_samples(out)[1]) == made.samples * made.channels
        expected = [second - float(begin) for second in range(3, 10) if begin < second < begin + duration]
        found = [at for at in _clicks(out) if 0.01 < at < duration - 0.01]
        assert found == pytest.approx(expected, abs=0.002)
        assert float(made.silent_before) == pytest.approx(max(0.0, 2.25 - float(begin)), abs=0.03)
        assert float(made.silent_after) == pytest.approx(max(0.0, float(begin + duration) - 9.5), abs=0.03)


def test_sound_from_a_window_is_that_of_the_film(tmp_path: Path) -> None:
    film, span = _clicking(tmp_path / "film.mkv", "flac", Fraction("112.72")), Span(Fraction(4), Fraction(4))
    window = cut.window(film, tmp_path / "window.mkv", span=span)
    for name, source in {"film": Footage(film), "window": Footage(tmp_path / "window.mkv", window.origin)}.items():
        cut.sound(source, tmp_path / f"{name}.wav", span=span, recipe=AudioRecipe())
    assert (tmp_path / "film.wav").read_bytes() == (tmp_path / "window.wav").read_bytes()


def test_copied_sound_is_the_films_packets(tmp_path: Path) -> None:
    film = _clicking(tmp_path / "film.mkv", "flac", Fraction("112.72"))
    recipe = AudioRecipe("copy")
    made = cut.sound(film, tmp_path / "sound.mka", span=Span(Fraction(4), Fraction(4)), recipe=recipe)
    assert (made.samples, made.codec, made.origin) == (0, "flac", Fraction("112.72"))
    with av.open(str(film)) as file:
        whole = [(packet.pts, bytes(packet)) for packet in file.demux(audio=0) if packet.size]
    with av.open(str(tmp_path / "sound.mka")) as file:
        part = [(packet.pts, bytes(packet)) for packet in file.demux(audio=0) if packet.size]
        assert not file.streams.video
    assert part == [item for item in whole if part[0][0] <= item[0] <= part[-1][0]]
    assert part[0][0] / 1000 - 112.72 <= 4 < part[1][0] / 1000 - 112.72
    assert part[-1][0] / 1000 - 112.72 < 8


@pytest.mark.parametrize(("name", "span"), [("30.mp4", (2, 2)), ("click.mkv", (0, 2)), ("click.mkv", (10, 2))])
def test_a_film_without_sound_in_the_span_is_a_gap_with_a_reason(
    folder: Path, tmp_path: Path, name: str, span: tuple[int, int]
) -> None:
    path = reels.make(folder, name) if name in reels.REELS else _clicking(tmp_path / name, "flac")
    with pytest.raises(MediaRejected) as caught:
        cut.sound(path, tmp_path / "a.wav", span=Span(Fraction(span[0]), Fraction(span[1])), recipe=AudioRecipe())
    assert (caught.value.status, caught.value.reason) == (Status.UNAVAILABLE, "no_audio")


def test_damaged_sound_gives_no_file(tmp_path: Path) -> None:
    film = _clicking(tmp_path / "film.mkv", "flac")
    with av.open(str(film)) as file:
        packet = next(packet for packet in file.demux(audio=0) if packet.pts and packet.pts > 5000)
        bad = bytes(packet)
    data = film.read_bytes()
    assert data.count(bad[4:]) == 1
    film.write_bytes(data.replace(bad[4:], bytes(len(bad) - 4)))
    with pytest.raises(ToolFailed) as caught:
        cut.sound(film, tmp_path / "a.wav", span=Span(Fraction(4), Fraction(4)), recipe=AudioRecipe())
    assert (caught.value.status, caught.value.reason) == (Status.CORRUPT, "decode")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize(
    ("name", "kilobytes"), [("clip.mp4", 8), ("clip.mp4", 60), ("a.wav", 8), ("a.wav", 124), ("a.flac", 4)]
)
def test_a_full_disk_is_told_as_one(folder: Path, tmp_path: Path, name: str, kilobytes: int) -> None:
    """In the first bytes, or when the file is closed: an ffmpeg may exit with 0 then."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine can't mount a tmpfs")
    film, span = reels.make(folder, "25.mp4"), Span(Fraction(2), Fraction(4))
    make = partial(cut.clip, recipe=FAST) if name == "clip.mp4" else partial(cut.sound, recipe=AudioRecipe(name[2:]))
    try:
        with pytest.raises(OSError, match=os.strerror(28)):
            make(film, disk / name, span=span)
    finally:
        subprocess.run([str(shutil.which("umount")), "-l", str(disk)], check=True)


def test_sound_is_read_from_its_beginning_where_a_decoder_complains_of_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(node: object, **options: object) -> None:
        asked.append(node)
        if len(asked) == 1:
            raise ToolFailed(Status.CORRUPT, "decode", "invalid new backstep")
        real(node, **options)

    film, real = _clicking(tmp_path / "film.mkv", "flac"), ffmpeg.run
    monkeypatch.setattr(ffmpeg, "run", run)
    cut.sound(film, tmp_path / "a.wav", span=Span(Fraction(4), Fraction(4)), recipe=AudioRecipe())
    words = [ffmpeg.argv(node) for node in asked]
    assert [line[line.index("-ss") + 1] for line in words] == ["3.000000", "0.000000"]
