"""How long a client may take, and how those that listen are told that the service ends."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """A connection that is closed if a request has not arrived in time, from its first byte on.

    uvicorn waits for ever for the rest of a head or of a body. And it does not end while somebody
    follows the events of a job: whoever does is let go here, and comes back for the rest.

    Attributes:
        seconds: that a request may take to arrive.
    """

    seconds: ClassVar[float] = 60.0
    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Some of a request: whether it is whole decides if there is more to wait for."""
        super().data_received(data)
        request = self.cycle  # The one before while the head of the next is not whole.
        is_whole = request is not None and not request.more_body and not request.response_complete
        if is_whole:
            self._wait_no_more()
        elif self._end is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The service ends."""
        super().shutdown()
        request = self.cycle
        if request is not None and request.response_started and not request.response_complete:
            self.transport.close()

    def _wait(self) -> None:
        self._end = self.loop.call_later(self.seconds, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
