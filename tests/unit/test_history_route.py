"""The points of the charts, as a program reads them."""

from pathlib import Path

import pytest

from storage import samples
from sync.visitor import Scope, Visitor
from tests.support.local_api import desk_in, program
from tests.support.scratch import new_entry


def test_history_tells_what_was_recorded(tmp_path: Path) -> None:
    from storage import outbox

    with desk_in(tmp_path) as desk:
        outbox.put(desk.database, new_entry(1))
        with desk.database.write() as transaction:
            samples.keep(transaction, now=desk.clock.now_ms())
        answer = program(desk).get("/v1/history")
        month = program(desk).get("/v1/history", params={"range": "30d"})
    document = answer.json()
    (point,) = document.pop("points")
    assert point.pop("at").endswith("Z")
    assert point == {"waiting": 1, "needs_action": 0, "delivered": 0}
    assert document.pop("since") < document.pop("until")
    assert document == {"schema": 1, "range": "24h", "step_s": 300}
    assert (month.json()["range"], month.json()["step_s"]) == ("30d", 3600)


def test_unknown_range_is_refused(tmp_path: Path) -> None:
    with desk_in(tmp_path) as desk:
        answer = program(desk).get("/v1/history", params={"range": "7d"})
    assert answer.status_code == 422
    assert answer.json()["error"]["problems"][0]["path"] == "$.range"


@pytest.mark.parametrize("path", ["/v1/history", "/v1/events"])
def test_who_may_not_read_is_told_nothing(tmp_path: Path, path: str) -> None:
    with desk_in(tmp_path) as desk:
        answer = program(desk, Visitor(frozenset({Scope.CAPTURE}))).get(path)
    assert answer.status_code == 403
