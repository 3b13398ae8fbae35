"""A download that cannot hang, grow beyond its size or leave https."""

from __future__ import annotations

import contextlib
import http.client
import io
import queue
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO, Any

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
_QUEUED_CHUNKS = 16
_CONNECTED, _END = object(), object()


class DownloadError(RuntimeError):
    """Why a download failed, as half a sentence to put after what was to be downloaded.

    Args:
        reason: reduced to one printable line, because servers and proxies write parts of it.
    """

    def __init__(self, reason: str) -> None:
        printable = "".join(letter if letter.isprintable() else " " for letter in reason)
        super().__init__(" ".join(printable.split())[:_LONGEST_REASON])


def download(
    url: str, size: int, progress: Callable[[int, int | None], None] | None = None
) -> bytes:
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
    events: queue.Queue[object] = queue.Queue(_QUEUED_CHUNKS)
    abandoned = threading.Event()
    threading.Thread(target=_receive, args=(url, size, events, abandoned), daemon=True).start()
    received = io.BytesIO()
    started, patience = time.monotonic(), CONNECT_SECONDS
    try:
        while True:
            left = started + TOTAL_SECONDS - time.monotonic()
            if left <= 0:
                raise DownloadError(
                    f"too slow: {received.tell():,} of {size:,} bytes in {TOTAL_SECONDS:g} s"
                )
            try:
                event = events.get(timeout=min(patience, left))
            except queue.Empty:
                if left <= patience:
                    continue
                raise DownloadError(_SILENT) from None
            patience = READ_SECONDS
            if isinstance(event, DownloadError):
                raise event
            if event is _END:
                break
            if isinstance(event, bytes):
                received.write(event)
                if received.tell() > size:
                    raise _wrong_size(f"more than the {size:,} bytes", received)
                if progress is not None:
                    progress(received.tell(), size)
    finally:
        abandoned.set()
    if received.tell() != size:
        raise _wrong_size(f"{received.tell():,} bytes in place of {size:,}", received)
    return received.getvalue()


def _receive(url: str, size: int, events: queue.Queue[object], abandoned: threading.Event) -> None:
    """Puts `_CONNECTED`, chunks and `_END` or a `DownloadError` until nobody wants them."""

    def put(event: object) -> None:
        while not abandoned.is_set():
            with contextlib.suppress(queue.Full):
                events.put(event, timeout=0.5)
                return

    try:
        opener = _opener(lambda: put(_CONNECTED))
        if not url.startswith(ALLOWED_PREFIXES):
            raise DownloadError(f"{url} is not https")
        with opener.open(url, timeout=READ_SECONDS) as response:
            count = 0
            # `read` would wait until the chunk is full.
            while not abandoned.is_set() and count <= size and (chunk := response.read1(_CHUNK)):
                count += len(chunk)
                put(chunk)
        put(_END)
    except DownloadError as error:
        put(error)
    except Exception as error:
        put(DownloadError(_reason(error)))


def _opener(connected: Callable[[], None]) -> urllib.request.OpenerDirector:
    """An opener that calls `connected` after each connection and never leaves https."""

    class Https(http.client.HTTPSConnection):
        def connect(self) -> None:
            # Each address in turn gets this long: the first ones may be a dead IPv6 route.
            self.timeout = CONNECT_SECONDS / 3
            super().connect()
            self.sock.settimeout(READ_SECONDS)
            connected()

    class Http(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            connected()

    class HttpsHandler(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Https, request, context=ssl.create_default_context())

    class HttpHandler(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(Http, request)

    return urllib.request.build_opener(HttpsHandler, HttpHandler, _Redirects)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.startswith(ALLOWED_PREFIXES):
            fp.close()
            raise DownloadError(
                f"redirected to {newurl.split('?')[0]}, which is not https: a login page or a "
                f"filter of the network may be in the way"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _reason(error: Exception) -> str:
    """What went wrong on the network, in words."""
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


def _wrong_size(what: str, received: io.BytesIO) -> DownloadError:
    page = received.getvalue()[:1024].lstrip().lower().startswith((b"<!doctype", b"<html"))
    hint = ", a web page: a login page or a filter of the network may be in the way"
    return DownloadError(f"the server sent {what}{hint if page else ''}")
