"""What libav complains of while it reads and decodes: of some damage the only sign.

A Matroska file with a hole in it, an MP4 whose table of sizes is wrong, a WebM that was cut off: libav logs a line,
goes on with what it finds next, and reports success. So every line at its level `error` counts, with two exceptions
that sound films call forth.

Lines are heard around single calls only, and only while no thread of a decoder lives: such a thread would want
Python's lock to tell its line, and whoever closes the decoder holds it and waits for the thread.
"""

from typing import TYPE_CHECKING, Any, Self

from avakit.errors import MediaRejected, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av import Packet

#: The H.264 decoder says so where it is entered at an open GOP: it is told to forget pictures that it never read.
#: What it shows is right all the same. (`-err_detect explode` drops the picture, and with it the rest of the GOP.)
_HARMLESS_AT_ENTRY = "mmco: unref short failure"
#: The Matroska demuxer says so after a seek by the times of the sound: the next picture is then no I-frame.
_HARMLESS_AFTER_SEEK = "File is broken, keyframes not correctly marked!"
#: Who speaks: libav's names of the demuxers that we let open a file. Lines of its input layer have no name.
_READERS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv", ""})
#: What libavutil says of a picture larger than `max_pixels`.
_TOO_LARGE = "exceeds specified max pixel count"
#: What they say of a file that was cut off.
_CUT_OFF = ("File ended prematurely", "Truncating packet")


class Listening:
    """A block of code during which libav's complaints are heard, and told to nobody else; can be entered again.

    Attributes
    ----------
    said
        What was heard since it was last entered, as it comes: (level, who, what) of each.
    """

    def __init__(self) -> None:
        from av import logging

        logging.set_skip_repeated(False)
        self._set_level, self._level = logging.set_level, logging.ERROR
        self._capture = logging.Capture()
        self.said = self._capture.logs

    def __enter__(self) -> Self:
        """Begin to listen."""
        self.said.clear()
        self._set_level(self._level)
        self._capture.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._capture.__exit__(None, None, None)
        self._set_level(None)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(who, what) of each complaint, in order."""
        return [(name, " ".join(text.split())) for _, name, text in self.said]

    def check_reader(self) -> None:
        """Refuse a file of which the demuxer complained.

        Raises
        ------
        MediaRejected
            `packets`, or `truncated` if it was cut off; unsafe `size` if a picture is larger than was allowed.
        """
        for name, text in self.lines:
            if _TOO_LARGE in text:
                raise MediaRejected(Status.UNSAFE, "size", f"its picture would fill the memory: {text.split(',')[0]}")
            if name in _READERS and text != _HARMLESS_AFTER_SEEK:
                reason = "truncated" if text.startswith(_CUT_OFF) else "packets"
                raise MediaRejected(Status.CORRUPT, reason, f"the container is damaged: {text}")

    def of_decoder(self, *, is_entered: bool) -> str:
        """Return the first complaint that is not the demuxer's; empty for none.

        Parameters
        ----------
        is_entered
            Whether the decoder was just entered, inside a film: what is harmless there then does not count.
        """
        lines = (text for name, text in self.lines if name not in _READERS)
        return next((text for text in lines if not is_entered or text != _HARMLESS_AT_ENTRY), "")


def heeded(demuxed: "Iterable[Packet[Any]]") -> "Iterator[Packet[Any]]":
    """Pass packets on, and refuse the file of which the demuxer complains.

    Raises
    ------
    MediaRejected
        As `Listening.check_reader`.
    """
    source, heard = iter(demuxed), Listening()
    while True:
        with heard:
            packet = next(source, None)
        if heard.said:
            heard.check_reader()
        if packet is None:
            return
        yield packet
