"""One short look at an address: whether it answers, how long its file is, and what time it is there."""

import time
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from avakit.errors import ConfigInvalid
from avakit.tools import http_policy as policy
from avakit.tools import http_wire as wire
from avakit.tools.http import Options
from avakit.tools.http_policy import AttemptError, public_url


@dataclass(frozen=True)
class Look:
    """What a server said of an address.

    Attributes
    ----------
    code
        The status code, after redirects.
    bytes
        The length of the whole file; None if it is not told, or if there is none.
    clock_ahead_seconds
        How far our clock is ahead of the server's; None if it does not tell its own.
    """

    code: int
    bytes: int | None
    clock_ahead_seconds: float | None

    @property
    def has_file(self) -> bool:
        """Whether there is a file at the address."""
        return self.code in (200, 206)


def look(url: str, timeout_seconds: float = 5.0) -> Look:
    """Ask once for the first byte of an address, as a download may ask for any: no server has to know HEAD.

    Raises
    ------
    TransferFailed
        If no answer came.
    ConfigInvalid
        If the address is not http or https.
    """
    if not policy.is_http(url):
        raise ConfigInvalid(f"{public_url(url)!r} is not an http or https address")
    with wire.session(Options().user_agent) as session:
        try:
            response = wire.ask(session, url, {"Range": "bytes=0-0"}, timeout_seconds)
        except AttemptError as error:
            raise error.failure from error
        response.close()  # a server that ignores ranges would send the whole film
    found = policy.content_range(response.headers.get("Content-Range"))
    length = None
    if response.status_code == 206:  # noqa: PLR2004
        length = found.total if found else None
    elif response.status_code == 200 and "Transfer-Encoding" not in response.headers:  # noqa: PLR2004
        length = policy.content_length(response.headers.get("Content-Length"))
    return Look(response.status_code, length, _ahead(response.headers.get("Date")))


def _ahead(date: str | None) -> float | None:
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return time.time() - theirs.timestamp()
