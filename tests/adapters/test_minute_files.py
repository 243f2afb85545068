"""One-minute bars lie in a file a month, once each, to the last bit."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volguard.adapters import minute_files
from volguard.adapters.bars import Bar
from volguard.adapters.minute_files import MinuteMonth
from volguard.model.errors import DataError
from volguard.model.units import IST

SEPTEMBER = date(2026, 9, 1)
OPEN = datetime(2026, 9, 16, 9, 15, tzinfo=IST)


def bar(minute: int, close: float = 24500.9) -> Bar[datetime]:
    return Bar(
        start=OPEN + timedelta(minutes=minute),
        open=24500.0,
        high=24510.05,
        low=24490.0,
        close=close,
        volume=650,
        oi=65,
    )


def test_a_month_is_one_file_that_others_can_read(tmp_path: Path) -> None:
    """Starts in IST, prices, quantities in units, sorted whatever order they came in."""
    month = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)
    joined = month.add([bar(2), bar(0), bar(1)], force=False)
    assert (joined.added, month.path) == (3, tmp_path / "nifty_1min" / "2026-09.parquet")
    table = pq.read_table(month.path)
    assert table.column_names == ["ts", "open", "high", "low", "close", "volume", "oi"]
    assert str(table.schema.field("ts").type) == "timestamp[us, tz=Asia/Kolkata]"
    assert table.schema.metadata[b"quantity_unit"] == b"units"
    assert [ts.hour * 60 + ts.minute for ts in table["ts"].to_pylist()] == [555, 556, 557]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """The next run finds the very same bars, with their days counted."""
    written = [bar(minute) for minute in range(5)] + [bar(60 * 24)]
    MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).add(written, force=False)
    again = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)
    assert list(again.bars.values()) == written
    assert again.days == {date(2026, 9, 16): 5, date(2026, 9, 17): 1}


def test_bars_join_without_doubles(tmp_path: Path) -> None:
    """The same bar is nothing new, another figure is a conflict and kept, force replaces it."""
    MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).add([bar(0), bar(1)], force=False)
    joined = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).add([bar(0), bar(1, 24501.0), bar(2)], force=False)
    assert (joined.added, joined.same) == (1, 1)
    assert [(c.start, c.text) for c in joined.conflicts] == [
        (OPEN + timedelta(minutes=1), "close: 24500.9 is there, now 24501.00")
    ]
    forced = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).add([bar(1, 24501.0)], force=True)
    assert forced.replaced == 1
    assert [b.close for b in MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).bars.values()] == [
        *(24500.9, 24501.0, 24500.9)
    ]


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    """A month without news keeps its file untouched; one without any bar gets none."""
    assert MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).add([], force=False).added == 0
    assert list(tmp_path.iterdir()) == []
    month = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)
    month.add([bar(0)], force=False)
    before = month.path.stat().st_mtime_ns
    MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).add([bar(0)], force=True)
    assert month.path.stat().st_mtime_ns == before


def test_a_torn_month_is_named_and_left(tmp_path: Path) -> None:
    """A file cut at any place is an error with its path and never written over."""
    month = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)
    month.add([bar(minute) for minute in range(50)], force=False)
    content = month.path.read_bytes()
    for length in range(0, len(content), 211):
        month.path.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"2026-09.parquet: cannot be read"):
            MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)


def test_no_flipped_bit_becomes_another_price(tmp_path: Path) -> None:
    """With a bit flipped anywhere, a month is refused by name or shows the very same bars."""
    month = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)
    month.add([bar(minute) for minute in range(50)], force=False)
    content, bars = month.path.read_bytes(), dict(month.bars)
    refused = 0
    for place in range(0, len(content), 7):
        month.path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            assert MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).bars == bars
        except DataError as error:
            assert str(month.path) in error.message
            refused += 1
    assert refused > len(content) / 7 / 4


def test_another_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """A Parquet file of other columns is told with them."""
    month = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)
    month.path.parent.mkdir()
    pq.write_table(pa.table({"ts": [OPEN], "price": [1.0]}), month.path)
    with pytest.raises(DataError, match="has the columns ts, price"):
        MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)


def test_a_write_that_is_cut_keeps_the_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it is written, the month is as it was before."""
    MinuteMonth(tmp_path, "NIFTY", SEPTEMBER).add([bar(0)], force=False)
    month = MinuteMonth(tmp_path, "NIFTY", SEPTEMBER)
    before = month.path.read_bytes()

    def killed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(minute_files, "_schema", killed)
    with pytest.raises(KeyboardInterrupt):
        month.add([bar(1)], force=False)
    assert month.path.read_bytes() == before
