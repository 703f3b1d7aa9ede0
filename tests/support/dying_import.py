"""An import that dies by SIGKILL at one exact COMMIT. Arguments: the point, which time it is passed, then FILE."""

from __future__ import annotations

import sys

from sync.entrypoints.cli.main import main
from tests.support.death import Death, around_commits

if __name__ == "__main__":
    point, number, file = sys.argv[1:]
    around_commits(Death(point, int(number)))
    sys.argv = ["fieldsync", "import", file]
    main()
