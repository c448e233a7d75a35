"""One large file through several connections at once, each with a range of it, all of one strong ETag.

It pays where the server limits each connection. The file still grows from its beginning as far as `Body` is
concerned: what lies behind a gap is not vouched for, and a later run fetches it again.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from avakit.errors import Status, TransferFailed
from avakit.tools import http_policy as policy
from avakit.tools.http_body import Body, Segment
from avakit.tools.http_call import Call
from avakit.tools.http_policy import AttemptError

if TYPE_CHECKING:
    import requests

#: What a connection fetches at a time: long enough that the wait for the answer does not count.
SEGMENT_BYTES = 16 << 20
_NEWS_SECONDS = 0.2


def can_split(response: "requests.Response", body: Body, total: int | None, smallest: int) -> bool:
    """Whether the server proves ranges and the version, and what is left is worth more connections."""
    has_ranges = response.status_code == 206 or response.headers.get("Accept-Ranges", "").strip() == "bytes"  # noqa: PLR2004
    return has_ranges and bool(body.etag) and total is not None and total - body.position >= smallest


class Split:
    """The rest of a file, divided among connections.

    Parameters
    ----------
    call, body
        What is fetched, and where to.
    total
        The whole length.
    on_bytes
        Called in the caller's thread with the bytes received so far and the whole length.
    """

    def __init__(self, call: Call, body: Body, total: int, on_bytes: Callable[[int, int | None], None] | None) -> None:
        self._call = call
        self._body = body
        self._total = total
        self._on_bytes = on_bytes
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._taken: set[int] = set()
        self._errors: list[Exception] = []
        self._is_over = False
        if not body.segments:
            begins = range(body.position, total, SEGMENT_BYTES)
            body.segments = [Segment(begin, min(begin + SEGMENT_BYTES, total)) for begin in begins]
        for segment in body.segments:
            segment.position = max(segment.position, min(body.position, segment.end))
        self._missing = sum(segment.end - segment.position for segment in body.segments)
        self._complete = 0  # so many segments from the first on

    def run(self, response: "requests.Response", chunks: Iterator[bytes], connections: int) -> None:
        """Fetch everything; the answer that is there already, which goes on at `body.position`, is the first range.

        Raises
        ------
        AttemptError, TransferFailed, OSError
            What the first connection to fail failed of; all others are stopped. What arrived is not lost to the call.
        """
        threads = [threading.Thread(target=self._work_on, args=(response, chunks), daemon=True)]
        threads += [threading.Thread(target=self._help, daemon=True) for _ in range(connections - 1)]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads) and not self._errors:
                self._news.wait(_NEWS_SECONDS)
                self._news.clear()
                self._count()
        finally:
            with self._lock:  # from here on nobody writes; a connection that hangs may take its time to notice
                self._is_over = True
        self._count()
        if self._errors:
            raise min(self._errors, key=lambda error: isinstance(error, AttemptError))

    def _count(self) -> None:
        """Count what is there without a gap, and tell of all that has arrived."""
        segments = self._body.segments
        while self._complete < len(segments) and segments[self._complete].position == segments[self._complete].end:
            self._complete += 1
        self._body.advance(segments[self._complete].position if self._complete < len(segments) else self._total)
        if self._on_bytes is not None:
            self._on_bytes(self._total - self._missing, self._total)

    def _next(self) -> Segment | None:
        """Take the first stretch that nobody works on; None if there is none, or it is all over."""
        with self._lock:
            for number in range(self._complete, len(self._body.segments)):
                segment = self._body.segments[number]
                if number not in self._taken and segment.position < segment.end and not self._is_over:
                    self._taken.add(number)
                    return segment
        return None

    def _work_on(self, response: "requests.Response", chunks: Iterator[bytes]) -> None:
        """Take the first stretch from the answer that is there, then be a connection like the others."""
        try:
            with closing(response):
                segment = self._next()
                if segment is not None:
                    self._receive(segment, chunks, goes_on=True)
        except (AttemptError, TransferFailed, OSError) as error:
            self._fail(error)
        else:
            self._work()

    def _help(self) -> None:
        """Be one more connection, if the server may have one more."""
        try:
            slot = self._call.server.slot()
        except OSError as error:
            self._fail(error)
            return
        if slot is not None:
            with slot:
                self._work()

    def _work(self) -> None:
        try:
            with self._call.session() as session:
                while (segment := self._next()) is not None:
                    self._fetch(session, segment)
        except (AttemptError, TransferFailed, OSError) as error:
            self._fail(error)
        self._news.set()

    def _fail(self, error: Exception) -> None:
        # A server may refuse the second connection for good and still serve the first: that is for the caller to try.
        is_wire = isinstance(error, TransferFailed) and error.status is not Status.UNSAFE
        self._errors.append(AttemptError(error) if isinstance(error, TransferFailed) and is_wire else error)
        self._news.set()

    def _fetch(self, session: "requests.Session", segment: Segment) -> None:
        last = segment.end - 1
        headers = {"Range": f"bytes={segment.position}-{last}", "If-Range": self._body.etag}
        with closing(self._call.ask(session, headers)) as response:
            self._call.check_answer(response)
            found = policy.content_range(response.headers.get("Content-Range"))
            is_right = found is not None and (found.first, found.last) == (segment.position, last)
            is_same = response.headers.get("ETag", self._body.etag) == self._body.etag
            if response.status_code != 206 or not (is_right and is_same):  # noqa: PLR2004
                what = "came as other bytes than those asked for"
                raise AttemptError(self._call.failed(Status.TRANSIENT, "server_error", what))
            self._receive(segment, self._call.chunks(response))

    def _receive(self, segment: Segment, chunks: Iterator[bytes], *, goes_on: bool = False) -> None:
        """Fill a stretch, from an answer that ends with it or goes on."""
        for data in chunks:
            with self._lock:
                if self._is_over:
                    return
                part = data[: segment.end - segment.position]
                self._body.write_at(part, segment.position)
                segment.position += len(part)
                self._missing -= len(part)
            self._news.set()
            if goes_on and segment.position == segment.end:
                return
        if segment.position < segment.end:
            what = f"was cut after {segment.position} of {self._total} bytes"
            raise AttemptError(self._call.failed(Status.TRANSIENT, "network", what))
