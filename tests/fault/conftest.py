"""The transport as the wire tests get it: no proxy of this machine in between, closed at the end."""

import ssl
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from sync.transport import Timeouts, Transport, ssl_context
from tests.support.wire import NOON, PATIENT


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def new_transport(_no_proxy: None) -> Iterator[Callable[..., Transport]]:
    made: list[Transport] = []

    def make(
        url: str,
        timeouts: Timeouts = PATIENT,
        verify: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: NOON,
    ) -> Transport:
        transport = Transport(
            url,
            timeouts=timeouts,
            verify=verify or ssl_context(None),
            user_agent="fieldsync/0",
            now=now,
        )
        made.append(transport)
        return transport

    yield make
    for transport in made:
        transport.close()
