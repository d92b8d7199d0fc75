"""No test speaks to the world: whoever connects to another machine than this one fails the test it happened in.

Python tells every audit hook of each connection before it is made, whichever library makes it.
"""

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import contextmanager

Address = tuple[str, int]

strayed: list[str] = []
"""The addresses outside of this machine that somebody wanted to connect to."""

_watchers: list[list[Address]] = []


def install() -> None:
    """Refuse connections to other machines from now on, in this process."""
    sys.addaudithook(_hook)


@contextmanager
def connections() -> Iterator[list[Address]]:
    """Yield a list that fills with every address somebody connects to while the context lasts."""
    seen: list[Address] = []
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host, port = str(arguments[1][0]), int(arguments[1][1])
    for seen in _watchers:
        seen.append((host, port))
    if not _is_here(host):
        strayed.append(f"{host}:{port}")
        message = f"a test connects to {host}:{port}; nothing but this machine may be spoken to"
        raise ConnectionRefusedError(message)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
