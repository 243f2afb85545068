"""Option days are kept once each, in known units; what is there is never changed behind anybody's back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.adapters.bhavcopy_samples import NEW_YEAR, legacy, udiff, udiff_line
from volguard.adapters import bhavcopy_store
from volguard.adapters.bhavcopy_file import read_bhavcopy
from volguard.adapters.bhavcopy_store import BhavcopyStore, DayFate, NewDay
from volguard.model.errors import DataError


def day_of(path: Path) -> NewDay:
    """The NIFTY options of a file."""
    read = read_bhavcopy(path, ("NIFTY",))
    return NewDay(trade_date=read.trade_date, rows=read.rows["NIFTY"], source=path.name)


def made_up(folder: Path, number: int, *, close: float = 100.0, strikes: int = 3) -> NewDay:
    """A day of calls, so many days after the first of June."""
    day = date(2024, 6, 1) + timedelta(days=number)
    strikes_of = range(24000, 24000 + 50 * strikes, 50)
    return day_of(udiff(folder, *(udiff_line(day, strike, close=close) for strike in strikes_of), day=day))


def put(folder: Path, *days: NewDay, force: bool = False) -> list[DayFate]:
    _, fates = BhavcopyStore(folder, "NIFTY").put(2024, days, force=force)
    return [fate.fate for fate in fates]


def test_a_year_is_one_file_with_its_units(tmp_path: Path) -> None:
    """One row per contract and day, a row group a day, the unit of each figure in the metadata."""
    year, fates = BhavcopyStore(tmp_path, "NIFTY").put(
        2024, [day_of(udiff(tmp_path)), made_up(tmp_path, 0)], force=False
    )
    assert [fate.fate for fate in fates] == [DayFate.ADDED, DayFate.ADDED]
    assert (year.path, year.first, year.last) == (
        tmp_path / "NIFTY" / "2024.parquet",
        NEW_YEAR,
        date(2024, 6, 1),
    )
    assert (year.days, year.rows) == (2, 6)
    with pq.ParquetFile(year.path) as file:
        notes = file.schema_arrow.metadata
        assert file.num_row_groups == 2
    assert {key: notes[key] for key in (b"contracts_unit", b"oi_unit", b"underlying")} == {
        b"contracts_unit": b"lots",
        b"oi_unit": b"units",
        b"underlying": b"NIFTY",
    }
    assert notes[b"turnover_unit"] == b"rupees of (strike + premium) x units"
    row = pq.read_table(year.path).to_pylist()[0]
    assert (row["trade_date"], row["expiry"], row["strike"], row["option_type"]) == (
        *(NEW_YEAR, date(2024, 2, 29), 21400, "CE"),
    )
    assert (row["contracts"], row["oi"], row["lot_size"], row["underlying_close"]) == (
        160,
        20450,
        50,
        21741.9,
    )
    assert row["source"] == "BhavCopy_NSE_FO_0_0_0_20240101_F_0000.csv"


def test_days_come_in_any_order_and_lie_sorted(tmp_path: Path) -> None:
    """Whatever the order of the files, the days of the year ascend."""
    put(tmp_path, made_up(tmp_path, 5), made_up(tmp_path, 3))
    put(tmp_path, made_up(tmp_path, 4), day_of(udiff(tmp_path)))
    days = pq.read_table(tmp_path / "NIFTY" / "2024.parquet")["trade_date"].to_pylist()
    assert days == sorted(days) and len(set(days)) == 4


def test_the_same_day_again_changes_nothing(tmp_path: Path) -> None:
    """A day that is there with the same figures is left; the file is not even written again."""
    put(tmp_path, made_up(tmp_path, 0))
    path = tmp_path / "NIFTY" / "2024.parquet"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    assert put(tmp_path, made_up(tmp_path, 0), made_up(tmp_path, 0)) == [DayFate.THERE, DayFate.THERE]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_day_twice_in_one_go_is_there_once(tmp_path: Path) -> None:
    """The second of two files of one day finds the first one's rows, before anything is written."""
    assert put(tmp_path, made_up(tmp_path, 0), made_up(tmp_path, 0)) == [DayFate.ADDED, DayFate.THERE]
    assert pq.read_table(tmp_path / "NIFTY" / "2024.parquet").num_rows == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"close": 101.0}, "close: 100.0 is there, now 101.0"),
        ({"oi": 65}, "oi: 650 is there, now 65"),
        ({"contracts": 11}, "contracts: 10 is there, now 11"),
        ({"turnover_inr": 1.0}, "turnover_inr: 15665000.0 is there, now 1.0"),
        ({"lot_size": 75}, "lot_size: 65 is there, now 75"),
        ({"strike": 29000}, "2024-12-31 24000 CE is in only one of them"),
    ],
)
def test_other_figures_are_a_conflict_and_kept_unless_forced(
    tmp_path: Path, change: dict[str, float], reason: str
) -> None:
    """A day that says something else is told with the first difference; only force puts it in the place."""
    day = made_up(tmp_path, 0)
    put(tmp_path, day, made_up(tmp_path, 1))
    path = tmp_path / "NIFTY" / "2024.parquet"
    before = path.read_bytes()
    other = replace(day, rows=(replace(day.rows[0], **change), *day.rows[1:]))
    store = BhavcopyStore(tmp_path, "NIFTY")
    (kept,) = store.put(2024, [other], force=False)[1]
    assert kept.fate is DayFate.CONFLICT and reason in kept.reason
    assert path.read_bytes() == before
    (replaced,) = store.put(2024, [other], force=True)[1]
    assert (replaced.fate, replaced.reason) == (DayFate.REPLACED, kept.reason)
    assert put(tmp_path, other, made_up(tmp_path, 1)) == [DayFate.THERE, DayFate.THERE]


def test_both_forms_of_a_day_agree_and_the_richer_stays(tmp_path: Path) -> None:
    """The legacy and the UDiFF file of one day are no conflict: what only UDiFF knows is added, and kept."""
    assert put(tmp_path, day_of(legacy(tmp_path))) == [DayFate.ADDED]
    assert put(tmp_path, day_of(udiff(tmp_path))) == [DayFate.ENRICHED]
    assert put(tmp_path, day_of(legacy(tmp_path))) == [DayFate.THERE]
    lots = pq.read_table(tmp_path / "NIFTY" / "2024.parquet")["lot_size"].to_pylist()
    assert lots == [50, 50, 50]


def test_a_write_that_is_cut_keeps_the_year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while the year is written anew, the old file is whole; the next try adds the day."""
    put(tmp_path, made_up(tmp_path, 0))
    path = tmp_path / "NIFTY" / "2024.parquet"
    before = path.read_bytes()
    table = bhavcopy_store._table

    def killed(day: NewDay, schema: object) -> object:
        if day.trade_date.day == 3:
            raise KeyboardInterrupt
        return table(day, schema)

    monkeypatch.setattr(bhavcopy_store, "_table", killed)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, made_up(tmp_path, 1), made_up(tmp_path, 2))
    monkeypatch.undo()
    assert path.read_bytes() == before and sorted(path.parent.iterdir()) == [path]
    assert put(tmp_path, *(made_up(tmp_path, number) for number in range(3))) == [
        *(DayFate.THERE, DayFate.ADDED, DayFate.ADDED)
    ]


def test_a_damaged_year_is_named_and_left(tmp_path: Path) -> None:
    """A torn or foreign file in the year's place is an error with its path, never written over."""
    put(tmp_path, made_up(tmp_path, 0))
    path = tmp_path / "NIFTY" / "2024.parquet"
    torn = path.read_bytes()[:-9]
    path.write_bytes(torn)
    with pytest.raises(DataError, match=r"2024.parquet: cannot be read"):
        put(tmp_path, made_up(tmp_path, 1))
    assert path.read_bytes() == torn
    pq.write_table(pq.read_table(_other(tmp_path)), path)
    with pytest.raises(DataError, match="not a file of option days"):
        put(tmp_path, made_up(tmp_path, 1))


def _other(folder: Path) -> Path:
    import pyarrow as pa

    path = folder / "other.parquet"
    pq.write_table(pa.table({"trade_date": [NEW_YEAR]}), path)
    return path


def test_years_and_underlyings_lie_apart(tmp_path: Path) -> None:
    """Each underlying has its folder, each year its file."""
    store = BhavcopyStore(tmp_path, "BANKNIFTY")
    assert store.path_of(2023) == tmp_path / "BANKNIFTY" / "2023.parquet"
