"""What the log says: the names of events, one line each, and nothing secret in any of them.

Whatever is logged here or by a library goes through one handler whose formatter redacts the finished text: message,
arguments, exception and stack. Records themselves stay untouched, for they are shared with other handlers.
"""

import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal, TextIO

from sync.secret import MASK, Secret, redact

WORKER_STARTED: Final = "worker_started"
WORKER_STOPPED: Final = "worker_stopped"
DRAIN_ENDED: Final = "drain_ended"
DRAIN_FAILED: Final = "drain_failed"
ATTEMPT_ENDED: Final = "attempt_ended"
GATE_CLOSED: Final = "gate_closed"
CLOCK_JUMPED: Final = "clock_jumped"
UNCAUGHT: Final = "uncaught"
REQUEST_FAILED: Final = "request_failed"
FEED_DISTURBED: Final = "feed_disturbed"
REQUEST_ENDED: Final = "request_ended"
PAGE_SERVED: Final = "page_served"
PAGE_UNAVAILABLE: Final = "page_unavailable"
PAGE_NOT_LOOPBACK: Final = "page_not_loopback"
ACCESS_RENEWED: Final = "access_renewed"

# At DEBUG these print whole requests: every header, every signed address.
_NEVER_DEBUG: Final = ("botocore", "urllib3", "boto3", "s3transfer", "httpx", "httpcore")
# These tell each request or each wake-up at INFO, which our own events tell already.
_TALKATIVE: Final = ("httpx", "alembic", "apscheduler")
_SECRET_FIELDS: Final = frozenset(
    {
        "token",
        "bearer",
        "session_token",
        "access_token",
        "refresh_token",
        "authorization",
        "cookie",
        "password",
    }
)
_FIELDS: Final = "fieldsync_fields"
_EVENT: Final = "fieldsync_event"


def log(logger: logging.Logger, event: str, /, *, level: int = logging.INFO, **fields: object) -> None:
    """One line, "event key=value key=value", in the order given. None and empty values are written too.

    In JSON the event and the fields are members of their own.
    """
    if logger.isEnabledFor(level):
        line = " ".join([event, *(f"{key}={_shown(value)}" for key, value in _clean(fields).items())])
        logger.log(level, "%s", line, extra={_EVENT: event, _FIELDS: fields}, stacklevel=2)


def configure_logging(
    level: str,
    format: Literal["text", "json"],
    stream: TextIO | None = None,
) -> None:
    """Send everything that is logged at `level` or above to `stream` (stderr), redacted. May be called again."""
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_JsonFormatter() if format == "json" else _TextFormatter())
    handler.addFilter(_above_debug)
    root = logging.getLogger()
    for former in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _NEVER_DEBUG:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def log_uncaught() -> None:
    """From here on an exception that nobody caught, in any thread, is logged redacted instead of printed raw."""
    logger = logging.getLogger("fieldsync")

    def told(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, **at: object
    ) -> None:
        error = error or kind()
        fields = {_EVENT: UNCAUGHT, _FIELDS: at}
        logger.critical(UNCAUGHT, exc_info=(kind, error, trace), extra=fields)

    def of_program(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        told(kind, error, trace)

    def of_thread(args: threading.ExceptHookArgs) -> None:
        told(
            args.exc_type,
            args.exc_value,
            args.exc_traceback,
            thread=args.thread.name if args.thread else None,
        )

    def of_finalizer(args: Any) -> None:
        told(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = of_program
    threading.excepthook = of_thread
    sys.unraisablehook = of_finalizer


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 (logging's name)
        # The inherited one prints the record's raw arguments. A log that cannot be written stops nothing.
        return


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_at(record)} {record.levelname} {record.name}: {_one_line(redact(_message(record)))}"
        if trace := _trace(self, record):
            # Indented, so that no line of an exception's text passes for a record.
            line += "".join(f"\n    {_one_line(each)}" for each in trace.splitlines())
        return line


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, object] = {
            "at": _at(record),
            "level": record.levelname,
            "logger": record.name,
            "event": getattr(record, _EVENT, None),
            "message": redact(_message(record)),
            "fields": _clean(getattr(record, _FIELDS, {})),
        }
        if trace := _trace(self, record):
            document["exception"] = trace
        return json.dumps(document, ensure_ascii=True, default=str)


def _above_debug(record: logging.LogRecord) -> bool:
    # The second line of defence: a logger below these may have been given a level of its own.
    return record.levelno >= logging.INFO or record.name.partition(".")[0] not in _NEVER_DEBUG


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 (arguments that do not fit, or whose repr fails: the line must not be lost)
        return f"{record.msg!s} (its arguments could not be shown)"


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Exception and stack, redacted. Not kept in the record, where another handler would find it raw or ours."""
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    if not parts and record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(record.stack_info)
    return redact("\n".join(parts))


def _one_line(text: str) -> str:
    """`text` without what would begin a new line or steer a terminal; others wrote parts of it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _clean(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: MASK if key.lower() in _SECRET_FIELDS else _plain(value) for key, value in fields.items()}


def _plain(value: Any) -> Any:
    """A JSON value without secrets, of whatever it is given."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _clean({str(key): each for key, each in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return MASK if isinstance(value, Secret) else redact(str(value))


def _shown(value: Any) -> str:
    plain_text = isinstance(value, str) and value and value.isprintable() and not set(value) & set(" \"'=")
    return value if plain_text else json.dumps(value, ensure_ascii=False)
