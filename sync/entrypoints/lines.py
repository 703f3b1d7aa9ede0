"""How many connections of the local server may be open at once, and how long one may neither ask nor listen.

Whoever reaches the port needs no token to connect, and each connection is an open file of the process that delivers:
without a bound, a thousand of them that say nothing would leave the worker none for its database and its requests.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

# All who may listen to events, and as many again; far below the 1,024 open files that a process may have.
MOST_LINES: Final = 400
SILENT_S: Final = 10.0  # for the head of a request, however slowly it comes; kept-alive ones end earlier
DEAF_S: Final = 30.0  # for taking some of an answer; who followed events comes back with the last id


class Line(H11Protocol):
    """One connection. Where there are too many, the one that has waited longest without a request makes room."""

    most: int = MOST_LINES
    silent_s: float = SILENT_S
    deaf_s: float = DEAF_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._silence: asyncio.TimerHandle | None = None
        self._deafness: asyncio.TimerHandle | None = None
        self._silent_since_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.most:
            self._longest_silent().transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_asked():
            self._wait_no_more()
        elif self._silence is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self._hears_again()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deafness = self.loop.call_later(self.deaf_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._hears_again()
        super().resume_writing()

    def _hears_again(self) -> None:
        if self._deafness is not None:
            self._deafness.cancel()
            self._deafness = None

    def _is_asked(self) -> bool:
        """Whether a request is being answered. What comes after an answer, such as a body that was refused, is none."""
        return self.cycle is not None and not self.cycle.response_complete

    def _longest_silent(self) -> Line:
        """Of those that ask nothing; this one where all others do."""
        lines = [
            each for each in self.connections if isinstance(each, Line) and not each.transport.is_closing()
        ]
        return min(
            (each for each in lines if not each._is_asked()),
            key=lambda each: each._silent_since_s,
            default=self,
        )

    def _wait(self) -> None:
        self._silent_since_s = self.loop.time()
        self._silence = self.loop.call_later(self.silent_s, self._has_waited)

    def _wait_no_more(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _has_waited(self) -> None:
        self._silence = None
        if not self._is_asked():
            self.transport.abort()
