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
from tests.strategy.scenes import calm_view, events_of, full_listing
from volguard.measure.market_view import MarketView
from volguard.measure.since_entry import entry_market, since_entry
from volguard.measure.touch import ClosingMark, fair_deltas
from volguard.model.book import Bucket, Fill, StructureKind, Trade, TradeState, positions_of
from volguard.model.order import Urgency
from volguard.model.units import figure
from volguard.strategy.manage import ExitInputs, ExitSignal, exit_deadline, exit_signals, trade_pnl_inr
from volguard.volatility.events import EventKind

LEGS = condor(24_100, 24_400, 25_200, 25_500)
PRICES = ("5.10", "29.50", "31.00", "5.90")
CREDIT = Decimal("49.50") * LOT  # 3712.50
POLICY = replace(shipped_policy(), heed_events=True)
WEEKLY_POLICY = shipped_bucket("weekly")
MONTH = shipped_bucket("monthly")
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


def test_an_intraday_trade_is_left_on_the_day_it_went_in() -> None:
    assert deadline(WEEKLY, "intraday") == at("2025-09-03 15:10")
    assert deadline(NOW.date(), "intraday") == at("2025-09-03 14:30")  # it expires that day
    intraday: dict[str, Any] = {"bucket_policy": shipped_bucket("intraday")}
    assert rule(**intraday, now=at("2025-09-03 15:10")) == "time"
    assert rule(**intraday, now=at("2025-09-03 15:09:59")) is None


# --- gamma and vega ----------------------------------------------------------------------------------


def with_entry(view: MarketView | None = None) -> Trade:
    """The trade, made on the calm market."""
    return replace(make_trade(), entry_market=entry_market(calm_view() if view is None else view, LEGS))


@pytest.mark.parametrize(
    ("name", "forward", "sigma"),
    [("gamma", 24_480.0, 0.12), ("gamma", 25_130.0, 0.12), ("vega", 24_800.0, 0.25)],
)
def test_a_credit_lost_to_gamma_or_to_vega_is_left_and_a_paisa_less_is_kept(
    name: str, forward: float, sigma: float
) -> None:
    trade, loose = with_entry(), replace(POLICY, exit_short_delta=0.99)
    view = view_of(flat_vol_snapshot(forward=forward, sigma=sigma, listing=full_listing()))
    parts = since_entry(view, trade, positions_of(trade.fills))
    assert parts is not None
    lost = -figure(parts.gamma_inr if name == "gamma" else parts.vega_inr)
    other = -figure(parts.vega_inr if name == "gamma" else parts.gamma_inr)
    assert lost > max(1000.0, other)
    at_limit = replace(loose, exit_greek_loss_credits=lost / float(CREDIT))
    just_over = replace(loose, exit_greek_loss_credits=(lost - 0.01) / float(CREDIT))
    assert rule(trade=trade, view=view, policy=at_limit) is None
    signal = first_signal(trade=trade, view=view, policy=just_over)
    assert signal is not None
    assert (signal.rule, signal.urgency, signal.needs_confirmation) == ("greeks", Urgency.HIGH, True)
    assert signal.text.startswith(f"{name} has lost {lost:.2f} since entry, limit ")
    assert signal.figures["limit_inr"] == pytest.approx(lost - 0.01)


def test_the_shipped_limit_is_one_credit() -> None:
    """At 25 % volatility the condor has lost more than its credit to vega; at 16 % not."""
    trade, loose = with_entry(), replace(POLICY, exit_short_delta=0.99)
    for sigma, expected in ((0.25, "greeks"), (0.16, None)):
        view = view_of(flat_vol_snapshot(sigma=sigma, listing=full_listing()))
        parts = since_entry(view, trade, positions_of(trade.fills))
        assert parts is not None
        assert (-parts.vega_inr > float(CREDIT)) is (expected is not None)
        assert rule(trade=trade, view=view, policy=loose) == expected


def test_a_trade_that_does_not_know_its_entry_is_not_judged_by_its_greeks() -> None:
    view = view_of(flat_vol_snapshot(sigma=0.25, listing=full_listing()))
    loose = replace(POLICY, exit_short_delta=0.99)
    assert rule(trade=make_trade(), view=view, policy=loose) is None
    debit = replace(with_entry(), fills=make_trade(credit="10").fills, credit_per_unit=-1.0)
    assert "greeks" not in {s.rule for s in exit_signals(inputs(trade=debit, view=view, policy=loose))}


# --- stress ------------------------------------------------------------------------------------------


def made_in(is_backwardation: bool | None) -> Trade:
    entry = with_entry().entry_market
    assert entry is not None
    return replace(make_trade(), entry_market=replace(entry, is_backwardation=is_backwardation))


def test_a_regime_that_turned_to_stress_half_an_hour_ago_is_left() -> None:
    signal = first_signal(trade=made_in(False), stress_for_s=1800.0)
    assert signal is not None
    assert (signal.rule, signal.urgency, signal.needs_confirmation) == ("stress", Urgency.MEDIUM, False)
    assert signal.figures == {"stood_s": 1800.0, "limit_s": 1800.0}
    assert rule(trade=made_in(False), stress_for_s=1799.9) is None
    assert rule(trade=made_in(False), stress_for_s=None) is None


@pytest.mark.parametrize("made", [True, None])
def test_a_trade_made_in_the_stress_has_not_seen_it_turn(made: bool | None) -> None:
    assert rule(trade=made_in(made), stress_for_s=9999.0) is None
    assert rule(trade=make_trade(), stress_for_s=9999.0) is None


# --- events ------------------------------------------------------------------------------------------

FOMC_ON_THE_FIFTH = events_of((date(2025, 9, 5), EventKind.FOMC))


def test_the_session_before_a_class_a_event_is_the_last_of_a_trade() -> None:
    thursday: dict[str, Any] = {"now": at("2025-09-04 10:00"), "session_open": at("2025-09-04 09:15")}
    signal = first_signal(**thursday, events=FOMC_ON_THE_FIFTH)
    assert signal is not None
    assert (signal.rule, signal.urgency, signal.needs_confirmation) == ("event", Urgency.MEDIUM, False)
    assert signal.figures == {"event": "fomc", "event_day": "2025-09-05"}
    assert rule(events=FOMC_ON_THE_FIFTH) is None  # Wednesday the third: a session more
    assert rule(**thursday, events=None) is None
    assert rule(**thursday, events=FOMC_ON_THE_FIFTH, policy=replace(POLICY, heed_events=False)) is None
    class_b = events_of((date(2025, 9, 5), EventKind.RBI))
    assert rule(**thursday, events=class_b) is None


def test_a_trade_that_is_out_by_its_own_time_today_is_not_left_for_an_event_of_tomorrow() -> None:
    monday: dict[str, Any] = {"now": at("2025-09-08 10:00"), "session_open": at("2025-09-08 09:15")}
    on_expiry = events_of((date(2025, 9, 9), EventKind.FOMC))
    assert rule(**monday, events=on_expiry) is None
    assert rule(**monday, events=on_expiry, trade=make_trade(expiry=MONTHLY), bucket_policy=MONTH) == "event"
    thursday: dict[str, Any] = {"now": at("2025-09-04 10:00"), "session_open": at("2025-09-04 09:15")}
    intraday = replace(make_trade(), proposed_at=at("2025-09-04 09:45"))
    bucket = shipped_bucket("intraday")
    assert rule(**thursday, events=FOMC_ON_THE_FIFTH, trade=intraday, bucket_policy=bucket) is None


# --- the day of expiry -------------------------------------------------------------------------------


def test_on_the_day_of_expiry_nothing_waits_beyond_half_past_two() -> None:
    """The patient exit of the time rule, not filled, is overtaken by one that pays what it takes."""
    day: dict[str, Any] = {"session_open": at("2025-09-09 09:15"), "mark": None}
    late = exit_signals(inputs(**day, now=at("2025-09-09 14:30")))
    assert [(s.rule, s.urgency) for s in late] == [("time", Urgency.MEDIUM), ("expiry", Urgency.HIGH)]
    early = exit_signals(inputs(**day, now=at("2025-09-09 14:29:59")))
    assert [s.rule for s in early] == ["time"]


# --- order, quiet opening ----------------------------------------------------------------------------


def test_the_first_rule_that_holds_is_the_one_that_acts() -> None:
    late: dict[str, Any] = {"now": at("2025-09-08 13:00"), "session_open": at("2025-09-08 09:15")}
    loss, profit = mark_for("-9000"), mark_for("3000")
    tested = view_at_the_short()
    assert rule(**late, view=tested, mark=loss) == "loss"
    assert rule(**late, view=tested, mark=profit) == "short_delta"
    assert rule(**late, mark=profit) == "profit"
    assert rule(**late) == "time"


def test_the_rules_come_in_their_order() -> None:
    """Loss, delta, gamma or vega, profit, time, stress, event; a trade with a profit has no loss."""
    trade = replace(with_entry(), legs=condor(24_100, 24_400, 25_200, 25_500))
    wild = view_of(flat_vol_snapshot(forward=24_420.0, sigma=0.3, listing=full_listing()))
    now = at("2025-09-08 13:00")
    everything: dict[str, Any] = {
        "trade": trade,
        "view": wild,
        "now": now,
        "session_open": at("2025-09-08 09:15"),
        "stress_for_s": 1800.0,
    }
    tight = replace(POLICY, exit_greek_loss_credits=0.01)
    losing = exit_signals(inputs(**everything, policy=tight, mark=mark_for("-9000")))
    assert [s.rule for s in losing] == ["loss", "short_delta", "greeks", "time", "stress"]
    winning = exit_signals(inputs(**everything, policy=tight, mark=mark_for("3000")))
    assert [s.rule for s in winning] == ["short_delta", "greeks", "profit", "time", "stress"]
    # An event comes after the stress: a trade whose time is not up.
    before = everything | {"now": at("2025-09-04 13:00"), "session_open": at("2025-09-04 09:15")}
    last = exit_signals(inputs(**before, policy=tight, events=FOMC_ON_THE_FIFTH))
    assert [s.rule for s in last] == ["short_delta", "greeks", "stress", "event"]


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
