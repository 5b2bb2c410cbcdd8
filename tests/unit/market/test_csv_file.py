"""What the reader of price files takes, and how it says no."""

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MarketDataError
from engine.market import csv_file, table
from engine.market.csv_file import parse_time, read_steps

HEADER = "Date,Symbol,Open,High,Low,Close,Volume\n"
GOOD = "2005-03-01,IBM,100,110,90,105,1000\n"


def written(folder: Path, text: str | bytes, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(MarketDataError) as refused:
        read_steps(path)
    assert refused.value.source == str(path)
    assert "\n" not in str(refused.value)
    return refused.value.faults


@pytest.mark.parametrize(
    "text",
    [
        HEADER + GOOD,
        "\n  \n" + HEADER + "\n" + GOOD + "\n\n",
        "\ufeff" + HEADER + GOOD,
        (HEADER + GOOD).replace("\n", "\r\n"),
        (HEADER + GOOD).replace(",", ";"),
        (HEADER + GOOD).replace(",", "\t"),
        (HEADER + GOOD).rstrip("\n"),
        " TIMESTAMP , ticker ,OPEN,high,Low,cLoSe,Vol,Adj Close\n"
        "2005-03-01T00:00:00Z, ibm ,100,110,90,105,1000,?\n",
        "volume,close,low,high,open,symbol,datetime\n1000,105,90,110,100,IBM,2005-02-28T19:00:00-05:00\n",
        'time,symbol,open,high,low,close,volume\n"2005-03-01 00:00:00","IBM","100","110","90","105","1000"\n',
    ],
)
def test_a_file_is_read_however_it_is_laid_out(tmp_path: Path, text: str) -> None:
    """Case, order, separators, quotes, blank lines, line ends and extra columns do not matter."""
    (step,) = read_steps(written(tmp_path, text))
    (bar,) = step.bars
    assert step.market_time == bar.market_time == datetime(2005, 3, 1, tzinfo=UTC)
    assert bar.symbol == "IBM"
    assert (bar.open, bar.high, bar.low, bar.close) == tuple(map(Decimal, ("100", "110", "90", "105")))
    assert bar.volume == 1000


def test_without_a_symbol_column_the_file_name_is_the_symbol(tmp_path: Path) -> None:
    """One file a symbol is how most tools export."""
    text = "date,open,high,low,close,volume\n2005-03-01,100,110,90,105,1000\n"
    assert read_steps(written(tmp_path, text, "brk.b.csv"))[0].bars[0].symbol == "BRK.B"
    (fault,) = faults_of(written(tmp_path, text, "my prices (1).csv"))
    assert "no column symbol, and the file name: 'my prices (1)' is no symbol" in fault


def test_lines_in_any_order_become_steps_in_order_of_time(tmp_path: Path) -> None:
    """Each distinct time is one step with the bars of all its symbols."""
    lines = [
        f"2005-03-0{day},{symbol},100,110,90,105,1\n" for symbol in ("MSFT", "AAPL") for day in (3, 1, 2)
    ]
    steps = read_steps(written(tmp_path, HEADER + "".join(lines)))
    assert [step.market_time.day for step in steps] == [1, 2, 3]
    assert all([bar.symbol for bar in step.bars] == ["AAPL", "MSFT"] for step in steps)


def test_the_last_step_of_each_date_closes_the_day(tmp_path: Path) -> None:
    """Orders for the day know when it is over, with daily and with shorter bars."""
    times = ("2005-03-01T14:30:00Z", "2005-03-01T15:30:00Z", "2005-03-02T14:30:00Z", "2005-03-03")
    lines = [f"{time},IBM,100,110,90,105,1\n" for time in times]
    steps = read_steps(written(tmp_path, HEADER + "".join(lines)))
    assert [step.closes_day for step in steps] == [False, True, True, True]


def test_noise_of_binary_floats_is_rounded_to_eight_decimals(tmp_path: Path) -> None:
    """Files exported from data frames carry it; a rounded high is still not below a rounded low."""
    line = "2005-03-01,IBM,128.48469543457031,128.484695439999999,128.48469543,128.484695435,1000.0\n"
    (bar,) = read_steps(written(tmp_path, HEADER + line))[0].bars
    assert [str(price) for price in (bar.open, bar.high, bar.low, bar.close)] == [
        "128.48469543",
        "128.48469544",
        "128.48469543",
        "128.48469544",
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("2005-02-30,IBM,100,110,90,105,1", "line 2, column Date: '2005-02-30' is neither a date"),
        ("01.03.2005,IBM,100,110,90,105,1", "line 2, column Date: '01.03.2005' is neither"),
        ("2005-03-01T25:00:00Z,IBM,100,110,90,105,1", "line 2, column Date:"),
        ("0001-01-01T00:00:00+14:00,IBM,100,110,90,105,1", "line 2, column Date:"),
        ("1109635200,IBM,100,110,90,105,1", "line 2, column Date:"),
        (",IBM,100,110,90,105,1", "line 2, column Date: '' is neither"),
        ("2005-03-01,,100,110,90,105,1", "line 2, column Symbol: '' is no symbol; a symbol has 1 to 32"),
        ("2005-03-01,I B M,100,110,90,105,1", "line 2, column Symbol: 'I B M' is no symbol"),
        (f"2005-03-01,{'A' * 33},100,110,90,105,1", "line 2, column Symbol:"),
        ("2005-03-01,IBM,NaN,110,90,105,1", "line 2, column Open: 'NaN' is not a number in plain notation"),
        ("2005-03-01,IBM,100,inf,90,105,1", "line 2, column High: 'inf' is not a number"),
        ("2005-03-01,IBM,100,1.1e2,90,105,1", "line 2, column High: '1.1e2' is not a number"),
        ("2005-03-01,IBM,100,110,0x5a,105,1", "line 2, column Low: '0x5a' is not a number"),
        ("2005-03-01,IBM,100,110,٩٠,105,1", "line 2, column Low: '٩٠' is not a number"),
        ("2005-03-01,IBM,100,110,90,,1", "line 2, column Close: is empty"),
        ("2005-03-01,IBM,100,110,90,null,1", "line 2, column Close: 'null' is not a number"),
        ("2005-03-01,IBM,-100,110,90,105,1", "line 2, column Open: must be above zero"),
        ("2005-03-01,IBM,100,110,0.000000001,105,1", "line 2, column Low: must be above zero"),
        ("2005-03-01,IBM,100,110,90,105,-1", "line 2, column Volume: must not be negative"),
        ("2005-03-01,IBM,100,110,90,105,9999999999999999999", "line 2, column Volume: must have at most 18"),
        (f"2005-03-01,IBM,100,110,90,105,{'9' * 5000}", "line 2, column Volume:"),
        ("2005-03-01,IBM,100,99,90,95,1", "line 2, column High: 99 must not be below open 100"),
        ("2005-03-01,IBM,100,110,90", "line 2: 5 cells where the header has 7"),
        ("2005-03-01,IBM,100,5,110,5,90,105,1", "line 2: 9 cells where the header has 7"),
        ('2005-03-01,"IBM,100,110,90,105,1', "is not well-formed CSV"),
        ('2005-03-01,"IBM"x,100,110,90,105,1', "is not well-formed CSV"),
        (f"2005-03-01,{'A' * 200_000},100,110,90,105,1", "is not well-formed CSV"),
        ("2005-03-01,I\x00BM,100,110,90,105,1", r"column Symbol: 'I\x00BM' is no symbol"),
        ("2005-03-01,\x1b[31m,100,110,90,105,1", r"column Symbol: '\x1b[31m' is no symbol"),
    ],
)
def test_a_bad_line_is_named_with_column_and_rule(tmp_path: Path, line: str, fault: str) -> None:
    """The message is short, safe to print, and enough to repair the file."""
    (found,) = faults_of(written(tmp_path, HEADER + line + "\n"))
    assert fault in found
    assert len(found) < 250
    assert found.isprintable()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("\n\n \n", "is empty"),
        (HEADER, "has no lines below its header"),
        ("Date,Open,High,Low,Close\n2005-03-01,1,1,1,1\n", "header: has no column volume or vol"),
        (GOOD, "header: has no column date or time or timestamp or datetime"),
        ("Date,Time,Open,High,Low,Close,Volume\n", "header: 'Date' and 'Time' both stand for date; keep one"),
        (
            "Date,Open,High,Low,Close,close,Volume\n",
            "header: 'Close' and 'close' both stand for close; keep one",
        ),
        ((HEADER + GOOD).encode("utf-16"), "is not UTF-8 text"),
        (HEADER.encode() + b"2005-03-01,\xff,1,1,1,1,1\n", "is not UTF-8 text"),
        (b"PK\x03\x04\x00\x00", "header: has no column date"),
    ],
)
def test_an_unusable_file_says_why(tmp_path: Path, text: str | bytes, fault: str) -> None:
    """Empty files, foreign headers and other encodings are told apart."""
    assert fault in faults_of(written(tmp_path, text))[0]


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    """A missing file, a folder and a device are no price files."""
    assert faults_of(tmp_path / "none.csv") == ("cannot be read: No such file or directory",)
    assert faults_of(tmp_path) == ("cannot be read: it is not a file",)
    assert faults_of(Path(os.devnull)) == ("cannot be read: it is not a file",)


def test_a_file_above_the_bound_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is looked at before a byte is read."""
    monkeypatch.setattr(table, "MAX_FILE_BYTES", 10)
    path = written(tmp_path, HEADER)
    assert faults_of(path) == (f"cannot be read: it has {len(HEADER)} bytes; at most 10 are read",)


def test_symbols_above_the_bound_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading ends there: what follows could only cost memory."""
    monkeypatch.setattr(csv_file, "MAX_SYMBOLS", 2)
    lines = [f"2005-03-01,{symbol},1,1,1,1,1\n" for symbol in "ABCD"]
    assert faults_of(written(tmp_path, HEADER + "".join(lines))) == (
        "line 4: has more than 2 symbols; the rest is not read",
    )


def test_a_second_bar_of_one_symbol_and_time_is_refused(tmp_path: Path) -> None:
    """Two offsets may name one moment; the message names both lines."""
    lines = GOOD + "2005-03-01,MSFT,1,1,1,1,1\n" + GOOD.replace("2005-03-01", "2005-03-01T01:00:00+01:00")
    assert faults_of(written(tmp_path, HEADER + lines)) == (
        "line 4, column Date: IBM has a bar for 2005-03-01T00:00:00+00:00 on line 2 already",
    )


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    """One run is enough to repair a file: every fault of every line is there, good lines are passed over."""
    lines = "x,IBM,y,110,90,105,1\n" + GOOD + "2005-03-02,?,100,99,90,105,z\n"
    assert [fault.split(":")[0] for fault in faults_of(written(tmp_path, HEADER + lines))] == [
        "line 2, column Date",
        "line 2, column Open",
        "line 4, column Symbol",
        "line 4, column Volume",
    ]


def test_faults_beyond_twenty_are_counted(tmp_path: Path) -> None:
    """A file of another format does not flood the terminal, and says how bad it is."""
    found = faults_of(written(tmp_path, HEADER + "x,IBM,1,1,1,1,1\n" * 1_000))
    assert len(found) == 21
    assert found[-1] == "and 980 more"


def test_twenty_faults_are_all_there(tmp_path: Path) -> None:
    """Nothing is counted as long as everything fits."""
    assert len(faults_of(written(tmp_path, HEADER + "x,IBM,1,1,1,1,1\n" * 20))) == 20


def test_a_fault_beyond_the_list_still_keeps_its_bar_out(tmp_path: Path) -> None:
    """A full list must not let a bad line pass for a good one, nor count it twice."""
    found = faults_of(written(tmp_path, HEADER + "x,IBM,1,1,1,1,1\n" * 20 + "2005-03-01,IBM,1,1,1,x,1\n" * 3))
    assert found[-1] == "and 3 more"


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, tail: bytes) -> None:
    """Whatever is in the file, the answer is steps or a MarketDataError."""
    path = tmp_path_factory.getbasetemp() / "noise.csv"
    path.write_bytes(HEADER.encode() + tail)
    with suppress(MarketDataError):
        assert read_steps(path)


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_a_time_with_an_offset_is_the_same_moment_in_utc(local: datetime, offset_minutes: int) -> None:
    """RFC 3339 times come back as they went in, down to the microsecond."""
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    parsed = parse_time(moment.isoformat())
    assert parsed == moment
    assert parsed is not None
    assert parsed.tzinfo is UTC
