"""Opening a video file safely: local files in known containers, and nothing that leads elsewhere."""

import errno
import math
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avakit.errors import MediaRejected, Status
from avakit.tools import plainfile
from avakit.tools.complaints import Listening
from avakit.tools.http_policy import page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import Packet, VideoStream
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

    from avakit.tools.ranged import RangedFile
    from avakit.tools.readonce import HashedFile

#: Demuxers by libavformat's names. Playlists (hls, dash, concat) are not among them: they open other files.
DEMUXERS = "mov,matroska,webm,avi,flv"
#: 8192 x 4320, the largest picture of any YouTube format; a 62 KB file can claim 16 000 x 16 000 (FAULTS M18).
MAX_PIXELS = 8192 * 4320
#: Seconds before the wanted one to seek to, in turn, until what is found lies before it; None reads from the beginning.
#: MP4 is searched by decoding time and some files by nothing at all, so a seek may land too late.
SEEK_STEPS: tuple[int | None, ...] = (0, 10, 60, None)

_HEAD_BYTES = 4096
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")
_PLAYLISTS = (b"#extm3u", b"ffconcat", b"<mpd")
#: Errors that are the disk's and not the file's.
_DISK = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE})


def check_magic(source: "Path | RangedFile | HashedFile") -> None:
    """Look at a file's first bytes.

    Raises
    ------
    MediaRejected
        `empty`, `html`, `not_media`, transient `bot_check`, or unsafe `playlist`.
    """
    head = _head(source)
    if not head:
        raise MediaRejected(Status.CORRUPT, "empty", "the file has no bytes")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_PLAYLISTS) or (text.startswith(b"<?xml") and b"<mpd" in text):
        raise MediaRejected(
            Status.UNSAFE, "playlist", "the file is a playlist: it would make a player open other files"
        )
    if text.startswith(_HTML):
        status, reason, what = page("text/html", head) or (Status.CORRUPT, "html", "is a web page")
        raise MediaRejected(status, reason, f"what was delivered {what}")
    if not _is_video(head):
        raise MediaRejected(Status.CORRUPT, "not_media", "the file begins like no video container that is known")


def _head(source: "Path | RangedFile | HashedFile") -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return stream.read(_HEAD_BYTES)
    source.seek(0)
    return source.read(_HEAD_BYTES)


def _is_video(head: bytes) -> bool:
    return (
        head[4:8] in _BOXES
        or head.startswith((b"\x1a\x45\xdf\xa3", b"FLV"))
        or (head.startswith(b"RIFF") and head[8:12] == b"AVI ")
    )


_CHUNK = 1 << 20


@contextmanager
def opened(source: "Path | RangedFile | HashedFile") -> "Iterator[InputContainer]":
    """Open a video file, here or on a server, for as long as the block lasts.

    Raises
    ------
    MediaRejected
        If it is not a video file, or libav finds an error while the block reads it.
    TransferFailed
        If the server fails. Whatever libav made of the bytes that did not come then counts for nothing.
    OSError
        If the disk fails.
    """
    try:
        with _opened(source) as container:
            yield container
    finally:
        if not isinstance(source, Path):
            source.check()


@contextmanager
def _opened(source: "Path | RangedFile | HashedFile") -> "Iterator[InputContainer]":
    import av

    check_magic(source)
    limits = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        # Titles in other encodings than UTF-8 are common in old files, and nothing to us.
        with Listening() as heard:
            container = av.open(_openable(source), "r", options=limits, metadata_errors="replace")
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        raise_disk(error, source)
        detail = f"it begins like a video but does not open, as one that was cut off would ({_words(error)})"
        raise MediaRejected(Status.CORRUPT, "not_media", detail) from error
    with container:
        heard.check_reader()
        try:
            yield container
        except av.error.FFmpegError as error:
            raise_disk(error, source)
            raise MediaRejected(
                Status.CORRUPT, "packets", f"the file can't be read through: {_words(error)}"
            ) from error


@contextmanager
def created(path: Path, form: str, **options: str) -> "Iterator[OutputContainer]":
    """Open a file that packets are copied into, for as long as the block lasts; the same packets give the same bytes.

    Parameters
    ----------
    form
        libavformat's name of the container.
    options
        Of its muxer.

    Raises
    ------
    OSError
        If it can't be written, with its name.
    """
    import av

    plainfile.reserve(path)
    try:
        with av.open(f"file:{path.absolute()}", "w", format=form, options={"fflags": "+bitexact", **options}) as output:
            yield output
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _openable(source: "Path | RangedFile | HashedFile") -> "str | RangedFile | HashedFile":
    if isinstance(source, Path):
        return f"file:{source.absolute()}"
    source.seek(0)
    return source


def raise_disk(error: Exception, source: "Path | RangedFile | HashedFile | str") -> None:
    """Raise the error of the disk, if it is the disk that failed.

    `source` may be a container's name; of one that does not lie here there is no error of a disk.

    libav says EIO and EPERM of damaged files, too: whoever reads the bytes himself knows which it is.
    """
    if isinstance(source, str) and source.startswith("file:"):
        source = Path(source.removeprefix("file:"))
    if isinstance(error, OSError) and error.errno in _DISK and isinstance(source, Path):
        with source.open("rb") as stream:
            while stream.read(_CHUNK):
                pass


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def video_stream(container: "InputContainer") -> "VideoStream":
    """Return the first video stream that is not a cover picture.

    Raises
    ------
    MediaRejected
        `no_video`, if there is none.
    """
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    raise MediaRejected(Status.CORRUPT, "no_video", "the file has no video stream")


def origin(container: "InputContainer") -> Fraction:
    """Return the container's start time in seconds: second 0 of the video, as ffmpeg's `-ss` and players count.

    libav gives it in microseconds; where a stream's own first tick is the same instant, that is returned, exactly.
    """
    if container.start_time is None:
        return Fraction(0)
    start = Fraction(container.start_time, 1_000_000)
    ticks = [s.start_time * s.time_base for s in container.streams if s.start_time is not None and s.time_base]
    return min((t for t in ticks if abs(t - start) <= Fraction(1, 1_000_000)), default=start)


def seek(container: "InputContainer", stream: "Stream", seconds: Fraction) -> bool:
    """Go to the I-frame before an instant on the file's own clock; return whether the container can do that."""
    import av

    try:
        container.seek(math.floor(seconds / base(stream)), stream=stream, backward=True)
    except av.error.FFmpegError as error:
        raise_disk(error, container.name)
        return False
    return True


def foretell(source: "Path | RangedFile", stream: "VideoStream", last: int) -> None:
    """Tell a file on a server how far it will be read, up to the tick `last`, if the container's index knows."""
    if isinstance(source, Path):
        return
    number = stream.index_entries.search_timestamp(last, backward=True, any_frame=True)
    if number >= 0:
        source.foretell(stream.index_entries[number].pos)


def base(stream: "Stream") -> Fraction:
    """Return the seconds of one tick of a stream's clock."""
    return stream.time_base or Fraction(1, 1_000_000)


def tick(packet: "Packet[Any]") -> int:
    """Return a packet's presentation time in ticks; AVI gives decoding times alone.

    Raises
    ------
    MediaRejected
        `packets`, if it has no time at all.
    """
    found = packet.pts if packet.pts is not None else packet.dts
    if found is None:
        raise MediaRejected(Status.CORRUPT, "packets", "the file has packets without a time")
    return found


def is_flush(packet: "Packet[Any]") -> bool:
    """Whether a packet is the empty one that ends a stream; an empty packet with a time repeats a frame."""
    return packet.size == 0 and packet.pts is None and packet.dts is None
