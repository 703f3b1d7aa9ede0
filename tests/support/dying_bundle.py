"""A process that makes processes which export or import a bundle and die by SIGKILL at one exact point.

Its orders, as `death.py` takes them: {"root", "do": "export" | "import", "path", "at", "number"}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storage import handovers
from storage.database import Database
from storage.folder import StorageFolder
from sync.bundle import handing
from sync.bundle.sealed_file import Sealer
from tests.support.bundles import given_away, taken_in
from tests.support.death import COMMIT_POINTS, Death, answer_orders, around

EXPORT_POINTS = (
    *COMMIT_POINTS, "before-write", "after-write", "before-finish", "after-finish",
    "before-fsync", "after-fsync", "before-rename", "after-rename",
)  # fmt: skip
IMPORT_POINTS = (*COMMIT_POINTS, "before-store", "after-store")


def work_until_death(order: dict[str, Any], death: Death) -> None:
    database, path = Database(StorageFolder(Path(order["root"]))), Path(order["path"])
    if order["do"] == "import":
        around(handovers, "put_in", death, "before-store", "after-store")
        taken_in(database, path)
        return
    around(Sealer, "write", death, "before-write", "after-write")
    around(Sealer, "finish", death, "before-finish", "after-finish")
    around(handing.os, "fsync", death, "before-fsync", "after-fsync")
    around(Path, "rename", death, "before-rename", "after-rename")
    given_away(database, path)


if __name__ == "__main__":
    answer_orders(work_until_death)
