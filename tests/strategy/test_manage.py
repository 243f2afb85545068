"""A trade is left by the first rule that holds, at its threshold and not just below."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chains import (
    LOT,
    MONTHLY,
    NOW,
    WEEKLY,
    at,
    bought,
    call,
    condor,
    flat_vol_snapshot,
    put,
    shipped_bucket,
    shipped_policy,
    shipped_rules,
    sold,
    view_of,
    with_cells,
)
from tests.strategy.scenes import calm_view
from volguard.measure.market_view import MarketView
from volguard.measure.touch import ClosingMark, fair_deltas
from volguard.model.book import Bucket, Fill, StructureKind, Trade, TradeState
from volguard.model.order import Urgency
from volguard.model.units import figure
from volguard.strategy.manage import ExitInputs, ExitSignal, exit_deadline, exit_signals, trade_pnl_inr

LEGS = condor(24_100, 24_400, 25_200, 25_500)
PRICES = ("5.10", "29.50", "31.00", "5.90")
CREDIT = Decimal("49.50") * LOT  # 3712.50
POLICY = shipped_policy()
WEEKLY_POLICY = shipped_bucket("weekly")
CALENDAR = shipped_rules().calendar


def make_trade(
    *, max_loss: str = "19000", expiry: date = WEEKLY, bucket: Bucket = Bucket.WEEKLY, credit: str = ""
) -> Trade:
    legs = condor(24_100, 24_400, 25_200, 25_500, expiry)
    prices = (credit, "0", "0", "0") if credit else PRICES
    fills = tuple(
        Fill(
            fill_id=str(i),
            tag=str(i),
            ts=NOW,
            contract=leg.contract,
            side=leg.side,
            quantity=LOT,
            price=Decimal(price),
            charges_inr=Decimal("25"),
            touch_bid=None,
            touch_ask=None,
        )
        for i, (leg, price) in enumerate(zip(legs, prices, strict=True))
    )
    return Trade(
        trade_id="T1",
        bucket=bucket,
        structure=StructureKind.IRON_CONDOR,
        legs=legs,
        lots=1,
        lot_size=LOT,
        state=TradeState.OPEN,
        proposed_at=NOW,
        credit_per_unit=49.5,
        max_loss_inr=Decimal(max_loss),
        reserved_inr=Decimal(max_loss),
        fills=fills,
    )


def mark_for(pnl: Decimal | str, trade: Trade | None = None, *, confirmed: bool = True) -> ClosingMark:
    """The mark at which a trade stands at that gross profit or loss."""
    trade = make_trade() if trade is None else trade
    return ClosingMark(value_inr=Decimal(pnl) - trade.cash_inr, is_confirmed_price=confirmed)


def inputs(**changes: Any) -> ExitInputs:
    """A trade at break-even at eleven o'clock in a calm market: nothing to do."""
    values: dict[str, Any] = {
        "now": NOW,
        "session_open": at("2025-09-03 09:15"),
        "trade": make_trade(),
        "view": calm_view(),
        "mark": mark_for("0"),
        "exit_charges_inr": Decimal("100"),
        "policy": POLICY,
        "bucket_policy": WEEKLY_POLICY,
        "calendar": CALENDAR,
    }
    return ExitInputs(**values | changes)


def first_signal(**changes: Any) -> ExitSignal | None:
    """The most pressing rule that holds."""
    return next(iter(exit_signals(inputs(**changes))), None)


def rule(**changes: Any) -> str | None:
    signal = first_signal(**changes)
    return None if signal is None else signal.rule


def view_at_the_short() -> MarketView:
    """The index has fallen to the short put."""
    return view_of(flat_vol_snapshot(forward=24_420.0))


def test_a_trade_that_goes_nowhere_is_kept() -> None:
    assert make_trade().entry_credit_inr == CREDIT
    assert exit_signals(inputs()) == ()


def test_profit_and_loss_is_the_cash_so_far_and_the_mark() -> None:
    assert trade_pnl_inr(make_trade(), mark_for("-1234.50")) == Decimal("-1234.50")
    assert trade_pnl_inr(make_trade(), ClosingMark(value_inr=-CREDIT, is_confirmed_price=True)) == 0


# --- loss --------------------------------------------------------------------------------------------


def test_a_loss_of_one_and_a_half_credits_is_left_and_a_paisa_less_is_kept() -> None:
    limit = Decimal("1.5") * CREDIT
    signal = first_signal(mark=mark_for(-limit))
    assert signal is not None
    assert (signal.rule, signal.urgency, signal.needs_confirmation) == ("loss", Urgency.HIGH, True)
    assert signal.figures == {"loss_inr": 5568.75, "limit_inr": 5568.75}
    assert rule(mark=mark_for(-limit + Decimal("0.01"))) is None


def test_sixty_percent_of_the_maximum_loss_is_left_where_that_is_less() -> None:
    trade = make_trade(max_loss="5000")
    assert rule(trade=trade, mark=mark_for("-3000")) == "loss"
    assert rule(trade=trade, mark=mark_for("-2999.99")) is None


@settings(derandomize=True, max_examples=200, deadline=None)
@given(paise=st.integers(min_value=1, max_value=50_000))
def test_the_limit_itself_is_a_loss_whatever_the_floats_make_of_it(paise: int) -> None:
    price = -Decimal(paise) / 100  # of the first leg, a long: a negative price is a credit
    trade = make_trade(max_loss="10000000", credit=str(price))
    credit = trade.entry_credit_inr
    assert credit == LOT * Decimal(paise) / 100
    loss = Decimal("1.5") * credit
    assert rule(trade=trade, mark=mark_for(-loss, trade)) == "loss"
    target = Decimal("0.5") * credit + Decimal("100")
    assert rule(trade=trade, mark=mark_for(target, trade)) == "profit"


@pytest.mark.parametrize("mark", [None, mark_for("-15000", confirmed=False)])
def test_nothing_is_stopped_out_on_a_price_that_is_missing_or_not_confirmed(mark: ClosingMark | None) -> None:
    assert rule(mark=mark) is None


# --- short delta -------------------------------------------------------------------------------------


def test_a_short_legs_delta_above_forty_is_left_and_at_forty_is_kept() -> None:
    view = view_at_the_short()
    row = view.row(put(24_400))
    assert row is not None
    delta = abs(figure(float(fair_deltas(view, [put(24_400)])[0])))
    assert delta > 0.40
    signal = first_signal(view=view)
    assert signal is not None
    assert (signal.rule, signal.urgency, signal.needs_confirmation) == ("short_delta", Urgency.HIGH, True)
    assert signal.figures == {"short_delta": delta, "limit": 0.40}
    assert rule(view=view, policy=replace(POLICY, exit_short_delta=delta)) is None
    assert rule(view=view, policy=replace(POLICY, exit_short_delta=delta - 1e-6)) == "short_delta"


def test_the_delta_of_a_long_leg_is_no_reason() -> None:
    long_put = replace(make_trade(), legs=(bought(put(24_400)),))
    short_put = replace(make_trade(), legs=(sold(put(24_400)),))
    assert rule(trade=long_put, view=view_at_the_short(), mark=None) is None
    assert rule(trade=short_put, view=view_at_the_short(), mark=None) == "short_delta"


def without_quotes(view: MarketView, *strikes: int) -> MarketView:
    """The market with neither call nor put quoted at some strikes."""
    blind = view.snapshot
    for strike in strikes:
        for contract in (put(strike), call(strike)):
            blind = with_cells(blind, contract, bid=math.nan, ask=math.nan)
    return view_of(blind)


def test_a_leg_that_nobody_quotes_cannot_hide_its_delta() -> None:
    view = without_quotes(view_at_the_short(), 24_400)
    row = view.row(put(24_400))
    assert row is not None and math.isnan(view.greeks.delta[row])
    assert rule(view=view) == "short_delta"


def test_a_leg_whose_own_quote_is_wrong_raises_no_delta() -> None:
    calm = calm_view().snapshot
    shifted = view_of(with_cells(calm, put(24_400), bid=130.0, ask=130.5))
    row = shifted.row(put(24_400))
    assert row is not None and abs(shifted.greeks.delta[row]) > abs(calm_view().greeks.delta[row]) + 0.05
    strict = replace(POLICY, exit_short_delta=abs(float(calm_view().greeks.delta[row])) + 0.01)
    assert rule(view=shifted, policy=strict) is None


def test_a_delta_that_is_not_known_is_no_breach() -> None:
    assert rule(view=without_quotes(view_at_the_short(), 24_350, 24_400, 24_450)) is None
    assert rule(trade=make_trade(expiry=date(2025, 9, 16)), view=view_at_the_short()) is None


# --- profit ------------------------------------------------------------------------------------------


def test_half_the_credit_net_of_exit_charges_is_taken_and_a_paisa_less_is_not() -> None:
    target = Decimal("0.5") * CREDIT + Decimal("100")
    signal = first_signal(mark=mark_for(target))
    assert signal is not None
    assert (signal.rule, signal.urgency, signal.needs_confirmation) == ("profit", Urgency.MEDIUM, True)
    assert signal.figures == {"profit_inr": 1856.25, "target_inr": 1856.25}
    assert rule(mark=mark_for(target - Decimal("0.01"))) is None


def test_without_a_confirmed_mark_or_without_charges_there_is_no_profit_to_take() -> None:
    assert rule(mark=None) is None
    assert rule(mark=mark_for("3700", confirmed=False)) is None
    assert rule(mark=mark_for("3700"), exit_charges_inr=None) is None


def test_a_trade_without_a_credit_has_no_target() -> None:
    trade = make_trade(credit="10", max_loss="10000000")  # a debit
    generous = replace(POLICY, loss_credits_max=1e6)
    assert trade.entry_credit_inr < 0
    profit = mark_for("50000", trade)
    assert rule(trade=trade, mark=profit, policy=generous) != "profit"


# --- time --------------------------------------------------------------------------------------------


def test_the_weekly_trade_is_left_at_one_on_the_session_before_expiry() -> None:
    due = at("2025-09-08 13:00")
    opened = at("2025-09-08 09:15")
    signal = first_signal(now=due, session_open=opened)
    assert signal is not None
    assert (signal.rule, signal.urgency, signal.needs_confirmation) == ("time", Urgency.MEDIUM, False)
    assert signal.text == "exit was due at 2025-09-08 13:00"
    assert rule(now=due - timedelta(seconds=1), session_open=opened) is None
    assert rule(now=due + timedelta(days=1), session_open=opened) == "time"


def test_time_runs_out_although_nothing_can_be_priced() -> None:
    due = at("2025-09-08 13:00")
    assert rule(now=due, session_open=at("2025-09-08 09:15"), mark=None, exit_charges_inr=None) == "time"


def deadline(expiry: date, name: str, **changes: Any) -> datetime:
    bucket = replace(shipped_bucket(name), **changes)
    return exit_deadline(make_trade(expiry=expiry), bucket, POLICY, CALENDAR)


@pytest.mark.parametrize(
    ("expiry", "due"),
    [
        (WEEKLY, "2025-09-08 13:00"),
        (date(2025, 8, 28), "2025-08-26 13:00"),  # Wednesday the 27th is a holiday
        (date(2025, 9, 1), "2025-08-29 13:00"),  # a Monday: the Friday before
        (date(2025, 10, 23), "2025-10-20 13:00"),  # the 21st is muhurat only, the 22nd closed
        (date(2024, 3, 4), "2024-03-02 13:00"),  # a Saturday session counts
    ],
)
def test_weekly_deadlines_count_sessions_over_holidays(expiry: date, due: str) -> None:
    assert deadline(expiry, "weekly") == at(due)


@pytest.mark.parametrize(
    ("expiry", "due"),
    [
        (MONTHLY, "2025-09-23 13:00"),
        (date(2025, 8, 22), "2025-08-14 13:00"),  # seven days before is Friday 15 August, a holiday
        (date(2025, 10, 28), "2025-10-20 13:00"),  # seven days before is muhurat only
        (date(2025, 10, 29), "2025-10-20 13:00"),  # closed, and the day before it muhurat only
        (date(2025, 9, 14), "2025-09-05 13:00"),  # seven days before is a Sunday
    ],
)
def test_monthly_deadlines_count_calendar_days_and_fall_back_to_a_session(expiry: date, due: str) -> None:
    assert deadline(expiry, "monthly") == at(due)


def test_on_expiry_day_a_trade_is_flat_by_half_past_two_at_the_latest() -> None:
    assert deadline(WEEKLY, "weekly", exit_sessions_before=0, exit_at=POLICY.entry_until) == at(
        "2025-09-09 14:30"
    )
    assert deadline(WEEKLY, "weekly", exit_sessions_before=0) == at("2025-09-09 13:00")
    assert deadline(WEEKLY, "weekly", exit_sessions_before=2) == at("2025-09-05 13:00")


# --- order, quiet opening ----------------------------------------------------------------------------


def test_the_first_rule_that_holds_is_the_one_that_acts() -> None:
    late: dict[str, Any] = {"now": at("2025-09-08 13:00"), "session_open": at("2025-09-08 09:15")}
    loss, profit = mark_for("-9000"), mark_for("3000")
    tested = view_at_the_short()
    assert rule(**late, view=tested, mark=loss) == "loss"
    assert rule(**late, view=tested, mark=profit) == "short_delta"
    assert rule(**late, mark=profit) == "profit"
    assert rule(**late) == "time"


def test_a_rule_that_may_have_to_wait_does_not_hide_the_next() -> None:
    late: dict[str, Any] = {"now": at("2025-09-08 13:00"), "session_open": at("2025-09-08 09:15")}
    found = exit_signals(inputs(**late, view=view_at_the_short(), mark=mark_for("-9000")))
    assert [signal.rule for signal in found] == ["loss", "short_delta", "time"]
    assert [signal.needs_confirmation for signal in found] == [True, True, False]


@pytest.mark.parametrize(("after_s", "expected"), [(0, None), (179, None), (180, "loss")])
def test_in_the_first_three_minutes_a_loss_waits(after_s: int, expected: str | None) -> None:
    opened = at("2025-09-03 09:15")
    now = opened + timedelta(seconds=after_s)
    assert rule(now=now, session_open=opened, mark=mark_for("-9000")) == expected


def test_in_the_first_three_minutes_only_a_tested_short_is_left() -> None:
    opened = at("2025-09-08 09:15")
    now = opened + timedelta(seconds=30)
    assert rule(now=now, session_open=opened, mark=mark_for("3000")) is None
    assert (
        rule(now=now, session_open=opened, mark=mark_for("-9000"), view=view_at_the_short()) == "short_delta"
    )
