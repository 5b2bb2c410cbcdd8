"""Promises of the logs: one pipeline for all, ids on every record, and no secret in any of them."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from engine.monitoring.log import LogFormat, bound_ids, configure_logging, route_structlog
from engine.monitoring.redaction import HIDDEN, MAX_TEXT_LENGTH, is_secret, redacted

SECRET = "s3cr3t-value"
TOUCHED = ("uvicorn", "uvicorn.error", "uvicorn.access", "tortoise.db_client", "asyncio", "websockets")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Logging belongs to the process: give it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    loggers = [logging.getLogger(name) for name in TOUCHED]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    structlog.reset_defaults()
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for logger, own_handlers, own_level, propagate in before:
        logger.handlers[:] = own_handlers
        logger.setLevel(own_level)
        logger.propagate = propagate
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def stream() -> io.StringIO:
    """Where JSON lines at DEBUG are collected."""
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, "DEBUG", stream)
    return stream


def records(stream: io.StringIO) -> list[dict[str, object]]:
    """Every line, each of which must be one JSON object."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_records_and_the_libraries_records_look_alike(stream: io.StringIO) -> None:
    """One line each, with time, level, logger and event."""
    structlog.get_logger("engine.trading").info("order_filled", quantity=5)
    logging.getLogger("uvicorn.error").warning("port %d is taken", 8000)

    ours, theirs = records(stream)
    assert (ours["event"], ours["level"], ours["logger"], ours["quantity"]) == (
        "order_filled",
        "info",
        "engine.trading",
        5,
    )
    assert (theirs["event"], theirs["level"], theirs["logger"]) == (
        "port 8000 is taken",
        "warning",
        "uvicorn.error",
    )
    assert str(ours["timestamp"]).endswith("Z")
    assert set(theirs) == {"event", "level", "logger", "timestamp"}


def test_uvicorn_does_not_write_twice(stream: io.StringIO) -> None:
    """Handlers that uvicorn brought are replaced by ours."""
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(stream))
    configure_logging(LogFormat.JSON, "INFO", stream)

    logging.getLogger("uvicorn.access").info("GET /")
    assert len(records(stream)) == 1


def test_ids_bound_to_a_block_are_on_every_record_in_it(stream: io.StringIO) -> None:
    """Ids nest, reach library records too, and are gone afterwards."""
    log = structlog.get_logger("engine")
    with bound_ids(user_id="usr_1", request_id="req_1"), bound_ids(order_id="ord_1"):
        log.info("inside")
        logging.getLogger("tortoise").warning("slow")
    log.info("outside")

    inside, library, outside = records(stream)
    for record in (inside, library):
        assert (record["user_id"], record["request_id"], record["order_id"]) == ("usr_1", "req_1", "ord_1")
    assert not {"user_id", "order_id", "request_id", "event_id"} & set(outside)


@pytest.mark.parametrize(
    "name",
    ["token", "api_token", "accessToken", "password", "client_secret", "Authorization", "code", "api_key",
     "apiKey", "cookie", "set-cookie", "credential", "private_key", "TRADING_ENGINE_SECRET"],
)  # fmt: skip
def test_fields_named_like_secrets_are_hidden(stream: io.StringIO, name: str) -> None:
    """At any depth, in our records."""
    log = structlog.get_logger("engine")
    log.info("e", **{name: SECRET})
    log.info("e", nested={"list": [{name: SECRET}]})

    assert SECRET not in stream.getvalue()
    assert stream.getvalue().count(HIDDEN) == 2


@pytest.mark.parametrize("name", ["token_id", "error_code", "codes_count", "symbol", "key", "token_ttl_s"])
def test_fields_that_only_sound_secret_are_shown(name: str) -> None:
    """Ids, counts and refusal codes are what a log is read for."""
    assert not is_secret(name)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"postgres://ledger:{SECRET}@db:5432/x",
        f"redis://:{SECRET}@cache/0",
        f"GET /#code={SECRET} HTTP/1.1",
        f"GET /?a=b&token={SECRET}&c=d",
    ],
)
def test_texts_that_carry_secrets_are_cleaned(stream: io.StringIO, text: str) -> None:
    """Headers, addresses and links lose their secret in our records, a library's and an error's."""
    log = structlog.get_logger("engine")
    log.info(text, detail=text)
    logging.getLogger("some.library").info("saw %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("defect")
        logging.getLogger("some.library").exception("defect")

    assert SECRET not in stream.getvalue()
    assert HIDDEN in stream.getvalue()


def test_a_traceback_shows_no_local_variables(stream: io.StringIO) -> None:
    """A defect is logged with its trace, one line of JSON, without the values that were in hand."""
    log = structlog.get_logger("engine")
    try:
        in_hand = SECRET + "x"
        raise RuntimeError("broken: " + str(len(in_hand)))
    except RuntimeError:
        log.exception("defect")

    (record,) = records(stream)
    assert "RuntimeError: broken" in str(record["exception"])
    assert SECRET not in stream.getvalue()


def test_a_text_cannot_forge_a_line_or_fill_the_disk(stream: io.StringIO) -> None:
    """Line breaks of a client stay inside their record, odd characters do no harm, long texts are cut."""
    structlog.get_logger("engine").info("refused", symbol='x"}\n{"event": "forged"}\ud800')
    structlog.get_logger("engine").info("refused", body="y" * 10_000_000)

    forged, cut = records(stream)
    assert forged["event"] == "refused"
    assert len(str(cut["body"])) < MAX_TEXT_LENGTH + 100


def test_statements_with_their_parameters_are_never_logged(stream: io.StringIO) -> None:
    """The database library's DEBUG prints parameters; it stays silent even when everything is at DEBUG."""
    logging.getLogger("tortoise.db_client").debug("INSERT ... %s", [SECRET])
    logging.getLogger("tortoise").warning("other news")

    assert [record["logger"] for record in records(stream)] == ["tortoise"]


def test_the_level_filters_all_alike() -> None:
    """Below the level nothing is written, by us or by libraries."""
    stream = io.StringIO()
    configure_logging(LogFormat.JSON, "WARNING", stream)
    structlog.get_logger("engine").info("quiet")
    logging.getLogger("library").info("quiet")
    logging.getLogger("tortoise.db_client").info("quiet")

    assert stream.getvalue() == ""


def test_python_warnings_go_through_the_pipeline(stream: io.StringIO) -> None:
    """A library's warning is a record like any other, not loose text between JSON lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging(LogFormat.JSON, "INFO", stream)
        warnings.warn("odd", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    assert [record["logger"] for record in records(stream)] == ["py.warnings"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("chosen", "stream", "is_json"),
    [
        (LogFormat.AUTO, io.StringIO(), True),
        (LogFormat.AUTO, Terminal(), False),
        (LogFormat.JSON, Terminal(), True),
        (LogFormat.CONSOLE, io.StringIO(), False),
    ],
)
def test_the_format_follows_the_setting_and_the_terminal(
    chosen: LogFormat, stream: io.StringIO, is_json: bool
) -> None:
    """People get lines to read, collectors get JSON, the setting has the last word; both hide secrets."""
    configure_logging(chosen, "INFO", stream)
    structlog.get_logger("engine").info("order_filled", order_id="ord_1", token=SECRET)

    text = stream.getvalue()
    assert text.startswith("{") is is_json
    assert "order_filled" in text
    assert "ord_1" in text
    assert SECRET not in text


def test_a_hosts_own_structlog_stays() -> None:
    """Inside another application its configuration of structlog is not replaced."""
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    route_structlog()

    assert len(structlog.get_config()["processors"]) == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_redaction_never_fails(value: object) -> None:
    """Whatever is logged, redaction answers something that can be written."""
    json.dumps(redacted(value), default=repr)


def test_endless_nesting_ends() -> None:
    """A value that contains itself is cut, not followed."""
    endless: dict[str, object] = {}
    endless["again"] = endless

    assert "[too deep]" in str(redacted(endless))
