"""HTTP: one file, whole and as the server has it, or a failure that says why.

A transfer that was cut goes on where it stopped, also in a later run, but only under a strong ETag, and only from
bytes whose digest was written down: the side file `<partial>.json` holds the address, the ETag and the sha256 of what
is there, step by step. Without them it starts again. Two versions of a file are never joined.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from avakit.errors import ConfigInvalid, Status
from avakit.tools import http_policy as policy
from avakit.tools import http_ranges, plainfile
from avakit.tools.http_body import Body
from avakit.tools.http_call import Call
from avakit.tools.http_limits import Limits
from avakit.tools.http_policy import AttemptError, public_url

if TYPE_CHECKING:
    import requests

#: Called with the bytes there so far and the whole length, if known.
OnBytes = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Options:
    """How patient to be.

    Attributes
    ----------
    timeout_seconds
        Silence on the wire after which an attempt has failed, and the window in which the pace is measured.
    deadline_seconds
        Wall time of the whole call, pauses included.
    max_bytes
        A longer body is refused.
    tries
        Attempts in a row that get (nearly) no further than the best so far.
    unreachable_tries
        The same while not one byte has come: a name that can't be resolved rarely is a moment later.
    backoff_seconds
        The first pause; each further one is twice as long, up to a minute.
    min_bytes_per_second
        A slower window counts as silence: a server may drip one byte a second for ever.
    is_media
        Whether a web page or a JSON message is refused by its first bytes.
    connections
        Through how many at once a large file is fetched, where the server allows it.
    split_bytes
        What must be left to fetch for more than one connection to be worth it.
    alone_seconds, fast_bytes_per_second
        One connection fetches alone for so long, and goes on alone if it is as fast as that.
    limits
        What all workers of this machine together ask of one server.
    allow_private
        Whether redirects may lead to private addresses.
    user_agent
        How we introduce ourselves.
    sleep, clock
        Replaced in tests.
    """

    timeout_seconds: float = 30.0
    deadline_seconds: float = 6 * 3600.0
    max_bytes: int = 64 << 30
    tries: int = 5
    unreachable_tries: int = 3
    backoff_seconds: float = 1.0
    min_bytes_per_second: float = 1024.0
    is_media: bool = True
    connections: int = 4
    split_bytes: int = 64 << 20
    alone_seconds: float = 0.5
    fast_bytes_per_second: float = 100e6
    limits: Limits = field(default_factory=Limits)
    allow_private: bool = False
    user_agent: str = "avakit (+https://github.com/avakit/avakit)"
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Reply:
    """What arrived, and what the server said of it. `url` is without query and password; absent headers are empty."""

    url: str
    etag: str
    last_modified: str
    content_type: str
    bytes: int
    sha256: str


def download(
    url: str,
    target: Path,
    options: Options | None = None,
    on_bytes: OnBytes | None = None,
) -> Reply:
    """Write what the address holds into `target`.

    Parameters
    ----------
    url
        An http or https address.
    target
        A partial of the caller's own. What a failed call left there is resumed if it can be, else overwritten.
    options
        How patient to be.
    on_bytes
        Called with the bytes there so far and the whole length, if known. What it raises ends the transfer.

    Returns
    -------
    Reply
        The side file is gone; `target` holds exactly the bytes that `sha256` names.

    Raises
    ------
    TransferFailed
        With the status and reason of docs/reasons.md. `target` and its side file stay for the next run.
    ConfigInvalid
        If the address is not http or https.
    OSError
        If the local disk fails.
    """
    if not policy.is_http(url):
        raise ConfigInvalid(f"{public_url(url)!r} is not an http or https address")
    call = Call(url, options or Options())
    with plainfile.reopen(target) as stream, call.session() as session:
        return Transfer(session, call, Body(stream, target, url), on_bytes).run()


class Transfer:
    """One transfer: attempts, one after the other, that share a body."""

    def __init__(self, session: "requests.Session", call: Call, body: Body, on_bytes: OnBytes | None) -> None:
        self._session = session
        self._call = call
        self._body = body
        self._options = call.options
        self._on_bytes = on_bytes
        self._total: int | None = None
        self._may_use_ranges = True
        self._connections = call.options.connections

    def run(self) -> Reply:
        """Attempt until it is done or the tries are used up.

        Only a new best position renews them, and only one that is worth a window at the slowest pace allowed:
        a server that ignores ranges sends plenty of bytes and gets nowhere, one that drips gets there in a year.
        """
        failures, best = 0, self._body.position
        step = self._options.min_bytes_per_second * self._options.timeout_seconds
        try:
            self._call.wait(self._call.server.pause_left(), "rate_limit")
            while True:
                try:
                    return self._attempt()
                except AttemptError as error:
                    if self._body.position - best >= step:
                        failures, best = 0, self._body.position
                    failures += 1
                    self._pause(error, failures)
        except BaseException:
            self._body.remember()
            raise

    def _pause(self, error: AttemptError, failures: int) -> None:
        """Wait as long as is due, and all workers with us; raise the failure if no attempt is left."""
        options, server = self._options, self._call.server
        if error.wait_seconds:
            server.pause(error.wait_seconds)
        wait = max(error.wait_seconds, server.pause_left(), policy.backoff(failures, options.backoff_seconds))
        is_reached = self._body.position or error.failure.reason != "network"
        tries = options.tries if is_reached else min(options.tries, options.unreachable_tries)
        if failures >= tries or not self._call.may_wait(wait):
            raise error.failure from error
        if error.is_range_broken:
            self._may_use_ranges = False
            self._body.restart()
        options.sleep(wait)

    def _attempt(self) -> Reply:
        with self._call.slot(), ExitStack() as held:
            response = self._call.ask(self._session, self._headers())
            held.callback(response.close)
            self._admit(response)
            self._receive(response, held)
        self._check_whole()
        self._body.finish()
        return Reply(
            url=public_url(self._call.url),
            etag=response.headers.get("ETag", ""),
            last_modified=response.headers.get("Last-Modified", ""),
            content_type=response.headers.get("Content-Type", ""),
            bytes=self._body.position,
            sha256=self._body.sha256,
        )

    def _headers(self) -> dict[str, str]:
        """Return what the next attempt asks with."""
        if self._body.etag and self._body.position and self._may_use_ranges:
            return {"Range": f"bytes={self._body.position}-", "If-Range": self._body.etag}
        return {}

    def _admit(self, response: "requests.Response") -> None:
        """Look at the answer's head: whether its body may be read, and where it belongs."""
        headers = response.headers
        self._call.check_answer(response)
        length = policy.content_length(headers.get("Content-Length"))
        if "Transfer-Encoding" in headers:
            length = None
        if response.status_code == 206:  # noqa: PLR2004
            self._total = self._continued_total(response, length)
        else:
            self._body.restart(policy.strong_etag(headers.get("ETag")))
            self._total = length
        self._call.check_size(self._total or 0)

    def _continued_total(self, response: "requests.Response", length: int | None) -> int | None:
        """Check that a partial answer begins where we stopped, in the same version; return the whole length."""
        found = policy.content_range(response.headers.get("Content-Range"))
        etag = response.headers.get("ETag", self._body.etag)
        is_asked = "Range" in response.request.headers
        if not is_asked or found is None or found.first != self._body.position or etag != self._body.etag:
            what = "came as other bytes than those asked for"
            raise AttemptError(self._call.failed(Status.TRANSIENT, "server_error", what), is_range_broken=True)
        return found.total or (None if length is None else self._body.position + length)

    def _receive(self, response: "requests.Response", held: ExitStack) -> None:
        """Read the body to its end, alone or through several connections."""
        options, begin = self._options, self._body.position
        since = options.clock()
        chunks = self._call.chunks(response)
        for data in chunks:
            if not self._body.position:
                self._call.check_beginning(response, data)
            self._body.write(data)
            self._call.check_size(self._body.position)
            if self._on_bytes is not None:
                self._on_bytes(self._body.position, self._total)
            if self._is_worth_more(response, self._body.position - begin, options.clock() - since):
                held.pop_all()  # the connection that goes on with it closes it
                self._split(response, chunks)
                return

    def _is_worth_more(self, response: "requests.Response", received: int, seconds: float) -> bool:
        """Whether more connections would help: one that is fast by itself they only hinder."""
        options = self._options
        if self._connections == 1 or not self._may_use_ranges or seconds < options.alone_seconds:
            return False
        is_slow = received < options.fast_bytes_per_second * seconds
        return is_slow and http_ranges.can_split(response, self._body, self._total, options.split_bytes)

    def _split(self, response: "requests.Response", chunks: Iterator[bytes]) -> None:
        """Fetch what is left through several connections; through fewer of them after a failure."""
        split = http_ranges.Split(self._call, self._body, self._total or 0, self._on_bytes)
        try:
            split.run(response, chunks, self._connections)
        except AttemptError:
            self._connections //= 2
            raise

    def _check_whole(self) -> None:
        position = self._body.position
        if self._total is not None and position != self._total:
            failure = self._call.failed(Status.TRANSIENT, "network", f"was cut after {position} of {self._total} bytes")
            raise AttemptError(failure)
        if position == 0:
            raise AttemptError(self._call.failed(Status.CORRUPT, "empty", "is an empty file"))
