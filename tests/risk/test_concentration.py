"""Trades that one move of one expiry would hurt together count as one, whatever they are called."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import CONDOR, EXPIRY, NIFTY, TS
from volguard.model.book import Bucket, Leg, StructureKind, Trade, TradeState
from volguard.model.instrument import OptionType, Side, Underlying
from volguard.model.market import DailyBar
from volguard.risk.buckets import open_risk_inr
from volguard.risk.concentration import (
    CORRELATION_SESSIONS,
    Correlation,
    concentration_groups,
    correlated_risk_inr,
    correlation_of,
    group_keys,
)

PUTS, CALLS = CONDOR[:2], CONDOR[2:]
LATER = EXPIRY + timedelta(days=7)
BANKNIFTY = Underlying("BANKNIFTY")
DAY = date(2026, 9, 16)


def trade(name: str, legs: tuple[Leg, ...], risk: int = 10_000, **changes: object) -> Trade:
    base = Trade(
        trade_id=name,
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        legs=legs,
        lots=1,
        lot_size=65,
        state=TradeState.OPEN,
        proposed_at=TS,
        credit_per_unit=20.0,
        max_loss_inr=Decimal(risk),
        reserved_inr=Decimal(risk),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def of(legs: tuple[Leg, ...], **changes: object) -> tuple[Leg, ...]:
    return tuple(replace(leg, contract=replace(leg.contract, **changes)) for leg in legs)  # type: ignore[arg-type]


# --- groups ------------------------------------------------------------------------------------------


def test_a_condor_stands_on_both_sides_with_all_it_can_lose() -> None:
    put_side, call_side = concentration_groups([trade("A", CONDOR)])[::-1]
    assert (put_side.key.option_type, call_side.key.option_type) == (OptionType.PUT, OptionType.CALL)
    assert put_side.open_risk_inr == call_side.open_risk_inr == 10_000


def test_trades_of_one_expiry_and_side_count_as_one_across_buckets_and_structures() -> None:
    spread = trade("B", PUTS, 7_000, structure=StructureKind.BULL_PUT_SPREAD, bucket=Bucket.INTRADAY)
    calls, puts = concentration_groups([trade("A", CONDOR), spread])
    assert (puts.trade_ids, puts.open_risk_inr) == (("A", "B"), Decimal(17_000))
    assert (calls.trade_ids, calls.open_risk_inr) == (("A",), Decimal(10_000))
    assert (puts.key.underlying, puts.key.expiry) == (NIFTY, EXPIRY)


def test_another_expiry_side_or_underlying_is_another_group() -> None:
    trades = [
        trade("A", PUTS),
        trade("B", CALLS),
        trade("C", of(PUTS, expiry=LATER)),
        trade("D", of(PUTS, underlying=BANKNIFTY)),
    ]
    groups = concentration_groups(trades)
    assert sorted(group.trade_ids for group in groups) == [("A",), ("B",), ("C",), ("D",)]
    assert list(groups) == sorted(groups, key=lambda group: group.key)


@pytest.mark.parametrize("state", list(TradeState))
def test_only_trades_that_are_live_count(state: TradeState) -> None:
    assert bool(concentration_groups([trade("A", PUTS, state=state)])) is state.is_live


def test_a_trade_without_a_short_stands_on_the_side_of_what_it_holds() -> None:
    assert [key.option_type for key in group_keys(trade("A", PUTS[:1]))] == [OptionType.PUT]
    assert group_keys(trade("A", ())) == ()


def test_a_calendar_belongs_to_the_expiry_that_it_is_short() -> None:
    near = Leg(contract=CALLS[0].contract, side=Side.SELL)
    far = Leg(contract=replace(near.contract, expiry=LATER), side=Side.BUY)
    assert [key.expiry for key in group_keys(trade("A", (near, far)))] == [EXPIRY]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([CONDOR, PUTS, CALLS]),
            st.sampled_from([EXPIRY, LATER]),
            st.integers(0, 50_000),
            st.sampled_from(list(TradeState)),
        ),
        max_size=8,
    )
)
def test_no_live_risk_is_left_out_and_no_group_holds_more_than_all(
    drawn: list[tuple[tuple[Leg, ...], date, int, TradeState]],
) -> None:
    trades = [
        trade(f"T{i}", of(legs, expiry=expiry), risk, state=state)
        for i, (legs, expiry, risk, state) in enumerate(drawn)
    ]
    live = tuple(one for one in trades if one.state.is_live)
    groups = concentration_groups(trades)
    assert {name for group in groups for name in group.trade_ids} == {one.trade_id for one in live}
    assert sum(group.open_risk_inr for group in groups) >= open_risk_inr(live)
    assert all(group.open_risk_inr <= open_risk_inr(live) for group in groups)
    assert concentration_groups(trades[::-1]) != () or not live


# --- across underlyings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, 15_000), (0.8, 14_000), (0.0, 10_000), (-0.9, 10_000), (None, 15_000)]
)
def test_other_underlyings_count_by_their_correlation_and_whole_where_it_is_not_known(
    value: float | None, expected: int
) -> None:
    groups = concentration_groups(
        [
            trade("A", PUTS, 10_000),
            trade("B", of(PUTS, underlying=BANKNIFTY), 5_000),
            trade("C", of(CALLS, underlying=BANKNIFTY), 3_000),  # the other side
            trade("D", of(PUTS, underlying=BANKNIFTY, expiry=LATER), 2_000),  # another expiry
            trade("E", of(PUTS, expiry=LATER), 1_000),
        ]
    )
    mine = next(group for group in groups if group.trade_ids == ("A",))

    def known(one: Underlying, other: Underlying) -> Correlation:
        assert (one, other) == (NIFTY, BANKNIFTY)
        return Correlation(value=value, sessions=CORRELATION_SESSIONS, until=DAY)

    assert correlated_risk_inr(mine, groups, known) == expected


# --- correlation -------------------------------------------------------------------------------------


def bars(closes: list[float], *, until: date = DAY - timedelta(days=1)) -> tuple[DailyBar, ...]:
    """One bar a day, the last on `until`."""
    first = until - timedelta(days=len(closes) - 1)
    return tuple(
        DailyBar(day=first + timedelta(days=i), open=None, high=None, low=None, close=close)
        for i, close in enumerate(closes)
    )


def path(seed: int, count: int = 30) -> list[float]:
    moves = np.random.default_rng(seed).normal(0.0, 0.01, count)
    return [float(level) for level in 24_000.0 * np.exp(np.cumsum(moves))]


ONE, OTHER = path(1), path(2)


def test_correlation_is_that_of_the_last_twenty_common_returns() -> None:
    found = correlation_of(bars(ONE), bars(OTHER), as_of=DAY)
    returns = [np.diff(np.log(closes[-21:])) for closes in (ONE, OTHER)]
    assert found.value == pytest.approx(np.corrcoef(returns)[0, 1])
    assert (found.sessions, found.until, found.reason) == (20, DAY - timedelta(days=1), "")


def test_what_moves_alike_is_one_and_what_mirrors_is_minus_one() -> None:
    assert correlation_of(bars(ONE), bars([2.0 * c for c in ONE]), as_of=DAY).value == 1.0
    mirrored = correlation_of(bars(ONE), bars([1e9 / c for c in ONE]), as_of=DAY).value
    assert mirrored == pytest.approx(-1.0)


def test_a_day_that_one_lacks_is_skipped_for_both() -> None:
    gappy = tuple(bar for i, bar in enumerate(bars(ONE)) if i != 20)
    found = correlation_of(gappy, bars(ONE), as_of=DAY)
    assert found.value == 1.0


def test_the_day_itself_and_what_follows_are_not_looked_at() -> None:
    one = bars([*ONE, 1.0, 99_999.0], until=DAY + timedelta(days=1))
    other = bars([*ONE, 99_999.0, 1.0], until=DAY + timedelta(days=1))
    assert correlation_of(one, other, as_of=DAY).value == 1.0


@pytest.mark.parametrize(
    ("one", "other", "as_of", "reason"),
    [
        (bars([]), bars(OTHER), DAY, "0 common returns, 20 are needed"),
        (bars(ONE), bars([]), DAY, "0 common returns, 20 are needed"),
        (bars(ONE[:1]), bars(OTHER[-1:]), DAY, "0 common returns, 20 are needed"),
        (bars(ONE[-20:]), bars(OTHER), DAY, "19 common returns, 20 are needed"),
        (
            bars(ONE),
            bars(OTHER),
            DAY + timedelta(days=25),
            "the last common sessions reach back 46 days, limit 45",
        ),
        (bars([*ONE[:-1], math.nan]), bars(OTHER), DAY, "a close is not a positive number"),
        (bars([*ONE[:-1], 0.0]), bars(OTHER), DAY, "a close is not a positive number"),
        (bars([100.0] * 30), bars(OTHER), DAY, "one of the two did not move"),
    ],
)
def test_without_a_history_there_is_no_correlation_and_it_says_why(
    one: tuple[DailyBar, ...], other: tuple[DailyBar, ...], as_of: date, reason: str
) -> None:
    found = correlation_of(one, other, as_of=as_of)
    assert (found.value, found.sessions, found.reason) == (None, 0, reason)


def test_twenty_one_common_sessions_are_enough() -> None:
    assert correlation_of(bars(ONE[-21:]), bars(OTHER), as_of=DAY).value is not None


@given(st.integers(0, 500), st.integers(0, 500))
def test_correlation_is_symmetric_and_bounded(first: int, second: int) -> None:
    forth = correlation_of(bars(path(first)), bars(path(second)), as_of=DAY).value
    back = correlation_of(bars(path(second)), bars(path(first)), as_of=DAY).value
    assert forth is not None and forth == back
    assert -1.0 <= forth <= 1.0
