"""A recorded day becomes columns: quotes of both sides, with the parity forward of their own expiry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

import numpy as np
import pytest

from tests.backtest.modelled import chains, clock, real_prices, state_of
from tests.chains import DAY, NOW
from volguard.backtest.known_state import Known
from volguard.backtest.recorded_quotes import RecordedQuotes, read_recorded
from volguard.model.errors import DataError
from volguard.model.instrument import Underlying
from volguard.model.market import Capabilities, ChainSnapshot, Silence, SourceInfo

KNOWN: Final = Known(day=date(2025, 9, 2), vix=0.12, level=24_700.0, range_volatility=0.08)


class Recording:
    """A made-up recording of the given snapshots."""

    def __init__(self, shots: list[ChainSnapshot]) -> None:
        self._shots = shots

    @property
    def info(self) -> SourceInfo:
        return SourceInfo(
            kind="replay",
            label="made up",
            underlying=Underlying("NIFTY"),
            trading_date=DAY,
            capabilities=Capabilities(spot=False, vix=False, quote_time=False, depth=False, cadence_s=60.0),
            digest="",
        )

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot | Silence]:
        yield from (shot for shot in self._shots if after is None or shot.ts > after)


def shots(count: int = 4) -> list[ChainSnapshot]:
    times = [NOW.replace(minute=minute) for minute in range(count)]
    made = chains(expiries=3)
    return made.snapshots(
        times, state_of(24_800.0, vix=0.12, count=count), [made.listing(DAY, 24_800.0)] * count
    )


def read(every: int = 1, first: int = 0) -> RecordedQuotes:
    return read_recorded(Recording(shots()), known=KNOWN, clock=clock(), every=every, first=first)


def test_snapshots_are_sampled() -> None:
    """Every second one from the second on: two of four."""
    assert read().snapshots == 4
    assert read(every=2, first=1).snapshots == 2
    hours_left = np.unique(read(every=2, first=1).left.years[read(every=2, first=1).expiry == 0]) * 365 * 24
    assert np.round((6 * 24 + 4.5 - hours_left) * 60).tolist() == [3.0, 1.0]  # minutes after 11:00
    assert len(read(every=2, first=1).strike) == pytest.approx(len(read().strike) / 2, rel=0.02)


def test_forward_and_index_come_from_parity() -> None:
    """A chain that was made at an index of 24800 with a carry gives both back."""
    quotes = read()
    assert quotes.state.level == pytest.approx(24_800.0, rel=2e-4)
    growth = np.exp(0.066 * quotes.left.years)
    assert quotes.forward == pytest.approx(24_800.0 * growth, rel=2e-4)
    assert set(quotes.state.vix.tolist()) == {0.12}
    assert set(quotes.state.vix_level.tolist()) == {24_700.0}


def test_quotes_have_both_sides_and_tell_their_depth() -> None:
    """No quote without a bid; out of the money is above zero for calls and puts alike."""
    quotes = read()
    assert np.isfinite(quotes.bid).all()
    assert (quotes.spread > 0.0).all()
    outside = quotes.is_out_of_the_money
    assert (quotes.depth[outside] >= -1e-9).all()
    assert (quotes.depth[~outside] <= 1e-9).all()
    call = quotes.is_call & outside
    assert quotes.depth[call] == pytest.approx(quotes.log_moneyness[call] / np.sqrt(quotes.theta[call]))


def test_the_at_the_money_variance_is_that_of_the_chain() -> None:
    """Between the two strikes around the forward; the chain was made with the model's own."""
    quotes = read()
    made = chains(expiries=3)
    values = made.values([NOW], state_of(24_800.0, vix=0.12), [made.listing(DAY, 24_800.0)])
    nearest = np.abs(values.depth[0, 0]).argmin()
    first = quotes.expiry == 0
    assert np.median(np.sqrt(quotes.theta[first] / quotes.left.years[first])) == pytest.approx(
        values.sigma[0, 0, nearest], rel=0.01
    )


def test_a_day_without_forwards_is_refused() -> None:
    """Without a snapshot there is nothing to fit to, and the source is named."""
    with pytest.raises(DataError, match="made up: no expiry within 100 days"):
        read_recorded(Recording([]), known=KNOWN, clock=clock(), every=1)


def test_the_real_day_holds_its_near_expiries() -> None:
    """Seven expiries within 100 days, the index within its high and low of the day, a smile at each."""
    quotes = real_prices().recorded
    assert quotes.expiries[0] == date(2025, 9, 2)
    assert len(quotes.expiries) == 7
    assert 24_390.0 < quotes.state.level.min() <= quotes.state.level.max() < 24_590.0
    near = quotes.expiry == 0
    volatility = np.sqrt(quotes.theta[near] / quotes.left.years[near])
    assert 0.07 < volatility.min() <= volatility.max() < 0.11
