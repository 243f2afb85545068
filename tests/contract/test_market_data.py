"""What every source of a session's market owes the session, whichever body it has; each new one joins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import time, timedelta
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.adapters.test_replay import chain, write
from tests.adapters.upstox.live_parts import Stage
from tests.adapters.upstox.test_market import made
from tests.simulator.test_given_path import falling_hour
from tests.simulator.test_market import RULES
from volguard.adapters.replay import ReplayMarket
from volguard.model.market import COLUMNS, ChainSnapshot
from volguard.model.units import IST
from volguard.ports import MarketData
from volguard.simulator.given_path import GivenPathMarket
from volguard.simulator.market import SyntheticMarket

SNAPSHOTS = 12
HOUR = replace(RULES, close_at=time(10, 15), expiries=RULES.expiries[:2])


def replayed(folder: Path) -> MarketData:
    """A small file of everything a file may hold, with what a chain may lack."""
    columns = chain(SNAPSHOTS)
    columns["bid"][0] = columns["ask"][1] = columns["ltp"][2] = columns["iv"][3] = 0.0
    columns["quote_ts"] = [ts - timedelta(seconds=i % 7) for i, ts in enumerate(columns["ts"])]
    columns["quote_ts"][5] = None
    columns["underlying_ltp"] = [24510.0] * len(columns["ts"])
    columns["vix"] = [13.25] * len(columns["ts"])
    return ReplayMarket(write(folder / "chain.parquet", columns), lot_size=lambda _day, _expiry: 75)


def bare(folder: Path) -> MarketData:
    """A file without any of the columns that may be left out."""
    return ReplayMarket(write(folder / "bare.parquet", chain(SNAPSHOTS)), lot_size=lambda _day, _expiry: 75)


def synthetic(_folder: Path) -> MarketData:
    return SyntheticMarket(seed=3, rules=HOUR, cadence_s=60.0)


def given_path(_folder: Path) -> MarketData:
    return GivenPathMarket(seed=3, rules=HOUR, path=falling_hour(), cadence_s=60.0)


def live(_folder: Path) -> MarketData:
    """The live market over a feed and a REST that are moved by hand."""
    market, _ = made()
    return market


def over_the_look_alike(_folder: Path) -> MarketData:
    """The live market over the whole protocol: login apart, everything as with the broker."""
    return Stage().market


SOURCES: dict[str, Callable[[Path], MarketData]] = {
    "replay": replayed,
    "replay of the bare columns": bare,
    "simulator": synthetic,
    "given path": given_path,
    "upstox by hand": live,
    "upstox over the look-alike": over_the_look_alike,
}


@dataclass
class Seen:
    """A source and its first snapshots."""

    source: MarketData
    again: MarketData  # the same, opened a second time
    shots: list[ChainSnapshot]


def shots_of(source: MarketData, **after: object) -> Iterator[ChainSnapshot]:
    """Snapshots alone: a live source tells of silence and of its ties as well."""
    return (told for told in source.snapshots(**after) if isinstance(told, ChainSnapshot))  # type: ignore[arg-type]


@pytest.fixture(params=sorted(SOURCES))
def seen(request: pytest.FixtureRequest, tmp_path: Path) -> Seen:
    """Each source in turn."""
    make = SOURCES[request.param]
    source, again = make(tmp_path), make(tmp_path)
    return Seen(source=source, again=again, shots=list(islice(shots_of(source), SNAPSHOTS)))


def test_time_only_goes_forward(seen: Seen) -> None:
    """Strictly, in IST, on the day that the source names."""
    times = [shot.ts for shot in seen.shots]
    assert len(times) == SNAPSHOTS and all(a < b for a, b in pairwise(times))
    assert {ts.astimezone(IST).date() for ts in times} == {seen.source.info.trading_date}
    assert all(ts.utcoffset() == timedelta(hours=5, minutes=30) for ts in times)


def test_snapshots_keep_the_cadence_that_is_named(seen: Seen) -> None:
    """Silence is judged by it."""
    gaps = np.diff([shot.ts.timestamp() for shot in seen.shots])
    assert np.median(gaps) == pytest.approx(seen.source.info.capabilities.cadence_s, abs=1e-3)


def test_after_is_honoured(seen: Seen) -> None:
    """A session that goes on is told nothing twice: strictly later than what it has seen."""
    last = seen.shots[4].ts
    later = list(islice(shots_of(seen.again, after=last), 3))
    assert len(later) == 3 and all(shot.ts > last for shot in later)
    assert all(a.ts < b.ts for a, b in pairwise(later))


def test_columns_are_read_only_and_aligned_with_the_listing(seen: Seen) -> None:
    """A snapshot is a value: one figure per contract in each column, and nobody can write to it."""
    for shot in seen.shots:
        columns = [getattr(shot, name) for name in COLUMNS]
        for column in columns if shot.quote_age_s is None else [*columns, shot.quote_age_s]:
            assert column.shape == (len(shot.listing),) and len(column) > 0
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 1
        assert all(getattr(shot, name).dtype == np.int64 for name in ("bid_qty", "ask_qty", "volume", "oi"))
        assert all(getattr(shot, name).dtype == np.float64 for name in ("bid", "ask", "ltp", "vendor_iv"))


def test_rows_are_sorted_by_expiry_strike_and_right(seen: Seen) -> None:
    """Each contract once, of the underlying that the source names, none that has expired."""
    for shot in seen.shots:
        listing = shot.listing
        rows = [listing.contract(row) for row in range(len(listing))]
        order = [(row.expiry, row.strike, row.option_type == "PE") for row in rows]
        assert order == sorted(set(order))
        assert listing.underlying == seen.source.info.underlying
        assert all(row.expiry >= seen.source.info.trading_date for row in rows)


def test_an_absent_price_is_nan_and_has_no_size(seen: Seen) -> None:
    """No zero, no negative, no infinity stands for it; quantities are never negative."""
    for shot in seen.shots:
        for prices in (shot.bid, shot.ask, shot.ltp):
            assert (np.isnan(prices) | ((prices > 0.0) & np.isfinite(prices))).all()
        assert (shot.bid_qty[np.isnan(shot.bid)] == 0).all()
        assert (shot.ask_qty[np.isnan(shot.ask)] == 0).all()
        for quantities in (shot.bid_qty, shot.ask_qty, shot.volume, shot.oi):
            assert (quantities >= 0).all()


def test_a_chain_is_quoted(seen: Seen) -> None:
    """The promises above are about something: most contracts have both sides."""
    both = [~np.isnan(shot.bid) & ~np.isnan(shot.ask) for shot in seen.shots]
    assert np.concatenate(both).mean() > 0.5


def test_volatility_is_a_decimal(seen: Seen) -> None:
    """0.13, not 13: of the vendor per option, and of the index."""
    for shot in seen.shots:
        given = shot.vendor_iv[~np.isnan(shot.vendor_iv)]
        assert len(given) and (given > 0.0).all() and 0.03 < np.median(given) < 1.0
        assert shot.vix is None or 0.03 < shot.vix < 1.0


def test_what_a_source_can_give_it_gives(seen: Seen) -> None:
    """An input that is promised and missing is a breach; one that is not promised is never there."""
    capabilities = seen.source.info.capabilities
    for shot in seen.shots:
        assert (shot.underlying_ltp is not None) is capabilities.spot
        assert (shot.vix is not None) is capabilities.vix
        assert (shot.quote_age_s is not None) is capabilities.quote_time
        if shot.quote_age_s is not None:
            known = shot.quote_age_s[~np.isnan(shot.quote_age_s)]
            assert len(known) and (known >= 0.0).all()


def test_a_source_is_the_same_each_time_it_is_opened(seen: Seen) -> None:
    """The digest says that a session goes on with the market it began with."""
    assert seen.source.info == seen.again.info
    assert len(seen.source.info.digest) >= 32 and seen.source.info.kind and seen.source.info.label
