"""Where the web process listens, and until when."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from stylize_tf.errors import StylizationError

_BACKLOG = 2048


class Server(uvicorn.Server):
    """One that leaves signals to who runs it.

    Args:
        config: of uvicorn.
        begun: called once it answers.
        asked: looked at ten times a second; above zero it ends.
    """

    def __init__(
        self, config: uvicorn.Config, begun: Callable[[], None], asked: Callable[[], int]
    ) -> None:
        super().__init__(config)
        self._begun, self._asked = begun, asked

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to answer."""
        await super().startup(sockets)
        self._begun()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end."""
        return await super().on_tick(counter) or self._asked() > 0


def listening(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at all addresses of a host.

    Raises:
        StylizationError: if one of them is in use, or none can be had.
    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise StylizationError(
            f"`host` {host!r} is no address of this machine: {error}."
        ) from error
    sockets: list[socket.socket] = []
    refused: OSError | None = None
    for family, _, protocol, _, address in dict.fromkeys(found):
        taken = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_listening(family, protocol, (address[0], taken, *address[2:])))
        except OSError as error:
            refused = error
            if error.errno == errno.EADDRINUSE:
                break
    if refused is not None and (not sockets or refused.errno == errno.EADDRINUSE):
        for each in sockets:
            each.close()
        raise StylizationError(_told(refused, host, port)) from refused
    return sockets


def is_of_this_machine(sockets: list[socket.socket]) -> bool:
    """Whether no other machine reaches them."""
    hosts = (x.getsockname()[0].partition("%")[0] for x in sockets)
    return all(ipaddress.ip_address(x).is_loopback for x in hosts)


def _listening(family: int, protocol: int, address: tuple[Any, ...]) -> socket.socket:
    # Of no protocol that is named, asyncio would let small answers wait (Nagle).
    listening = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        if os.name == "posix":  # Elsewhere it means that several may have the same port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _told(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: name another with `port`."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"`host` {host!r} is no address of this machine."
    return f"Port {port} of {host} cannot be listened at: {os.strerror(error.errno or 0)}."
