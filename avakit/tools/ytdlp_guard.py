"""Where yt-dlp itself would go: wherever a redirect sends it.

Runs in the process of `avakit.tools.ytdlp_child` alone, where a class of somebody else may be changed for good.
"""

import socket

from avakit.errors import Status, TransferFailed
from avakit.tools.http_guard import Guard, host_of
from avakit.tools.http_policy import is_encrypted, is_http, join, public_url


def watch_redirects(url: str, *, allow_private: bool) -> None:
    """Have every redirect of this process refused that our own transfers would refuse.

    Parameters
    ----------
    url
        The address that the call was given: its host may be a private one.
    allow_private
        Whether others may be, too.
    """
    import requests
    from yt_dlp.networking.exceptions import RequestError

    guard = Guard(allow_private=allow_private)
    guard.begin(url)
    follow = requests.Session.get_redirect_target

    def target(session: requests.Session, response: requests.Response) -> str | None:
        location = follow(session, response)
        if location is not None:
            there = join(response.url, location)
            try:
                _check(guard, response.url, there)
            except TransferFailed as error:
                # An error of another class would have yt-dlp try once more, through urllib.
                raise RequestError(error.detail) from error
        return location

    requests.Session.get_redirect_target = target  # type: ignore[assignment, method-assign]


def _check(guard: Guard, here: str, there: str) -> None:
    if not is_http(there):
        what = f"{public_url(here)} sends us to an address that is not http or https"
        raise TransferFailed(Status.UNSAFE, "redirect", what)
    if is_encrypted(here) and not is_encrypted(there):
        what = f"{public_url(here)} sends us to an address without encryption"
        raise TransferFailed(Status.UNSAFE, "redirect", what)
    guard.check(host_of(there), _addresses(host_of(there)))


def _addresses(host: str) -> list[str]:
    """Return where a name leads to; nothing where nobody knows, as behind a proxy."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None)})
    except (OSError, UnicodeError):
        return []
