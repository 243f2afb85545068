"""Chain files that are written here are the ones that a replay reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.adapters.journal_samples import TS, small_listing, small_snapshot
from volguard.adapters.chain_file import inspect_chain
from volguard.adapters.chain_writer import ChainWriter, columns_given_by, unfit
from volguard.adapters.replay import ReplayMarket
from volguard.model.errors import DataError
from volguard.model.market import COLUMNS, Capabilities, ChainSnapshot

ALL = ("quote_ts", "underlying_ltp", "vix")
AGES = np.array([0.0, 0.25, 1.5, np.nan, *[2.0] * 8])


def live_snapshot(number: int, **changes: Any) -> ChainSnapshot:
    """A snapshot with everything that a live source gives."""
    given = {"quote_age_s": AGES, "underlying_ltp": 24510.35 + number, "vix": 0.1175}
    return small_snapshot(number, **(given | changes))


def rotten(path: Path) -> bytes:
    """The content of a chain file with one bit of its bids flipped."""
    with pq.ParquetFile(path) as file:
        bids = file.metadata.row_group(0).column(file.schema_arrow.get_field_index("bid"))
    content = bytearray(path.read_bytes())
    content[bids.dictionary_page_offset + bids.total_compressed_size - 2] ^= 1
    return bytes(content)


def written(path: Path, *snapshots: ChainSnapshot) -> Path:
    with ChainWriter(path, optional=ALL, notes={"source": "test"}) as writer:
        for snapshot in snapshots:
            writer.add(snapshot)
    assert writer.snapshots == len(snapshots)
    assert writer.rows == sum(len(snapshot.listing) for snapshot in snapshots)
    return path


def test_what_is_written_is_replayed_to_the_last_bit(tmp_path: Path) -> None:
    """Every column, the age of each quote, the level and the VIX come back as they went in."""
    path = written(tmp_path / "a.parquet", *(live_snapshot(number) for number in range(3)))
    replayed = list(ReplayMarket(path, lot_size=lambda *_: 1).snapshots())
    for number, shot in enumerate(replayed):
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(shot, name), getattr(live_snapshot(number), name))
        np.testing.assert_array_equal(shot.quote_age_s, AGES)
        assert (shot.ts, shot.underlying_ltp, shot.vix) == (
            *(TS + timedelta(minutes=number), 24510.35 + number, 0.1175),
        )
    assert len(replayed) == 3


def test_the_metadata_tells_unit_and_source(tmp_path: Path) -> None:
    """Quantities are in units of the underlying, and the notes stand beside that."""
    summary = inspect_chain(written(tmp_path / "a.parquet", live_snapshot(0), live_snapshot(1)))
    assert summary.metadata == {"quantity_unit": "units", "source": "test"}
    assert (summary.quantity_unit, summary.problems) == ("units", ())


def test_quotes_of_the_future_and_of_never_stay_readable(tmp_path: Path) -> None:
    """An age below zero is a quote of this very moment, an endless one a quote without a time."""
    ages = np.array([-0.5, np.inf, *[1.0] * 10])
    path = written(tmp_path / "a.parquet", live_snapshot(0, quote_age_s=ages), live_snapshot(1))
    shot = next(iter(ReplayMarket(path, lot_size=lambda *_: 1).snapshots()))
    assert shot.quote_age_s is not None
    np.testing.assert_array_equal(shot.quote_age_s, [0.0, np.nan, *[1.0] * 10])


def test_long_sessions_are_cut_into_row_groups(tmp_path: Path) -> None:
    """Groups end with a snapshot near a hundred thousand rows, so that memory stays small."""
    listing = small_listing([float(strike) for strike in range(10_000, 60_000, 5)])
    shots = [small_snapshot(number, listing) for number in range(6)]
    with ChainWriter(tmp_path / "a.parquet", optional=()) as writer:
        for shot in shots:
            writer.add(shot)
    footer = pq.ParquetFile(tmp_path / "a.parquet")
    with footer:
        rows = [footer.metadata.row_group(group).num_rows for group in range(footer.num_row_groups)]
    assert rows == [120_000, 120_000]


def test_a_page_that_rots_is_seen(tmp_path: Path) -> None:
    """Pages carry checksums: one flipped bit in the middle is an error, not another price."""
    path = written(tmp_path / "a.parquet", live_snapshot(0), live_snapshot(1))
    path.write_bytes(rotten(path))
    with pytest.raises(DataError, match=r"column bid: cannot be read .*checksum"):
        ReplayMarket(path, lot_size=lambda *_: 1)


def test_a_source_decides_which_columns_there_are() -> None:
    """What a source can never give has no column: its absence is no breach in a replay."""
    capabilities = Capabilities(spot=True, vix=False, quote_time=True, depth=False, cadence_s=3.0)
    assert columns_given_by(capabilities) == ("quote_ts", "underlying_ltp")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"bid": np.full(12, -0.05)}, "column bid: negative or infinite"),
        ({"ltp": np.full(12, np.inf)}, "column ltp: negative or infinite"),
        ({"oi": np.full(12, -1)}, "column oi: negative or infinite"),
        ({"vendor_iv": np.full(12, -0.1)}, "column vendor_iv: negative or infinite"),
        ({"vix": -0.1}, "column vix: -0.1"),
        ({"underlying_ltp": float("nan")}, "column underlying_ltp: nan"),
        ({"ts": TS + timedelta(days=9)}, "an expiry before the trading date (2025-09-02)"),
        ({"listing": small_listing((24400.5, 24500.0, 24600.0))}, "a strike that is no whole number"),
    ],
)
def test_what_would_spoil_a_file_is_told_before(changes: dict[str, Any], reason: str | None) -> None:
    """One impossible value would make a replay refuse the whole day: it is named before it gets in."""
    told = unfit(replace(live_snapshot(0), **changes))
    assert (told or "").startswith(reason or "") and (told is None) is (reason is None)


def test_an_empty_listing_has_no_place_in_a_file() -> None:
    """A snapshot of nothing says nothing."""
    listing = replace(
        small_listing(), expiries=(), offsets=np.array([0]), strike=np.array([]), is_call=np.array([], bool)
    )
    empty = {name: np.array([]) for name in COLUMNS}
    assert unfit(replace(live_snapshot(0), listing=listing, **empty)) == "no contracts"
    assert listing.expiries == () and date(2025, 9, 2) not in listing.expiries


@pytest.mark.parametrize("stretch", range(8))
def test_no_flipped_bit_becomes_another_price(tmp_path: Path, stretch: int) -> None:
    """With a bit flipped anywhere, a file is refused by name, or shows the very same snapshots."""
    path = written(tmp_path / "a.parquet", live_snapshot(0), live_snapshot(1))
    content = path.read_bytes()
    refused = 0
    for place in range(stretch * 97, len(content), 97 * 8):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            shots = list(ReplayMarket(path, lot_size=lambda *_: 1).snapshots())
        except DataError as error:
            assert str(path) in error.message
            refused += 1
            continue
        for number, shot in enumerate(shots):
            np.testing.assert_array_equal(shot.bid, live_snapshot(number).bid)
            np.testing.assert_array_equal(shot.ask, live_snapshot(number).ask)
    assert refused > 3
