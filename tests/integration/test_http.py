"""Downloads against a server that fails in every way: the right bytes, or the right failure, never wrong bytes."""

import errno
import hashlib
import json
import os
import pickle
import random
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from avakit.errors import ConfigInvalid, OutputImpossible, Status, TransferFailed
from avakit.tools import http, http_body, http_limits
from avakit.tools.files import side_file
from avakit.tools.http_limits import Limits
from tests.faults import Fault, FaultyServer, Injection, changed

DATA = random.Random(1).randbytes(700_001)
FAST = http.Options(timeout_seconds=5.0, tries=3, backoff_seconds=0.0, sleep=lambda _: None)
CERTIFICATES = Path(__file__).parents[1] / "data"
CERTIFICATE = CERTIFICATES / "localhost.pem"


@pytest.fixture
def target(tmp_path: Path, served: Path) -> Path:
    (served / "a.mp4").write_bytes(DATA)
    return tmp_path / "a.partial.mp4"


def some(*faults: Fault, times: int | None = None, seconds: float = 30.0, retry_after: str = "") -> Injection:
    return Injection(frozenset(faults), times, retry_after, seconds)


def leave_half(server: FaultyServer, target: Path) -> int:
    """Have a first call fail in mid body; return how many bytes it left."""
    server.inject("/a.mp4", Fault.SHORT)
    with pytest.raises(TransferFailed):
        http.download(f"{server.url}/a.mp4", target, replace(FAST, tries=1))
    server.heal("/a.mp4")
    server.requests.clear()
    return target.stat().st_size


def assert_whole(target: Path, reply: http.Reply, expected: bytes = DATA) -> None:
    assert target.read_bytes() == expected
    assert reply.bytes == len(expected)
    assert reply.sha256 == hashlib.sha256(expected).hexdigest()
    assert not side_file(target).exists()


def test_a_file_arrives_whole(server: FaultyServer, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    reply = http.download(f"{server.url}/a.mp4?token=secret", target, FAST, lambda *now: seen.append(now))
    assert_whole(target, reply)
    assert reply.url == f"{server.url}/a.mp4"
    assert reply.content_type == "video/mp4"
    assert reply.etag.startswith('"')
    assert reply.last_modified.endswith("GMT")
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    (request,) = server.requests
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("avakit")


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.SHORT, Fault.CHUNK_CUT, Fault.STALL])
def test_a_cut_is_mended(server: FaultyServer, target: Path, fault: Fault) -> None:
    server.inject("/a.mp4", some(fault, times=1))
    reply = http.download(f"{server.url}/a.mp4", target, replace(FAST, timeout_seconds=0.5))
    assert_whole(target, reply)
    assert server.requests[0].status == 200
    assert len(server.requests) == 2


def test_a_cut_is_mended_by_asking_for_the_rest_of_the_same_version(server: FaultyServer, target: Path) -> None:
    server.inject("/a.mp4", some(Fault.SHORT, times=1))
    reply = http.download(f"{server.url}/a.mp4", target, FAST)
    assert_whole(target, reply)
    _, second = server.requests
    assert (second.status, second.range) == (206, f"bytes={len(DATA) // 2}-")
    assert second.headers["if-range"] == reply.etag


@pytest.mark.parametrize("fault", [Fault.WEAK_ETAG, Fault.NO_ETAG])
def test_without_a_strong_etag_it_starts_again(server: FaultyServer, target: Path, fault: Fault) -> None:
    server.inject("/a.mp4", some(fault, Fault.SHORT, times=1))
    reply = http.download(f"{server.url}/a.mp4", target, FAST)
    assert_whole(target, reply)
    assert [request.range for request in server.requests] == ["", ""]


def test_a_file_that_changes_meanwhile_is_never_stitched(server: FaultyServer, target: Path) -> None:
    server.inject("/a.mp4", Fault.CHANGED)
    reply = http.download(f"{server.url}/a.mp4", target, FAST)
    assert_whole(target, reply, changed(DATA))


def test_a_server_that_ignores_ranges_and_cuts_is_given_up(server: FaultyServer, target: Path) -> None:
    """Plenty of bytes arrive each time, and none of them beyond the best so far."""
    server.inject("/a.mp4", some(Fault.IGNORE_RANGE, Fault.SHORT))
    with pytest.raises(TransferFailed) as caught:
        http.download(f"{server.url}/a.mp4", target, FAST)
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "network")
    assert len(server.requests) == FAST.tries


@pytest.mark.parametrize("fault", [Fault.WRONG_RANGE, Fault.NO_RANGE_HEADER, Fault.RANGE_REFUSED, Fault.IGNORE_RANGE])
def test_a_range_answered_wrongly_leads_to_a_fresh_start(server: FaultyServer, target: Path, fault: Fault) -> None:
    leave_half(server, target)
    server.inject("/a.mp4", fault)
    reply = http.download(f"{server.url}/a.mp4", target, FAST)
    assert_whole(target, reply)
    assert server.requests[0].range
    assert all(not request.range for request in server.requests[1:])


def test_a_later_run_goes_on(server: FaultyServer, target: Path) -> None:
    size = leave_half(server, target)
    reply = http.download(f"{server.url}/a.mp4", target, FAST)
    assert_whole(target, reply)
    assert [(request.status, request.range) for request in server.requests] == [(206, f"bytes={size}-")]


def test_a_later_run_that_meets_a_new_version_starts_again(server: FaultyServer, target: Path, served: Path) -> None:
    leave_half(server, target)
    (served / "a.mp4").write_bytes(DATA[::-1])
    os.utime(served / "a.mp4", (1, 1))
    reply = http.download(f"{server.url}/a.mp4", target, FAST)
    assert_whole(target, reply, DATA[::-1])
    assert [request.status for request in server.requests] == [200]


def test_a_rotten_beginning_is_not_built_upon(server: FaultyServer, target: Path) -> None:
    leave_half(server, target)
    rotten = bytearray(target.read_bytes())
    rotten[1000] ^= 1
    target.write_bytes(rotten)
    reply = http.download(f"{server.url}/a.mp4", target, FAST)
    assert_whole(target, reply)
    assert [request.range for request in server.requests] == [""]


def test_it_goes_on_after_the_last_piece_that_is_as_it_was(server: FaultyServer, target: Path, served: Path) -> None:
    data = random.Random(3).randbytes(4 * http_body.CHECKPOINT_BYTES)
    (served / "a.mp4").write_bytes(data)
    server.inject("/a.mp4", Fault.SHORT)
    with pytest.raises(TransferFailed):
        http.download(f"{server.url}/a.mp4", target, replace(FAST, tries=1))
    ends = [json.loads(line)["bytes"] for line in side_file(target).read_text().splitlines()[1:]]
    with target.open("r+b") as stream:
        stream.seek(ends[0] + 1000)
        stream.write(b"rotten")
    server.heal("/a.mp4")
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, FAST), data)
    assert server.requests[-1].range == f"bytes={ends[0]}-"


def test_bytes_beyond_the_checkpoint_are_dropped(server: FaultyServer, target: Path) -> None:
    size = leave_half(server, target)
    with target.open("ab") as stream:
        stream.write(b"\0" * 5000)
    reply = http.download(f"{server.url}/a.mp4", target, FAST)
    assert_whole(target, reply)
    assert server.requests[0].range == f"bytes={size}-"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 1}', '{"bytes": "x"}', "null", "\\xff"])
def test_a_torn_side_file_means_a_fresh_start(server: FaultyServer, target: Path, text: str) -> None:
    leave_half(server, target)
    side_file(target).write_text(text)
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, FAST))
    assert [request.range for request in server.requests] == [""]


def test_the_beginning_of_another_address_is_not_used(server: FaultyServer, target: Path, served: Path) -> None:
    leave_half(server, target)
    (served / "b.mp4").write_bytes(DATA[::-1])
    assert_whole(target, http.download(f"{server.url}/b.mp4", target, FAST), DATA[::-1])


def test_the_side_file_holds_no_secret(server: FaultyServer, target: Path) -> None:
    server.inject("/a.mp4", Fault.SHORT)
    with pytest.raises(TransferFailed) as caught:
        http.download(f"{server.url}/a.mp4?token=secret", target, replace(FAST, tries=1))
    head, piece = (json.loads(line) for line in side_file(target).read_text().splitlines())
    assert head["url"] == f"{server.url}/a.mp4"
    assert piece["bytes"] == target.stat().st_size
    assert "secret" not in str(caught.value)


def test_a_killed_run_is_resumed(server: FaultyServer, target: Path, served: Path) -> None:
    data = random.Random(2).randbytes(11 << 20)
    (served / "a.mp4").write_bytes(data)
    server.inject("/a.mp4", some(Fault.STALL, times=1))
    url = f"{server.url}/a.mp4"
    code = "import sys, pathlib, avakit.tools.http as http; http.download(sys.argv[1], pathlib.Path(sys.argv[2]))"
    child = subprocess.Popen([sys.executable, "-c", code, url, str(target)], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 30
    while not http_body.can_resume(target, url) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert_whole(target, http.download(url, target, FAST), data)
    start = int(server.requests[-1].range.removeprefix("bytes=").removesuffix("-"))
    assert http_body.CHECKPOINT_BYTES <= start <= len(data) // 2


@pytest.mark.parametrize(
    ("fault", "status", "reason", "requests"),
    [
        (Fault.NOT_FOUND, Status.UNAVAILABLE, "not_found", 1),
        (Fault.GONE, Status.UNAVAILABLE, "not_found", 1),
        (Fault.FORBIDDEN, Status.TRANSIENT, "forbidden", 1),
        (Fault.RATE_LIMIT, Status.TRANSIENT, "rate_limit", 3),
        (Fault.BUSY, Status.TRANSIENT, "server_error", 3),
        (Fault.EMPTY, Status.CORRUPT, "empty", 3),
        (Fault.GZIP, Status.CORRUPT, "not_media", 1),
        (Fault.LOOP, Status.UNAVAILABLE, "redirect", 11),
        (Fault.TO_FILE, Status.UNSAFE, "redirect", 1),
    ],
)
def test_a_refusal_is_named(
    server: FaultyServer, target: Path, fault: Fault, status: Status, reason: str, requests: int
) -> None:
    server.inject("/a.mp4", fault)
    with pytest.raises(TransferFailed) as caught:
        http.download(f"{server.url}/a.mp4", target, FAST)
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert caught.value.detail.startswith(server.url)
    assert len(server.requests) == requests
    assert target.read_bytes() == b""


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.HTML_AS_VIDEO])
def test_a_page_is_a_file_like_any_other_where_no_film_is_wanted(
    server: FaultyServer, target: Path, fault: Fault
) -> None:
    server.inject("/a.mp4", fault)
    reply = http.download(f"{server.url}/a.mp4", target, replace(FAST, is_media=False))
    assert reply.bytes == target.stat().st_size > 0


def test_of_a_long_page_only_the_beginning_is_read(server: FaultyServer, target: Path, served: Path) -> None:
    (served / "a.mp4").write_bytes(b"<!DOCTYPE html>" + b" " * (20 << 20))
    with pytest.raises(TransferFailed) as caught:
        http.download(f"{server.url}/a.mp4", target, FAST)
    assert (caught.value.status, caught.value.reason) == (Status.CORRUPT, "html")
    assert target.stat().st_size == 0


@pytest.mark.parametrize(("header", "pause"), [("7", 7), ("1000000000", 60), ("", 2)])
def test_the_server_says_how_long_to_wait(server: FaultyServer, target: Path, header: str, pause: float) -> None:
    pauses: list[float] = []
    server.inject("/a.mp4", some(Fault.RATE_LIMIT, times=1, retry_after=header))
    options = replace(FAST, sleep=pauses.append, backoff_seconds=2.0)
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, options))
    assert pauses == [pause]


def test_one_that_is_told_to_wait_has_all_wait(server: FaultyServer, target: Path, tmp_path: Path) -> None:
    """Another file of the same server, asked for by another worker; another server does not mind."""
    server.inject("/a.mp4", some(Fault.RATE_LIMIT, retry_after="50"))
    with pytest.raises(TransferFailed):
        http.download(f"{server.url}/a.mp4", target, FAST)
    server.heal("/a.mp4")
    pauses: list[float] = []
    options = replace(FAST, sleep=pauses.append)
    http.download(f"{server.url}/a.mp4", tmp_path / "second", options)
    assert [0 < pause <= 50 for pause in pauses] == [True]
    server.requests.clear()
    with pytest.raises(TransferFailed) as caught:
        http.download(f"{server.url}/a.mp4", tmp_path / "third", replace(FAST, deadline_seconds=5))
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "rate_limit")
    assert server.requests == []
    with FaultyServer(server.state.folder) as other:
        http.download(f"{other.url}/a.mp4", tmp_path / "fourth", replace(FAST, sleep=lambda _: pytest.fail("waited")))


def test_no_more_bytes_a_second_than_allowed(server: FaultyServer, target: Path, tmp_path: Path) -> None:
    """By all transfers of this machine together; and our own pauses are not taken for a slow server."""
    pauses: list[float] = []
    options = replace(FAST, limits=Limits(bytes_per_second=100_000), sleep=pauses.append)
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, options))
    assert max(pauses) == pytest.approx(7, abs=2)
    http.download(f"{server.url}/a.mp4", tmp_path / "second", options)
    assert max(pauses) == pytest.approx(14, abs=4)


def test_no_more_requests_a_second_than_allowed(server: FaultyServer, target: Path) -> None:
    pauses: list[float] = []
    options = replace(FAST, limits=Limits(requests_per_second=0.1), sleep=pauses.append)
    server.inject("/a.mp4", some(Fault.SHORT, times=1))
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, options))
    assert max(pauses) == pytest.approx(10, abs=2)


def test_where_no_connection_is_left_it_waits(server: FaultyServer, target: Path) -> None:
    limits = Limits(connections=1)
    taken = http_limits.Server(server.url, limits).slot()
    assert taken is not None

    def release(_: float) -> None:
        assert server.requests == []
        with taken:
            pass

    assert_whole(target, http.download(f"{server.url}/a.mp4", target, replace(FAST, limits=limits, sleep=release)))


def test_a_drip_counts_as_silence(server: FaultyServer, target: Path) -> None:
    server.inject("/a.mp4", some(Fault.DRIP, seconds=0.01))
    started = time.monotonic()
    with pytest.raises(TransferFailed) as caught:
        http.download(f"{server.url}/a.mp4", target, replace(FAST, timeout_seconds=0.3, tries=2))
    assert caught.value.reason == "timeout"
    assert time.monotonic() - started < 10


def test_the_deadline_ends_even_what_makes_progress(server: FaultyServer, target: Path) -> None:
    server.inject("/a.mp4", some(Fault.DRIP, seconds=0.01))
    with pytest.raises(TransferFailed, match="longer than") as caught:
        http.download(f"{server.url}/a.mp4", target, replace(FAST, deadline_seconds=0.2))
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "timeout")


def test_no_pause_outlasts_the_deadline(server: FaultyServer, target: Path) -> None:
    server.inject("/a.mp4", some(Fault.BUSY, retry_after="50"))
    pauses: list[float] = []
    with pytest.raises(TransferFailed):
        http.download(f"{server.url}/a.mp4", target, replace(FAST, sleep=pauses.append, deadline_seconds=20))
    assert pauses == []


@pytest.mark.parametrize("fault", [None, Fault.CHUNK_CUT])
def test_a_body_beyond_the_limit_is_refused(server: FaultyServer, target: Path, fault: Fault | None) -> None:
    """Whether its length was declared or not."""
    if fault:
        server.inject("/a.mp4", fault)
    with pytest.raises(TransferFailed) as caught:
        http.download(f"{server.url}/a.mp4", target, replace(FAST, max_bytes=200_000))
    assert (caught.value.status, caught.value.reason) == (Status.CORRUPT, "length")


def test_nobody_listens(target: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.mp4?token=secret"
        with pytest.raises(TransferFailed, match="refused") as caught:
            http.download(url, target, FAST)
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "network")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "/etc/hostname", "http://[/a"])
def test_other_addresses_are_a_mistake_in_the_configuration(target: Path, url: str) -> None:
    with pytest.raises(ConfigInvalid, match="not an http or https address"):
        http.download(url, target, FAST)


def test_no_password_of_netrc_is_sent(
    server: FaultyServer, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    http.download(f"{server.url}/a.mp4", target, FAST)
    assert "authorization" not in server.requests[0].headers


def test_no_proxy_stands_between_us_and_this_machine(
    server: FaultyServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, FAST))


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/down" else 200)
        self.send_header("Location", "http://localhost:9/a")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(HTTPServer):
    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def encrypted(certificate: Path = CERTIFICATE) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with _Quiet(("127.0.0.1", 0), _Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"https://localhost:{server.server_address[1]}/a"
        server.shutdown()
        thread.join()


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(target: Path) -> None:
    with encrypted() as url, pytest.raises(TransferFailed, match="certificate can't be trusted") as caught:
        http.download(url, target, replace(FAST, sleep=lambda _: pytest.fail("waited")))
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "network")


@pytest.mark.parametrize("name", ["expired.pem", "elsewhere.pem"])
def test_a_certificate_that_is_not_the_servers_is_refused_at_once(
    target: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Even if somebody vouches for it: it is out of date, or another server's."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATES / name))
    with (
        encrypted(CERTIFICATES / name) as url,
        pytest.raises(TransferFailed, match="certificate can't be trusted") as caught,
    ):
        http.download(url, target, replace(FAST, sleep=lambda _: pytest.fail("waited")))
    assert (caught.value.status, caught.value.reason) == (Status.TRANSIENT, "network")
    assert target.stat().st_size == 0


def test_nobody_is_sent_from_an_encrypted_address_to_a_plain_one(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with encrypted() as url, pytest.raises(TransferFailed, match="without encryption") as caught:
        http.download(url.replace("/a", "/down"), target, replace(FAST, allow_private=True))
    assert (caught.value.status, caught.value.reason) == (Status.UNSAFE, "redirect")


def test_no_line_of_ours_turns_the_check_of_certificates_off() -> None:
    package = Path(http.__file__).parents[1]
    texts = [path.read_text() for path in package.rglob("*.py")]
    assert not [word for word in ("verify=False", "CERT_NONE", "nocheckcertificate") if word in "".join(texts)]


def test_a_certificate_of_ones_own_can_be_named(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with encrypted() as url:
        assert_whole(target, http.download(url, target, FAST), b"hello")


def test_an_error_of_the_disk_passes_through(server: FaultyServer, target: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            http.download(f"{server.url}/a.mp4", target, FAST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert len(server.requests) == 1


def test_a_planted_link_is_not_followed(server: FaultyServer, target: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    target.symlink_to(precious)
    with pytest.raises(OutputImpossible, match="not a plain file"):
        http.download(f"{server.url}/a.mp4", target, FAST)
    assert precious.read_bytes() == b"precious"


def test_an_interrupted_transfer_can_be_resumed(server: FaultyServer, target: Path) -> None:
    def stop(done: int, _: int | None) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        http.download(f"{server.url}/a.mp4", target, FAST, stop)
    assert side_file(target).exists()
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, FAST))
    assert server.requests[-1].status == 206


def test_options_travel_to_workers() -> None:
    assert pickle.loads(pickle.dumps(http.Options())) == http.Options()  # noqa: S301
