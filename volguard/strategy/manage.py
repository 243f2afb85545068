"""When to be out: exit rules on the executable mark, in order, the first that holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.measure.payoff import short_legs
from volguard.measure.touch import ClosingMark, fair_deltas
from volguard.model.book import Trade
from volguard.model.decision import FigureValue
from volguard.model.order import Urgency
from volguard.model.units import figure
from volguard.nse.calendar import Calendar
from volguard.strategy.policy import BucketPolicy, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitSignal:
    """One rule that says out; `needs_confirmation` rules must hold twice before they act."""

    rule: str
    urgency: Urgency
    needs_confirmation: bool
    text: str
    figures: Mapping[str, FigureValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitInputs:
    """All that a trade's exit depends on. `mark` None: it cannot be closed at a quoted price now."""

    now: datetime
    session_open: datetime
    trade: Trade
    view: MarketView
    mark: ClosingMark | None
    exit_charges_inr: Decimal | None
    policy: Policy
    bucket_policy: BucketPolicy
    calendar: Calendar


def exit_signals(inputs: ExitInputs) -> tuple[ExitSignal, ...]:
    """Every exit rule that holds, the most pressing first: one that cannot act must not hide the next."""
    in_quiet = inputs.now < inputs.session_open + timedelta(seconds=inputs.policy.opening_quiet_s)
    rules = (_short_delta,) if in_quiet else (_loss, _short_delta, _profit, _time)
    found = (rule(inputs) for rule in rules)
    return tuple(signal for signal in found if signal is not None)


def exit_deadline(trade: Trade, bucket: BucketPolicy, policy: Policy, calendar: Calendar) -> datetime:
    """When the time rule takes a trade out: sessions before expiry, or calendar days before it."""
    expiry = trade.legs[0].contract.expiry
    day = expiry
    if bucket.exit_sessions_before > 0:
        for _ in range(bucket.exit_sessions_before):
            day = calendar.previous_trading_day(day)
    elif bucket.exit_days_before > 0:
        day = _session_on_or_before(expiry - timedelta(days=bucket.exit_days_before), calendar)
    at = min(bucket.exit_at, policy.expiry_day_flat_at) if day == expiry else bucket.exit_at
    return datetime.combine(day, at, tzinfo=trade.proposed_at.tzinfo)


def trade_pnl_inr(trade: Trade, mark: ClosingMark) -> Decimal:
    """Gross rupees if the trade were closed at the touch now, before charges."""
    return trade.cash_inr + mark.value_inr


def _loss(inputs: ExitInputs) -> ExitSignal | None:
    trade, mark, policy = inputs.trade, inputs.mark, inputs.policy
    if mark is None or not mark.is_confirmed_price:
        return None
    # Hedges that stand alone were paid for: until the shorts are sold the credit is the one proposed.
    credit = float(trade.entry_credit_inr)
    if credit <= 0.0:
        credit = trade.credit_per_unit * trade.units
    by_max_loss = policy.loss_share_of_max_loss * float(trade.max_loss_inr)
    # What was paid for has no credit to go by.
    by_credit = policy.loss_credits_max * credit if credit > 0.0 else by_max_loss
    limit = figure(min(by_credit, by_max_loss))
    loss = figure(-float(trade_pnl_inr(trade, mark)))
    if loss < limit:
        return None
    return ExitSignal(
        rule="loss",
        urgency=Urgency.HIGH,
        needs_confirmation=True,
        text=f"loss is {loss:.2f}, limit {limit:.2f}",
        figures={"loss_inr": loss, "limit_inr": limit},
    )


def _short_delta(inputs: ExitInputs) -> ExitSignal | None:
    # By the neighbours' volatility: a leg whose own quote is frozen or wrong cannot hide its delta.
    deltas = fair_deltas(inputs.view, [leg.contract for leg in short_legs(inputs.trade.legs)])
    worst = float(np.nanmax(np.abs(deltas), initial=0.0))
    limit = inputs.policy.exit_short_delta
    if figure(worst) <= limit:
        return None
    return ExitSignal(
        rule="short_delta",
        urgency=Urgency.HIGH,
        needs_confirmation=True,
        text=f"a short leg's delta is {worst:.2f}, limit {limit:.2f}",
        figures={"short_delta": figure(worst), "limit": limit},
    )


def _profit(inputs: ExitInputs) -> ExitSignal | None:
    trade, mark = inputs.trade, inputs.mark
    if mark is None or not mark.is_confirmed_price or inputs.exit_charges_inr is None:
        return None
    credit = float(trade.entry_credit_inr)
    profit = figure(float(trade_pnl_inr(trade, mark) - inputs.exit_charges_inr))
    target = figure(inputs.bucket_policy.profit_share * credit)
    if credit <= 0 or profit < target:
        return None
    return ExitSignal(
        rule="profit",
        urgency=Urgency.MEDIUM,
        needs_confirmation=True,
        text=f"profit net of exit costs is {profit:.2f}, target {target:.2f}",
        figures={"profit_inr": profit, "target_inr": target},
    )


def _time(inputs: ExitInputs) -> ExitSignal | None:
    deadline = exit_deadline(inputs.trade, inputs.bucket_policy, inputs.policy, inputs.calendar)
    if inputs.now < deadline:
        return None
    return ExitSignal(
        rule="time",
        urgency=Urgency.MEDIUM,
        needs_confirmation=False,
        text=f"exit was due at {deadline:%Y-%m-%d %H:%M}",
        figures={"due": deadline.isoformat()},
    )


def _session_on_or_before(day: date, calendar: Calendar) -> date:
    return day if calendar.is_trading_day(day) else calendar.previous_trading_day(day)
