"""Replay: a recorded session is what the file says, or it is refused with file, column and row group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volguard.adapters.replay import ReplayMarket
from volguard.model.errors import DataError
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.model.units import IST

REAL = Path(__file__).parents[3] / "shared" / "data" / "nifty_chain_2025-08-29.parquet"
START = datetime(2025, 8, 29, 9, 15, tzinfo=IST)
NEAR, FAR = date(2025, 9, 2), date(2025, 9, 30)
Columns = dict[str, list[Any]]

needs_real = pytest.mark.skipif(not REAL.exists(), reason="the real chain file is not beside the project")


def chain(snapshots: int = 4, step_s: float = 60.0) -> Columns:
    """Two expiries, two strikes, both rights, at every step."""
    rows = [
        (START + timedelta(seconds=step_s * i), expiry, strike, kind)
        for i in range(snapshots)
        for expiry in (NEAR, FAR)
        for strike in (24500, 24600)
        for kind in ("CE", "PE")
    ]
    n = len(rows)
    return {
        "ts": [row[0] for row in rows],
        "underlying": ["NIFTY"] * n,
        "expiry": [row[1] for row in rows],
        "strike": [row[2] for row in rows],
        "option_type": [row[3] for row in rows],
        "bid": [10.0 + i for i in range(n)],
        "bid_qty": [75] * n,
        "ask": [10.5 + i for i in range(n)],
        "ask_qty": [150] * n,
        "ltp": [10.25 + i for i in range(n)],
        "volume": list(range(n)),
        "oi": [100] * n,
        "iv": [9.5] * n,
    }


TYPES: dict[str, pa.DataType] = {
    "ts": pa.timestamp("us", tz="Asia/Kolkata"),
    "quote_ts": pa.timestamp("ms", tz="Asia/Kolkata"),
    "expiry": pa.date32(),
    "strike": pa.int32(),
}


def write(
    path: Path, columns: Columns, *, rows_per_group: int | None = None, unit: str = "", **types: Any
) -> Path:
    """The columns as a chain file."""
    kinds = TYPES | types
    table = pa.table({name: pa.array(values, type=kinds.get(name)) for name, values in columns.items()})
    if unit:
        table = table.replace_schema_metadata({"quantity_unit": unit})
    pq.write_table(table, path, row_group_size=rows_per_group)
    return path


def replay(path: Path, lot: int = 75) -> ReplayMarket:
    return ReplayMarket(path, lot_size=lambda _day, _expiry: lot)


def reordered(columns: Columns, order: list[int]) -> Columns:
    return {name: [values[i] for i in order] for name, values in columns.items()}


def test_a_file_becomes_one_snapshot_per_time_sorted_by_contract(tmp_path: Path) -> None:
    market = replay(write(tmp_path / "a.parquet", chain()))
    snapshots = list(market.snapshots())
    first = snapshots[0]
    assert [s.ts for s in snapshots] == [START + timedelta(minutes=i) for i in range(4)]
    assert first.listing.expiries == (NEAR, FAR)
    assert first.listing.strike.tolist() == [24500, 24500, 24600, 24600] * 2
    assert first.listing.is_call.tolist() == [True, False] * 4
    assert first.bid.tolist() == [10.0 + i for i in range(8)]
    assert first.vendor_iv[0] == pytest.approx(0.095)
    assert market.info.trading_date == date(2025, 8, 29)
    assert market.info.underlying == "NIFTY"


def test_snapshots_with_the_same_contracts_share_one_listing(tmp_path: Path) -> None:
    columns = chain(5)
    shorter = reordered(columns, [i for i in range(40) if not 16 <= i < 18])  # the third lacks a strike
    listings = [s.listing for s in replay(write(tmp_path / "a.parquet", shorter)).snapshots()]
    assert listings[0] is listings[1] is listings[3] is listings[4]
    assert len(listings[2]) == 6


def test_rows_in_any_order_and_any_row_groups_give_the_same_snapshots(tmp_path: Path) -> None:
    columns = chain()
    shuffled = reordered(columns, np.random.default_rng(3).permutation(32).tolist())
    expected = list(replay(write(tmp_path / "a.parquet", columns)).snapshots())
    for name, given, rows in (
        ("b", shuffled, None),
        ("c", columns, 5),
        ("d", shuffled, 7),
        ("e", columns, 1),
    ):
        found = list(replay(write(tmp_path / f"{name}.parquet", given, rows_per_group=rows)).snapshots())
        assert [s.ts for s in found] == [s.ts for s in expected]
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a.bid, b.bid)
            np.testing.assert_array_equal(a.listing.strike, b.listing.strike)


def test_after_gives_strictly_later_snapshots(tmp_path: Path) -> None:
    market = replay(write(tmp_path / "a.parquet", chain(), rows_per_group=8))
    later = list(market.snapshots(after=START + timedelta(minutes=1)))
    assert [s.ts for s in later] == [START + timedelta(minutes=2), START + timedelta(minutes=3)]


def test_a_zero_price_is_no_quote_and_shows_no_size(tmp_path: Path) -> None:
    columns = chain()
    columns["bid"][0] = columns["ask"][1] = columns["ltp"][2] = columns["iv"][3] = 0.0
    first = next(replay(write(tmp_path / "a.parquet", columns)).snapshots())
    assert np.isnan([first.bid[0], first.ask[1], first.ltp[2], first.vendor_iv[3]]).all()
    assert (first.bid_qty[0], first.ask_qty[1]) == (0, 0)
    assert (first.bid_qty[1], first.ask_qty[0]) == (75, 150)


@pytest.mark.parametrize(("unit", "factor"), [("", 75), ("lots", 75), ("units", 1)])
def test_volume_and_open_interest_become_units(tmp_path: Path, unit: str, factor: int) -> None:
    first = next(replay(write(tmp_path / "a.parquet", chain(), unit=unit)).snapshots())
    assert first.volume.tolist() == [i * factor for i in range(8)]
    assert first.oi.tolist() == [100 * factor] * 8
    assert first.bid_qty.tolist() == [75] * 8  # the touch is in units in every file


def test_lots_are_those_of_each_expiry(tmp_path: Path) -> None:
    sizes = {(START.date(), NEAR): 75, (START.date(), FAR): 65}
    market = ReplayMarket(
        write(tmp_path / "a.parquet", chain()), lot_size=lambda day, expiry: sizes[day, expiry]
    )
    assert next(market.snapshots()).oi.tolist() == [7500] * 4 + [6500] * 4


def test_cadence_is_the_median_distance_of_snapshots(tmp_path: Path) -> None:
    columns = chain(5, 30.0)
    columns["ts"][32:] = [START + timedelta(minutes=20)] * 8
    assert replay(write(tmp_path / "a.parquet", columns)).info.capabilities.cadence_s == 30.0


def test_optional_columns_set_the_capabilities(tmp_path: Path) -> None:
    columns = chain(2)
    plain = replay(write(tmp_path / "plain.parquet", columns))
    columns["quote_ts"] = [ts - timedelta(seconds=2.5) for ts in columns["ts"]]
    columns["quote_ts"][1] = None
    columns["underlying_ltp"] = [24510.5] * 8 + [None] * 8
    columns["vix"] = [11.75] * 16
    full = replay(write(tmp_path / "full.parquet", columns))
    a, b = list(full.snapshots())
    bare = plain.info.capabilities
    assert (bare.spot, bare.vix, bare.quote_time, bare.depth) == (False, False, False, False)
    rich = full.info.capabilities
    assert (rich.spot, rich.vix, rich.quote_time, rich.depth) == (True, True, True, False)
    assert a.quote_age_s is not None
    np.testing.assert_array_equal(a.quote_age_s, [2.5, np.nan, *[2.5] * 6])
    assert (a.underlying_ltp, b.underlying_ltp) == (24510.5, None)
    assert a.vix == pytest.approx(0.1175)
    assert next(plain.snapshots()).quote_age_s is None


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    one = replay(write(tmp_path / "a.parquet", chain())).info.digest
    same = replay(write(tmp_path / "b.parquet", chain())).info.digest
    other = replay(write(tmp_path / "c.parquet", chain(5))).info.digest
    assert one == same != other


def test_columns_are_read_only(tmp_path: Path) -> None:
    first = next(replay(write(tmp_path / "a.parquet", chain())).snapshots())
    with pytest.raises(ValueError, match="read-only"):
        first.bid[0] = 1.0


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("bid", -1.0, "row group 1, column bid: negative value in row 2 of the group"),
        ("ask", float("nan"), "row group 1, column ask: no number in row 2"),
        ("bid_qty", -75, "row group 1, column bid_qty: negative quantity"),
        ("strike", 24500.5, "row group 1, column strike: strike that is no whole number"),
        ("strike", 0, "row group 1, column strike: impossible strike"),
        ("option_type", "XX", "row group 1, column option_type: 'XX' in row 2"),
        ("expiry", date(2025, 8, 28), "row group 1, column expiry: expiry before the trading date"),
        ("ltp", None, "row group 1, column ltp: null in row 2"),
        ("underlying", None, "row group 1, column underlying: null in row 2"),
        ("underlying", "BANKNIFTY", r"column underlying: 2 underlyings \(BANKNIFTY, NIFTY\)"),
        ("ts", START + timedelta(days=3), "column ts: 2 trading dates"),
    ],
)
def test_an_impossible_value_is_refused_with_its_place(
    tmp_path: Path, column: str, value: object, text: str
) -> None:
    columns = chain()
    columns[column][10] = value
    with pytest.raises(DataError, match=text) as refusal:
        replay(write(tmp_path / "a.parquet", columns, rows_per_group=8, strike=pa.float64()))
    assert "a.parquet" in refusal.value.message
    assert refusal.value.hint


def test_a_contract_given_twice_at_one_time_is_refused_by_name(tmp_path: Path) -> None:
    columns = reordered(chain(), [*range(32), 11])
    with pytest.raises(DataError, match=r"two rows for NIFTY 2025-09-02 24600 PE at 2025-08-29T09:16:00"):
        replay(write(tmp_path / "a.parquet", columns))


def without_bid(columns: Columns) -> None:
    del columns["bid"]


def without_rows(columns: Columns) -> None:
    for name in columns:
        columns[name] = []


@pytest.mark.parametrize(
    ("change", "types", "text"),
    [
        (without_bid, {}, "column bid is missing in every row group"),
        (None, {"ts": pa.timestamp("us")}, "column ts has type timestamp.us. in every row group"),
        (None, {"ts": pa.timestamp("us", tz="UTC")}, "must be a timestamp with time zone Asia/Kolkata"),
        (None, {"volume": pa.float64()}, "column volume has type double .* must be a whole number"),
        (without_rows, {"underlying": pa.string(), "option_type": pa.string()}, "null|no rows"),
    ],
)
def test_another_schema_is_refused_with_column_and_type(
    tmp_path: Path, change: Callable[[Columns], None] | None, types: dict[str, Any], text: str
) -> None:
    columns = chain()
    if change:
        change(columns)
    naive = types.get("ts") == pa.timestamp("us")
    if naive:
        columns["ts"] = [ts.replace(tzinfo=None) for ts in columns["ts"]]
    with pytest.raises(DataError, match=text):
        replay(write(tmp_path / "a.parquet", columns, **types))


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.parquet", chain()).read_bytes()
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"torn\.parquet: not a whole Parquet file"):
        replay(torn)
    with pytest.raises(DataError, match="no such file"):
        replay(tmp_path / "absent.parquet")


def test_a_damaged_page_is_refused_with_column_and_row_group(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", chain(), rows_per_group=16)
    footer = pq.ParquetFile(path).metadata
    place = next(
        footer.row_group(1).column(i)
        for i in range(footer.num_columns)
        if footer.row_group(1).column(i).path_in_schema == "ask"
    )
    raw = bytearray(path.read_bytes())
    start = place.dictionary_page_offset or place.data_page_offset
    raw[start : start + place.total_compressed_size] = b"\xff" * place.total_compressed_size
    path.write_bytes(raw)
    with pytest.raises(DataError, match="row group 1, column ask: cannot be read"):
        replay(path)


def test_an_unknown_quantity_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="quantity_unit is 'crates'"):
        replay(write(tmp_path / "a.parquet", chain(), unit="crates"))


def test_one_snapshot_needs_a_stated_cadence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", chain(1))
    with pytest.raises(DataError, match="no cadence can be told"):
        replay(path)
    market = ReplayMarket(path, lot_size=lambda _day, _expiry: 75, cadence_s=60.0)
    assert len(list(market.snapshots())) == 1


@pytest.fixture(scope="module")
def real() -> Iterator[ReplayMarket]:
    yield replay(REAL)


@needs_real
def test_the_real_day_has_292_snapshots_over_18_expiries(real: ReplayMarket) -> None:
    snapshots = list(real.snapshots())
    assert len(snapshots) == 292
    assert real.info.capabilities.cadence_s == 60.0
    assert len({id(s.listing) for s in snapshots}) == 2
    assert len(snapshots[-1].listing.expiries) == 18
    assert max((b.ts - a.ts).total_seconds() for a, b in pairwise(snapshots)) == 1110.0


@needs_real
def test_the_real_day_agrees_with_an_independent_reader(real: ReplayMarket) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(REAL)
    snapshot = list(real.snapshots())[100]
    rows = frame[frame.ts == snapshot.ts]
    assert len(rows) == len(snapshot.listing)
    for row in rows.sample(200, random_state=1).itertuples():
        contract = OptionContract(
            underlying=Underlying("NIFTY"),
            expiry=row.expiry,
            strike=int(row.strike),
            option_type=OptionType(row.option_type),
        )
        place = snapshot.listing.row(contract)
        assert place is not None
        assert snapshot.bid[place] == row.bid or (row.bid == 0 and np.isnan(snapshot.bid[place]))
        assert snapshot.ask_qty[place] == (row.ask_qty if row.ask else 0)
        assert snapshot.volume[place] == 75 * row.volume
        assert snapshot.oi[place] == 75 * row.oi
