"""How fast a torture's devices live, and what its server may do within the promises that they rely on.

No torture has the time to wait as a fleet does. Everything else is as on a real device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Values by the name of the setting, without its prefix.
Settings = Mapping[str, object]
NONE: Final[Settings] = {}

SETTLE_S: Final = 0.5
LOOKUP_GAP_S: Final = 0.8
# How late a server may list what it has, within the promise that a look-up relies on: less than both waits together,
# and more than either alone, so that a wait cut short shows as a second record.
LIST_LAG_S: Final = 0.85
HURRIED: Final[Settings] = {
    "STORAGE__RESERVE_MIB": 0,
    "API__READ_TIMEOUT_S": 15,
    "UPLOAD__ALLOW_INSECURE_LOOPBACK": "true",
    "UPLOAD__READ_TIMEOUT_S": 15,
    "SYNC__INTERVAL_S": 0.2,
    "SYNC__START_SPREAD_S": 0,
    "SYNC__PROBE_CAP_S": 0.1,
    "SYNC__BACKOFF_BASE_S": 0.05,
    "SYNC__BACKOFF_CAP_S": 0.2,
    "SYNC__CONCURRENCY": 3,
    "SYNC__SETTLE_S": SETTLE_S,
    "SYNC__LOOKUP_GAP_S": LOOKUP_GAP_S,
    "SYNC__LEASE_S": 40,
    "SYNC__EXCHANGE_LIMIT_S": 30,
    "LOG__LEVEL": "DEBUG",
    "WEB__ENABLED": "false",
}


def variables(settings: Settings) -> dict[str, str]:
    """As environment variables."""
    return {f"FIELDSYNC_{name}": str(value) for name, value in settings.items()}
