"""The fit of the touch finds the figures that a day was made with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.backtest.modelled import left_of, shipped_tables, state_of
from tests.chains import DAY, MONTHLY, NIFTY, WEEKLY, shipped_rules
from volguard.backtest.recorded_quotes import RecordedQuotes
from volguard.backtest.spread_fit import fit_spreads
from volguard.backtest.spread_model import Liquidity, liquidity_columns, size_units, spread_share
from volguard.model.market import FloatArray

THETA = 0.02**2


def made(noise: FloatArray | float = 0.0) -> RecordedQuotes:
    """Calls and puts of two expiries with spreads and sizes of the shipped rows W 0 and M 0, and noise."""
    spreads = shipped_tables().spreads
    rows = [row for row in spreads.liquidity if row.rank == 0]
    z = np.tile(np.repeat(np.linspace(-3.0, 3.0, 61), 2), 2)
    is_call = np.tile([True, False], 122)
    expiry = np.repeat([0, 1], 122)
    depth = np.where(is_call, z, -z)
    liquidity = Liquidity.of(liquidity_columns(rows)[expiry])
    mid = 5_000.0 * np.exp(-0.3 * depth)  # dear enough that no spread is a tick
    half = 0.5 * mid * spread_share(liquidity, depth) * np.exp(noise)
    size = np.rint(size_units(liquidity, depth)).astype(np.int64) + 1
    count = len(z)
    return RecordedQuotes(
        day=DAY,
        snapshots=1,
        expiries=(WEEKLY, MONTHLY),
        expiry=expiry,
        state=state_of(count=count),
        left=left_of(np.full(count, 6.0)),
        forward=np.full(count, 25_000.0),
        discount=np.ones(count),
        strike=25_000.0 * np.exp(z * np.sqrt(THETA)),
        is_call=is_call,
        bid=mid - half,
        ask=mid + half,
        bid_qty=size,
        ask_qty=size,
        sigma=np.full(count, 0.15),
        theta=np.full(count, THETA),
    )


def fitted(quotes: RecordedQuotes) -> list[tuple[float, ...]]:
    listed = shipped_rules().contracts.expiries(NIFTY, DAY)
    rows = fit_spreads(quotes, listed, 0.05).liquidity
    return [
        (one.spread_share, one.wing_growth, one.inside_growth, one.size_units, one.size_growth)
        for one in rows
    ]


def shipped() -> list[tuple[float, ...]]:
    rows = [row for row in shipped_tables().liquidity if row.rank == 0]
    return [
        (one.spread_share, one.wing_growth, one.inside_growth, one.size_units, one.size_growth)
        for one in rows
    ]


def test_clean_quotes_give_their_parameters_back() -> None:
    """Share, growths and sizes of both cycles, to the rounding of sizes to units."""
    for found, wanted in zip(fitted(made()), shipped(), strict=True):
        assert found == pytest.approx(wanted, rel=0.02)


def test_wild_quotes_hardly_move_them() -> None:
    """One quote in twenty with a spread fifty times as wide: the share moves by a tenth at most."""
    noise = np.zeros(244)
    noise[::20] = np.log(50.0)
    for found, wanted in zip(fitted(made(noise)), shipped(), strict=True):
        assert found[0] == pytest.approx(wanted[0], rel=0.10)
        assert found[1] == pytest.approx(wanted[1], abs=0.1)


def test_one_sided_and_far_quotes_do_not_count() -> None:
    """A size of zero on a side, or a depth that is not known, leaves the quote out."""
    quotes = made()
    bad = np.zeros(244, dtype=np.bool_)
    bad[::7] = True
    spoiled = replace(
        quotes,
        ask=np.where(bad, 3.0 * quotes.ask, quotes.ask),
        bid_qty=np.where(bad, 0, quotes.bid_qty),
    )
    without = replace(quotes, theta=np.where(bad, np.nan, quotes.theta))
    assert fitted(spoiled) == fitted(without)
