"""Connections that are looked at before a word is sent. Slow to import: it needs requests at once."""

import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from avakit.tools.http_guard import Guard


class Guarded(HTTPAdapter):
    """The transport of a session, with its guard. Connections to a proxy are not looked at: the user named it."""

    def __init__(self, *, allow_private: bool) -> None:
        self.guard = Guard(allow_private=allow_private)
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **settings: Any) -> None:  # noqa: ANN401
        """Make connections of our own kind."""
        guard = self.guard

        def look(host: str, port: int | None) -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                return  # the connection fails in the same way, and says so
            guard.check(host, sorted({str(facts[4][0]) for facts in found}))

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                look(self.host, self.port)
                return _checked(guard, self.host, super()._new_conn())

        class Encrypted(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                look(self.host, self.port)
                return _checked(guard, self.host, super()._new_conn())

        self.poolmanager = PoolManager(connections, maxsize=maxsize, block=block, **settings)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
            "https": type("EncryptedPool", (HTTPSConnectionPool,), {"ConnectionCls": Encrypted}),
        }


def _checked(guard: Guard, host: str, connected: socket.socket) -> socket.socket:
    """Return a connection that goes where it may; the name may lead elsewhere than when it was looked up."""
    try:
        guard.check(host, [str(connected.getpeername()[0])], is_connected=True)
    except BaseException:
        connected.close()
        raise
    return connected
