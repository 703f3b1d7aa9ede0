"""The name of every setting, without what they mean: enough to notice a misspelt one where pydantic must not be loaded.

A test holds this in step with `settings.py`, which says what is wrong and what was meant.
"""

from collections.abc import Mapping
from typing import Any, Final

from config.sources import TomlFile, variable, variables

NAMES: Final[Mapping[str, frozenset[str]]] = {
    "api": frozenset(
        {
            "base_url",
            "read_timeout_s",
            "connect_timeout_s",
            "token",
            "token_file",
            "session_token",
            "session_token_file",
            "unplanned_path",
            "ca_file",
            "owner",
        }
    ),
    "auth": frozenset({"command", "command_timeout_s"}),
    "storage": frozenset({"dir", "reserve_mib"}),
    "upload": frozenset(
        {
            "allowed_hosts",
            "allow_insecure_loopback",
            "fallback",
            "reissue_path",
            "reissue_method",
            "reissue_pointer",
            "bucket",
            "region",
            "key_pattern",
            "s3_endpoint",
            "s3_path_style",
            "instance_credentials",
            "read_timeout_s",
            "connect_timeout_s",
        }
    ),
    "capture": frozenset({"max_image_bytes", "max_image_pixels"}),
    "sync": frozenset(
        {
            "interval_s",
            "concurrency",
            "backoff_base_s",
            "backoff_cap_s",
            "start_spread_s",
            "probe_cap_s",
            "in_doubt",
            "settle_s",
            "lookup_gap_s",
            "on_conflict",
            "conflict_after_s",
            "lease_s",
            "exchange_limit_s",
            "max_attempts",
            "max_age_days",
        }
    ),
    "lookup": frozenset(
        {
            "path",
            "parameters",
            "page_parameter",
            "page_size_parameter",
            "page_size",
            "max_pages",
            "newest_first",
            "details",
        }
    ),
    "web": frozenset({"enabled", "host", "port", "allowed_hosts"}),
    "log": frozenset({"level", "format"}),
}
_VARIABLES: Final = frozenset(
    variable(f"{section}.{name}") for section, names in NAMES.items() for name in names
)


def any_unknown(environ: Mapping[str, str], toml: TomlFile) -> bool:
    """Whether a variable or a key of the file is no setting, or the file cannot be read at all."""
    if toml.problem is not None:
        return True
    if any(name.upper() not in _VARIABLES for name, _ in variables(environ)):
        return True
    return any(_unknown_in(section, values) for section, values in toml.values.items())


def _unknown_in(section: str, values: Any) -> bool:
    known = NAMES.get(section)
    return known is None or not isinstance(values, Mapping) or not known.issuperset(values)
