"""What all attempts and connections of one call share: the address, the patience, and the server's limits."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

from avakit.errors import Status, TransferFailed
from avakit.tools import http_policy as policy
from avakit.tools import http_wire as wire
from avakit.tools.http_body import CHUNK
from avakit.tools.http_limits import Server
from avakit.tools.http_policy import AttemptError, public_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import requests

    from avakit.tools.http import Options

_SLOT_POLL_SECONDS = 0.1


class Call:
    """One call: its deadline runs from here."""

    def __init__(self, url: str, options: "Options") -> None:
        self.url = url
        self.options = options
        self.server = Server(url, options.limits)
        self._deadline = options.clock() + options.deadline_seconds

    def session(self) -> "AbstractContextManager[requests.Session]":
        """Open the session of the call; where connections are counted, none waits unused for the next call."""
        options = self.options
        keep_for = self.url if options.limits.connections is None else ""
        return wire.session(options.user_agent, allow_private=options.allow_private, keep_for=keep_for)

    def failed(self, status: Status, reason: str, what: str) -> TransferFailed:
        """Return a failure whose sentence begins with the address."""
        return TransferFailed(status, reason, f"{public_url(self.url)} {what}")

    def may_wait(self, seconds: float) -> bool:
        """Whether a pause of so many seconds ends before the deadline."""
        return self.options.clock() + seconds <= self._deadline

    def wait(self, seconds: float, reason: str = "timeout") -> None:
        """Pause, or fail at once if the pause would outlast the deadline."""
        if seconds <= 0:
            return
        if not self.may_wait(seconds):
            raise self.failed(Status.TRANSIENT, reason, f"would take longer than {self.options.deadline_seconds:g} s")
        self.options.sleep(seconds)

    @contextmanager
    def slot(self) -> "Iterator[None]":
        """Wait for the right to one more connection, and hold it."""
        while (slot := self.server.slot()) is None:
            self.wait(_SLOT_POLL_SECONDS)
        with slot:
            yield

    def ask(self, session: "requests.Session", headers: dict[str, str]) -> "requests.Response":
        """Ask, when it is our turn."""
        self.wait(self.server.turn())
        return wire.ask(session, self.url, headers, self.options.timeout_seconds)

    def chunks(self, response: "requests.Response") -> "Iterator[bytes]":
        """Yield the body as it comes, no faster than is allowed; fail if it comes too slowly or for too long."""
        options = self.options
        begin, received = options.clock(), 0
        while data := wire.read(response, CHUNK, self.url):
            yield data
            received += len(data)
            pause = self.server.spend(len(data))
            self.wait(pause)
            begin += pause  # not the server's fault
            now = options.clock()
            if now > self._deadline:
                raise self.failed(Status.TRANSIENT, "timeout", f"took longer than {options.deadline_seconds:g} s")
            if now - begin >= options.timeout_seconds:
                if received < options.min_bytes_per_second * (now - begin):
                    what = f"came at {received / (now - begin):.0f} bytes a second only"
                    raise AttemptError(self.failed(Status.TRANSIENT, "timeout", what))
                begin, received = now, 0

    def check_answer(self, response: "requests.Response") -> None:
        """Refuse an answer that is no body, or that was packed on the way."""
        headers = response.headers
        refusal = policy.refuse(response.status_code, self.url, headers.get("Retry-After"))
        if refusal is not None:
            raise refusal
        if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise self.failed(Status.CORRUPT, "not_media", "is compressed in transit, although asked not to be")

    def check_beginning(self, response: "requests.Response", data: bytes) -> None:
        """Refuse a page in place of a file by its type or its first bytes, before megabytes of it are read."""
        found = policy.page(response.headers.get("Content-Type"), data)
        if self.options.is_media and found is not None:
            raise self.failed(*found)

    def check_size(self, size: int) -> None:
        """Refuse a body that is longer than allowed."""
        if size > self.options.max_bytes:
            what = f"is longer than the {self.options.max_bytes} bytes allowed"
            raise self.failed(Status.CORRUPT, "length", what)
