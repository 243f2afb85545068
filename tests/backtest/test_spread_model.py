"""Touches lie on the tick, sizes in lots, and spreads follow the expiry's place and the depth."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.modelled import real_prices, shipped_tables
from tests.chains import NIFTY, shipped_rules
from volguard.backtest.spread_model import (
    DEPTH_MAX,
    Liquidity,
    LiquidityRow,
    SpreadParameters,
    liquidity_columns,
    liquidity_rows,
    on_grid,
    size_units,
    spread_share,
    touch,
    whole_lots,
)
from volguard.model.instrument import ExpiryCycle
from volguard.model.units import tick_price

TICK = Decimal("0.05")


def row(cycle: ExpiryCycle = ExpiryCycle.WEEKLY, rank: int = 0, share: float = 0.002) -> LiquidityRow:
    return LiquidityRow(
        cycle=cycle,
        rank=rank,
        spread_share=share,
        wing_growth=0.7,
        inside_growth=0.4,
        size_units=1_500.0,
        size_growth=1.2,
    )


@given(ticks=st.integers(0, 2_000_000))
def test_prices_of_whole_ticks_are_exact(ticks: int) -> None:
    """The float is the one nearest to the decimal price: money made of it is that price."""
    value = float(on_grid(np.array([float(ticks)]), TICK)[0])
    assert Decimal(repr(value)) == ticks * TICK
    assert tick_price(value, TICK) == ticks * TICK


@given(mid=st.floats(0.0, 5_000.0), spread=st.floats(0.0, 100.0))
def test_a_touch_is_on_the_tick_and_never_crossed(mid: float, spread: float) -> None:
    """Both sides are whole ticks, the ask at least one above the bid and no side below a tick."""
    bid, ask = (float(side[0]) for side in touch(np.array([mid]), np.array([spread]), TICK))
    assert Decimal(repr(ask)) % TICK == 0
    assert ask >= 0.05
    if np.isnan(bid):
        assert mid - max(spread, 0.05) / 2 < 0.05 * 1.5
    else:
        assert Decimal(repr(bid)) % TICK == 0
        assert bid >= 0.05
        assert ask - bid >= 0.05 - 1e-9
        assert abs(bid - (mid - max(spread, 0.05) / 2)) <= 0.025 + 1e-9


def test_a_bid_below_a_tick_is_absent() -> None:
    """What is worth less than a tick and a half spread has no bid, and the least ask."""
    bid, ask = touch(np.array([0.03, 0.0, 0.08]), np.array([0.05, 0.05, 0.05]), TICK)
    assert np.isnan(bid[:2]).all()
    assert ask[:2].tolist() == [0.05, 0.05]
    assert (bid[2], ask[2]) == (0.05, 0.1)


def test_spreads_grow_with_depth_and_stop_where_they_were_fitted() -> None:
    """In logarithms by the standard deviation, out of and in the money apart, no further than DEPTH_MAX."""
    liquidity = Liquidity.of(liquidity_columns([row()]))
    depth = np.array([0.0, 1.0, -1.0, DEPTH_MAX, DEPTH_MAX + 5.0])
    share = spread_share(liquidity, depth)
    expected = 0.002 * np.exp([0.0, 0.7, 0.4, 0.7 * DEPTH_MAX, 0.7 * DEPTH_MAX])
    assert share == pytest.approx(expected)
    assert size_units(liquidity, depth)[:3] == pytest.approx(1_500.0 * np.exp([0.0, 1.2, -1.2]))


def test_sizes_are_whole_lots_and_one_at_least() -> None:
    """To the nearest lot, and nobody shows less than one."""
    lots = whole_lots(np.array([1.0, 100.0, 130.0]), np.array([75, 75, 75]))
    assert lots.tolist() == [75, 75, 150]


def test_each_expiry_has_the_row_of_its_place_in_its_cycle() -> None:
    """On 29 August 2025: two weeklies, two more, the monthly, and the last monthly row for all behind it."""
    parameters = SpreadParameters(
        liquidity=(
            *(row(rank=rank, share=0.001 * (rank + 1)) for rank in range(3)),
            *(row(ExpiryCycle.MONTHLY, rank, 0.1 * (rank + 1)) for rank in range(2)),
        )
    )
    listed = shipped_rules().contracts.expiries(NIFTY, date(2025, 8, 29))[:8]
    shares = [one.spread_share for one in liquidity_rows(parameters, listed)]
    assert shares == pytest.approx([0.001, 0.002, 0.003, 0.003, 0.1, 0.2, 0.2, 0.2])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((row(),), "liquidity M had the ranks"),
        ((row(rank=1), row(ExpiryCycle.MONTHLY)), r"liquidity W had the ranks \[1\]"),
    ],
)
def test_a_missing_row_is_refused(rows: tuple[LiquidityRow, ...], told: str) -> None:
    """Ranks begin at 0 and leave none out, for weeklies and monthlies both."""
    with pytest.raises(ValueError, match=told):
        SpreadParameters(liquidity=rows)


def test_impossible_figures_are_refused() -> None:
    """A spread is a share of the price, a size is above zero."""
    with pytest.raises(ValueError, match=r"spread_share was 1\.0"):
        row(share=1.0)
    with pytest.raises(ValueError, match="size_units was 0"):
        LiquidityRow(
            cycle=ExpiryCycle.WEEKLY,
            rank=0,
            spread_share=0.1,
            wing_growth=0.0,
            inside_growth=0.0,
            size_units=0.0,
            size_growth=0.0,
        )


def test_modelled_spreads_of_the_liquid_expiries_are_the_recorded_ones() -> None:
    """Two nearest weeklies and the monthly, within two standard deviations: median ratio within a quarter."""
    quotes, tables = real_prices().recorded, shipped_tables()
    listed = shipped_rules().contracts.expiries(NIFTY, quotes.day)
    rows = dict(zip([one.day for one in listed], liquidity_rows(tables.spreads, listed), strict=True))
    columns = liquidity_columns([rows[day] for day in quotes.expiries])[quotes.expiry]
    modelled = np.maximum(spread_share(Liquidity.of(columns), quotes.depth) * quotes.mid, 0.05)
    ratio, depth = modelled / quotes.spread, quotes.depth
    for day in (date(2025, 9, 2), date(2025, 9, 9), date(2025, 9, 30)):
        mine = quotes.expiry == quotes.expiries.index(day)
        for low in (-0.5, 0.5, 1.5):
            there = mine & (depth >= low) & (depth < low + 1.0)
            assert there.sum() > 100
            assert 0.75 <= np.median(ratio[there]) <= 1.25
