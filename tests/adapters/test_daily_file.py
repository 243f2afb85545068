"""Daily bars join the CSV file that sessions read: sorted, once each, nothing overwritten in silence."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from volguard.adapters import whole_file
from volguard.adapters.bars import Bar, Conflict
from volguard.adapters.daily_file import DailyFile
from volguard.adapters.history import FileHistory
from volguard.model.errors import DataError
from volguard.model.market import DailyBar

LATER = date(2030, 1, 1)


def bar(day: int, close: float = 24500.9, **more: int) -> Bar[date]:
    """A day of September 2026."""
    return Bar(start=date(2026, 9, day), open=24400.0, high=24600.0, low=24300.05, close=close, **more)


def opened(folder: Path, name: str = "NIFTY") -> DailyFile:
    return DailyFile(folder, name, with_quantities=False)


def test_what_is_written_is_what_a_history_reads(tmp_path: Path) -> None:
    """The file is the very form that sessions read, days ascending."""
    joined = opened(tmp_path).add([bar(3), bar(1), bar(2, 24501.0)], force=False)
    assert (joined.added, joined.same, joined.conflicts) == (3, 0, ())
    assert (tmp_path / "nifty_daily.csv").read_text() == (
        "date,open,high,low,close\n"
        "2026-09-01,24400.00,24600.00,24300.05,24500.90\n"
        "2026-09-02,24400.00,24600.00,24300.05,24501.00\n"
        "2026-09-03,24400.00,24600.00,24300.05,24500.90\n"
    )
    read = FileHistory(tmp_path).daily("NIFTY", LATER)
    assert [known.day.day for known in read] == [1, 2, 3]
    assert read[0] == DailyBar(day=date(2026, 9, 1), open=24400.0, high=24600.0, low=24300.05, close=24500.9)


def test_new_days_join_and_old_ones_stay(tmp_path: Path) -> None:
    """A second run adds what is new; what is there is not written again when nothing is."""
    opened(tmp_path).add([bar(1), bar(4)], force=False)
    joined = opened(tmp_path).add([bar(1), bar(2), bar(3)], force=False)
    assert (joined.added, joined.same) == (2, 1)
    path = tmp_path / "nifty_daily.csv"
    before = path.stat().st_mtime_ns
    again = opened(tmp_path).add([bar(1), bar(2), bar(3), bar(4)], force=False)
    assert (again.added, again.same, path.stat().st_mtime_ns) == (0, 4, before)
    assert [day.day for day in opened(tmp_path).days] == [1, 2, 3, 4]


def test_the_users_own_file_keeps_its_lines_and_columns(tmp_path: Path) -> None:
    """More columns, more decimals, closes without a range: what the user wrote stays letter for letter."""
    path = tmp_path / "india_vix_daily.csv"
    path.write_text(
        "Date,Close,Open,High,Low,note\n2026-09-02,12.1825,12,12.5,11.9,mine\n2026-09-01,13,0,0,0,\n"
    )
    vix = Bar(start=date(2026, 9, 2), open=12.0, high=12.5, low=11.9, close=12.18)
    first = Bar(start=date(2026, 9, 1), open=13.1, high=13.4, low=12.9, close=13.0)
    new = Bar(start=date(2026, 9, 3), open=12.0, high=12.5, low=11.9, close=12.2)
    joined = opened(tmp_path, "INDIA_VIX").add([vix, first, new], force=False)
    assert (joined.added, joined.same, joined.conflicts) == (1, 2, ())
    assert path.read_text() == (
        "Date,Close,Open,High,Low,note\n2026-09-01,13,0,0,0,\n2026-09-02,12.1825,12,12.5,11.9,mine\n"
        "2026-09-03,12.20,12.00,12.50,11.90,\n"
    )


def test_another_figure_is_a_conflict_and_kept(tmp_path: Path) -> None:
    """A day that comes with another close is told and kept; force puts the new one in its place."""
    opened(tmp_path).add([bar(1), bar(2)], force=False)
    joined = opened(tmp_path).add([bar(1, 24550.0), bar(3)], force=False)
    assert joined.conflicts == (
        Conflict(start=date(2026, 9, 1), text="close: 24500.9 is there, now 24550.00"),
    )
    assert joined.added == 1
    assert opened(tmp_path).bars[date(2026, 9, 1)].close == 24500.9
    forced = opened(tmp_path).add([bar(1, 24550.0)], force=True)
    assert (forced.replaced, forced.conflicts) == (1, ())
    assert opened(tmp_path).bars[date(2026, 9, 1)].close == 24550.0
    assert len(opened(tmp_path).bars) == 3


def test_a_difference_below_the_paisa_is_none(tmp_path: Path) -> None:
    """Two decimals and four are the same figure; a whole paisa is another one."""
    opened(tmp_path).add([bar(1, 24500.9)], force=False)
    assert opened(tmp_path).add([bar(1, 24500.905)], force=False).same == 1
    assert len(opened(tmp_path).add([bar(1, 24500.91)], force=False).conflicts) == 1


def test_an_options_file_has_its_quantities(tmp_path: Path) -> None:
    """Of an option volume and open interest are kept, in units; a history reads the file all the same."""
    file = DailyFile(tmp_path, "nifty_2026-09-22_24500_ce", with_quantities=True)
    file.add([bar(1, volume=650, oi=65_000)], force=False)
    assert file.path.read_text().splitlines() == [
        "date,open,high,low,close,volume,oi",
        "2026-09-01,24400.00,24600.00,24300.05,24500.90,650,65000",
    ]
    assert len(FileHistory(tmp_path).daily("NIFTY_2026-09-22_24500_CE", LATER)) == 1


def test_a_name_that_is_kept_in_another_form_is_refused(tmp_path: Path) -> None:
    """Two files for one name would be refused by every session: nothing is written beside the other."""
    (tmp_path / "nifty_daily.csv.gz").write_bytes(gzip.compress(b"date,open,high,low,close\n"))
    with pytest.raises(
        DataError, match=r"nifty_daily.csv.gz holds the history of NIFTY: it cannot be added to"
    ):
        opened(tmp_path)


def test_a_file_that_a_history_refuses_is_refused(tmp_path: Path) -> None:
    """A day twice, a bad number, a missing column: named as sessions name it, and left as it is."""
    path = tmp_path / "nifty_daily.csv"
    for text, why in (
        ("date,open,high,low,close\n2026-09-01,1,1,1,1\n2026-09-01,1,1,1,1\n", "line 3, column date"),
        ("date,open,high,low,close\n2026-09-01,1,1,1\n", "line 2, column date: 4 cells"),
        ("date,open,high,low\n", "column close: is missing"),
        ("", "is missing"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=why):
            opened(tmp_path)
        assert path.read_text() == text


def test_a_write_that_is_cut_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it is written, the old file is whole, and the next run adds the day."""
    opened(tmp_path).add([bar(1)], force=False)
    before = (tmp_path / "nifty_daily.csv").read_text()

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(whole_file, "_flush", killed)
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path).add([bar(2)], force=False)
    monkeypatch.undo()
    assert (tmp_path / "nifty_daily.csv").read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["nifty_daily.csv"]
    assert opened(tmp_path).add([bar(2)], force=False).added == 1
