"""T6: an upload is one round trip: n PUTs one after the other through `sync.upload.Uploader`, against n x 80 ms.

The storage answers 80 ms late, and sends `100 Continue` 80 ms late to whoever asks for it. Lines of their own show,
by turns in the same run, a bare PUT and one with `Expect: 100-continue`, which has to take twice the time: that
is how the row could miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import md5

from sync.exchange import Reply
from sync.presigned_url import UrlRules
from sync.upload import Uploader
from sync.upload_line import UploadLine
from tests.bench import workload
from tests.bench.bare_client import Client
from tests.bench.rounds import over, timed_s
from tests.bench.rows import Ask, Figure, Row
from tests.bench.sandbox_process import sandbox
from tests.support.builders import signature_jpeg


def measure(ask: Ask) -> Iterator[Figure]:
    rounds, puts = ask.of(5, 1), ask.of(15, 2)
    delay_s = 0.080 if not ask.quick else 0.005
    image = signature_jpeg()
    digest = md5(image, usedforsecurity=False).hexdigest()
    ours, bare, expecting = [], [], []
    with sandbox() as server, closing(Client(server)) as client, closing(_uploader()) as uploader:
        url = client.post("bench", workload.signed_body(0))
        server.delay(delay_s, "upload")

        def put() -> None:
            answer = uploader.put(url, image, mime_type="image/jpeg", md5_hex=digest)
            if not isinstance(answer, Reply) or answer.status != 200:
                raise RuntimeError(f"not stored: {answer}")

        put()
        client.put(url, image)
        for _ in range(rounds):
            ours.append(timed_s(_repeated(put, puts)))
            bare.append(timed_s(_repeated(lambda: client.put(url, image), puts)))
            expecting.append(timed_s(_repeated(lambda: client.put(url, image, expect=True), puts)))
    least_s = puts * delay_s
    yield over(f"{puts} uploads, one after the other", ours, least_s, 1.1)
    yield over(f"{puts} bare PUTs", bare, least_s, None)
    yield over(f"{puts} bare PUTs that wait for 100 Continue", expecting, least_s, None)


def _repeated(act: Callable[[], None], times: int) -> Callable[[], None]:
    def acts() -> None:
        for _ in range(times):
            act()

    return acts


def _uploader() -> Uploader:
    line = UploadLine(
        connect_timeout_s=10,
        read_timeout_s=60,
        max_connections=1,
        ca_file=None,
        user_agent="fieldsync-bench",
        now=lambda: datetime.now(UTC),
    )
    return Uploader(line, rules=UrlRules(allow_insecure_loopback=True), fallback="off")


ROW = Row("T6", "a PUT is one round trip, against n x 80 ms", "<= 1.1x", measure)
