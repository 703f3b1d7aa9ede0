"""What ends an import early although the outbox is fine."""

from __future__ import annotations

from sync.errors import SyncProblem


class SourceLost(SyncProblem):
    """The file that is imported cannot be read any further."""

    code = "file_unreadable"


class RejectsLost(SyncProblem):
    """The file of rejects cannot be written; what is in the outbox is safe."""

    code = "rejects_not_written"
