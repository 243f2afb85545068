"""Daily history: bars strictly before a date, or a refusal naming file, line and column."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volguard.adapters.history import FileHistory
from volguard.model.errors import DataError

DATA = Path(__file__).parents[3] / "shared" / "data"
LATER = date(2030, 1, 1)
GOOD = """date,open,high,low,close
2025-08-28,100,110,90,105
2025-08-27,99,101,98,100.5
2025-08-29,105,106,104,105
"""


def folder(tmp_path: Path, text: str, name: str = "nifty_daily.csv") -> FileHistory:
    (tmp_path / name).write_text(text)
    return FileHistory(tmp_path)


def test_bars_are_sorted_and_strictly_before_the_date(tmp_path: Path) -> None:
    history = folder(tmp_path, GOOD)
    bars = history.daily("NIFTY", date(2025, 8, 29))
    assert [bar.day for bar in bars] == [date(2025, 8, 27), date(2025, 8, 28)]
    assert (bars[1].open, bars[1].high, bars[1].low, bars[1].close) == (100.0, 110.0, 90.0, 105.0)
    assert history.origin == str(tmp_path)


def test_an_absent_file_is_no_history(tmp_path: Path) -> None:
    assert folder(tmp_path, GOOD).daily("INDIA_VIX", LATER) == ()


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        FileHistory(tmp_path / "nowhere")


def test_all_three_formats_give_the_same_bars(tmp_path: Path) -> None:
    expected = folder(tmp_path, GOOD).daily("NIFTY", LATER)
    (tmp_path / "a_daily.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    lines = [line.split(",") for line in GOOD.splitlines()]
    columns = dict(zip(lines[0], zip(*lines[1:], strict=True), strict=True))
    table = {name: [float(cell) for cell in columns[name]] for name in lines[0][1:]}
    pq.write_table(
        pa.table({"date": [date.fromisoformat(day) for day in columns["date"]], **table}),
        tmp_path / "b_daily.parquet",
    )
    history = FileHistory(tmp_path)
    assert history.daily("A", LATER) == expected
    assert history.daily("B", LATER) == expected


def test_two_files_for_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nifty_daily.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    with pytest.raises(DataError, match=r"2 files for NIFTY \(nifty_daily.csv, nifty_daily.csv.gz\)"):
        folder(tmp_path, GOOD).daily("NIFTY", LATER)


def test_a_day_of_which_only_the_close_is_known_has_no_range(tmp_path: Path) -> None:
    (bar,) = folder(tmp_path, "date,open,high,low,close\n2021-02-12,0,0,0,23.045\n").daily("NIFTY", LATER)
    assert (bar.open, bar.high, bar.low) == (None, None, None)
    assert bar.close == 23.045


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("2025-08-27,99,101,98,100", "line 5, column date: 2025-08-27 is given twice"),
        ("27/08/2025,99,101,98,100", "line 5, column date: '27/08/2025' is not a date"),
        ("2025-08-30,99,,98,100", "line 5, column high: '' is not a number"),
        ("2025-08-30,99,nan,98,100", "line 5, column high: nan is not a positive number"),
        ("2025-08-30,99,101,98,0", "line 5, column close: 0.0 is not a positive number"),
        ("2025-08-30,99,97,98,100", "line 5, column high: high 97.0 is below low 98.0"),
        ("2025-08-30,99,101", "line 5, column date: 3 cells"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(tmp_path: Path, line: str, text: str) -> None:
    with pytest.raises(DataError, match=text) as refusal:
        folder(tmp_path, f"{GOOD}{line}\n").daily("NIFTY", LATER)
    assert "nifty_daily.csv" in refusal.value.message


def test_a_missing_column_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column close: is missing"):
        folder(tmp_path, "date,open,high,low\n2025-08-28,1,2,1\n").daily("NIFTY", LATER)


def test_a_torn_compressed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nifty_daily.csv.gz").write_bytes(gzip.compress(GOOD.encode())[:-12])
    with pytest.raises(DataError, match="cannot be read"):
        FileHistory(tmp_path).daily("NIFTY", LATER)


@pytest.mark.skipif(not DATA.exists(), reason="the real data is not beside the project")
def test_the_real_history_ends_before_the_trading_date() -> None:
    history = FileHistory(DATA)
    index, vix = (history.daily(name, date(2025, 8, 29)) for name in ("NIFTY", "INDIA_VIX"))
    assert index[-1].day == vix[-1].day == date(2025, 8, 28)
    assert index[-1].close == 24500.9
    assert vix[-1].close == 12.18
    assert len(index) > 3_800
