"""When to be out: exit rules on the executable mark, in order, the first that holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.measure.payoff import short_legs
from volguard.measure.since_entry import since_entry
from volguard.measure.touch import ClosingMark, fair_deltas
from volguard.model.book import Trade, positions_of
from volguard.model.decision import FigureValue
from volguard.model.order import Urgency
from volguard.model.units import figure
from volguard.nse.calendar import Calendar
from volguard.strategy.event_risk import class_a_next_session
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.volatility.event_calendar import EventTables

FLAT_BEFORE_AUCTION: Final = timedelta(minutes=15)  # for an exit to be worked before quotes thin out


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
    """All that a trade's exit depends on. `mark` None: it cannot be closed at a quoted price now.

    `stress_for_s`: for how long near volatility has stood above far, None while it does not; `events` None:
    the scheduled events are not available, and no trade is left for one.
    """

    now: datetime
    session_open: datetime
    trade: Trade
    view: MarketView
    mark: ClosingMark | None
    exit_charges_inr: Decimal | None
    policy: Policy
    bucket_policy: BucketPolicy
    calendar: Calendar
    stress_for_s: float | None = None
    events: EventTables | None = None


def exit_signals(inputs: ExitInputs) -> tuple[ExitSignal, ...]:
    """Every exit rule that holds, the most pressing first: one that cannot act must not hide the next."""
    in_quiet = inputs.now < inputs.session_open + timedelta(seconds=inputs.policy.opening_quiet_s)
    rules = (_short_delta,) if in_quiet else _RULES
    found = (rule(inputs) for rule in rules)
    return tuple(signal for signal in found if signal is not None)


def exit_deadline(trade: Trade, bucket: BucketPolicy, policy: Policy, calendar: Calendar) -> datetime:
    """When the time rule takes a trade out."""
    return deadline_of(trade.legs[0].contract.expiry, trade.proposed_at, bucket, policy, calendar)


def deadline_of(
    expiry: date, proposed_at: datetime, bucket: BucketPolicy, policy: Policy, calendar: Calendar
) -> datetime:
    """When a trade of that expiry is out: the day it went in, sessions before it, or calendar days before."""
    day = expiry
    if bucket.is_same_day:
        day = min(proposed_at.date(), expiry)
    elif bucket.exit_sessions_before > 0:
        for _ in range(bucket.exit_sessions_before):
            day = calendar.previous_trading_day(day)
    elif bucket.exit_days_before > 0:
        day = _session_on_or_before(expiry - timedelta(days=bucket.exit_days_before), calendar)
    due = datetime.combine(day, bucket.exit_at, tzinfo=proposed_at.tzinfo)
    return min(due, _flat_at(expiry, due, policy, calendar)) if day == expiry else due


def trade_pnl_inr(trade: Trade, mark: ClosingMark) -> Decimal:
    """Gross rupees if the trade were closed at the touch now, before charges."""
    return trade.cash_inr + mark.value_inr


def _loss(inputs: ExitInputs) -> ExitSignal | None:
    trade, mark, policy = inputs.trade, inputs.mark, inputs.policy
    if mark is None or not mark.is_confirmed_price:
        return None
    credit = _credit_inr(trade)
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


def _greeks(inputs: ExitInputs) -> ExitSignal | None:
    trade = inputs.trade
    credit, parts = _credit_inr(trade), since_entry(inputs.view, trade, positions_of(trade.fills))
    if credit <= 0.0 or parts is None:
        return None
    limit = figure(inputs.policy.exit_greek_loss_credits * credit)
    gamma, vega = figure(parts.gamma_inr), figure(parts.vega_inr)
    worst, name = min((gamma, "gamma"), (vega, "vega"))
    if worst >= -limit:
        return None
    return ExitSignal(
        rule="greeks",
        urgency=Urgency.HIGH,
        needs_confirmation=True,
        text=f"{name} has lost {-worst:.2f} since entry, limit {limit:.2f}",
        figures={"gamma_pnl_inr": gamma, "vega_pnl_inr": vega, "limit_inr": limit},
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


def _stress(inputs: ExitInputs) -> ExitSignal | None:
    # A trade that was made in the stress has not seen the regime turn.
    entry, stood_s = inputs.trade.entry_market, inputs.stress_for_s
    dwell_s = inputs.policy.exit_stress_dwell_s
    if entry is None or entry.is_backwardation is not False or stood_s is None or stood_s < dwell_s:
        return None
    return ExitSignal(
        rule="stress",
        urgency=Urgency.MEDIUM,
        needs_confirmation=False,  # the dwell has confirmed it
        text=f"near volatility has stood above far for {stood_s:.0f} s, limit {dwell_s:.0f}",
        figures={"stood_s": stood_s, "limit_s": dwell_s},
    )


def _event(inputs: ExitInputs) -> ExitSignal | None:
    today = inputs.now.date()
    due = exit_deadline(inputs.trade, inputs.bucket_policy, inputs.policy, inputs.calendar)
    if not inputs.policy.heed_events or due.date() <= today:  # out before the event, by the time rule
        return None
    event = class_a_next_session(inputs.events, inputs.calendar, today)
    if event is None:
        return None
    return ExitSignal(
        rule="event",
        urgency=Urgency.MEDIUM,
        needs_confirmation=False,
        text=f"{event.name} on {event.day.isoformat()}, limit the session before",
        figures={"event": event.kind.value, "event_day": event.day.isoformat()},
    )


def _expiry(inputs: ExitInputs) -> ExitSignal | None:
    # The time rule has asked before, patiently: on the day of expiry nothing waits any longer.
    expiry, now = inputs.trade.legs[0].contract.expiry, inputs.now
    if now.date() < expiry:  # not asked before: the calendar need not reach so far
        return None
    flat_at = _flat_at(expiry, now, inputs.policy, inputs.calendar)
    if now < flat_at:
        return None
    return ExitSignal(
        rule="expiry",
        urgency=Urgency.HIGH,
        needs_confirmation=False,
        text=f"expires on {expiry.isoformat()}, limit {flat_at:%H:%M}",
        figures={"flat_at": flat_at.isoformat()},
    )


_RULES = (_loss, _short_delta, _greeks, _profit, _time, _stress, _event, _expiry)


def _flat_at(expiry: date, now: datetime, policy: Policy, calendar: Calendar) -> datetime:
    # As set, and whatever is set before the closing auction of that day, or its end where it has none.
    at = datetime.combine(expiry, policy.expiry_day_flat_at, tzinfo=now.tzinfo)
    session = calendar.session(expiry)
    if session is None:
        return at
    return min(at, (session.closing_auction_from or session.windows[-1][1]) - FLAT_BEFORE_AUCTION)


def _credit_inr(trade: Trade) -> float:
    # Hedges that stand alone were paid for: until the shorts are sold the credit is the one proposed.
    credit = float(trade.entry_credit_inr)
    return credit if credit > 0.0 else trade.credit_per_unit * trade.units


def _session_on_or_before(day: date, calendar: Calendar) -> date:
    return day if calendar.is_trading_day(day) else calendar.previous_trading_day(day)
