"""What must be true after every step of a session, whatever its broker says; the exchange knows the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.execution.basket import BasketState, uncovered_units
from volguard.model.book import Position, positions_of
from volguard.model.decision import Approved, SafetyLevel, TradingState
from volguard.model.event import (
    Cancel,
    Effect,
    Event,
    Modify,
    OrderFilled,
    OrderUpdated,
    Place,
    Record,
    StateChanged,
    StepFailed,
)
from volguard.model.instrument import Side
from volguard.model.order import Order, OrderState, Purpose
from volguard.simulator.lying_broker import REPLY_S, LyingBroker

WITHDRAWN_LOOKS: Final = 2  # an entry is off the exchange at the first look that may not add risk
CANCEL_AGAIN_S: Final = 200.0  # three looks of the slowest source, and a little


@dataclass(slots=True)
class Judge:
    """Holds every step against what must always be true."""

    engine: Engine
    broker: LyingBroker
    capital_inr: Decimal
    violations: list[str] = field(default_factory=list)
    naked_since: datetime | None = None
    not_active_since: datetime | None = None
    naked_s_max: float = 0.0
    was_emergency: bool = False
    journaled: set[str] = field(default_factory=set)
    cancelled_at: dict[str, datetime] = field(default_factory=dict)
    absent_since: dict[str, datetime] = field(default_factory=dict)

    def before_effects(
        self, state: State, event: Event, effects: Sequence[Effect], records: Sequence[Record]
    ) -> None:
        """A step that is kept: what it sends must be allowed by the state that it leaves."""
        desk = state.desk
        for record in records:
            if isinstance(record, StepFailed):
                self._fault(event.ts, f"a step raised: {record.error}")
        if desk is None:
            return
        moves = [record.trading_state for record in records if isinstance(record, StateChanged)]
        trading_state = moves[-1] if moves else desk.trading_state
        for effect in effects:
            match effect:
                case Place(approved=approved):
                    self._judge_place(desk, approved, trading_state, event.ts)
                case Modify(approved=approved):
                    self._judge_known(desk, approved.request.tag, "re-priced", event)
                case Cancel(tag=tag):
                    self._judge_known(desk, tag, "cancelled", event)
                    self.cancelled_at[tag] = event.ts

    def _judge_place(self, desk: Desk, approved: Approved, trading_state: TradingState, at: datetime) -> None:
        request = approved.request
        if request.tag in self.journaled:
            self._fault(at, f"order {request.tag} is sent twice")
        self.journaled.add(request.tag)
        if request.purpose is not Purpose.OPEN:
            return
        if trading_state is not TradingState.ACTIVE:
            self._fault(at, f"order {request.tag} adds risk while {trading_state.value}")
        if desk.links_down:
            self._fault(at, f"order {request.tag} adds risk while {', '.join(desk.links_down)} is down")
        unknown = [order.request.tag for order in desk.book.orders if order.state is OrderState.UNKNOWN]
        if unknown:
            self._fault(at, f"order {request.tag} adds risk while {', '.join(unknown)} may or may not live")
        if request.side is Side.SELL:
            shorts = [Position(contract=request.contract, quantity=-request.quantity)]
            if uncovered_units([*desk.book.positions, *shorts]) > uncovered_units(desk.book.positions):
                self._fault(at, f"short {request.tag} is sent before its hedge is filled")

    def _judge_known(self, desk: Desk, tag: str, what: str, event: Event) -> None:
        order = desk.book.order(tag)
        is_news = isinstance(event, OrderUpdated | OrderFilled) and event.tag == tag
        if order is not None and order.state is OrderState.UNKNOWN and not is_news:
            self._fault(event.ts, f"order {tag} is {what} though nobody knows whether it lives")

    def after_step(self, state: State) -> None:
        """The book adds up, and no short stands without its long beyond its budget without an emergency."""
        desk = state.desk
        if desk is None:
            return
        self.was_emergency = self.was_emergency or desk.safety_level is SafetyLevel.EMERGENCY
        booked = [fill.fill_id for trade in desk.book.trades for fill in trade.fills]
        if len(booked) != len(set(booked)):
            self._fault(desk.now, "an execution was booked twice")
        for order in desk.book.orders:
            filled = sum(f.quantity for t in desk.book.trades for f in t.fills if f.tag == order.request.tag)
            if filled != order.filled_quantity:
                self._fault(
                    desk.now, f"order {order.request.tag}: {order.filled_quantity} filled, {filled} booked"
                )
        for trade in desk.book.trades:
            if not trade.state.is_live and positions_of(trade.fills):
                self._fault(desk.now, f"trade {trade.trade_id} is {trade.state.value} and holds something")
        working = {line.tag for basket in desk.baskets for wave in basket.waves for line in wave}
        for order in desk.book.orders:
            self._judge_order(order, desk, is_worked=order.request.tag in working)
        self._judge_withdrawal(desk)
        self._watch_naked(state, desk.now)

    def _judge_withdrawal(self, desk: Desk) -> None:
        if desk.trading_state in (TradingState.ACTIVE, TradingState.READY):
            self.not_active_since = None
            return
        self.not_active_since = self.not_active_since or desk.now
        waited_s = (desk.now - self.not_active_since).total_seconds()
        if waited_s <= WITHDRAWN_LOOKS * desk.source.capabilities.cadence_s:
            return
        for basket in desk.baskets:
            if basket.purpose is Purpose.OPEN and basket.state is BasketState.WORKING:
                self._fault(desk.now, f"entry {basket.basket_id} goes on while {desk.trading_state.value}")

    def _judge_order(self, order: Order, desk: Desk, *, is_worked: bool) -> None:
        tag, now = order.request.tag, desk.now
        resting = order.state in (OrderState.OPEN, OrderState.PARTIAL)
        if resting and not is_worked and order.cancel_requested_at is None:
            self._fault(now, f"order {tag} rests and nothing works it")
        asked = self.cancelled_at.get(tag)
        if resting and asked is not None and (now - asked).total_seconds() > CANCEL_AGAIN_S:
            self._fault(now, f"order {tag} still rests {now - asked} after its last cancel")
        if order.state is OrderState.DENIED and tag not in self.absent_since:
            self.absent_since[tag] = now
            truth = self.broker.truth_of(tag)
            delay_s = self.engine.settings.execution.absence_delay_s
            if truth is not None and (now - truth.placed_at).total_seconds() > delay_s + REPLY_S:
                self._fault(now, f"order {tag} counts as absent, the exchange has had it for long")

    def truth_is_kept(self) -> None:
        """No tag was ever accepted twice, nothing was accepted that no journal row announced."""
        tags = [tag for tag in self.broker.exchange.accepted_tags if tag]
        for tag in sorted({tag for tag in tags if tags.count(tag) > 1}):
            self.violations.append(f"order {tag} was accepted twice by the exchange")
        for tag in sorted(set(tags) - self.journaled):
            self.violations.append(f"order {tag} reached the exchange without a journal row")

    def at_end(self, state: State) -> None:
        """After the close, with the broker's books read: book = broker, cash to the paisa."""
        desk = state.desk
        if desk is None:
            return
        theirs = self.broker.exchange.account.units
        ours = {position.contract: position.quantity for position in desk.book.positions}
        if theirs != ours:
            self.violations.append(f"book {_named(ours)} is not the broker's {_named(theirs)}")
        cash = sum((t.cash_inr - t.charges_inr for t in desk.book.trades), Decimal(0))
        if self.capital_inr + cash != self.broker.exchange.account.cash_inr:
            self.violations.append(
                f"cash is {self.capital_inr + cash} here, {self.broker.exchange.account.cash_inr} there"
            )
        alive = [order.request.tag for order in desk.book.orders if order.may_fill]
        if alive:
            self.violations.append(f"orders {', '.join(alive)} are still alive after the close")

    def _watch_naked(self, state: State, now: datetime) -> None:
        desk = state.desk
        if desk is None:
            return
        if not uncovered_units(desk.book.positions):
            self.naked_since = None
            return
        self.naked_since = self.naked_since or now
        stood_s = (now - self.naked_since).total_seconds()
        self.naked_s_max = max(self.naked_s_max, stood_s)
        budget_s = max(
            self.engine.settings.execution.partial_fill_timeout_s,
            2.0 * desk.source.capabilities.cadence_s,
        )
        if stood_s > budget_s and not desk.emergency:
            self._fault(now, f"a short stood without its long for {stood_s:.0f} s, budget {budget_s:.0f}")

    def _fault(self, at: datetime, text: str) -> None:
        told = f"{at:%H:%M:%S} {text}"
        if told not in self.violations:
            self.violations.append(told)


def _named(units: dict[Any, int]) -> str:
    return (
        ", ".join(f"{quantity:+d} {contract.symbol}" for contract, quantity in sorted(units.items()))
        or "flat"
    )
