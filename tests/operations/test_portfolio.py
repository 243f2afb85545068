"""Positions of a call or of a journal, with the history that their margin is measured from."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.chains import DAY, LOT, MONTHLY, WEEKLY
from tests.fakes import shipped_rules
from tests.operations.portfolios import (
    CLOSE,
    SIGMA_DAILY,
    exact_view,
    of_legs,
    session,
    steady_bars,
    two_trades,
)
from volguard.model.book import Position
from volguard.model.errors import UsageError
from volguard.operations.portfolio import margin_source, portfolio_of_book


def held(positions: tuple[Position, ...]) -> list[tuple[int, str, date, int]]:
    return [
        (one.contract.strike, one.contract.option_type.value, one.contract.expiry, one.quantity)
        for one in positions
    ]


def test_legs_are_lots_times_their_ratio_bought_positive() -> None:
    found = of_legs("-2x24500PE +24300PE@2025-09-30", lots=3)
    assert held(found.positions) == [
        (24_500, "PE", WEEKLY, -2 * 3 * LOT),
        (24_300, "PE", MONTHLY, 3 * LOT),
    ]
    assert found.name == "structure, 3 lots" and of_legs().name == "IRON_CONDOR, 1 lot"


def test_a_book_is_the_net_of_all_trades_on_the_last_snapshot() -> None:
    weekly, monthly = two_trades()
    twin = replace(weekly, trade_id="T3")
    found = portfolio_of_book(session(weekly, monthly, twin))
    units = {
        (strike, kind): quantity
        for strike, kind, expiry, quantity in held(found.positions)
        if expiry == WEEKLY
    }
    assert units == {(24_300, "PE"): 300, (24_500, "PE"): -300, (25_100, "CE"): -300, (25_300, "CE"): 300}
    assert found.view.ts == exact_view().ts


def test_history_gives_the_close_and_the_volatility_of_the_session_before() -> None:
    source = margin_source(steady_bars(), DAY, shipped_rules())
    assert source.reason == "" and source.close_day == date(2025, 9, 2)
    assert source.inputs.previous_close == pytest.approx(CLOSE)
    assert source.inputs.sigma_daily == pytest.approx(SIGMA_DAILY)


def test_a_history_that_is_absent_old_or_short_gives_no_volatility_and_says_why() -> None:
    rules = shipped_rules()
    for bars, reason in (
        ((), "no daily history"),
        (steady_bars(last=date(2025, 9, 1)), "the history ends on 2025-09-01"),
        (steady_bars(count=200), "too short"),
    ):
        source = margin_source(bars, DAY, rules)
        assert source.inputs.sigma_daily is None and reason in source.reason
        assert source.sigma_origin == "not available"


def test_a_book_without_a_market_is_refused() -> None:
    base = session()
    with pytest.raises(UsageError, match="has seen no snapshot"):
        portfolio_of_book(replace(base, state=replace(base.state, market=None)))
