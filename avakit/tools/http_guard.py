"""Which machines may be asked: a server out there must not lead us to one in here.

The host of the address that a call was given is named by the user or by a manifest, and may be a private one. Any other
host, to which a redirect leads, must have a public address; and where the named host was public at first, its name
must not lead to a private address later (DNS rebinding).
"""

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from avakit.errors import Status, TransferFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Names of private services reached over NAT64 (RFC 6052): the last 32 bits are an IPv4 address.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_private(address: str) -> bool:
    """Whether a numeric address is of this machine, of a network of one's own, or of no host at all.

    Raises
    ------
    ValueError
        If it is not a numeric address.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_private(str(inner))
    return not found.is_global or found.is_multicast


def may_ask(host: str, address: str, named: str, *, began_outside: bool) -> bool:
    """Whether a connection may be used.

    Parameters
    ----------
    host, address
        The host that is to be asked, and the numeric address that its name leads to.
    named
        The host of the address that the call was given.
    began_outside
        Whether the call's first connection was to a public address.
    """
    return not is_private(address) or (host == named and not began_outside)


def host_of(url: str) -> str:
    """Return the host of an address in the one form in which hosts are compared; empty if it can't be read."""
    try:
        return _folded(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def _folded(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


class Guard:
    """Watches over the connections of one session."""

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._named = ""
        self._began_outside: bool | None = None

    def begin(self, url: str) -> None:
        """Take note of the address that the call was given; the first one counts."""
        self._named = self._named or host_of(url)

    def check(self, host: str, addresses: "Iterable[str]", *, is_connected: bool = False) -> None:
        """Refuse a host of which no address may be asked.

        Parameters
        ----------
        host
            As the address names it.
        addresses
            Where its name leads to; none if nobody knows.
        is_connected
            Whether this is where the connection really goes.

        Raises
        ------
        TransferFailed
            As unsafe.
        """
        found = list(addresses)
        if is_connected and self._began_outside is None:
            self._began_outside = not is_private(found[0])
        began = bool(self._began_outside)
        is_fine = any(may_ask(_folded(host), address, self._named, began_outside=began) for address in found)
        if found and not is_fine and not self._allow_private:
            what = f"{self._named} sends us to {host}, a machine of a private network; --allow-private lets it"
            raise TransferFailed(Status.UNSAFE, "redirect", what)

    def check_url(self, url: str) -> None:
        """Refuse an address that names a private machine by its number: behind a proxy nothing else is seen of it."""
        host = host_of(url)
        try:
            is_private(host)
        except ValueError:
            return
        self.check(host, [host])
