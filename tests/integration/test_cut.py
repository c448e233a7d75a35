"""Windows and clips, checked packet by packet and frame by frame against the films they were cut from."""

import errno
import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg

from avakit import cut, frames
from avakit.errors import ItemFailed, MediaRejected, Status, ToolFailed, ToolMissing
from avakit.model import Span
from avakit.recipes import ClipRecipe, FrameRecipe
from avakit.tools import ffmpeg, process, soundness, standin, video
from avakit.tools.shelves import FolderShelf, MemoryShelf
from demo import films
from tests.integration import reels

FAST = ClipRecipe(preset="ultrafast")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reels")


def _packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """Return the time and bytes of each video packet, in order of time."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        return sorted((packet.pts * stream.time_base, bytes(packet)) for packet in packets)


@pytest.mark.parametrize("start", [0, 5])
@pytest.mark.parametrize("name", sorted(reels.REELS))
def test_a_window_holds_the_films_packets_under_their_own_times(
    folder: Path, tmp_path: Path, name: str, start: int
) -> None:
    path = reels.make(folder, name)
    span = Span(Fraction(start), Fraction(3))
    result = cut.window(path, tmp_path / "window.mkv", span=span)
    film, window = _packets(path), _packets(tmp_path / "window.mkv")
    first = next(k for k, (time, _) in enumerate(film) if abs(time - window[0][0]) <= Fraction(1, 2000))
    assert film[first][0] - result.origin <= max(0, span.start - 1)
    # Up to a second after the span every packet; after that only those that others refer to.
    end = span.end + 1 + result.origin
    last = next(k for k, (time, _) in enumerate(film) if time >= end)
    assert [data for _, data in film[first:last]] == [data for _, data in window[: last - first]]
    pairs = zip(film[first:last], window, strict=False)
    assert all(abs(exact - rounded) <= Fraction(1, 2000) for (exact, _), (rounded, _) in pairs)
    assert {data for _, data in window[last - first :]} <= {data for _, data in film}
    assert (result.count, result.missing_seconds) == (len(window), 0)


def test_the_same_film_gives_the_same_window(folder: Path, tmp_path: Path) -> None:
    path = reels.make(folder, "25.mp4")
    for name in ("a.mkv", "b.mkv"):
        cut.window(path, tmp_path / name, span=Span(Fraction(5), Fraction(3)))
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


@pytest.mark.parametrize("name", ["25.mp4", "vp9.webm"])
def test_a_window_keeps_the_sound(folder: Path, tmp_path: Path, name: str) -> None:
    cut.window(reels.make(folder, name), tmp_path / "window.mkv", span=Span(Fraction(5), Fraction(3)))
    assert video.probe(tmp_path / "window.mkv").has_audio


def test_a_window_keeps_exact_times_only_where_matroska_does_not(folder: Path, tmp_path: Path) -> None:
    span = Span(Fraction(5), Fraction(3))
    assert cut.window(reels.make(folder, "25.mp4"), tmp_path / "a.mkv", span=span).times is None
    result = cut.window(reels.make(folder, "23976-late.mp4"), tmp_path / "b.mkv", span=span)
    assert result.origin == Fraction(1, 8)
    assert result.times is not None
    assert len(result.times.ticks()) == result.count
    assert video.Times.decode(json.loads(json.dumps(result.times.encode()))) == result.times


def test_a_window_at_the_very_start(folder: Path, tmp_path: Path) -> None:
    """There is nothing before it to keep."""
    path = reels.make(folder, "23976.mp4")
    result = cut.window(path, tmp_path / "window.mkv", span=Span(Fraction(0), Fraction(2)))
    assert result.count >= 48
    assert next(video.frames(tmp_path / "window.mkv", Fraction(0), Fraction(1), origin=result.origin))[0] == 0


def test_a_film_that_ends_inside_the_span_is_short(folder: Path, tmp_path: Path) -> None:
    path = reels.make(folder, "25.mp4")
    span = Span(Fraction(10), Fraction(5))
    assert cut.window(path, tmp_path / "window.mkv", span=span).missing_seconds == 3
    result = cut.clip(path, tmp_path / "clip.mp4", span=span, recipe=FAST)
    assert (result.count, result.missing_seconds) == (50, 3)
    with pytest.raises(MediaRejected) as caught:
        cut.window(path, tmp_path / "none.mkv", span=Span(Fraction(12), Fraction(5)))
    assert (caught.value.status, caught.value.reason) == (Status.SHORT, "starts_after_end")
    with pytest.raises(MediaRejected, match="the film ends"):
        cut.clip(path, tmp_path / "none.mp4", span=Span(Fraction(12), Fraction(5)), recipe=FAST)


@pytest.mark.parametrize("start", ["0", "0.5", "4", "4.321"])
@pytest.mark.parametrize("name", sorted(reels.REELS))
def test_every_frame_of_a_clip_is_the_nearest_one(folder: Path, tmp_path: Path, name: str, start: str) -> None:
    """At the film's own rate, or 30 where it varies; from pts 0 on; H.264 and 4:2:0, as loaders want it."""
    path = reels.make(folder, name)
    begins, _ = reels.times(path)
    rate, style = reels.REELS[name]
    rate = Fraction(30) if style.steps else rate
    span = Span(Fraction(start), Fraction(2))
    result = cut.clip(path, tmp_path / "clip.mp4", span=span, recipe=FAST)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        stream = clip.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == rate
        shown = [(frame.pts * stream.time_base, frame.to_ndarray(format="gray")) for frame in clip.decode(stream)]
        assert len(clip.streams.audio) == (1 if style.sound else 0)
    assert [time for time, _ in shown] == [k / rate for k in range(result.count)]
    expected = [reels.nearest(begins, span.start + k / rate) for k in range(result.count)]
    assert [films.read_strip(picture) for _, picture in shown] == expected
    assert result.count == -(-span.duration * rate // 1)
    assert (result.origin, result.times, result.missing_seconds) == (-span.start, None, 0)


def test_a_clip_at_another_rate(folder: Path, tmp_path: Path) -> None:
    path = reels.make(folder, "25.mp4")
    begins, _ = reels.times(path)
    recipe = ClipRecipe(rate=Fraction(30), preset="ultrafast")
    result = cut.clip(path, tmp_path / "clip.mp4", span=Span(Fraction(3), Fraction(2)), recipe=recipe)
    assert result.count == 60
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        shown = [films.read_strip(frame.to_ndarray(format="gray")) for frame in clip.decode(video=0)]
    assert shown == [reels.nearest(begins, 3 + Fraction(k, 30)) for k in range(60)]


def test_a_clips_sound_is_as_long_as_its_pictures(folder: Path, tmp_path: Path) -> None:
    cut.clip(reels.make(folder, "23976.mp4"), tmp_path / "clip.mp4", span=Span(Fraction(3), Fraction(4)), recipe=FAST)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        sound = clip.streams.audio[0]
        assert abs(float(sound.duration * sound.time_base) - 4) < 0.1


def test_a_damaged_film_gives_no_clip(folder: Path, tmp_path: Path) -> None:
    data = bytearray(reels.make(folder, "30.mp4").read_bytes())
    data[len(data) // 3 : len(data) // 3 + 2000] = bytes(2000)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    with pytest.raises(ItemFailed) as caught:
        cut.clip(broken, tmp_path / "clip.mp4", span=Span(Fraction(0), Fraction(11)), recipe=FAST)
    assert (caught.value.status, caught.value.reason) == (Status.CORRUPT, "decode")


def test_a_film_named_like_an_option_is_cut(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of AVA begin with a dash, and the root may be given as a relative path with blanks and quotes in it."""
    odd = tmp_path / "it's, a [root]; 100%"
    odd.mkdir()
    (odd / "-5KQ66BBWC4.mp4").write_bytes(reels.make(folder, "25.mp4").read_bytes())
    monkeypatch.chdir(odd)
    span = Span(Fraction(3), Fraction(1))
    assert cut.clip(Path("-5KQ66BBWC4.mp4"), Path("-clip.mp4"), span=span, recipe=FAST).count == 25
    assert cut.window(Path("-5KQ66BBWC4.mp4"), Path("-window.mkv"), span=span).count > 25


def test_ffmpeg_is_that_of_the_variable_then_of_path_then_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AVAKIT_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    packaged = ffmpeg.find()
    assert "imageio_ffmpeg" in packaged.path
    own = tmp_path / "ffmpeg"
    own.write_text("#!/bin/sh\necho ffmpeg version 4.2.2-own Copyright\n")
    own.chmod(0o755)
    assert ffmpeg.find() == packaged, "looked for once"
    other = tmp_path / "other"
    other.mkdir()
    (other / "ffmpeg").symlink_to(own)
    monkeypatch.setenv("PATH", str(other))
    assert ffmpeg.find() == ffmpeg.Ffmpeg(str(other / "ffmpeg"), "4.2.2-own")
    monkeypatch.setenv("AVAKIT_FFMPEG", packaged.path)
    assert ffmpeg.find() == packaged


@pytest.mark.parametrize("wanted", ["/nowhere/ffmpeg", "no-such-program", sys.executable])
def test_a_wrong_variable_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setenv("AVAKIT_FFMPEG", wanted)
    with pytest.raises(ToolMissing, match=r"correct that variable|pip install imageio-ffmpeg"):
        ffmpeg.find()


def _fake(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "fake"
    program.write_text(f'#!/bin/sh\n[ "$1" = -version ] && echo ffmpeg version 1 && exit\n{body}\n')
    program.chmod(0o755)
    monkeypatch.setenv("AVAKIT_FFMPEG", str(program))


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        ("exit 0", None, None, None),
        ("echo '[mov @ 0x1] moov atom not found' >&2", ToolFailed, Status.CORRUPT, "decode"),
        ("exit 1", ToolFailed, Status.CORRUPT, "decode"),
        (
            "echo '[h264 @ 0x1f] mmco: unref short failure' >&2; echo '    Last message repeated 1 times' >&2",
            *[None] * 3,
        ),
        ("echo '[aac @ 0x1f] broken' >&2", ToolFailed, Status.CORRUPT, "decode"),
        ("kill -TERM $$", ItemFailed, Status.INTERRUPTED, "signal"),
        ("exit 255", ItemFailed, Status.INTERRUPTED, "signal"),
        ("sleep 60", ToolFailed, Status.LOCAL_ERROR, "tool"),
    ],
)
def test_ffmpeg_is_believed_only_when_silent(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    kind: type[ItemFailed] | None,
    status: Status,
    reason: str,
) -> None:
    _fake(tmp_path, body, monkeypatch)
    node = ffmpeg.source(tmp_path / "a").output(str(tmp_path / "b"))
    if kind is None:
        ffmpeg.run(node, timeout_seconds=10, decoded="h264")
        return
    with pytest.raises(kind) as caught:
        ffmpeg.run(node, timeout_seconds=0.5, decoded="h264")
    assert (caught.value.status, caught.value.reason) == (status, reason)


def test_a_full_disk_is_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ffmpeg exits 0 where only its last bytes find no room."""
    _fake(tmp_path, "echo 'Error closing file: No space left on device' >&2", monkeypatch)
    node = ffmpeg.source(tmp_path / "a").output(str(tmp_path / "b"))
    with pytest.raises(OSError, match=os.strerror(28)):
        ffmpeg.run(node, timeout_seconds=10)


def test_progress_is_told_in_frames(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    cut.clip(
        reels.make(folder, "25.mp4"), tmp_path / "clip.mp4", span=Span(Fraction(3), Fraction(2)), recipe=FAST,
        on_progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told[-1] == (50, 50)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_film_that_players_turn_gives_upright_clips_and_frames(folder: Path, tmp_path: Path, degrees: int) -> None:
    """The frame that we turn is the one that ffmpeg turns."""
    path = tmp_path / "turned.mp4"
    with av.open(str(reels.make(folder, "30.mp4"))) as given, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        stream.set_display_rotation(degrees)
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    assert video.probe(path).rotation % 360 == degrees
    assert soundness.check(path, start=Fraction(0), end=Fraction(1)).probe == video.probe(path)
    span = Span(Fraction(1), Fraction(1))
    frames.extract(frames.Footage(path), FolderShelf(tmp_path), span=span, recipe=FrameRecipe())
    upright = simplejpeg.decode_jpeg((tmp_path / "img_00001.jpg").read_bytes(), colorspace="GRAY")[..., 0]
    cut.clip(path, tmp_path / "clip.mp4", span=span, recipe=ClipRecipe(preset="ultrafast", crf=5))
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        turned = next(clip.decode(video=0)).to_ndarray(format="gray").astype(float)
    assert upright.shape == turned.shape == ((192, 320) if degrees == 180 else (320, 192))
    assert np.abs(upright - turned).mean() < 4


def test_frames_hidden_by_an_edit_list_stay_hidden(folder: Path, tmp_path: Path) -> None:
    """A copy by ffmpeg begins at an I-frame before its second 0: Matroska has no edit list and no time below 0."""
    path = tmp_path / "edited.mp4"
    source = reels.make(folder, "23976.mp4")
    command = [ffmpeg.find().path, "-nostdin", "-v", "error", "-ss", "3.3", "-i", str(source), "-c", "copy", str(path)]
    assert process.run(command, timeout_seconds=60).returncode == 0
    assert soundness.check(path, start=Fraction(0), end=Fraction(2)).missing_seconds == 0
    span = Span(Fraction(0), Fraction(2))
    window = cut.window(path, tmp_path / "window.mkv", span=span)
    made = []
    for place, footage in {
        "film": frames.Footage(path),
        "window": frames.Footage(tmp_path / "window.mkv", window.origin, window.times),
    }.items():
        (tmp_path / place).mkdir()
        made.append(frames.extract(footage, FolderShelf(tmp_path / place), span=span, recipe=FrameRecipe()))
    assert made[0] == made[1]
    first = simplejpeg.decode_jpeg((tmp_path / "film" / "img_00001.jpg").read_bytes(), colorspace="GRAY")[..., 0]
    assert films.read_strip(first) == 80
    cut.clip(path, tmp_path / "clip.mp4", span=span, recipe=FAST)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert films.read_strip(next(clip.decode(video=0)).to_ndarray(format="gray")) == 80


def test_a_full_disk_leaves_no_window(folder: Path, tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk: the error is the system's, to be told as one of storage."""
    code = (
        "import resource, signal, sys; from fractions import Fraction; from pathlib import Path\n"
        "from avakit import cut; from avakit.model import Span\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "try: cut.window(Path(sys.argv[1]), Path(sys.argv[2]), span=Span(Fraction(2), Fraction(8)))\n"
        "except OSError as error: print(error.errno, error.filename)\n"
    )
    window = tmp_path / "window.mkv"
    arguments = [sys.executable, "-c", code, str(reels.make(folder, "25.mp4")), str(window)]
    done = process.run(arguments, timeout_seconds=60)
    assert done.stdout.split() == [str(errno.EFBIG), str(window)], done.stderr


def test_a_matroska_film_whose_picture_begins_late_can_be_cut(tmp_path: Path) -> None:
    """Its header tells nothing of its pictures, and so libav guesses when to decode them: too late."""
    start, rate = Fraction("112.7"), Fraction(30_000, 1001)
    seconds = [start + k / rate for k in range(600)]
    film, window = tmp_path / "late.mkv", tmp_path / "window.mkv"
    timeline = standin.Timeline(seconds, start + 20, rate, Fraction(1, 30_000))
    standin.make(film, timeline, has_sound=True)
    made = cut.window(film, window, span=Span(Fraction(120), Fraction(5)))
    shown = []
    for place in (frames.Footage(film), frames.Footage(window, made.origin, made.times)):
        shelf = MemoryShelf()
        frames.extract(place, shelf, span=Span(Fraction(120), Fraction(5)), recipe=FrameRecipe())
        shown.append(shelf.files)
    assert len(shown[0]) == 150
    assert shown[0] == shown[1]
