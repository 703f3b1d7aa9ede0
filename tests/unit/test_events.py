"""The log tells what happened and nothing that is nobody's business, in both formats, at DEBUG, for any library."""

import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from sync import events
from sync.secret import Secret

CANARY = "c4n4ry-0f-ev3nts"
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiI0MiJ9.{CANARY}"
SIGNED = f"https://b.s3.amazonaws.com/k.png?X-Amz-Credential=AKIAEXAMPLE&X-Amz-Signature={CANARY}"
Format = Literal["text", "json"]
both = pytest.mark.parametrize("format", ["text", "json"])


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    root.handlers[:] = [each for each in root.handlers if type(each).__module__ != events.__name__]
    root.setLevel(level)
    for name in ("botocore", "urllib3", "boto3", "s3transfer", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def logged(format: Format, act: Callable[[logging.Logger], object], level: str = "DEBUG") -> str:
    stream = io.StringIO()
    logging.getLogger().handlers.clear()  # the test runner's own, which fails on records that ours must survive
    events.configure_logging(level, format, stream)
    act(logging.getLogger("fieldsync.test"))
    return stream.getvalue()


def raising(error: Exception) -> Callable[[logging.Logger], None]:
    def act(logger: logging.Logger) -> None:
        secret_in_a_local = SIGNED
        try:
            try:
                raise ValueError(f"cause with {secret_in_a_local}")
            except ValueError as cause:
                raise error from cause
        except Exception:
            logger.exception("failed with %s", error)

    return act


class Awkward:
    def __str__(self) -> str:
        raise RuntimeError(SIGNED)

    __repr__ = __str__


PATHS: dict[str, Callable[[logging.Logger], object]] = {
    "message": lambda log: log.debug(f"PUT {SIGNED}"),
    "argument": lambda log: log.info("PUT %s", SIGNED),
    "argument in a dictionary": lambda log: log.info("%(url)s", {"url": SIGNED}),
    "argument that is an object": lambda log: log.info("%s", {"x-session-token": CANARY, "url": [SIGNED]}),
    "too many arguments": lambda log: log.info(f"see {SIGNED}", JWT),
    "argument that cannot be shown": lambda log: log.info("%s " + JWT, Awkward()),
    "jwt": lambda log: log.warning("got %s", JWT),
    "bearer": lambda log: log.debug("headers: Authorization: Bearer %s", CANARY),
    "secret": lambda log: log.debug("%s %r", Secret(CANARY), Secret(CANARY)),
    "revealed secret": lambda log: log.debug("upstream said %s?", Secret(CANARY).reveal()),
    "exception": raising(RuntimeError(f"no answer from {SIGNED}")),
    "exception with a tuple": raising(RuntimeError({"authorization": f"Bearer {CANARY}"}, JWT)),
    "stack": lambda log: log.info("here", stack_info=True),
    "field": lambda log: events.log(
        log, "attempt_ended", url=SIGNED, token=CANARY, detail={"cookie": CANARY}
    ),
    "secret field": lambda log: events.log(log, "tokens_changed", bearer=CANARY, also=[Secret(CANARY), JWT]),
    "logger of httpx": lambda log: logging.getLogger("httpx").warning('HTTP Request: PUT %s "200"', SIGNED),
    "logger below botocore": lambda log: logging.getLogger("botocore.retries").warning("again: %s", SIGNED),
}


@both
@pytest.mark.parametrize("act", PATHS.values(), ids=PATHS)
def test_no_secret_reaches_the_log(format: Format, act: Callable[[logging.Logger], object]) -> None:
    """P8: every way a token or signed address can get into a record, at DEBUG, in both formats."""
    text = logged(format, act)
    assert text.strip(), "the line itself must not be lost"
    assert CANARY not in text
    assert "AKIAEXAMPLE" not in text
    if format == "json":
        assert [json.loads(line)["logger"] for line in text.splitlines()]


def test_canary_reaches_a_log_that_is_not_ours() -> None:
    """The test above can fail: the same records through a plain handler show the canary."""
    stream = io.StringIO()
    logger = logging.getLogger("plain")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(logging.StreamHandler(stream))
    for name in ("message", "argument", "jwt", "bearer", "exception"):
        stream.truncate(0)
        PATHS[name](logger)
        assert CANARY in stream.getvalue()
    logger.handlers.clear()


@both
@pytest.mark.parametrize(
    "name", ["botocore.auth", "urllib3.connectionpool", "httpcore.http11", "boto3", "s3transfer"]
)
def test_talkative_libraries_never_log_at_debug(format: Format, name: str) -> None:
    def act(_: logging.Logger) -> None:
        logging.getLogger(name).debug("raw request")
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).debug("raw request of a logger with a level of its own")
        logging.getLogger(name).setLevel(logging.NOTSET)

    assert logged(format, act) == ""


@both
def test_record_stays_as_it_was_for_other_handlers(format: Format) -> None:
    seen: list[logging.LogRecord] = []

    class Other(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    def act(logger: logging.Logger) -> None:
        logging.getLogger().addHandler(Other())
        raising(RuntimeError("x"))(logger)

    logged(format, act)
    assert seen[0].msg == "failed with %s"
    assert seen[0].exc_text is None


def test_event_is_one_readable_line() -> None:
    text = logged(
        "text",
        lambda log: events.log(
            log,
            events.ATTEMPT_ENDED,
            entry="0192",
            n=2,
            ok=True,
            none=None,
            why='it "said" no',
            at=datetime(2026, 1, 1, tzinfo=UTC),
        ),
    )
    assert text.rstrip("\n").partition("fieldsync.test: ")[2] == (
        'attempt_ended entry=0192 n=2 ok=true none=null why="it \\"said\\" no" at=2026-01-01T00:00:00+00:00'
    )


def test_event_in_json_has_its_fields_apart() -> None:
    text = logged(
        "json", lambda log: events.log(log, events.GATE_CLOSED, level=logging.WARNING, host="h", wait_s=1.5)
    )
    document: dict[str, Any] = json.loads(text)
    assert document.pop("at").endswith("+00:00")
    assert document == {
        "level": "WARNING",
        "logger": "fieldsync.test",
        "event": "gate_closed",
        "message": "gate_closed host=h wait_s=1.5",
        "fields": {"host": "h", "wait_s": 1.5},
    }


@both
def test_nobody_can_forge_a_line_or_steer_the_terminal(format: Format) -> None:
    """A server's error text with line breaks and escape codes in it."""
    hostile = "x\n2026-01-01 CRITICAL fieldsync: all is well\r\x1b[2J\u2028"
    text = logged(format, lambda log: log.error("server said %s", hostile))
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    trace = logged(format, raising(RuntimeError(hostile)))
    assert not [line for line in trace.splitlines()[1:] if not line.startswith("    ")]
    assert "\x1b" not in trace


def test_configuring_twice_logs_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    events.configure_logging("INFO", "text", first)
    events.configure_logging("INFO", "text", second)
    logging.getLogger("fieldsync").info("hello")
    assert (first.getvalue(), second.getvalue().count("hello")) == ("", 1)


def test_level_holds() -> None:
    assert logged("text", lambda log: events.log(log, "x"), level="WARNING") == ""
    assert logging.getLogger("httpx").level == logging.WARNING


def test_closed_stream_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    events.configure_logging("INFO", "text", stream)
    stream.close()
    logging.getLogger("fieldsync").info("token %s", JWT)
    assert capsys.readouterr() == ("", "")


@both
def test_uncaught_exception_is_logged_redacted_in_any_thread(
    format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, hook in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))

    def act(_: logging.Logger) -> None:
        events.log_uncaught()

        def fail() -> None:
            raise RuntimeError(f"PUT {SIGNED}")

        thread = threading.Thread(target=fail, name="sender-1")
        thread.start()
        thread.join()
        try:
            fail()
        except RuntimeError as error:
            sys.excepthook(RuntimeError, error, error.__traceback__)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    text = logged(format, act)
    assert text.count("uncaught") >= 2
    assert "RuntimeError" in text
    assert CANARY not in text
