"""What must hold of a decision, reckoned anew from the look at the market that it was made on.

Nothing here asks the strategy: prices are read off the chain, charges off the dated schedule, windows and
deadlines off the settings and the calendar, the expected value under P by an integral of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from tests.scenario.played_days import Told
from volguard.model.book import Bucket, Leg, Trade, positions_of
from volguard.model.decision import Action, CandidateRecord, Decision
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.market import ChainSnapshot
from volguard.strategy.policy import BucketPolicy
from volguard.strategy.structure import ShortStrikes, structure_legs
from volguard.volatility.events import EventClass, class_of

ENTRIES = (Action.ENTER, Action.PROPOSE)
DISCOUNTS = (0.98, 1.005)  # of anything up to six weeks ahead


def judge(told: Told) -> set[str]:
    """Hold all decisions of a day against their rules; the exit rules that fired."""
    fired = set[str]()
    for decision in told.decisions:
        if decision.action in ENTRIES:
            check_entry(told, decision)
            check_window(told, decision)
        elif decision.action is Action.EXIT:
            fired.add(check_exit(told, decision))
        else:
            check_no(decision)
    check_pauses(told)
    return fired


def number(value: object) -> float:
    """A figure that must be there."""
    assert isinstance(value, int | float), value
    return float(value)


def chosen(decision: Decision) -> CandidateRecord:
    """The candidate that a decision is about: it passed, and the decision carries its figures."""
    passing = [
        c
        for c in decision.candidates
        if not c.refusal and all(decision.figures.get(name) == value for name, value in c.figures.items())
    ]
    assert len(passing) == 1, f"{decision.ts}: {len(passing)} candidates are the one chosen"
    return passing[0]


def legs_of(told: Told, decision: Decision, candidate: CandidateRecord) -> tuple[Leg, ...]:
    """Legs from strikes: longs outside, shorts inside."""
    expiry = date.fromisoformat(str(decision.figures["expiry"]))
    strikes, underlying = candidate.strikes, told.desk.source.underlying
    puts = strikes[:2] if len(strikes) == 4 or candidate.structure.value == "BULL_PUT_SPREAD" else ()
    calls = strikes[-2:] if len(strikes) == 4 or not puts else ()
    found = structure_legs(
        candidate.structure,
        underlying,
        expiry,
        ShortStrikes(put=puts[1] if puts else None, call=calls[0] if calls else None),
        round(number(candidate.figures["width"])),
    )
    assert found is not None and tuple(leg.contract.strike for leg in found) == strikes
    return found


def check_entry(told: Told, decision: Decision) -> None:
    """Credit, costs and edge of what was chosen, reckoned from the quotes of its look."""
    policy, candidate = told.engine.settings.policy, chosen(decision)
    legs, look = legs_of(told, decision, candidate), told.looks[decision.ts]
    touch = [quoted(look, leg.contract) for leg in legs]
    assert all(0.0 < bid < ask for bid, ask in touch)
    credit = sum(bid if leg.side is Side.SELL else -ask for leg, (bid, ask) in zip(legs, touch, strict=True))
    width = abs(candidate.strikes[0] - candidate.strikes[1])
    expiry = legs[0].contract.expiry
    underlying = told.desk.source.underlying
    units = candidate.lots * told.engine.rules.contracts.lot_size(underlying, told.day, expiry)
    assert units > 0 and credit >= policy.credit_share_of_width_min * width
    assert number(decision.figures["credit_per_unit"]) == pytest.approx(credit, abs=1e-6)
    costs = round_trip_inr(told, legs, touch, units)
    assert number(decision.figures["costs_inr"]) == pytest.approx(costs, abs=0.01)
    assert costs <= policy.cost_share_of_credit_max * credit * units
    if decision.figures["forecast_edge_judged"]:
        _check_edge(told, decision, legs, credit, costs / units)
    if decision.figures["vrp_judged"]:
        assert decision.figures["signal"] in ("SELL_FULL", "SELL_REDUCED")
        assert number(decision.figures["iv_rv_spread"]) > 0.0


def _check_edge(told: Told, decision: Decision, legs: Sequence[Leg], credit: float, cost: float) -> None:
    figures = decision.figures
    value = number(figures["ev_p_per_unit"])
    assert value > 0.0
    variance = number(figures["forecast_vol"]) ** 2 * number(figures["sessions_to_expiry"]) / 252.0
    dof = told.engine.settings.student_t_dof
    pays = expected_points(legs, number(figures["forward"]), variance, dof)
    least, most = sorted(credit - cost + discount * pays for discount in DISCOUNTS)
    assert least - 0.02 <= value <= most + 0.02, f"{decision.ts}: {value} is not in {least} to {most}"


def expected_points(legs: Sequence[Leg], forward: float, variance: float, dof: float) -> float:
    """Mean payoff per unit where the log level is a Student-t of that variance around a fair forward."""
    x = np.linspace(-14.0, 14.0, 20_001)  # standard deviations
    density = (1.0 + x * x / (dof - 2.0)) ** (-(dof + 1.0) / 2.0)
    density /= density.sum()
    growth = np.exp(math.sqrt(variance) * x)
    levels = forward * growth / float(growth @ density)
    total = 0.0
    for leg in legs:
        beyond = levels - leg.contract.strike
        beyond = beyond if leg.contract.option_type is OptionType.CALL else -beyond
        total += leg.side.sign * float(np.maximum(beyond, 0.0) @ density)
    return total


def round_trip_inr(
    told: Told, legs: Sequence[Leg], touch: Sequence[tuple[float, float]], units: int
) -> float:
    """Half-spreads and charges of going in and out, each leg out at the price that it went in at."""
    rules = told.engine.rules
    freeze = rules.contracts.freeze_quantity(told.desk.source.underlying, told.day)
    total = sum(ask - bid for bid, ask in touch) * units
    for leg, (bid, ask) in zip(legs, touch, strict=True):
        price = Decimal(str(round(ask if leg.side is Side.BUY else bid, 2)))
        slices = [min(freeze, units - done) for done in range(0, units, freeze)]
        for side in Side:
            for quantity in slices:
                charged = rules.charges.for_fill(
                    trade_date=told.day, side=side, quantity=quantity, price=price, first_fill_of_order=True
                )
                total += float(charged.unrounded)
    return total


def quoted(look: ChainSnapshot, contract: OptionContract) -> tuple[float, float]:
    """Bid and ask of a contract, nan where nobody quotes it."""
    row = look.listing.row(contract)
    assert row is not None, contract
    return float(look.bid[row]), float(look.ask[row])


def check_window(told: Told, decision: Decision) -> None:
    """In the exchange's hours, in the bucket's, on a day and with an expiry that are its own."""
    assert decision.bucket is not None
    rules, policy = told.engine.rules, told.engine.settings.policy
    bucket, clock, day = told.engine.settings.buckets[decision.bucket], decision.ts.time(), told.day
    session = rules.calendar.session(day)
    assert session is not None and decision.ts.date() == day
    assert any(opens <= decision.ts <= closes for opens, closes in session.windows)
    assert policy.entry_from <= clock <= min(policy.entry_until, bucket.entry_until)
    expiry = date.fromisoformat(str(decision.figures["expiry"]))
    assert bucket.expiry_days_min <= (expiry - day).days <= bucket.expiry_days_max
    if bucket.is_monthly_cycle:
        assert rules.contracts.is_monthly(told.desk.source.underlying, expiry)
    elif not bucket.is_same_day and rules.calendar.next_trading_day(day) >= expiry:
        assert clock <= policy.entry_until_before_expiry


def check_pauses(told: Told) -> None:
    """Between two entries, or questions, of one bucket lies the cool-down."""
    pause = timedelta(seconds=told.engine.settings.policy.cool_down_s)
    for bucket in Bucket:
        at = [d.ts for d in told.of(*ENTRIES) if d.bucket is bucket]
        assert all(later - earlier >= pause for earlier, later in pairwise(at))


def check_no(decision: Decision) -> None:
    """A wait or a refusal: its reason, in a word and in a sentence, and that of each candidate."""
    assert decision.reason and decision.text
    if decision.action is Action.REFUSED:
        assert decision.breaches and decision.reason == decision.breaches[0].rule
        assert all(breach.rule and breach.text for breach in decision.breaches)
    else:
        assert all(candidate.refusal for candidate in decision.candidates)


def net_inr(told: Told) -> float:
    """What a day made: cash of its fills, less charges, and what closing at the last touch would bring."""
    last = max(told.looks)
    trades = told.desk.book.trades
    return sum(_pnl_inr(told, last, trade) - float(trade.charges_inr) for trade in trades)


def check_exit(told: Told, decision: Decision) -> str:
    """The rule's figure is beyond its limit, and the limit is that of the settings; gives the rule."""
    rule = decision.reason.removeprefix("exit_")
    assert decision.trade_id is not None and decision.text
    trade = told.desk.book.trade(decision.trade_id)
    session = told.engine.rules.calendar.session(told.day)
    assert session is not None
    quiet = timedelta(seconds=told.engine.settings.policy.opening_quiet_s)
    assert rule == "short_delta" or decision.ts >= session.windows[0][0] + quiet
    _CHECKS[rule](told, decision, trade)
    return rule


def _loss(told: Told, decision: Decision, trade: Trade) -> None:
    policy, figures = told.engine.settings.policy, decision.figures
    loss, limit = number(figures["loss_inr"]), number(figures["limit_inr"])
    assert loss >= limit > 0.0
    assert loss == pytest.approx(-_pnl_inr(told, decision.ts, trade), abs=0.01)
    of_credit = policy.loss_credits_max * _credit_inr(trade, decision.ts)
    of_max = policy.loss_share_of_max_loss * float(trade.max_loss_inr)
    assert limit == pytest.approx(min(of_credit, of_max), abs=0.01)


def _short_delta(told: Told, decision: Decision, trade: Trade) -> None:
    assert any(leg.side is Side.SELL for leg in trade.legs)
    limit = told.engine.settings.policy.exit_short_delta
    assert number(decision.figures["short_delta"]) > number(decision.figures["limit"]) == limit


def _greeks(told: Told, decision: Decision, trade: Trade) -> None:
    figures = decision.figures
    limit = number(figures["limit_inr"])
    assert min(number(figures["gamma_pnl_inr"]), number(figures["vega_pnl_inr"])) < -limit < 0.0
    credits_max = told.engine.settings.policy.exit_greek_loss_credits
    assert limit == pytest.approx(credits_max * _credit_inr(trade, decision.ts), abs=0.01)


def _profit(told: Told, decision: Decision, trade: Trade) -> None:
    profit, target = number(decision.figures["profit_inr"]), number(decision.figures["target_inr"])
    share = told.engine.settings.buckets[trade.bucket].profit_share
    assert target == pytest.approx(share * _credit_inr(trade, decision.ts), abs=0.01)
    assert profit >= target > 0.0
    assert profit < _pnl_inr(told, decision.ts, trade)  # the exit is paid for


def _time(told: Told, decision: Decision, trade: Trade) -> None:
    due = _due(told, trade, told.engine.settings.buckets[trade.bucket])
    assert decision.figures["due"] == due.isoformat()
    assert decision.ts >= due


def _stress(told: Told, decision: Decision, trade: Trade) -> None:
    dwell_s = told.engine.settings.policy.exit_stress_dwell_s
    assert number(decision.figures["stood_s"]) >= number(decision.figures["limit_s"]) == dwell_s
    assert trade.entry_market is not None and trade.entry_market.is_backwardation is False


def _event(told: Told, decision: Decision, trade: Trade) -> None:
    assert told.engine.settings.policy.heed_events and told.engine.settings.events is not None
    rows = told.engine.settings.events.event
    day = date.fromisoformat(str(decision.figures["event_day"]))
    mine = [row for row in rows if row.day == day and row.kind.value == decision.figures["event"]]
    assert mine and class_of(mine[0].kind) is EventClass.A
    assert told.day < day <= told.engine.rules.calendar.next_trading_day(told.day)
    assert _due(told, trade, told.engine.settings.buckets[trade.bucket]).date() > told.day


def _expiry(told: Told, decision: Decision, trade: Trade) -> None:
    flat_at = told.engine.settings.policy.expiry_day_flat_at
    assert trade.legs[0].contract.expiry == told.day
    assert decision.ts.time() >= flat_at
    assert str(decision.figures["flat_at"])[11:16] == f"{flat_at:%H:%M}"


_CHECKS: dict[str, Callable[[Told, Decision, Trade], None]] = {
    "loss": _loss,
    "short_delta": _short_delta,
    "greeks": _greeks,
    "profit": _profit,
    "time": _time,
    "stress": _stress,
    "event": _event,
    "expiry": _expiry,
}


def _due(told: Told, trade: Trade, bucket: BucketPolicy) -> datetime:
    # Walked day by day on the calendar.
    calendar, expiry = told.engine.rules.calendar, trade.legs[0].contract.expiry
    day = trade.proposed_at.date() if bucket.is_same_day else expiry
    sessions, days = bucket.exit_sessions_before, bucket.exit_days_before
    while sessions:
        day -= timedelta(days=1)
        sessions -= calendar.is_trading_day(day)
    if not (bucket.is_same_day or bucket.exit_sessions_before):
        day -= timedelta(days=days)
        while not calendar.is_trading_day(day):
            day -= timedelta(days=1)
    at = bucket.exit_at
    if day == expiry:
        at = min(at, told.engine.settings.policy.expiry_day_flat_at)
    return datetime.combine(day, at, tzinfo=trade.proposed_at.tzinfo)


def _credit_inr(trade: Trade, until: datetime) -> float:
    sides = {leg.contract: leg.side for leg in trade.legs}
    entries = [f for f in trade.fills if f.ts <= until and sides[f.contract] is f.side]
    return float(sum(fill.cash_inr for fill in entries))


def _pnl_inr(told: Told, ts: datetime, trade: Trade) -> float:
    # Cash so far, and what closing at the touch of the look would bring; a long that nobody bids for nothing.
    fills = [fill for fill in trade.fills if fill.ts <= ts]
    total = float(sum(fill.cash_inr for fill in fills))
    for position in positions_of(fills):
        bid, ask = quoted(told.looks[ts], position.contract)
        total += position.quantity * (np.nan_to_num(bid) if position.quantity > 0 else ask)
    return total
