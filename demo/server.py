"""A small mirror on the loopback: whole files, ranges and strong ETags.

Run by itself, `python demo/server.py FOLDER --port 8765` serves a folder until it is interrupted.
`tests/faults.py` has a mirror that fails, for the tests.
"""

import argparse
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

_TYPES = {
    ".mp4": "video/mp4",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".m4a": "audio/mp4",
    ".mpd": "application/dash+xml",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".pbtxt": "text/plain",
    ".html": "text/html",
    ".zip": "application/zip",
}
_CHUNK = 64 << 10


@dataclass(frozen=True)
class Request:
    """One request as it came, with the status it was answered with. Header names are in lower case.

    `port` is the client's: one for each connection.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    status: int
    port: int

    @property
    def range(self) -> str:
        """The Range header; empty if there was none."""
        return self.headers.get("range", "")


@dataclass
class State:
    """What the threads of one server share."""

    folder: Path
    requests: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Serves one connection; what it answers is up to an `Answer`."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: "_HttpServer"

    def do_HEAD(self) -> None:
        """Answer with the head alone."""
        self.server.answer(self)

    def do_GET(self) -> None:
        """Answer with head and body."""
        self.server.answer(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: `requests` has it all."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        """Remember what was asked."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        port = self.client_address[1]
        self.server.state.requests.append(Request(self.command, self.path, headers, int(code), port))

    def head(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        """Send the status line and headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def plain(self, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        """Send an answer that is no file."""
        body = b"" if self.command == "HEAD" else f"{status.phrase}\n".encode()
        self.head(status, {"Content-Type": "text/plain", "Content-Length": str(len(body)), **headers})
        self.wfile.write(body)


class Answer:
    """The answer to one request; its parts can be overridden one by one."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.state = handler.server.state
        self.path = unquote(urlsplit(handler.path).path)

    def send(self) -> None:
        """Answer with the file that was asked for, or say that there is none."""
        folder = self.state.folder
        file = (folder / self.path.lstrip("/")).resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            self.handler.plain(HTTPStatus.NOT_FOUND, {})
            return
        etag = self.etag(file)
        data, content_type = self.content(file)
        headers = {
            "Content-Type": content_type,
            "Last-Modified": formatdate(file.stat().st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
            "ETag": etag,
        }
        status, data = self.select(data, etag, headers)
        headers["Content-Length"] = str(len(data))
        self.finish_headers(headers)
        self.handler.head(status, headers)
        if self.handler.command != "HEAD":
            self.body(data)

    def etag(self, file: Path) -> str:
        """Return the file's version."""
        facts = file.stat()
        return f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'

    def content(self, file: Path) -> tuple[bytes, str]:
        """Return the file's bytes and media type."""
        return file.read_bytes(), _TYPES.get(file.suffix, "application/octet-stream")

    def select(self, data: bytes, etag: str, headers: dict[str, str]) -> tuple[HTTPStatus, bytes]:
        """Cut out the range that was asked for, if the client still has this version."""
        asked = self.handler.headers.get("Range", "")
        if not asked.startswith("bytes=") or self.handler.headers.get("If-Range", etag) != etag:
            return HTTPStatus.OK, data
        first, last = positions(asked, len(data))
        if first > last:
            headers["Content-Range"] = f"bytes */{len(data)}"
            return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b""
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        return HTTPStatus.PARTIAL_CONTENT, data[first : last + 1]

    def finish_headers(self, headers: dict[str, str]) -> None:
        """Have the last word on the headers."""

    def body(self, data: bytes) -> None:
        """Send the body."""
        for position in range(0, len(data), _CHUNK):
            self.handler.wfile.write(data[position : position + _CHUNK])


def positions(asked: str, length: int) -> tuple[int, int]:
    """Return first and last position of a single range; an empty one if it can't be served."""
    first, _, last = asked.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, length - int(last or 0)), length - 1
    return int(first), min(int(last), length - 1) if last else length - 1


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, state: State, answer: type[Answer]) -> None:
        self.state = state
        self._answer = answer
        super().__init__(("127.0.0.1", port), Handler)

    def answer(self, handler: Handler) -> None:
        self._answer(handler).send()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client may hang up."""


class Server:
    """Serves a folder on 127.0.0.1 from a thread of its own, as a context manager.

    Parameters
    ----------
    folder
        What is served: GET and HEAD, ranges, strong ETags, If-Range, Last-Modified.
    port
        0 for any free one.
    state, answer
        For subclasses that answer otherwise.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, state: State | None = None, answer: type[Answer] = Answer
    ) -> None:
        self.state = state or State(folder.resolve())
        self._server = _HttpServer(port, self.state, answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The address of the folder, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[Request]:
        """What was asked so far, in the order of the answers."""
        return self.state.requests

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.state.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Block until interrupted."""
        self._thread.join()


def main() -> None:
    """Serve a folder until interrupted."""
    parser = argparse.ArgumentParser(description="Serve a folder on the loopback, with ranges.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8765)
    arguments = parser.parse_args()
    with Server(arguments.folder, port=arguments.port) as server:
        print(f"{arguments.folder} is at {server.url} (Ctrl-C ends it)", flush=True)
        try:
            server.wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
