"""An outbox with something of everything, for pages that show it: real bodies and images, brought where they stand."""

import hashlib
import json
from typing import Any

from storage.lifecycle import Event
from storage.outbox import NewSignature
from storage.records import Result
from sync.clock import Clock
from sync.entrypoints.api.desk import Desk
from tests.support.builders import signature_png, unplanned_body
from tests.support.scratch import Scratch, setback

REFUSED_SITE = '{"message":"siteIds: site 7 is unknown","field":"siteIds"}'
REFUSED_RULE = '{"message":"ruleIds: rule 12 does not belong to this company"}'


class Stock(Scratch):
    """As `Scratch`, on the outbox of a desk and in its time."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.database.folder.root, folder=desk.database.folder)
        self.now = Clock().now_ms()

    def put(self, number: int, **changes: Any) -> Any:
        data = signature_png(number)
        image = NewSignature(
            f"signature-{number}.png", "image/png", len(data), hashlib.sha256(data).hexdigest(),
            hashlib.md5(data, usedforsecurity=False).hexdigest(), data,
        )  # fmt: skip
        body = unplanned_body(siteIds=[number, number + 1])
        body["signature"] = {"name": image.name, "mimeType": image.mime_type, "size": image.size}
        facts = {"payload": json.dumps(body, ensure_ascii=False, separators=(",", ":")), "signature": image}
        return super().put(number, **{"captured_at": self.now - (100 - number) * 60_000, **facts, **changes})

    def refuse(self, number: int, detail: str = REFUSED_SITE) -> None:
        """The server refuses it for good."""
        lease = self.send(number)
        seq = self.seq(number)
        from storage import records

        with self.database.write() as transaction:
            records.record_setback(
                transaction, seq, lease, setback(Event.REJECT, reason="refused"),
                Result("Rejected", "refused", 84, status=400, detail=detail), now=self.now,
            )  # fmt: skip

    def doubt(self, number: int) -> None:
        """It was sent, and the answer got lost."""
        self.set_back(number, self.send(number), Event.DOUBT, reason="answer_lost")


def stocked(desk: Desk) -> Stock:
    """Fourteen entries refused for one cause and three for another, and some in every other state."""
    stock = Stock(desk)
    for number in range(1, 41):
        stock.put(number, owner=("alice", "bob", None)[number % 3])
    for number in range(1, 15):
        stock.refuse(number)
    for number in range(15, 18):
        stock.refuse(number, REFUSED_RULE)
    stock.doubt(18)
    stock.deliver(19, 4711)
    stock.deliver(20, 4712)
    stock.park_accepted(20)
    for number in range(21, 31):
        stock.deliver(number, 4700 + 100 + number)
        stock.upload(number, stock.lease_upload(number))
    stock.discard(31)
    stock.doubt(32)
    stock.park_doubt(32)
    return stock
