"""Damaged media, each made from a small good film by real tools and byte surgery: M1 to M23 of the fault matrix.

The film lasts four seconds at 25 frames a second, with sound; its picture moves and is full of detail, so that every
byte of it matters.
"""

import random
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np

from avakit.tools import ffmpeg

WIDTH, HEIGHT, RATE, SECONDS = 96, 64, 25, 4
_X264 = {"preset": "ultrafast", "crf": "24", "g": "25", "bf": "2", "threads": "1"}
NO_B = {**_X264, "bf": "0"}
#: One I-frame a film.
LONG_GOP = {**_X264, "g": "500", "x264-params": "scenecut=0"}
_KIB = 1024


def film(
    container: str = "mp4",
    *,
    codec: str = "libx264",
    seconds: float = SECONDS,
    seed: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pix_fmt: str = "yuv420p",
    sound: bool = True,
    pts: Callable[[int], int] = lambda number: number,
    time_base: Fraction = Fraction(1, RATE),
    options: dict[str, str] | None = None,
    set_up: Callable[[Any], None] = lambda _: None,
) -> bytes:
    """Encode a film whose picture slides and whose sound hums.

    Parameters
    ----------
    pts
        Frame number to the tick of `time_base` at which it is shown.
    set_up
        Called with the codec context of the picture before anything is encoded.
    """
    texture = np.random.default_rng(seed).integers(0, 255, (size[1] // 2 + 1, size[0] // 2 + 1, 3), np.uint8)
    texture = np.kron(texture, np.ones((2, 2, 1), np.uint8))
    muxing = {"movflags": "faststart"} if container == "mp4" else {}
    with tempfile.NamedTemporaryFile() as file, av.open(file.name, "w", format=container, options=muxing) as output:
        given = _X264 if codec == "libx264" and options is None else options or {}
        stream: Any = output.add_stream(codec, rate=RATE, options=given)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = time_base
        set_up(stream.codec_context)
        voice: Any = output.add_stream("libopus" if container == "webm" else "aac", rate=48_000) if sound else None
        for number in range(round(seconds * RATE)):
            picture = np.roll(texture, (number, number * 2), (0, 1))[: size[1], : size[0]]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = pts(number), time_base
            output.mux(stream.encode(frame))
            if voice is not None:
                output.mux(voice.encode(_hum(number)))
        output.mux(stream.encode(None))
        if voice is not None:
            output.mux(voice.encode(None))
        output.close()
        return Path(file.name).read_bytes()


def _hum(number: int) -> av.AudioFrame:
    count = 48_000 // RATE
    wave = np.sin(np.arange(number * count, (number + 1) * count) / 20).astype(np.float32) * 0.2
    frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, number * count, Fraction(1, 48_000)
    return frame


def converted(data: bytes, folder: Path, *words: str, suffix: str = ".mp4", before: tuple[str, ...] = ()) -> bytes:
    """Return what the real ffmpeg makes of a film; `before` holds words about other inputs."""
    source, target = folder / "in.bin", folder / f"out{suffix}"
    source.write_bytes(data)
    done = subprocess.run(
        [ffmpeg.find().path, "-nostdin", "-v", "error", "-y", *before, "-i", source, *words, target],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


# --- byte surgery ---


def cut(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of the boxes of an MP4 file, or of a part of it."""
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big")
        assert size >= 8, "larger boxes than of 4 GiB are none of ours"
        yield data[at + 4 : at + 8], at, at + size
        at += size


def box(data: bytes, kind: bytes, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """Return start and end of the first box of a kind."""
    return next((at, ends) for name, at, ends in boxes(data, start, end) if name == kind)


def without_box(data: bytes, kind: bytes) -> bytes:
    start, end = box(data, kind)
    return data[:start] + data[end:]


def flipped(data: bytes, count: int, seed: int = 1) -> bytes:
    """Flip bits of the pictures of an MP4 film."""
    start, end = box(data, b"mdat")
    damaged, dice = bytearray(data), random.Random(seed)
    for _ in range(count):
        damaged[dice.randrange(start + 4000, end - 4000)] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def zeroed(data: bytes, length: int, share: float = 0.4) -> bytes:
    at = int(len(data) * share)
    return data[:at] + bytes(length) + data[at + length :]


def muffled(data: bytes, share: float = 0.5) -> bytes:
    """Damage the sound alone, in a run of packets, each after its first bytes."""
    with av.open(BytesIO(data)) as film:
        places = [(packet.pos, packet.size) for packet in film.demux(audio=0) if packet.size]
    worse = bytearray(data)
    first = int(len(places) * share)
    for at, size in places[first : first + 10]:
        worse[at + 8 : at + size] = b"\xff" * (size - 8)
    return bytes(worse)


def hollow(data: bytes, share: float = 0.6) -> bytes:
    """Leave the right length with a tail that was never written."""
    return cut(data, share).ljust(len(data), b"\0")


def wrong_sizes(data: bytes) -> bytes:
    """Flip a high bit of the size of the second video sample."""
    at = data.index(b"stsz") + 4 + 4 + 4 + 4 + 4
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


def bomb(side: int = 16_000, *, claims: int | None = None) -> bytes:
    """Return a film of few bytes whose one picture takes hundreds of megabytes."""
    claims = claims or side
    row = b"\0" + bytes(side // 8)  # one bit a pixel
    compress, parts = zlib.compressobj(9), []
    parts += [compress.compress(row) for _ in range(side)]
    parts.append(compress.flush())
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", b"".join(parts)), (b"IEND", b""))
    picture = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    with tempfile.NamedTemporaryFile() as file, av.open(file.name, "w", format="mov") as output:
        stream: Any = output.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = claims, claims, "monob"
        for number in range(SECONDS):
            packet = av.Packet(picture)
            packet.pts = packet.dts = number
            packet.duration, packet.time_base, packet.stream, packet.is_keyframe = 1, Fraction(1), stream, True
            output.mux(packet)
        output.close()
        data = Path(file.name).read_bytes()
    at = data.index(b"png ", data.index(b"stsd")) + 28
    return data[:at] + struct.pack(">HH", claims, claims) + data[at + 4 :]


def backwards(data: bytes) -> bytes:
    """Give the last cluster of a Matroska film the time of the first, as two films put together have it."""
    clusters = [at for at in range(len(data) - 4) if data[at : at + 4] == b"\x1f\x43\xb6\x75"]
    at = clusters[-1] + 4 + 8  # its id and its size, of eight bytes as libavformat writes it where it can seek
    while data[at] != 0xE7:
        at += 1
    length = data[at + 1] & 0x7F
    return data[: at + 2] + bytes(length) + data[at + 2 + length :]


def begun_late(data: bytes, first: int = 5) -> bytes:
    """Copy the packets of a film but for its first ones, I-frame and all."""
    with tempfile.NamedTemporaryFile() as source, tempfile.NamedTemporaryFile() as target:
        Path(source.name).write_bytes(data)
        with av.open(source.name) as film_, av.open(target.name, "w", format="matroska") as output:
            stream = film_.streams.video[0]
            copy = output.add_stream_from_template(stream)
            for number, packet in enumerate(film_.demux(stream)):
                if packet.size and number >= first:
                    packet.stream = copy
                    output.mux(packet)
        return Path(target.name).read_bytes()


def without_rate(data: bytes) -> bytes:
    """Set the rate in the stream header of an AVI film to 0 over 0."""
    at = data.index(b"strh", data.index(b"strl")) + 8 + 20
    return data[:at] + bytes(8) + data[at + 8 :]


def rushed(data: bytes, ticks: int = 1) -> bytes:
    """Have each frame of an MP4 film last one tick of its clock of 90000 a second, at most."""
    at = data.index(b"stts") + 8
    entries = int.from_bytes(data[at : at + 4], "big")
    damaged = bytearray(data)
    for entry in range(entries):
        place = at + 4 + 8 * entry + 4
        damaged[place : place + 4] = ticks.to_bytes(4, "big")
    return bytes(damaged)


def rotated(data: bytes) -> bytes:
    """Have a player turn the picture of an MP4 film by a quarter, against the clock."""
    at = data.index(b"tkhd") + 4 + 4 + 20 + 16
    matrix = struct.pack(">9i", 0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30)
    return data[:at] + matrix + data[at + len(matrix) :]
