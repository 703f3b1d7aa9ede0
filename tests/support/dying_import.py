"""An import that dies by SIGKILL at one exact COMMIT. Arguments: the point, which time it is passed, then FILE."""

from __future__ import annotations

import sys

from storage.database import Database
from sync.entrypoints.cli.main import main
from tests.support.dying_drain import Death, _Connection

if __name__ == "__main__":
    point, number, file = sys.argv[1:]
    connect = Database._connect
    death = Death(point, int(number))
    Database._connect = lambda self: _Connection(connect(self), death)  # type: ignore[method-assign]
    sys.argv = ["fieldsync", "import", file]
    main()
