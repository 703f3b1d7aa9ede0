"""A process that makes processes which drain once and die by SIGKILL at one exact point. Run by the kill tests.

Its orders, as `death.py` takes them: {"root", "settings", "at", "number"}.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import sync.transport
import sync.upload
from config.settings import load
from storage.database import Database
from storage.folder import StorageFolder
from sync import app
from sync.clock import Clock
from sync.rules import Ask
from tests.support.death import Death, answer_orders, around

WIRE_POINTS = ("before-post", "after-post", "before-put", "after-put")


def drain_until_death(order: dict[str, Any], death: Death) -> None:
    around(sync.transport.Transport, "send", death, "before-post", "after-post")
    around(sync.upload.Uploader, "put", death, "before-put", "after-put")
    settings = load(order["settings"], environ={})
    database = Database(StorageFolder(Path(order["root"])))
    drain = app.build_drain(settings, database, Clock())
    drain.run(Ask(looked=True))


if __name__ == "__main__":
    # Loaded here once, so that each child has it without a thread ever having run.
    for heavy in ("boto3", "httpx", "sync.upload_connection"):
        import_module(heavy)
    answer_orders(drain_until_death)
