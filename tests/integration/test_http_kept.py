"""Connections that wait for the next file: what is saved, and what must not go from one call to the next."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from avakit.errors import Status, TransferFailed
from avakit.tools import http
from avakit.tools.http_limits import Limits
from demo.server import Answer, Server
from tests.faults import Fault, FaultyServer, Injection

ONCE = http.Options(timeout_seconds=5.0, tries=1)
DATA = bytes(range(256)) * 3000


@pytest.fixture(autouse=True)
def _film(served: Path) -> None:
    (served / "a.mp4").write_bytes(DATA)


def fetch(server: Server, target: Path, options: http.Options = ONCE, path: str = "/a.mp4") -> None:
    http.download(server.url + path, target, options)
    assert target.read_bytes() == DATA
    target.unlink()


def connections(server: Server) -> int:
    return len({request.port for request in server.requests})


def test_file_after_file_comes_through_one_connection(server: FaultyServer, tmp_path: Path) -> None:
    for _ in range(3):
        fetch(server, tmp_path / "a.partial.mp4")
    assert (len(server.requests), connections(server)) == (3, 1)


def test_none_waits_where_connections_are_counted(server: FaultyServer, tmp_path: Path) -> None:
    for _ in range(3):
        fetch(server, tmp_path / "a.partial.mp4", replace(ONCE, limits=Limits(connections=2)))
    assert connections(server) == 3


def test_none_waits_after_a_failure(server: FaultyServer, tmp_path: Path) -> None:
    fetch(server, tmp_path / "a.partial.mp4")
    with pytest.raises(TransferFailed):
        fetch(server, tmp_path / "a.partial.mp4", path="/none.mp4")
    fetch(server, tmp_path / "a.partial.mp4")
    first, failed, last = (request.port for request in server.requests)
    assert first == failed != last


def test_one_that_the_server_closed_meanwhile_costs_no_attempt(served: Path, tmp_path: Path) -> None:
    class Closing(Answer):
        def body(self, data: bytes) -> None:
            super().body(data)
            self.handler.close_connection = True  # and nothing in the head said so

    with Server(served, answer=Closing) as server:
        for _ in range(3):
            fetch(server, tmp_path / "a.partial.mp4")
            time.sleep(0.1)
        assert connections(server) == 3


def test_bytes_beyond_the_length_that_was_told_are_no_answer_to_the_next_question(served: Path, tmp_path: Path) -> None:
    class Talking(Answer):
        def body(self, data: bytes) -> None:
            super().body(data + b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: "x"\r\n\r\nrotten')

    with Server(served, answer=Talking) as server:
        for _ in range(3):
            fetch(server, tmp_path / "a.partial.mp4")
            time.sleep(0.1)
        assert connections(server) == 3


def test_cookies_end_with_the_call(served: Path, tmp_path: Path) -> None:
    class Baking(Answer):
        def finish_headers(self, headers: dict[str, str]) -> None:
            headers["Set-Cookie"] = "who=you; Path=/"

    with Server(served, answer=Baking) as server:
        for _ in range(2):
            fetch(server, tmp_path / "a.partial.mp4")
        assert connections(server) == 1
        assert not any("cookie" in request.headers for request in server.requests)


def test_a_host_is_not_led_through_the_connection_of_another(server: FaultyServer, tmp_path: Path) -> None:
    """The named host may be private and one to which it sends us may not, whoever was named before."""
    fetch(server, tmp_path / "a.partial.mp4")
    server.inject("/b.mp4", Injection(frozenset({Fault.REDIRECT}), location=f"{server.url}/a.mp4"))
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    with pytest.raises(TransferFailed, match="a machine of a private network") as caught:
        http.download(f"{elsewhere}/b.mp4", tmp_path / "b.partial.mp4", ONCE)
    assert caught.value.status is Status.UNSAFE
