"""The rules of HTTP that need no network."""

import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avakit.errors import Status, TransferFailed
from avakit.tools import http_policy as policy
from avakit.tools.http_policy import AttemptError, ContentRange

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (404, Status.UNAVAILABLE, "not_found"),
        (410, Status.UNAVAILABLE, "not_found"),
        (401, Status.TRANSIENT, "forbidden"),
        (403, Status.TRANSIENT, "forbidden"),
        (400, Status.TRANSIENT, "server_error"),
        (451, Status.TRANSIENT, "server_error"),
        (204, Status.TRANSIENT, "server_error"),
        (304, Status.TRANSIENT, "server_error"),
    ],
)
def test_asking_again_does_not_cure_these(code: int, status: Status, reason: str) -> None:
    refusal = policy.refuse(code, "http://host/a.mp4")
    assert isinstance(refusal, TransferFailed)
    assert (refusal.status, refusal.reason) == (status, reason)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(429, "rate_limit"), (408, "server_error"), (416, "server_error"), (500, "server_error"), (503, "server_error")],
)
def test_asking_again_may_cure_these(code: int, reason: str) -> None:
    refusal = policy.refuse(code, "http://host/a.mp4", "7")
    assert isinstance(refusal, AttemptError)
    assert (refusal.failure.status, refusal.failure.reason) == (Status.TRANSIENT, reason)
    assert refusal.wait_seconds == 7
    assert refusal.is_range_broken == (code == 416)


@pytest.mark.parametrize("code", [200, 206])
def test_an_answer_with_a_body_is_not_refused(code: int) -> None:
    assert policy.refuse(code, "http://host/a.mp4") is None


def test_a_refusal_names_the_address_without_its_secrets() -> None:
    refusal = policy.refuse(404, "https://user:word@host/a.mp4?signature=abc#part")
    assert isinstance(refusal, TransferFailed)
    assert refusal.detail.startswith("https://host/a.mp4: ")
    assert pickle.loads(pickle.dumps(refusal)).detail == refusal.detail  # noqa: S301


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("1000000000", 60),
        ("9" * 400, 60),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣", 0),
        (format_datetime(NOW + timedelta(seconds=20), usegmt=True), 20),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=9), usegmt=True), 60),
        ("Fri, 32 Nov 2026 99:99:99 GMT", 0),
    ],
)
def test_retry_after(header: str | None, expected: float) -> None:
    assert policy.retry_after(header, NOW) == expected


@given(st.text())
def test_retry_after_of_any_text_is_between_nothing_and_the_cap(header: str) -> None:
    assert 0 <= policy.retry_after(header, NOW) <= policy.RETRY_AFTER_CAP_SECONDS


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes 0-9/10", ContentRange(0, 9, 10)),
        ("bytes 5-9/10", ContentRange(5, 9, 10)),
        ("bytes 5-9/*", ContentRange(5, 9, None)),
        (None, None),
        ("", None),
        ("bytes */10", None),
        ("bytes 9-5/10", None),
        ("bytes 5-10/10", None),
        ("bytes -1-5/10", None),
        ("items 0-9/10", None),
        ("bytes 0-9/10, 0-9/10", None),
    ],
)
def test_content_range(header: str | None, expected: ContentRange | None) -> None:
    assert policy.content_range(header) == expected


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.integers(0, 2**63))
def test_a_content_range_that_makes_sense_is_read_exactly(first: int, more: int, after: int) -> None:
    last, total = first + more, first + more + 1 + after
    assert policy.content_range(f"bytes {first}-{last}/{total}") == ContentRange(first, last, total)


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    policy.content_range(text)
    policy.content_length(text)
    policy.strong_etag(text)
    policy.public_url(text)
    policy.join("http://host/a", text)
    policy.is_http(text)


@pytest.mark.parametrize(
    ("header", "expected"), [("10", 10), (" 0 ", 0), (None, None), ("", None), ("-1", None), ("1e3", None), ("²", None)]
)
def test_content_length(header: str | None, expected: int | None) -> None:
    assert policy.content_length(header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [('"abc-1"', '"abc-1"'), ('""', '""'), ('W/"abc"', ""), ("abc", ""), (None, ""), ('"a b"', ""), ('"a\nb"', "")],
)
def test_only_a_strong_etag_vouches_for_bytes(header: str | None, expected: str) -> None:
    assert policy.strong_etag(header) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host/a", True),
        ("https://host:8443/a", True),
        ("HTTP://host/a", True),
        ("file:///etc/passwd", False),
        ("ftp://host/a", False),
        ("data:text/plain,hi", False),
        ("//host/a", False),
        ("/a", False),
        ("http://", False),
        ("http://[::1/a", False),
        ("", False),
    ],
)
def test_only_http_is_asked(url: str, expected: bool) -> None:
    assert policy.is_http(url) == expected


def test_the_pause_doubles_up_to_a_minute() -> None:
    assert [policy.backoff(failures, 1.0) for failures in (1, 2, 3, 4, 7, 1000)] == [1, 2, 4, 8, 60, 60]
