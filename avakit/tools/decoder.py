"""Decoding: the frames of a stretch of film in presentation order, each with its exact time."""

import heapq
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import MediaRejected, Status
from avakit.tools import container as containers
from avakit.tools.complaints import Listening, heeded
from avakit.tools.timing import SNAP_SECONDS, Times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av import Packet, VideoFrame, VideoStream
    from av.container import InputContainer

#: Frames held back to put them in order: a decoder that began inside a film may learn late how far to reorder.
_REORDER_FRAMES = 4


def frames(
    path: Path,
    start: Fraction,
    end: Fraction,
    *,
    origin: Fraction | None = None,
    times: Times | None = None,
    threads: int = 1,
) -> "Iterator[tuple[Fraction, VideoFrame]]":
    """Yield the frames from the last one at or before `start` up to the first one at or after `end`.

    Parameters
    ----------
    start, end
        Seconds of the video.
    origin
        Second 0 of the video on the file's clock; the container's start time by default.
    times
        The exact times that a window's own timestamps are rounded from.
    threads
        Threads of the decoder; 0 for one a core. More than one costs more time altogether.

    Yields
    ------
    tuple
        The second of the video at which the frame appears, and the frame.

    Raises
    ------
    MediaRejected
        As `tools.video.probe`; `decode` if a frame is damaged; `timestamps` if its times go backwards; `packets` if
        they are not those of `times`, or the demuxer complains.
    """
    if threads != 1:
        _read_through(path, start, end, origin)
    for early in containers.SEEK_STEPS:
        with containers.opened(path) as container:
            stream = containers.video_stream(container)
            zero = containers.origin(container) if origin is None else origin
            if early is not None and not containers.seek(container, stream, start + zero - early):
                continue
            decoded = _in_order(_decoded(container, stream, threads))
            shown = _timed(decoded, containers.base(stream), zero, times)
            try:
                first = next(shown, None)
            except MediaRejected:
                if threads == 1:
                    raise
                # With several threads an error comes to light some packets late, and an open GOP's can't be told.
                yield from frames(path, start, end, origin=origin, times=times, threads=1)
                return
            if early is None or (first is not None and first[0] <= start):
                yield from _between(chain([] if first is None else [first], shown), start, end)
                return


def _read_through(path: Path, start: Fraction, end: Fraction, origin: Fraction | None) -> None:
    """Read the packets of a stretch, and decode none: while several threads decode, no complaint can be heard."""
    with containers.opened(path) as container:
        stream = containers.video_stream(container)
        zero = containers.origin(container) if origin is None else origin
        containers.seek(container, stream, start + zero)
        for packet in heeded(container.demux(stream)):
            if packet.dts is not None and packet.dts * containers.base(stream) >= end + zero:
                return


def _between(
    shown: "Iterable[tuple[Fraction, VideoFrame]]", start: Fraction, end: Fraction
) -> "Iterator[tuple[Fraction, VideoFrame]]":
    held = None
    for seconds, frame in shown:
        if seconds <= start:
            held = (seconds, frame)
            continue
        if held is not None:
            yield held
            held = None
        yield seconds, frame
        if seconds >= end:
            return
    if held is not None:
        yield held


def _timed(
    decoded: "Iterable[tuple[int, VideoFrame]]", base: Fraction, zero: Fraction, times: Times | None
) -> "Iterator[tuple[Fraction, VideoFrame]]":
    snapper = times.snapper() if times else None
    for tick, frame in decoded:
        if snapper and tick * base < min(zero, snapper.seconds[0]) - SNAP_SECONDS:
            continue  # before second 0: hidden by the film's edit list
        try:
            seconds = snapper.snap(tick * base) if snapper else tick * base
        except ValueError as error:
            raise MediaRejected(
                Status.CORRUPT, "packets", f"it is not the window its record tells of: {error}"
            ) from error
        yield seconds - zero, frame


def _in_order(decoded: "Iterable[tuple[int, VideoFrame]]") -> "Iterator[tuple[int, VideoFrame]]":
    """Put frames that a decoder gave out too early in their place; of two with the same time, the first is shown."""
    heap: list[tuple[int, int, VideoFrame]] = []
    last: int | None = None
    for item in chain(((tick, number, frame) for number, (tick, frame) in enumerate(decoded)), [None]):
        if item is not None:
            heapq.heappush(heap, item)
        while heap and (item is None or len(heap) > _REORDER_FRAMES):
            tick, _, frame = heapq.heappop(heap)
            if last is not None and tick < last:
                raise MediaRejected(Status.CORRUPT, "timestamps", f"its times go backwards at tick {tick}")
            if tick != last:
                yield tick, frame
            last = tick


def _decoded(container: "InputContainer", stream: "VideoStream", threads: int) -> "Iterator[tuple[int, VideoFrame]]":
    """Yield the frames from here on, and their ticks, as the decoder gives them out.

    Frames that come after the first I-frame and are shown before it (an open GOP's) refer to what was not read: their
    errors do not count, and they are not yielded.
    """
    _set_up(stream, threads)
    entry: int | None = None
    is_entered = True
    # What libav says may be heard only where no thread of a decoder says it: see `tools.complaints`.
    can_hear = threads == 1
    decode = _decode_strictly if can_hear else _decode
    for packet in heeded(container.demux(stream)) if can_hear else container.demux(stream):
        if not containers.is_flush(packet):
            if entry is None and not packet.is_keyframe:
                continue
            is_entered = entry is None or (is_entered and not packet.is_keyframe)
            entry = containers.tick(packet) if entry is None else entry
        is_shown = entry is None or packet.pts is None or packet.pts >= entry
        for frame in decode(packet, container, is_shown=is_shown, is_entered=is_entered):
            tick = frame.pts if frame.pts is not None else frame.dts
            if tick is None:
                raise MediaRejected(Status.CORRUPT, "decode", "the decoder gave a frame without a time")
            if entry is None or tick < entry:
                continue
            if frame.is_corrupt:
                raise _damaged(tick, stream)
            yield tick, frame


def _set_up(stream: "VideoStream", threads: int) -> None:
    from av.codec.context import ThreadType

    context = stream.codec_context
    context.thread_count = threads
    context.thread_type = ThreadType.SLICE if threads == 1 else ThreadType.AUTO
    context.options = {"max_pixels": str(containers.MAX_PIXELS)}
    if context.codec.name != "h264":
        # It would have H.264 entered at an open GOP fail (`tools.complaints`), and there finds no damage
        # that the frames' own marks do not tell of: tried with bits flipped in films of six codecs.
        context.options = {**context.options, "err_detect": "explode"}


def _decode(
    packet: "Packet[VideoStream]", container: "InputContainer", *, is_shown: bool, is_entered: bool
) -> "list[VideoFrame]":
    import av

    del is_entered
    try:
        return packet.decode()
    except av.error.FFmpegError as error:
        if not is_shown:
            return []
        containers.raise_disk(error, container.name)
        raise _damaged(packet.pts, packet.stream) from error


def _decode_strictly(
    packet: "Packet[VideoStream]", container: "InputContainer", *, is_shown: bool, is_entered: bool
) -> "list[VideoFrame]":
    """Decode a packet; what the decoder complains of is damage, too."""
    with Listening() as heard:
        decoded = _decode(packet, container, is_shown=is_shown, is_entered=is_entered)
    if heard.said and is_shown and (complaint := heard.of_decoder(is_entered=is_entered)):
        raise _damaged(packet.pts, packet.stream, complaint)
    return decoded


def _damaged(tick: int | None, stream: "VideoStream", complaint: str = "") -> MediaRejected:
    where = "its end" if tick is None else f"{float(tick * (stream.time_base or 0)):.3f} s of its own clock"
    said = f": {complaint}" if complaint else ""
    return MediaRejected(Status.CORRUPT, "decode", f"a frame at {where} is damaged{said}")
