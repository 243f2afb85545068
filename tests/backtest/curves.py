"""Small curves and trades for the tests of the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from volguard.backtest.curve import EquityCurve, curve_of_returns, curve_of_values
from volguard.backtest.trades import ClosedTrade

FIRST: Final = date(2024, 1, 1)  # a Monday


def weekdays(count: int, first: date = FIRST) -> list[date]:
    """So many days without Saturdays and Sundays."""
    days = (first + timedelta(days=n) for n in range(2 * count + 3))
    return [day for day in days if day.weekday() < 5][:count]


def curve(values: Sequence[float], start: float = 100.0) -> EquityCurve:
    """Values on the weekdays from the first of January 2024."""
    return curve_of_values(weekdays(len(values)), values, start=start)


def curve_making(returns: Sequence[float]) -> EquityCurve:
    """Returns on the weekdays from the first of January 2024."""
    return curve_of_returns(weekdays(len(returns)), returns)


def closed_trade(net: str, charges: str = "0", **changes: Any) -> ClosedTrade:
    """A trade that made so much after charges."""
    fields: dict[str, Any] = {
        "trade_id": "T001",
        "opened_on": FIRST,
        "closed_on": FIRST,
        "gross_inr": Decimal(net) + Decimal(charges),
        "charges_inr": Decimal(charges),
        "traded_inr": Decimal(10_000),
        "regime": "NEUTRAL",
        "bucket": "WEEKLY",
        "structure": "IRON_CONDOR",
        "exit_reason": "PROFIT",
    }
    return ClosedTrade(**{**fields, **changes})


def some_returns(least: int = 2, most: int = 60) -> st.SearchStrategy[list[float]]:
    """Returns of sessions between -20 % and +20 %, flat ones among them."""
    one = st.one_of(st.just(0.0), st.floats(-0.2, 0.2, allow_subnormal=False))
    return st.lists(one, min_size=least, max_size=most)
