"""Trades by regime, bucket, structure and exit: every one in exactly one group."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.curves import closed_trade
from volguard.backtest.figure import Figure
from volguard.backtest.grouping import Dimension, groups, session_shares
from volguard.backtest.trades import TradeStatistic, trade_statistics

TRADES = [
    closed_trade("100", regime="NEUTRAL", exit_reason="PROFIT"),
    closed_trade("-40", regime="TREND_UP", exit_reason="STOP"),
    closed_trade("60", regime="NEUTRAL", bucket="MONTHLY", structure="BULL_PUT_SPREAD", exit_reason="TIME"),
]


def test_groups_are_sorted_and_measured_each() -> None:
    """Counts, P&L and win rate of each name met, and of no other."""
    by_regime = groups(TRADES, Dimension.REGIME)
    assert [(group.name, group.of_trades.trades, group.of_trades.net_inr) for group in by_regime] == [
        ("NEUTRAL", 2, Decimal(160)),
        ("TREND_UP", 1, Decimal(-40)),
    ]
    assert by_regime[0].of_trades.figures[TradeStatistic.WIN_RATE] == Figure(1.0)
    names = {dimension: [group.name for group in groups(TRADES, dimension)] for dimension in Dimension}
    assert names[Dimension.BUCKET] == ["MONTHLY", "WEEKLY"]
    assert names[Dimension.STRUCTURE] == ["BULL_PUT_SPREAD", "IRON_CONDOR"]
    assert names[Dimension.EXIT_REASON] == ["PROFIT", "STOP", "TIME"]
    assert groups([], Dimension.BUCKET) == ()


@given(st.lists(st.tuples(st.integers(-999, 999), st.sampled_from("ABC")), max_size=30))
def test_groups_add_up_to_all(made: list[tuple[int, str]]) -> None:
    """The groups of any dimension hold all trades and all their money."""
    trades = [closed_trade(str(net), "1", regime=name, exit_reason=name * 2) for net, name in made]
    whole = trade_statistics(trades)
    for dimension in Dimension:
        parts = [group.of_trades for group in groups(trades, dimension)]
        assert sum(part.trades for part in parts) == whole.trades
        assert sum((part.net_inr for part in parts), Decimal(0)) == whole.net_inr
        assert sum(part.wins for part in parts) == whole.wins


def test_time_in_each_regime() -> None:
    """Shares of the sessions add up to one."""
    shares = session_shares(["NEUTRAL", "TREND_UP", "NEUTRAL", "NEUTRAL"])
    assert list(shares.items()) == [("NEUTRAL", 0.75), ("TREND_UP", 0.25)]
    assert session_shares([]) == {}
