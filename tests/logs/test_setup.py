import io
import json
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import hvac.exceptions
import pytest
import structlog
import urllib3
from freshkey.core.model.secret import Secret
from freshkey.logs import redact
from freshkey.logs.setup import configure

CANARY = "CANARY"
SHAPED = f"sk-svcacct-{CANARY}0123456789"
KNOWN = f'{CANARY} "of\\no/shape'

Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where configure() may log to; all that it changes is put back."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook
    redact.add_secret(Secret(KNOWN))
    yield io.StringIO()
    logging.captureWarnings(capture=False)
    root.handlers[:], level, sys.excepthook, threading.excepthook, sys.unraisablehook = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def lines(stream: io.StringIO) -> Log:
    """Logging at level debug as JSON; gives the lines so far and shows that none has a canary."""
    configure("debug", "json", stream)

    def read() -> list[dict[str, Any]]:
        text = stream.getvalue()
        assert CANARY not in text
        return [json.loads(line) for line in text.splitlines()]

    return read


def explode(value: str) -> None:
    secret_local = value * 2
    raise LookupError(secret_local[: len(value)])


def test_an_event_has_a_time_a_level_and_a_name_before_its_fields(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    structlog.get_logger().info("key.published", generation=7, reason="due")
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert list(event) == ["timestamp", "level", "event", "generation", "reason"]
    assert event["event"] == "key.published"
    assert event["timestamp"].endswith("Z")
    assert event["generation"] == 7


def test_the_level_holds_for_our_events_and_for_libraries(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    log, library = structlog.get_logger(), logging.getLogger("some.library")
    log.debug("not.this")
    library.info("nor this")
    log.info("but.this")
    library.warning("and %s", "this")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["but.this", "library.message"]
    assert (events[1]["logger"], events[1]["message"]) == ("some.library", "and this")
    configure("error", "json", stream)
    library.warning("no more")
    assert len(stream.getvalue().splitlines()) == 2


def test_the_console_has_one_line_per_event_and_plain_tracebacks(stream: io.StringIO) -> None:
    configure("info", "console", stream)
    structlog.get_logger().info("key.published", message="two\nlines", key=SHAPED, known=KNOWN)
    try:
        explode(KNOWN)
    except LookupError:
        structlog.get_logger().exception("probe.failed")
    text = stream.getvalue()
    assert "key.published" in text.splitlines()[0]
    assert "'two\\nlines'" in text.splitlines()[0]
    assert text.splitlines()[-1] == "LookupError: ***"
    assert CANARY not in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_auto_is_console_on_a_terminal(kind: type[io.StringIO], stream: io.StringIO) -> None:
    del stream  # for what it puts back
    chosen = kind()
    configure("info", "auto", chosen)
    structlog.get_logger().info("key.published")
    assert chosen.getvalue().startswith("{") is (kind is io.StringIO)


def test_a_lost_stderr_harms_nobody(stream: io.StringIO) -> None:
    configure("info", "json", stream)
    stream.close()
    structlog.get_logger().info("key.published")


def test_fields_and_event_names_are_masked(lines: Log) -> None:
    log = structlog.get_logger()
    log.info("event." + SHAPED)  # noqa: G003 - it is about a name that holds a secret
    log.info("event", key=SHAPED, token=Secret(KNOWN), body={"a": [KNOWN, KNOWN.encode()]})
    log.info("event", **{SHAPED: 1})
    assert lines()[1]["body"] == {"a": ["***", "***"]}
    assert lines()[2]["***"] == 1


def test_exceptions_are_masked_with_all_that_hangs_on_them(lines: Log) -> None:
    log = structlog.get_logger()
    for canary in (SHAPED, KNOWN):
        try:
            try:
                explode(canary)
            except LookupError as error:
                error.add_note(canary)
                group = ExceptionGroup(canary, [KeyError(canary), error])
                raise RuntimeError(canary.encode()) from group
        except RuntimeError as error:
            log.exception("task.failed", cause=error.__cause__)
            log.warning("task.failed", exc_info=error)
            logging.getLogger("library").warning("failed: %r", error, exc_info=True)
    for event in lines():
        assert "explode" in event["exception"]
        assert "secret_local = " not in event["exception"]
    assert len(lines()) == 6


def test_what_libraries_log_is_masked_even_when_it_does_not_fit(
    stream: io.StringIO, lines: Log
) -> None:
    configure(
        "debug", "json", stream
    )  # once more, because pytest's own handler can't take what follows
    library = logging.getLogger("library")
    library.warning("token %s of %r", KNOWN, {"nested": [SHAPED]})
    library.warning("too many %s", KNOWN, SHAPED)
    library.log(35, "between the levels")
    assert [event["message"] for event in lines()] == [
        "token *** of {'nested': ['***']}",
        "too many %s",
        "between the levels",
    ]


def test_warnings_are_logged(lines: Log) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"deprecated: {KNOWN}", stacklevel=1)
    (event,) = lines()
    assert event["logger"] == "py.warnings"
    assert "UserWarning: deprecated: ***" in event["message"]


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("X-Echo", self.headers.get("Authorization", ""))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_debug_logs_of_http_libraries_are_masked(lines: Log, server: str) -> None:
    headers = {"Authorization": f"Bearer {SHAPED}"}
    query = {"token": KNOWN, "key": SHAPED}
    with httpx.Client(trust_env=False) as client:
        client.get(server, params=query, headers=headers)
    with urllib3.PoolManager() as pool:
        pool.request("GET", f"{server}/{SHAPED}", fields=query, headers=headers)
    loggers = {event["logger"] for event in lines()}
    assert {"httpx", "httpcore.http11", "urllib3.connectionpool"} <= loggers
    messages = " ".join(event["message"] for event in lines())
    assert "token=***&key=***" in messages
    assert "Bearer ***" in messages


def test_a_vault_error_is_masked(lines: Log) -> None:
    error = hvac.exceptions.Forbidden(
        KNOWN, errors=[f"token {SHAPED}"], method="get", url=f"http://v/{SHAPED}", text=KNOWN
    )
    try:
        raise error
    except hvac.exceptions.VaultError as caught:
        structlog.get_logger().exception("vault.failed", error=caught, text=caught.text)
    assert "hvac" in lines()[0]["exception"]


def test_the_test_itself_would_see_a_canary(stream: io.StringIO) -> None:
    try:
        explode(SHAPED)
    except LookupError:
        traceback.print_exc(file=stream)
    assert SHAPED in stream.getvalue()
