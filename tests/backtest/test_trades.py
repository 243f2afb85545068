"""What closed trades say together, by hand, and how sure that is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.curves import closed_trade
from volguard.backtest.bootstrap import Resampling
from volguard.backtest.figure import Figure
from volguard.backtest.trades import TradeStatistic, trade_intervals, trade_statistics


def test_five_trades_by_hand() -> None:
    """Two won, two lost, one ended at exactly nothing; charges are taken off before a trade is judged."""
    trades = [
        closed_trade("300.00", "20.00"),
        closed_trade("100.00", "20.00"),
        closed_trade("-5.00", "20.00"),
        closed_trade("-195.00", "20.00"),
        closed_trade("0.00", "20.00"),
    ]
    found = trade_statistics(trades)
    assert (found.trades, found.wins, found.losses, found.scratches) == (5, 2, 2, 1)
    assert (found.gross_inr, found.charges_inr, found.net_inr) == (Decimal(300), Decimal(100), Decimal(200))
    assert (found.best_inr, found.worst_inr) == (Decimal(300), Decimal(-195))
    assert found.figures == {
        TradeStatistic.WIN_RATE: Figure(0.5),
        TradeStatistic.PROFIT_FACTOR: Figure(2.0),
        TradeStatistic.MEAN_INR: Figure(40.0),
        TradeStatistic.COST_SHARE: Figure(100 / 300),
        TradeStatistic.COST_OF_PREMIUM: Figure(100 / 50_000),
    }


def test_what_charges_ate_is_a_loss() -> None:
    """A gross gain smaller than its charges is a lost trade."""
    found = trade_statistics([closed_trade("-0.01", "20.00")])
    assert (found.wins, found.losses) == (0, 1)


def test_no_trade_has_no_figure() -> None:
    """Without a trade nothing is said, and the sums are nothing."""
    found = trade_statistics([])
    assert {figure.reason for figure in found.figures.values()} == {"there is no trade"}
    assert (found.trades, found.net_inr, found.best_inr) == (0, Decimal(0), None)


def test_figures_that_have_no_value_say_why() -> None:
    """No loss to divide by, no gain to take a share of, nothing won or lost, nothing traded."""
    won = trade_statistics([closed_trade("10", "1")]).figures
    assert won[TradeStatistic.PROFIT_FACTOR].reason == "no trade was lost"
    lost = trade_statistics([closed_trade("-10", "1")]).figures
    assert lost[TradeStatistic.COST_SHARE].reason == "the gross of all trades is not a gain"
    assert lost[TradeStatistic.PROFIT_FACTOR] == Figure(0.0)
    still = trade_statistics([closed_trade("0", traded_inr=Decimal(0))]).figures
    assert still[TradeStatistic.WIN_RATE].reason == "no trade was won or lost"
    assert still[TradeStatistic.COST_OF_PREMIUM].reason == "no premium was traded"


@given(st.lists(st.tuples(st.integers(-10_000, 10_000), st.integers(0, 500)), min_size=1, max_size=40))
def test_sums_are_exact_and_counts_complete(paise: list[tuple[int, int]]) -> None:
    """Net is gross less charges to the paisa, and every trade is won, lost or a scratch."""
    trades = [closed_trade(str(Decimal(net) / 100), str(Decimal(cost) / 100)) for net, cost in paise]
    found = trade_statistics(trades)
    assert found.net_inr == found.gross_inr - found.charges_inr == Decimal(sum(n for n, _ in paise)) / 100
    assert found.wins + found.losses + found.scratches == len(trades)
    assert found.wins == sum(net > 0 for net, _ in paise)


def test_intervals_come_from_blocks_of_trades() -> None:
    """Sixty per cent won of a hundred trades lies about 0.6, as sure as independent trades make it."""
    trades = [closed_trade("100" if n % 5 < 3 else "-90", "10") for n in range(100)]
    found = trade_intervals(trades, Resampling(seed=4, draws=1000, block=1.0))
    at = found.by_name[TradeStatistic.WIN_RATE]
    assert at.low is not None and at.high is not None
    assert (at.low, at.high) == (pytest.approx(0.5, abs=0.03), pytest.approx(0.7, abs=0.03))
    assert found == trade_intervals(trades, Resampling(seed=4, draws=1000, block=1.0))
    assert list(found.by_name) == [name.value for name in TradeStatistic]


def test_intervals_of_what_has_no_figure() -> None:
    """All won: no profit factor, so no interval of one; without trades none at all."""
    found = trade_intervals([closed_trade("100")] * 30, Resampling(seed=4, draws=20))
    assert found.by_name[TradeStatistic.PROFIT_FACTOR].reason == "no trade was lost"
    assert found.by_name[TradeStatistic.WIN_RATE].low == 1.0
    assert trade_intervals([], Resampling(seed=4, draws=20)).block is None
