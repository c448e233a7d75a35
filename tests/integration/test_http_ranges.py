"""One large file through several connections: the same bytes, faster, and never a mixture."""

import hashlib
import itertools
import random
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from avakit.errors import Status, TransferFailed
from avakit.tools import http, http_ranges
from avakit.tools.files import side_file
from avakit.tools.http_body import CHUNK
from avakit.tools.http_limits import Limits
from tests.faults import Fault, FaultyServer, Injection, changed

DATA = random.Random(5).randbytes(3_000_001)
OPTIONS = http.Options(
    timeout_seconds=5.0, tries=5, backoff_seconds=0.0, sleep=lambda _: None, connections=4, split_bytes=1_000_000,
    alone_seconds=0.0, fast_bytes_per_second=float("inf"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_ranges, "SEGMENT_BYTES", 250_000)


@pytest.fixture
def target(tmp_path: Path, served: Path) -> Path:
    (served / "a.mp4").write_bytes(DATA)
    return tmp_path / "a.partial.mp4"


def some(*faults: Fault, times: int | None = None, rate: float = 0.0) -> Injection:
    """Return faults that only requests with a range meet."""
    return Injection(frozenset(faults), times, bytes_per_second=rate, is_range_only=True)


def assert_whole(target: Path, reply: http.Reply, expected: bytes = DATA) -> None:
    assert target.read_bytes() == expected
    assert reply.bytes == len(expected)
    assert reply.sha256 == hashlib.sha256(expected).hexdigest()
    assert not side_file(target).exists()


def ranges(server: FaultyServer) -> list[tuple[int, int]]:
    texts = [request.range.removeprefix("bytes=") for request in server.requests if request.range]
    return sorted((int(text.partition("-")[0]), int(text.partition("-")[2])) for text in texts)


def test_every_byte_is_asked_for_once(server: FaultyServer, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    reply = http.download(f"{server.url}/a.mp4", target, OPTIONS, lambda *now: seen.append(now))
    assert_whole(target, reply)
    asked = ranges(server)
    assert asked[0][0] <= CHUNK + http_ranges.SEGMENT_BYTES
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(asked))
    assert asked[-1][1] == len(DATA) - 1
    assert {request.headers["if-range"] for request in server.requests if request.range} == {reply.etag}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (len(DATA), len(DATA))


def test_connections_work_at_the_same_time(server: FaultyServer, target: Path) -> None:
    server.inject("/a.mp4", Injection(frozenset({Fault.SLOW}), bytes_per_second=2e6))
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, OPTIONS))
    assert server.most_active >= 4


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, connections=1),
        replace(OPTIONS, split_bytes=len(DATA) + 1),
        replace(OPTIONS, fast_bytes_per_second=1.0),
        replace(OPTIONS, alone_seconds=60.0),
    ],
    ids=["one-connection", "small-file", "fast", "early"],
)
def test_one_connection_is_enough(server: FaultyServer, target: Path, options: http.Options) -> None:
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, options))
    assert [request.range for request in server.requests] == [""]


@pytest.mark.parametrize("fault", [Fault.WEAK_ETAG, Fault.NO_ETAG, Fault.NO_LENGTH])
def test_what_the_server_does_not_prove_is_not_divided(server: FaultyServer, target: Path, fault: Fault) -> None:
    server.inject("/a.mp4", Injection(frozenset({fault})))
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, OPTIONS))
    assert [request.range for request in server.requests] == [""]


@pytest.mark.parametrize(
    "fault",
    [Fault.RESET, Fault.SHORT, Fault.WRONG_RANGE, Fault.NO_RANGE_HEADER, Fault.BUSY, Fault.FORBIDDEN, Fault.GZIP],
)
def test_a_connection_that_fails_once_costs_no_byte(server: FaultyServer, target: Path, fault: Fault) -> None:
    server.inject("/a.mp4", some(fault, times=1))
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, OPTIONS))


@pytest.mark.parametrize("fault", [Fault.IGNORE_RANGE, Fault.RATE_LIMIT, Fault.RESET, Fault.WRONG_RANGE])
def test_a_server_that_fails_all_ranges_is_asked_through_one(server: FaultyServer, target: Path, fault: Fault) -> None:
    server.inject("/a.mp4", some(fault))
    options = replace(OPTIONS, tries=6)
    if fault in (Fault.RATE_LIMIT, Fault.RESET):
        with pytest.raises(TransferFailed) as caught:
            http.download(f"{server.url}/a.mp4", target, options)
        assert caught.value.status is Status.TRANSIENT
        server.heal("/a.mp4")
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, options))


def test_a_file_that_changes_meanwhile_is_never_stitched(server: FaultyServer, target: Path, served: Path) -> None:
    new = changed(DATA)

    def change(done: int, _: int | None) -> None:
        if done > 500_000 and (served / "a.mp4").read_bytes() == DATA:
            (served / "b").write_bytes(new)
            (served / "b").rename(served / "a.mp4")

    server.inject("/a.mp4", Injection(frozenset({Fault.SLOW}), bytes_per_second=2e6))
    reply = http.download(f"{server.url}/a.mp4", target, OPTIONS, change)
    assert_whole(target, reply, new)


def test_a_later_run_goes_on_with_what_has_no_gap(server: FaultyServer, target: Path) -> None:
    def stop(done: int, _: int | None) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    server.inject("/a.mp4", Injection(frozenset({Fault.SLOW}), bytes_per_second=2e6))
    with pytest.raises(KeyboardInterrupt):
        http.download(f"{server.url}/a.mp4", target, OPTIONS, stop)
    assert side_file(target).exists()
    server.heal("/a.mp4")
    server.requests.clear()
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, OPTIONS))
    assert server.requests[0].status == 206


def test_an_error_of_the_disk_passes_through(server: FaultyServer, target: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            http.download(f"{server.url}/a.mp4", target, OPTIONS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_more_connections_than_the_server_may_have(server: FaultyServer, target: Path) -> None:
    """The server may see one more for a moment, until it notices that the first one was hung up."""
    server.inject("/a.mp4", Injection(frozenset({Fault.SLOW}), bytes_per_second=1e7))
    options = replace(OPTIONS, limits=Limits(connections=1))
    assert_whole(target, http.download(f"{server.url}/a.mp4", target, options))
    assert len(ranges(server)) > 1
    assert server.most_active < 4
