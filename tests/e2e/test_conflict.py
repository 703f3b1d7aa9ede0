"""An update that somebody else was faster than, as a person meets it: held, compared, sent all the same."""

from __future__ import annotations

import json
from pathlib import Path

from sync.sandbox.server import Sandbox
from tests.support.device import Device

OURS, THEIRS = "moved to the morning", "moved to the evening"
BODY = {"description": OURS, "siteRuleIds": [4]}


def test_person_compares_both_versions_and_has_it_sent_all_the_same(tmp_path: Path) -> None:
    """The technician and the office move the same visit; the technician rings the office."""
    with Sandbox() as sandbox:
        target = sandbox.state.add_row({"description": "as planned"})
        device = Device(tmp_path, sandbox, SYNC__CONFLICT_AFTER_S=0)
        data = tmp_path / "update.json"
        data.write_text(json.dumps(BODY))
        captured = device.json("capture", "preventive-update", "--data", str(data), "--target", str(target))
        sandbox.state.change_row(target, {"description": THEIRS, "updatedAt": "2199-01-01T00:00:00.000Z"})

        device.json("sync", expect=(3,))
        (held,) = device.json("list", "--needs-action")
        assert (held["id"], held["reason"]) == (captured["id"], "changed_at_server")
        shown = device.json("show", captured["id"])
        assert shown["server_version"] == {
            "updatedAt": "2199-01-01T00:00:00.000Z",
            "fields": {"description": THEIRS},
        }
        assert shown["payload"] == BODY
        told = device.run("show", captured["id"]).stdout
        assert "when it was held, the server had, changed at 2199-01-01T00:00:00.000Z:" in told
        (line,) = [each for each in told.splitlines() if THEIRS in each]
        assert line.split("  ")[0] == "description"
        assert f'there: "{THEIRS}"' in line
        assert f'here: "{OURS}"' in line
        assert "there: not shown" in told
        assert f"fieldsync resync {captured['id'][-8:]}" in told
        assert sandbox.state.edits() == []

        assert device.json("resync", captured["id"])["released"] == 1
        assert device.json("sync")["delivered"] == 1
        (edit,) = sandbox.state.edits()
        assert edit["body"] == BODY
