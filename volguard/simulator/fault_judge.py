"""Holds every step of a session against what must always be true; the exchange knows the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from volguard.engine.reconciling import has_broker, may_send
from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.execution.basket import BasketState, uncovered_units
from volguard.measure.touch import quote_of
from volguard.model.book import Trade, TradeState, positions_of
from volguard.model.decision import Action, SafetyLevel, TradingState
from volguard.model.event import (
    Alert,
    BrokerBookRead,
    Cancel,
    DecisionMade,
    Effect,
    Event,
    FeedGap,
    LinkChanged,
    MarketSnapshot,
    Modify,
    OrderAbsent,
    Place,
    Query,
    Record,
    StateChanged,
    StepFailed,
    TimePassed,
    TradeChanged,
)
from volguard.model.order import OrderState, Purpose
from volguard.simulator.fault_invariants import Invariant, Ledger, SafetyAction
from volguard.simulator.fault_orders import OrderJudge, units_to_come
from volguard.simulator.lying_broker import LyingBroker

T = TradingState
MAY_ADD_RISK: Final = (T.ACTIVE, T.READY)
OUTSIDE_READS: Final = 20  # readings until a difference must have been noticed, those that fail among them
EXIT_LOOKS_MAX: Final = 8  # looks at which a leg could be priced and no order for it was on the exchange
ACTION_OF_ALERT: Final = {
    "order_absent": SafetyAction.COUNTED_ABSENT,
    "order_appeared": SafetyAction.TAKEN_BACK,
    "late_fill": SafetyAction.LATE_FILL_CLOSED,
    "basket_flattened": SafetyAction.HEDGES_SOLD,
    "exit_stale": SafetyAction.EXIT_ANEW,
    "exit_slow": SafetyAction.EXIT_HURRIED,
    "emergency": SafetyAction.PAGED,
    "order_breaker": SafetyAction.BREAKER,
}
ACTION_OF_DECISION: Final = {
    Action.EXIT: SafetyAction.EXITED,
    Action.REFUSED: SafetyAction.REFUSED,
    Action.FLATTEN: SafetyAction.FLATTENED,
}
ACTION_OF_STATE: Final = {
    T.REDUCING: SafetyAction.REDUCED,
    T.HALTED: SafetyAction.HALTED,
}


@dataclass(slots=True)
class Judge:
    """Holds every step against what must always be true."""

    engine: Engine
    broker: LyingBroker
    capital_inr: Decimal
    ledger: Ledger = field(default_factory=Ledger)
    naked_since: datetime | None = None
    naked_s_max: float = 0.0
    was_emergency: bool = False
    orders: OrderJudge = field(init=False)
    _before: Desk | None = None
    _event: Event | None = None
    _worries: list[datetime] = field(default_factory=list)  # when something was amiss, in order
    _outside_since: datetime | None = None
    _awaits_reading: bool = False
    _idle_looks: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.orders = OrderJudge(engine=self.engine, broker=self.broker, ledger=self.ledger)

    @property
    def violations(self) -> list[str]:
        """What was not true, each with its time."""
        return self.ledger.violations

    # --- a step that is kept ----------------------------------------------------------------------

    def before_effects(
        self, state: State, event: Event, effects: Sequence[Effect], records: Sequence[Record]
    ) -> None:
        """A step that is kept: what it sends must be allowed by the state that it leaves."""
        desk = state.desk
        self._before, self._event = desk, event
        errors = [record.error for record in records if isinstance(record, StepFailed)]
        self._hold(Invariant.NO_STEP_RAISED, not errors, event.ts, f"a step raised: {''.join(errors)}")
        self._count(desk, records, effects)
        if desk is None:
            return
        if isinstance(event, OrderAbsent):
            self.orders.note_absent(desk, event)
        self._judge_book_known(desk, event, effects)
        moves = [record.trading_state for record in records if isinstance(record, StateChanged)]
        trading_state = moves[-1] if moves else desk.trading_state
        for effect in effects:
            match effect:
                case Place(approved=approved):
                    self.orders.judge_place(desk, approved, trading_state, event.ts)
                case Modify(approved=approved):
                    self.orders.judge_known(desk, approved.request.tag, "re-priced", event)
                case Cancel(tag=tag):
                    self.orders.judge_known(desk, tag, "cancelled", event)
                    self.orders.cancelled_at[tag] = event.ts
                case Query(tag=tag):
                    self.orders.sought_at[tag] = event.ts

    def _judge_book_known(self, desk: Desk, event: Event, effects: Sequence[Effect]) -> None:
        if isinstance(event, BrokerBookRead) and not event.view.unread:
            self._awaits_reading = False
        is_untrue = desk.is_book_untrue and not isinstance(event, BrokerBookRead)
        for effect in effects:
            if isinstance(effect, Place):
                tag = effect.approved.request.tag
                text = f"order {tag} is sent before the broker's book was read"
                self._hold(Invariant.BOOK_READ_FIRST, not self._awaits_reading, event.ts, text)
                text = f"order {tag} is sent on a book that is not the broker's"
                self._hold(Invariant.BOOK_READ_FIRST, not is_untrue, event.ts, text)

    def _count(self, desk: Desk | None, records: Sequence[Record], effects: Sequence[Effect]) -> None:
        state = desk.trading_state if desk is not None else None
        level = desk.safety_level if desk is not None else None
        actions = self.ledger.actions
        for record in records:
            if isinstance(record, DecisionMade) and record.decision.action in ACTION_OF_DECISION:
                actions[ACTION_OF_DECISION[record.decision.action]] += 1
            if isinstance(record, TradeChanged) and desk is not None and _is_unwound(record, desk):
                actions[SafetyAction.UNWOUND] += 1
            if isinstance(record, StateChanged):
                if record.trading_state is not state and record.trading_state in ACTION_OF_STATE:
                    actions[ACTION_OF_STATE[record.trading_state]] += 1
                if state is T.REDUCING and record.trading_state is T.ACTIVE:
                    actions[SafetyAction.HEALED] += 1
                if record.safety_level is SafetyLevel.EMERGENCY and level is not SafetyLevel.EMERGENCY:
                    actions[SafetyAction.EMERGENCY] += 1
                state, level = record.trading_state, record.safety_level
        for effect in effects:
            match effect:
                case Query():
                    actions[SafetyAction.READ_BACK] += 1
                case Cancel():
                    actions[SafetyAction.CANCELLED] += 1
                case Alert(code=code) if code in ACTION_OF_ALERT:
                    actions[ACTION_OF_ALERT[code]] += 1

    # --- after a step -----------------------------------------------------------------------------

    def after_step(self, state: State) -> None:
        """The book adds up, and everything that is to be watched is."""
        desk, before = state.desk, self._before
        if desk is None:
            return
        self.was_emergency = self.was_emergency or desk.safety_level is SafetyLevel.EMERGENCY
        is_same = before is not None and before.book is desk.book and before.baskets is desk.baskets
        if not is_same or not isinstance(self._event, TimePassed):
            self.orders.after_step(desk)
            for trade in desk.book.trades:
                self._judge_trade(desk, trade)
        if before is not None:
            self._judge_latches(before, desk)
            self._judge_withdrawal(before, desk)
        self._watch_naked(desk)
        self._watch_outside(desk)
        self._judge_hole(desk)
        if isinstance(self._event, MarketSnapshot):
            self.orders.judge_forgotten(desk)
            self._judge_flatten(before, desk)
            self._judge_exits(state, desk)
        if desk.degraded_by:
            self._worries.append(desk.now)
        self._event = None

    def restarted(self, desk: Desk, kept: Desk | None) -> None:
        """A new process has replayed the journal; `kept` is the desk after the last step on disk."""
        self.ledger.actions[SafetyAction.RESTARTED] += 1
        known = {order.request.tag for order in desk.book.orders}
        lost = [tag for tag in self.broker.exchange.accepted_tags if tag and tag not in known]
        text = f"order {', '.join(lost)} is at the exchange, and the journal lost it with the power"
        self._hold(Invariant.JOURNALED_FIRST, not lost, desk.now, text)
        text = f"a restart came to another state than the one before: {_difference(kept, desk)}"
        if kept is not None:
            self._hold(Invariant.SAME_AFTER_CRASH, kept == desk, desk.now, text)
        self.orders.restarted(desk)
        self._outside_since, self._awaits_reading = None, has_broker(desk)
        self._before = self._event = None
        # Looks that were not on disk are seen again, at their old time: worries of then are still to come.
        self._worries = [at for at in self._worries if at <= desk.now]
        self._idle_looks.clear()
        self.naked_since = desk.naked.since if desk.naked is not None else None

    def _judge_trade(self, desk: Desk, trade: Trade) -> None:
        held = positions_of(trade.fills)
        what = f"trade {trade.trade_id} is {trade.state.value}"
        is_idle = not any(basket.trade_id == trade.trade_id for basket in desk.baskets)
        is_over = not trade.state.is_live
        left = held and (is_over or (trade.state is not TradeState.OPEN and is_idle))
        text = f"{what}, holds something and nothing closes it"
        self._hold(Invariant.NOTHING_LEFT_LYING, not left, desk.now, text)
        sides = {leg.contract: leg.side.sign for leg in trade.legs}
        # An exit that two readings did not show and that filled after all is nobody's fault: it is repaired.
        beyond = [
            p
            for p in held
            if (p.quantity * sides[p.contract] < 0 or abs(p.quantity) > trade.units)
            and not self.orders.has_appeared(trade.trade_id, p.contract)
        ]
        text = f"{what} and holds {', '.join(f'{p.quantity:+d} {p.contract.symbol}' for p in beyond)}"
        self._hold(Invariant.NEVER_BEYOND_FLAT, not beyond, desk.now, text)

    def _judge_latches(self, before: Desk, desk: Desk) -> None:
        loose = [
            name
            for name, was_on, is_on in (
                ("the halt", before.trading_state is T.HALTED, desk.trading_state is T.HALTED),
                ("the soft stop", before.stops.soft, desk.stops.soft),
                ("the hard stop", before.stops.hard, desk.stops.hard),
                ("the flatten", bool(before.flatten_reason), bool(desk.flatten_reason)),
                ("the emergency", bool(before.emergency), bool(desk.emergency)),
            )
            if was_on and not is_on
        ]
        self._hold(Invariant.LATCHED, not loose, desk.now, f"{', '.join(loose)} let go by itself")
        is_stopped = desk.kill_switch or desk.emergency or desk.flatten_reason or desk.stops.hard
        text = f"trading is {desk.trading_state.value} after {desk.flatten_reason or 'a stop'}"
        self._hold(Invariant.LATCHED, not is_stopped or desk.trading_state is T.HALTED, desk.now, text)
        text = "trading is ACTIVE after the soft stop"
        is_soft = desk.stops.soft and desk.trading_state is T.ACTIVE
        self._hold(Invariant.LATCHED, not is_soft, desk.now, text)
        if before.trading_state is T.REDUCING and desk.trading_state is T.ACTIVE:
            dwell_s = self.engine.settings.limits.heal_dwell_s
            clean_s = (desk.now - (self._worries[-1] if self._worries else before.now)).total_seconds()
            text = f"trading goes on {clean_s:.0f} s after the last cause of worry, dwell {dwell_s:.0f}"
            self._hold(Invariant.HEALS_SLOWLY, clean_s >= dwell_s, desk.now, text)

    def _judge_withdrawal(self, before: Desk, desk: Desk) -> None:
        if not isinstance(self._event, MarketSnapshot | FeedGap | LinkChanged):
            return
        if isinstance(self._event, LinkChanged) and self._event.is_up:
            return
        if before.trading_state in MAY_ADD_RISK or desk.trading_state in MAY_ADD_RISK:
            return
        working = [
            basket.basket_id
            for basket in desk.baskets
            if basket.purpose is Purpose.OPEN and basket.state is BasketState.WORKING
        ]
        text = f"entry {', '.join(working)} goes on while {desk.trading_state.value}"
        self._hold(Invariant.WITHDRAWN, not working, desk.now, text)

    def _judge_hole(self, desk: Desk) -> None:
        is_broken = isinstance(self._event, LinkChanged) and not self._event.is_up
        if is_broken or isinstance(self._event, FeedGap):
            text = f"trading is {desk.trading_state.value} though {type(self._event).__name__} was told"
            self._hold(Invariant.HOLE_STOPS_RISK, desk.trading_state not in MAY_ADD_RISK, desk.now, text)

    def _judge_flatten(self, before: Desk | None, desk: Desk) -> None:
        is_told = bool(desk.emergency or desk.stops.hard)
        text = f"{desk.emergency or 'the hard stop'} was met, and nothing decides to close everything"
        self._hold(Invariant.FLATTEN_CLOSES_ALL, not is_told or bool(desk.flatten_reason), desk.now, text)
        is_due = desk.flatten_reason or desk.emergency or ("hard stop" if desk.stops.hard else "")
        if not may_send(desk) or not may_send(before or desk):
            return  # nothing is sent on a book that is not known to be the broker's
        if (
            before is None
            or not is_due
            or not (before.flatten_reason or before.emergency or before.stops.hard)
        ):
            return
        closing = {
            basket.trade_id
            for basket in desk.baskets
            if basket.purpose is Purpose.CLOSE or basket.state is BasketState.UNWINDING
        }
        kept = [t.trade_id for t in desk.book.trades if positions_of(t.fills) and t.trade_id not in closing]
        text = f"everything is to be closed ({is_due}), and nothing closes {', '.join(kept)}"
        self._hold(Invariant.FLATTEN_CLOSES_ALL, not kept, desk.now, text)

    def _judge_exits(self, state: State, desk: Desk) -> None:
        # An exit whose legs are quoted must have an order for one of them on the exchange, sooner or later.
        closing = {b.basket_id: b for b in desk.baskets if b.purpose is Purpose.CLOSE}
        if not may_send(desk):
            return
        for gone in set(self._idle_looks) - {basket.trade_id for basket in closing.values()}:
            del self._idle_looks[gone]
        live = {order.request.trade_id for order in desk.book.orders if units_to_come(order)}
        for trade_id in {basket.trade_id for basket in closing.values()}:
            trade = desk.book.trade(trade_id)
            if trade_id in live or not positions_of(trade.fills):
                self._idle_looks[trade_id] = 0
            elif self._can_price(state, desk, trade):
                self._idle_looks[trade_id] = self._idle_looks.get(trade_id, 0) + 1
            looks = self._idle_looks.get(trade_id, 0)
            text = f"trade {trade_id} is to be closed, and for {looks} looks no order was sent for it"
            self._hold(Invariant.EXITS_MOVE, looks <= EXIT_LOOKS_MAX, desk.now, text)

    def _can_price(self, state: State, desk: Desk, trade: Trade) -> bool:
        if state.market is None or state.market.after_gap:
            return False
        tick = self.engine.rules.contracts.tick(state.market.listing.underlying, desk.trading_date)
        quotes = [quote_of(state.market, p.contract, tick) for p in positions_of(trade.fills)]
        return all(q is not None and q.bid is not None and q.ask is not None for q in quotes)

    def _watch_naked(self, desk: Desk) -> None:
        now = desk.now
        if not uncovered_units(desk.book.positions):
            self.naked_since = None
            self._hold(Invariant.NAKED_BUDGET, True, now, "")
            return
        self.naked_since = self.naked_since or now
        stood_s = (now - self.naked_since).total_seconds()
        self.naked_s_max = max(self.naked_s_max, stood_s)
        budget_s = max(
            self.engine.settings.execution.partial_fill_timeout_s,
            2.0 * desk.source.capabilities.cadence_s,
        )
        is_kept = stood_s <= budget_s or bool(desk.emergency)
        text = f"a short stood without its long for {stood_s:.0f} s, budget {budget_s:.0f}"
        self._hold(Invariant.NAKED_BUDGET, is_kept, now, text)

    def _watch_outside(self, desk: Desk) -> None:
        if not has_broker(desk) or not any(self.broker.outside_units.values()):
            self._outside_since = None
            return
        self._outside_since = self._outside_since or desk.now
        stood_s = (desk.now - self._outside_since).total_seconds()
        execution = self.engine.settings.execution
        most_s = execution.reconcile_every_s + OUTSIDE_READS * execution.absence_delay_s
        is_stopped = desk.trading_state is not T.ACTIVE or stood_s <= most_s
        text = f"trading is {desk.trading_state.value} {stood_s:.0f} s after somebody else traded"
        self._hold(Invariant.MISMATCH_STOPS_RISK, is_stopped, desk.now, text)

    # --- at the end -------------------------------------------------------------------------------

    def at_end(self, state: State) -> None:
        """After the close, with the broker's books read: book = broker, cash to the paisa, nothing lives."""
        desk = state.desk
        if desk is None:
            return
        self.orders.truth_is_kept(desk.now)
        exchange = self.broker.exchange
        theirs, outside = dict(exchange.account.units), self.broker.outside_units
        for contract, quantity in outside.items():
            theirs[contract] = theirs.get(contract, 0) - quantity
        theirs = {contract: quantity for contract, quantity in theirs.items() if quantity}
        ours = {position.contract: position.quantity for position in desk.book.positions}
        text = f"book {_named(ours)} is not the broker's {_named(theirs)}"
        self._hold(Invariant.BOOK_IS_BROKERS, theirs == ours, desk.now, text)
        cash = sum((t.cash_inr - t.charges_inr for t in desk.book.trades), self.capital_inr)
        there = exchange.account.cash_inr - self.broker.outside_cash_inr
        self._hold(Invariant.CASH_CONSERVED, cash == there, desk.now, f"cash is {cash} here, {there} there")
        # One that never arrived may be unknown to the end: two readings of the book take their time.
        alive = [
            order.request.tag
            for order in desk.book.orders
            if units_to_come(order)
            and (order.state is not OrderState.UNKNOWN or self.broker.truth_of(order.request.tag) is not None)
        ]
        text = f"orders {', '.join(alive)} are still alive after the close"
        self._hold(Invariant.NOTHING_ALIVE, not alive, desk.now, text)

    def _hold(self, invariant: Invariant, is_true: bool, at: datetime, text: str) -> None:
        self.ledger.hold(invariant, is_true, at, text)


def _is_unwound(record: TradeChanged, desk: Desk) -> bool:
    was_opening = any(
        trade.trade_id == record.trade_id and trade.state is TradeState.OPENING for trade in desk.book.trades
    )
    return was_opening and record.state != TradeState.OPEN


def _named(units: dict[Any, int]) -> str:
    return (
        ", ".join(f"{quantity:+d} {contract.symbol}" for contract, quantity in sorted(units.items()))
        or "flat"
    )


def _difference(one: Desk | None, other: Desk) -> str:
    if one is None:
        return "nothing is known of it"
    return ", ".join(name for name in other.__slots__ if getattr(one, name) != getattr(other, name))
