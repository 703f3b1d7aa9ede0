"""The worker of the demo: `fieldsync run` beside a page that can switch the sandbox's network off and on.

`python -m sync.entrypoints.cli.demo_worker URL` with the address of the sandbox's control port. Started by `fieldsync
demo` alone; the product has no such switch.
"""

from __future__ import annotations

import sys

from sync.entrypoints.cli.output import reported


def main(control_url: str) -> None:
    """Work until SIGTERM or Ctrl-C."""
    from sync.demo.network import Control, Network
    from sync.entrypoints.cli.draining import work

    with reported(as_json=False, debug=False):
        work(switch=Network(Control(control_url)))


if __name__ == "__main__":
    main(sys.argv[1])
