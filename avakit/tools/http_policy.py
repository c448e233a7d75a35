"""What an HTTP answer means: pure rules without a network, so that each can be tested as a table."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit, urlunsplit

from avakit.errors import Status, TransferFailed

#: The longest pause that a server's Retry-After is granted; a mirror once asked for ten to the nine seconds.
RETRY_AFTER_CAP_SECONDS = 60.0
_BACKOFF_CAP_SECONDS = 60.0
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)", re.ASCII)
_HTML = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body|script|error)\b", re.IGNORECASE
)
_JSON = re.compile(rb"(\xef\xbb\xbf)?\s*(\{\s*[\"}]|\[\s*[\[{\"\]])")
#: What pages say that want to see a person before they give the file.
_BOT_CHECK = re.compile(rb"captcha|not a (ro)?bot|you a (ro)?bot|unusual traffic|checking your browser", re.IGNORECASE)
_STRONG_ETAG = re.compile(r'"[^"\x00-\x20\x7f]*"')


class AttemptError(Exception):
    """One attempt failed and another may succeed.

    Attributes
    ----------
    failure
        What to raise if no other attempt is left.
    wait_seconds
        How long the server asked us to wait.
    is_range_broken
        Whether the server mishandles ranges, so that only a plain request from the start can be trusted.
    """

    def __init__(self, failure: TransferFailed, wait_seconds: float = 0.0, *, is_range_broken: bool = False) -> None:
        super().__init__(failure, wait_seconds)
        self.failure = failure
        self.wait_seconds = wait_seconds
        self.is_range_broken = is_range_broken


@dataclass(frozen=True)
class ContentRange:
    """The bytes of a partial answer: first and last position, and the whole length if the server tells it."""

    first: int
    last: int
    total: int | None


def public_url(url: str) -> str:
    """Return the URL without user, password, query and fragment, which may hold secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an address that can't be read)"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def join(url: str, location: str) -> str:
    """Return where a redirect leads; empty if its address can't be read."""
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def is_http(url: str) -> bool:
    """Whether the address is one that may be asked: http or https, with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def is_encrypted(url: str) -> bool:
    """Whether the address, one that can be read, is asked over TLS."""
    return urlsplit(url).scheme == "https"


def strong_etag(value: str | None) -> str:
    """Return an ETag that vouches for every byte; empty for a weak, malformed or missing one."""
    return value if value and _STRONG_ETAG.fullmatch(value) else ""


def content_range(value: str | None) -> ContentRange | None:
    """Read a Content-Range header; None if it is missing or contradicts itself."""
    match = _CONTENT_RANGE.fullmatch((value or "").strip())
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    if last < first or (total is not None and last >= total):
        return None
    return ContentRange(first, last, total)


def content_length(value: str | None) -> int | None:
    """Read a Content-Length header; None if it is missing or not a number."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() else None


def retry_after(value: str | None, now: datetime | None = None) -> float:
    """Return the seconds a Retry-After header asks for, between 0 and the cap; 0 if it can't be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text), int(RETRY_AFTER_CAP_SECONDS)))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_CAP_SECONDS)


def page(content_type: str | None, beginning: bytes) -> tuple[Status, str, str] | None:
    """Return what is wrong with a body that begins like this, if it should be a film or an archive.

    Returns
    -------
    tuple or None
        Status, reason and the end of a sentence for a web page or a JSON message; None if it may be a file.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type in ("text/html", "application/xhtml+xml") or _HTML.match(beginning):
        if _BOT_CHECK.search(beginning):
            return Status.TRANSIENT, "bot_check", "is a page that wants to see a person, in place of the file"
        return Status.CORRUPT, "html", "is a web page in place of the file, perhaps an error message of the server"
    if media_type in ("application/json", "application/problem+json") or _JSON.match(beginning):
        return Status.CORRUPT, "not_media", "is a JSON message in place of the file"
    return None


def backoff(failures: int, first_seconds: float) -> float:
    """Return the pause after so many failures in a row: it doubles each time, up to a minute."""
    return min(first_seconds * 2.0 ** min(failures - 1, 30), _BACKOFF_CAP_SECONDS)


def refuse(code: int, url: str, retry_after_header: str | None = None) -> Exception | None:
    """Return what an answer's status code amounts to.

    Parameters
    ----------
    code
        The status code; redirects have been followed before.
    url
        The address, for the sentence.
    retry_after_header
        The answer's Retry-After.

    Returns
    -------
    TransferFailed, AttemptError or None
        A failure that asking again does not cure, one that it may, or None if the answer has a body to read.
    """
    where = public_url(url)
    if code in (200, 206):
        return None
    if code in (404, 410):
        return TransferFailed(Status.UNAVAILABLE, "not_found", f"{where}: there is no such file (HTTP {code})")
    if code in (401, 403):
        return TransferFailed(Status.TRANSIENT, "forbidden", f"{where}: access refused (HTTP {code})")
    if code == 429:  # noqa: PLR2004
        failure = TransferFailed(Status.TRANSIENT, "rate_limit", f"{where}: too many requests (HTTP 429)")
        return AttemptError(failure, retry_after(retry_after_header))
    failure = TransferFailed(Status.TRANSIENT, "server_error", f"{where}: the server answered HTTP {code}")
    if code in (408, 416, 425) or code >= 500:  # noqa: PLR2004
        return AttemptError(failure, retry_after(retry_after_header), is_range_broken=code == 416)  # noqa: PLR2004
    return failure
