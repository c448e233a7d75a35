"""A mirror that fails in every way that mirrors fail, one path at a time."""

import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

from demo.server import Answer, Handler, Server, State

_PAGE = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>Are you a robot?</body></html>"


class Fault(StrEnum):
    """One way to answer wrongly. Those that cut a body do so after half of what was asked for."""

    RESET = "reset"
    SHORT = "short"
    CHUNK_CUT = "chunk_cut"
    STALL = "stall"
    DRIP = "drip"
    HTML = "html"
    HTML_AS_VIDEO = "html_as_video"
    EMPTY = "empty"
    GZIP = "gzip"
    RATE_LIMIT = "rate_limit"
    BUSY = "busy"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    GONE = "gone"
    RANGE_REFUSED = "range_refused"
    IGNORE_RANGE = "ignore_range"
    WRONG_RANGE = "wrong_range"
    NO_RANGE_HEADER = "no_range_header"
    WEAK_ETAG = "weak_etag"
    NO_ETAG = "no_etag"
    CHANGED = "changed"
    LOOP = "loop"
    TO_FILE = "to_file"
    REDIRECT = "redirect"
    JSON = "json"
    NO_LENGTH = "no_length"
    SMALL_LENGTH = "small_length"
    CHUNK_NO_END = "chunk_no_end"
    ENDLESS = "endless"
    SLOW = "slow"


_PLAIN_STATUS = {
    Fault.RATE_LIMIT: HTTPStatus.TOO_MANY_REQUESTS,
    Fault.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Fault.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Fault.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Fault.GONE: HTTPStatus.GONE,
}
_STEP_SECONDS = 0.02
_CUTS = frozenset({Fault.RESET, Fault.SHORT, Fault.CHUNK_CUT, Fault.STALL})


@dataclass(frozen=True)
class Injection:
    """What happens to the requests of one path.

    Attributes
    ----------
    faults
        All apply at once: `{IGNORE_RANGE, RESET}` cuts every body and never continues one.
    times
        How many requests meet it; None for all.
    retry_after
        The Retry-After header of a refusal.
    seconds
        How long a stall lasts, and the pause after each dripped byte.
    location
        Where a redirect leads.
    bytes_per_second
        The most that one slow connection gets.
    is_range_only
        Only requests with a Range meet it, and only they are counted.
    """

    faults: frozenset[Fault] = frozenset()
    times: int | None = None
    retry_after: str = ""
    seconds: float = 30.0
    location: str = ""
    bytes_per_second: float = 0.0
    is_range_only: bool = False


@dataclass
class _FaultyState(State):
    injections: dict[str, Injection] = field(default_factory=dict)
    met: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    active: int = 0
    most_active: int = 0

    def meet(self, path: str, *, has_range: bool) -> tuple[Injection, int]:
        """Return what this request of `path` meets, and how many met it before."""
        with self.lock:
            injection, before = self.injections.get(path, Injection()), self.met.get(path, 0)
            if injection.is_range_only and not has_range:
                return Injection(), 0
            self.met[path] = before + 1
            is_over = injection.times is not None and before >= injection.times
            return (Injection() if is_over else injection), before


class FaultyServer(Server):
    """A `Server` that answers wrongly where told to.

    Parameters
    ----------
    folder
        What is served.
    faults
        By path (`/a.mp4`): what its requests meet.
    """

    state: _FaultyState

    def __init__(self, folder: Path, faults: Mapping[str, Injection | Fault] | None = None) -> None:
        super().__init__(folder, state=_FaultyState(folder.resolve()), answer=_FaultyAnswer)
        for path, fault in (faults or {}).items():
            self.inject(path, fault)

    @property
    def most_active(self) -> int:
        """How many requests were being answered at the same time, at most."""
        return self.state.most_active

    def inject(self, path: str, fault: Injection | Fault) -> None:
        """Have requests of `path` meet this from now on."""
        injection = Injection(frozenset({fault})) if isinstance(fault, Fault) else fault
        with self.state.lock:
            self.state.met.pop(path, None)
            self.state.injections[path] = injection

    def heal(self, path: str) -> None:
        """Serve `path` rightly from now on."""
        self.inject(path, Injection())


class _FaultyAnswer(Answer):
    state: _FaultyState

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler)
        self.injection, self.before = self.state.meet(self.path, has_range="Range" in handler.headers)
        self.faults = self.injection.faults
        if Fault.CHANGED in self.faults and self.before == 0:
            self.faults |= {Fault.RESET}

    def send(self) -> None:
        with self.state.lock:
            self.state.active += 1
            self.state.most_active = max(self.state.most_active, self.state.active)
        try:
            self._send()
        finally:
            with self.state.lock:
                self.state.active -= 1

    def _send(self) -> None:
        for fault in self.faults & _PLAIN_STATUS.keys():
            after = self.injection.retry_after
            self.handler.plain(_PLAIN_STATUS[fault], {"Retry-After": after} if after else {})
            return
        if self.faults & {Fault.LOOP, Fault.TO_FILE, Fault.REDIRECT}:
            location = "file:///etc/hostname" if Fault.TO_FILE in self.faults else self.handler.path
            location = self.injection.location or location
            self.handler.plain(HTTPStatus.FOUND, {"Location": location})
            return
        super().send()

    def etag(self, file: Path) -> str:
        etag = super().etag(file)
        if Fault.CHANGED in self.faults and self.before:
            etag = f'{etag[:-1]}-new"'
        return f"W/{etag}" if Fault.WEAK_ETAG in self.faults else etag

    def content(self, file: Path) -> tuple[bytes, str]:
        data, content_type = super().content(file)
        if Fault.HTML in self.faults:
            return _PAGE, "text/html"
        if Fault.HTML_AS_VIDEO in self.faults:
            return _PAGE, content_type
        if Fault.JSON in self.faults:
            return b'{"error": "try later"}', content_type
        if Fault.EMPTY in self.faults:
            return b"", content_type
        if Fault.CHANGED in self.faults and self.before:
            data = changed(data)
        return data, content_type

    def select(self, data: bytes, etag: str, headers: dict[str, str]) -> tuple[HTTPStatus, bytes]:
        if Fault.IGNORE_RANGE in self.faults:
            return HTTPStatus.OK, data
        status, part = super().select(data, etag, headers)
        if status != HTTPStatus.PARTIAL_CONTENT:
            return status, part
        if Fault.RANGE_REFUSED in self.faults:
            headers["Content-Range"] = f"bytes */{len(data)}"
            return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b""
        if Fault.WRONG_RANGE in self.faults:
            part = data[len(data) - len(part) - 7 :]
            headers["Content-Range"] = f"bytes {len(data) - len(part)}-{len(data) - 1}/{len(data)}"
        if Fault.NO_RANGE_HEADER in self.faults:
            del headers["Content-Range"]
        return status, part

    def finish_headers(self, headers: dict[str, str]) -> None:
        if Fault.NO_ETAG in self.faults:
            del headers["ETag"]
        if Fault.GZIP in self.faults:
            headers["Content-Encoding"] = "gzip"
        if Fault.NO_LENGTH in self.faults:
            del headers["Content-Length"]
            self.handler.close_connection = True
        if Fault.SMALL_LENGTH in self.faults:
            headers["Content-Length"] = str(int(headers["Content-Length"]) // 2)
            self.handler.close_connection = True
        if self.faults & {Fault.CHUNK_CUT, Fault.CHUNK_NO_END, Fault.ENDLESS}:
            del headers["Content-Length"]
            headers["Transfer-Encoding"] = "chunked"

    def body(self, data: bytes) -> None:
        if Fault.DRIP in self.faults:
            self._drip(data)
        elif Fault.SLOW in self.faults:
            self._flow(data)
        elif self.faults & {Fault.CHUNK_NO_END, Fault.ENDLESS}:
            self._chunk(data)
        elif not self.faults & _CUTS:
            super().body(data)
        else:
            if Fault.CHUNK_CUT in self.faults:
                self.handler.wfile.write(f"{len(data):x}\r\n".encode())
            super().body(data[: len(data) // 2])
            self._cut()

    def _drip(self, data: bytes) -> None:
        for value in data:
            self.handler.wfile.write(bytes([value]))
            if self.state.closing.wait(self.injection.seconds):
                break

    def _flow(self, data: bytes) -> None:
        """Send no faster than allowed, in steps that last long enough for a clock."""
        step = max(1, int(self.injection.bytes_per_second * _STEP_SECONDS))
        for position in range(0, len(data), step):
            self.handler.wfile.write(data[position : position + step])
            if self.state.closing.wait(_STEP_SECONDS):
                break

    def _chunk(self, data: bytes) -> None:
        """Send whole chunks, for ever or once, and never the one that says that it was the last."""
        self.handler.close_connection = True
        while data:
            self.handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            if Fault.ENDLESS not in self.faults or self.state.closing.is_set():
                break

    def _cut(self) -> None:
        handler = self.handler
        handler.close_connection = True
        if Fault.STALL in self.faults:
            self.state.closing.wait(self.injection.seconds)
        if Fault.RESET in self.faults:
            # With no time to linger, closing throws away what is unsent and resets the connection.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for end in (handler.rfile, handler.wfile, handler.connection):
                end.close()


def changed(data: bytes) -> bytes:
    """Return the other version of a file, of the same length, that `Fault.CHANGED` turns to."""
    return data.translate(bytes(255 - value for value in range(256)))
