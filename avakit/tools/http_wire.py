"""The wire: one question, asked without a word the caller did not ask for, and its errors in our words."""

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from avakit.errors import Status, TransferFailed
from avakit.tools.http_guard import Guard, host_of
from avakit.tools.http_policy import AttemptError, is_encrypted, is_http, join, public_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

_MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: What the text of a network error holds, and what to say of it; the first that fits.
_SIGNS = (
    ("ProxyError", "the proxy refused or can't be reached"),
    ("NameResolutionError", "the server's name can't be resolved"),
    ("Connection refused", "the connection was refused"),
    ("Network is unreachable", "the network can't be reached"),
    ("No route to host", "there is no route to the server"),
    ("reset by peer", "the connection was reset"),
    ("IncompleteRead", "the connection was cut"),
    ("SSL", "the encrypted connection failed"),
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


#: Sessions that wait for the next call, by the host that was named, and how they were opened.
_kept: "dict[tuple[str, str, bool], requests.Session]" = {}


@contextmanager
def session(user_agent: str, *, allow_private: bool = False, keep_for: str = "") -> "Iterator[requests.Session]":
    """Open a session for one address: it sends no password of ~/.netrc, asks for no compression, and is guarded.

    Parameters
    ----------
    keep_for
        The address, if its connections may wait for the next call to its host: that saves a handshake for each file.
        A session serves one named host (its guard knows who was named), one call at a time, and goes on only after a
        call that succeeded; its cookies do not.
    """
    key = (host_of(keep_for), user_agent, allow_private)
    opened = (_kept.pop(key, None) if key[0] else None) or _open(user_agent, allow_private=allow_private)
    try:
        yield opened
    except BaseException:
        opened.close()
        raise
    opened.cookies.clear()
    if not key[0] or _kept.setdefault(key, opened) is not opened:
        opened.close()


def _open(user_agent: str, *, allow_private: bool) -> "requests.Session":
    import requests

    from avakit.tools.http_transport import Guarded

    opened, guarded = requests.Session(), Guarded(allow_private=allow_private)
    opened.mount("http://", guarded)
    opened.mount("https://", guarded)
    opened.trust_env = False  # what we do want of the environment is in _environment
    opened.headers.update({"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"})
    return opened


def _environment(url: str) -> tuple[dict[str, str], str | bool]:
    """Return the proxies and the certificates that the environment asks for; never a proxy for this machine."""
    from requests.utils import get_environ_proxies

    certificates = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    is_loopback = urlsplit(url).hostname in _LOOPBACK
    return {} if is_loopback else dict(get_environ_proxies(url)), certificates


def ask(session: "requests.Session", url: str, headers: dict[str, str], timeout_seconds: float) -> "requests.Response":
    """Ask, and follow redirects by hand, because each address must be looked at before it is asked.

    Returns
    -------
    requests.Response
        Whose body has not been read; to be closed by the caller.

    Raises
    ------
    TransferFailed, AttemptError
        If no answer came, or one that leads nowhere.
    """
    guard = _guard_of(session)
    guard.begin(url)
    address = url
    for _ in range(_MAX_REDIRECTS + 1):
        guard.check_url(address)
        response = _get(session, address, headers, timeout_seconds)
        location = session.get_redirect_target(response)
        if response.status_code not in _REDIRECTS or not location:
            return response
        response.close()
        address, before = join(address, location), address
        if not is_http(address):
            what = "sends us to an address that is not http or https"
            raise TransferFailed(Status.UNSAFE, "redirect", f"{public_url(url)} {what}")
        if is_encrypted(before) and not is_encrypted(address):
            what = "sends us from https to an address without encryption"
            raise TransferFailed(Status.UNSAFE, "redirect", f"{public_url(url)} {what}")
    what = f"sends us on and on, more than {_MAX_REDIRECTS} times"
    raise TransferFailed(Status.UNAVAILABLE, "redirect", f"{public_url(url)} {what}")


def _guard_of(session: "requests.Session") -> Guard:
    from avakit.tools.http_transport import Guarded

    adapter = session.get_adapter("https://")
    if not isinstance(adapter, Guarded):
        raise TypeError("this session was not opened by `session`")
    return adapter.guard


def read(response: "requests.Response", size: int, url: str) -> bytes:
    """Return up to `size` bytes of the body, as soon as there are any; none at its end."""
    from urllib3.exceptions import HTTPError

    try:
        # read1 returns what is there. read would wait for the whole chunk, and never notice a drip.
        data: bytes = response.raw.read1(size)
    except HTTPError as error:
        raise _translate(error, url) from error
    return data


def _get(session: "requests.Session", url: str, headers: dict[str, str], timeout_seconds: float) -> "requests.Response":
    import requests
    from urllib3.exceptions import HTTPError

    proxies, certificates = _environment(url)
    try:
        return session.get(
            url,
            headers=headers,
            stream=True,
            allow_redirects=False,
            timeout=timeout_seconds,
            proxies=proxies,
            verify=certificates,
        )
    except (requests.RequestException, HTTPError, UnicodeError) as error:
        raise _translate(error, url) from error


def _translate(error: Exception, url: str) -> TransferFailed | AttemptError:
    """Return what an error of the wire amounts to. Its own text is not used: it repeats the query, secrets and all."""
    import requests
    from urllib3 import exceptions as wire

    text, where = str(error), public_url(url)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return TransferFailed(
            Status.TRANSIENT,
            "network",
            f"{where}: the server's certificate can't be trusted; check this machine's clock, and REQUESTS_CA_BUNDLE "
            "if your network has certificates of its own",
        )
    if isinstance(error, requests.exceptions.InvalidURL | UnicodeError | wire.LocationParseError):
        return TransferFailed(Status.TRANSIENT, "network", f"{where}: this is no address that can be asked")
    if isinstance(error, requests.Timeout | wire.TimeoutError):
        return AttemptError(TransferFailed(Status.TRANSIENT, "timeout", f"{where}: no answer in time"))
    sentence = next((words for sign, words in _SIGNS if sign in text), "the connection broke")
    return AttemptError(TransferFailed(Status.TRANSIENT, "network", f"{where}: {sentence}"))
