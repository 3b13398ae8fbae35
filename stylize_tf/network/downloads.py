"""A download that cannot hang, grow beyond its size or leave https."""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

CONNECT_SECONDS = 10.0
"""For the name, every address behind it, a proxy and TLS together."""

READ_SECONDS = 30.0
"""Longest silence of the server."""

TOTAL_SECONDS = 900.0
"""For the whole download, however steadily it drips."""

ALLOWED_PREFIXES: tuple[str, ...] = ("https://",)
"""How an address must start, after redirects too."""

_SILENT = "the server did not answer in time"
_LONGEST_REASON = 300
_CHUNK = 1 << 16


class DownloadError(RuntimeError):
    """Why a download failed, as half a sentence to put after what was to be downloaded.

    Args:
        reason: reduced to one printable line, because servers and proxies write parts of it.
    """

    def __init__(self, reason: str) -> None:
        printable = "".join(letter if letter.isprintable() else " " for letter in reason)
        super().__init__(" ".join(printable.split())[:_LONGEST_REASON])


_Events = queue.SimpleQueue[bytes | DownloadError | None]


def download(url: str, size: int, progress: Callable[[int, int], None] | None = None) -> bytes:
    """What is behind an https address, in memory; proxies of the environment are used.

    A thread of its own reads the socket, because nothing else bounds a name server that does not
    answer, a host with many silent addresses or headers that drip. When time is up it is left
    behind and ends by itself.

    Args:
        url: the address.
        size: bytes that it must have exactly; nothing beyond them is kept.
        progress: called with the bytes received and `size`, in the caller's thread.

    Raises:
        DownloadError: if the server cannot be reached, falls silent, is too slow, or sends anything
            but `size` bytes.
    """
    if not url.startswith(ALLOWED_PREFIXES):
        raise DownloadError(f"{url} is not https")
    events: _Events = queue.SimpleQueue()
    abandoned = threading.Event()
    threading.Thread(target=_receive, args=(url, size, events, abandoned), daemon=True).start()
    received, patience = bytearray(), CONNECT_SECONDS
    end = time.monotonic() + TOTAL_SECONDS
    try:
        while True:
            left = end - time.monotonic()
            try:
                event = events.get(timeout=max(0, min(patience, left)))
            except queue.Empty:
                if patience < left:
                    raise DownloadError(_SILENT) from None
                raise DownloadError(
                    f"too slow: {len(received):,} of {size:,} bytes in {TOTAL_SECONDS:g} s"
                ) from None
            if isinstance(event, DownloadError):
                raise event
            if event is None:
                break
            patience = READ_SECONDS
            received += event
            if len(received) > size:
                raise _wrong_size(f"more than the {size:,} bytes", received)
            if event and progress is not None:
                progress(len(received), size)
    finally:
        abandoned.set()
    if len(received) != size:
        raise _wrong_size(f"{len(received):,} bytes in place of {size:,}", received)
    return bytes(received)


def _receive(url: str, size: int, events: _Events, abandoned: threading.Event) -> None:
    """Puts chunks, an empty one for each connection, then None; or why there are no more."""
    try:
        opener = urllib.request.build_opener(_https(lambda: events.put(b"")), _Redirects)
        with opener.open(url, timeout=READ_SECONDS) as response:
            count = 0
            # `read` would wait until the chunk is full.
            while not abandoned.is_set() and count <= size and (chunk := response.read1(_CHUNK)):
                count += len(chunk)
                events.put(chunk)
        events.put(None)
    except Exception as error:
        events.put(DownloadError(_reason(error)))


def _https(connected: Callable[[], None]) -> urllib.request.HTTPSHandler:
    """Opens https, through proxies too, and calls `connected` after each connection."""

    class Connection(http.client.HTTPSConnection):
        def connect(self) -> None:
            # Each address in turn gets this long: the first ones may be a dead IPv6 route.
            self.timeout = CONNECT_SECONDS / 3
            super().connect()
            self.sock.settimeout(READ_SECONDS)
            connected()

    class Handler(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Connection, request, context=ssl.create_default_context())

    return Handler()


class _Redirects(urllib.request.BaseHandler):
    """Refuses what a server redirects to, unless that is https; urllib itself refuses files."""

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        if not request.full_url.startswith(ALLOWED_PREFIXES):
            raise DownloadError(
                f"redirected to {request.full_url.split('?')[0]}, which is not https: a login page "
                f"or a filter of the network may be in the way"
            )
        return request

    ftp_request = http_request


def _reason(error: Exception) -> str:
    """What went wrong on the network, in words."""
    if isinstance(error, DownloadError):
        return str(error)
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"the server answered {error.code} {error.reason}"
    cause: Any = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, socket.gaierror):
        return f"the name of the server was not found ({cause.strerror})"
    if isinstance(cause, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(cause, TimeoutError):
        return _SILENT
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of the server is not trusted ({cause.verify_message})"
    return f"the connection failed ({cause or type(cause).__name__})"


def _wrong_size(what: str, received: bytearray) -> DownloadError:
    page = received[:1024].lstrip().lower().startswith((b"<!doctype", b"<html"))
    hint = ", a web page: a login page or a filter of the network may be in the way"
    return DownloadError(f"the server sent {what}{hint if page else ''}")
