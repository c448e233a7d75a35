"""A file on a server, read like one that lies here: only what is read is fetched, and no byte of it twice.

Every range is asked for under the strong ETag of the first answer, and is proved by its Content-Range, its length and
its ETag: bytes of two versions never meet. A server that can't prove that much is refused, never trusted. Attempts,
pauses, pace and deadline are those of `tools.http`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from avakit.errors import NoRanges, Status
from avakit.tools import http_policy as policy
from avakit.tools import plainfile
from avakit.tools.http import Options, Reply, Transfer
from avakit.tools.http_body import Body
from avakit.tools.http_call import Call
from avakit.tools.http_policy import public_url

if TYPE_CHECKING:
    import requests

#: What is fetched where reading begins anew: the size in which libav reads, or more of a large file.
FIRST_BYTES = 32 << 10
_FIRST_SHARE = 4096
#: Where reading goes on and its end was not foretold, this share of what was read in one run is fetched ahead: what the
#: end of a window wastes.
_AHEAD_SHARE = 16
_MOST_BYTES = 8 << 20


@contextmanager
def opened(
    url: str, store: Path, options: Options | None = None, on_bytes: Callable[[int, int | None], None] | None = None
) -> "Iterator[RangedFile]":
    """Open a file on a server for as long as the block lasts.

    Parameters
    ----------
    url
        An http or https address.
    store
        Where to keep what was fetched: a partial of the caller's own, as long as the file and mostly hollow.
    options
        How patient to be.
    on_bytes
        Called with the bytes fetched so far, and None.

    Raises
    ------
    NoRanges
        If the server can't do it.
    TransferFailed
        As `tools.http.download`.
    """
    call = Call(url, options or Options())
    with plainfile.reopen(store) as stream, call.session() as session:
        yield RangedFile(session, call, stream, on_bytes)


class RangedFile:
    """A file on a server with the methods by which libav reads.

    What goes wrong while libav reads is the end of the file to it, and kept for `check`.

    Attributes
    ----------
    name
        The address without query and password.
    total
        The file's length in bytes.
    fetched
        How many bytes were fetched.
    reply
        What the server said of the file; its `bytes` and `sha256` are those of the first range alone.
    """

    def __init__(
        self,
        session: "requests.Session",
        call: Call,
        stream: BinaryIO,
        on_bytes: Callable[[int, int | None], None] | None,
    ) -> None:
        self._session, self._call, self._stream, self._on_bytes = session, call, stream, on_bytes
        self._have: list[tuple[int, int]] = []
        self._position = self._until = 0
        self._failure: BaseException | None = None
        self.name = public_url(call.url)
        self.etag = ""
        self.total = FIRST_BYTES
        self.fetched = 0
        self.reply: Reply = self._fetch(0)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position, as of a file's own `seek`."""
        self._position = offset + (0, self._position, self.total)[whence]
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end, or if they can't be had."""
        if self._failure is not None or self._position >= self.total:
            return b""
        try:
            data = self._read(size)
        except BaseException as error:  # noqa: BLE001 - libav would swallow it; `check` raises it
            self._failure = error
            return b""
        self._position += len(data)
        return data

    def foretell(self, until: int) -> None:
        """Be told that what is read next will be read up to this position, and little beyond."""
        self._until = until

    def check(self) -> None:
        """Raise what went wrong while it was read."""
        if self._failure is not None:
            raise self._failure

    def _read(self, size: int) -> bytes:
        end = self._end_of(self._position)
        if end is None:
            self._fetch(self._position)
            end = self._end_of(self._position) or 0
        return os.pread(self._stream.fileno(), min(size, end - self._position), self._position)

    def _end_of(self, position: int) -> int | None:
        return next((end for first, end in self._have if first <= position < end), None)

    def _fetch(self, first: int) -> Reply:
        last = min([first + self._size(first), self.total, *(start for start, _ in self._have if start > first)]) - 1
        part = _Part(self, self._stream, first, last)
        reply = _Range(self._session, self._call, part).run()
        joined = [(a, b) for a, b in self._have if a <= part.position and first <= b] + [(first, part.position)]
        apart = [each for each in self._have if each not in joined]
        self._have = [*apart, (min(a for a, _ in joined), max(b for _, b in joined))]
        return reply

    def _size(self, first: int) -> int:
        """Return how much to fetch at a position."""
        least = max(FIRST_BYTES, self.total // _FIRST_SHARE)
        if self._until:
            return min(max(least, self._until - first), _MOST_BYTES)
        before = next((first - start for start, end in self._have if end == first), 0)
        return min(max(least, before // _AHEAD_SHARE), _MOST_BYTES)

    def count(self, size: int) -> None:
        """Note that so many bytes came."""
        self.fetched += size
        if self._on_bytes is not None:
            self._on_bytes(self.fetched, None)


class _Part(Body):
    """Where the bytes of one range go: to their place in the store, with nothing beside it to vouch for them."""

    sha256 = ""

    def __init__(self, whole: RangedFile, stream: BinaryIO, first: int, last: int) -> None:
        self._descriptor = stream.fileno()
        self.whole, self.etag = whole, whole.etag
        self.position, self.last = first, last

    def write(self, data: bytes) -> None:
        if self.position + len(data) > self.last + 1:
            raise _no_ranges(self.whole.name, "sends more than was asked for")
        self.write_at(data, self.position)
        self.position += len(data)
        self.whole.count(len(data))

    def restart(self, etag: str = "") -> None:
        # A whole file where a part of this version was asked for.
        changed = self.etag and etag and etag != self.etag
        raise _no_ranges(self.whole.name, "changed meanwhile" if changed else "can't be had in parts")

    def remember(self) -> None:
        """Nothing is resumed."""

    def finish(self) -> None:
        """Nothing was written beside the bytes."""


class _Range(Transfer):
    """The transfer of one range."""

    def __init__(self, session: "requests.Session", call: Call, part: _Part) -> None:
        super().__init__(session, call, part, None)
        self._part = part
        self._connections = 1

    def _headers(self) -> dict[str, str]:
        headers = {"Range": f"bytes={self._part.position}-{self._part.last}"}
        return headers | ({"If-Range": self._part.etag} if self._part.etag else {})

    def _continued_total(self, response: "requests.Response", length: int | None) -> int | None:
        del length
        part, whole = self._part, self._part.whole
        etag = policy.strong_etag(response.headers.get("ETag"))
        found = policy.content_range(response.headers.get("Content-Range"))
        if not etag:
            raise _no_ranges(whole.name, "has no strong ETag")
        if found is None or found.total is None:
            raise _no_ranges(whole.name, "comes in parts that do not say which they are")
        if not whole.etag:
            whole.etag, whole.total = etag, found.total
            part.etag = etag
            part.last = min(part.last, found.total - 1)
        if (etag, found.total) != (whole.etag, whole.total):
            raise _no_ranges(whole.name, "changed meanwhile")
        if (found.first, found.last) != (part.position, part.last):
            raise _no_ranges(whole.name, "comes in other parts than those asked for")
        return part.last + 1


def _no_ranges(name: str, what: str) -> NoRanges:
    return NoRanges(Status.TRANSIENT, "server_error", f"{name} {what}")
