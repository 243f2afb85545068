"""What must be true of the orders of a session: each once, hedges first, nothing in doubt is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from volguard.engine.state import Desk
from volguard.engine.step import Engine
from volguard.execution.basket import uncovered_units
from volguard.model.book import Position, positions_of
from volguard.model.decision import Approved, TradingState
from volguard.model.event import Event, OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import LIVE_STATES, Order, OrderRequest, OrderState, Purpose
from volguard.simulator.fault_invariants import Invariant, Ledger
from volguard.simulator.lying_broker import REPLY_S, RESTING, LyingBroker

CANCEL_AGAIN_S: Final = 200.0  # three looks of the slowest source, and a little
SEEK_AGAIN_S: Final = 200.0
FORGOTTEN_S: Final = 200.0


def units_to_come(order: Order) -> int:
    """Units that may yet be booked of an order, reckoned here and not by the code that is judged."""
    if order.state in LIVE_STATES:
        return order.request.quantity - order.filled_quantity
    return max(0, order.reported_quantity - order.filled_quantity)


@dataclass(slots=True)
class OrderJudge:
    """Holds what is sent, and what becomes of it, against what must always be true."""

    engine: Engine
    broker: LyingBroker
    ledger: Ledger
    journaled: set[str] = field(default_factory=set)
    cancelled_at: dict[str, datetime] = field(default_factory=dict)
    sought_at: dict[str, datetime] = field(default_factory=dict)
    _unknown_since: dict[str, datetime] = field(default_factory=dict)
    _absent_at: dict[str, list[datetime]] = field(default_factory=dict)
    _denied: set[str] = field(default_factory=set)
    _counted_absent: dict[str, OrderRequest] = field(default_factory=dict)
    _forgotten_since: dict[str, datetime] = field(default_factory=dict)

    # --- what is sent -----------------------------------------------------------------------------

    def judge_place(self, desk: Desk, approved: Approved, state: TradingState, at: datetime) -> None:
        """An order that leaves: `state` is what the step comes to, `desk` what it started from."""
        request = approved.request
        tag = request.tag
        self._hold(Invariant.SENT_ONCE, tag not in self.journaled, at, f"order {tag} is sent twice")
        self.journaled.add(tag)
        contracts = self.engine.rules.contracts
        underlying, today = request.contract.underlying, desk.trading_date
        lot = contracts.lot_size(underlying, today, request.contract.expiry)
        freeze = contracts.freeze_quantity(underlying, today)
        fits = request.quantity % lot == 0 and 0 < request.quantity <= freeze
        text = f"order {tag} is for {request.quantity}, lots of {lot} up to {freeze}"
        self._hold(Invariant.BELOW_FREEZE, fits, at, text)
        if request.purpose is Purpose.CLOSE:
            self._judge_exit(desk, request, at)
            return
        doubts = self._doubts(desk, state)
        text = f"order {tag} adds risk while {', '.join(doubts)}"
        self._hold(Invariant.RISK_ONLY_WHEN_ACTIVE, not doubts, at, text)
        if request.side is Side.SELL:
            self._judge_short(desk, request, at)

    def leaves(self, tag: str, at: datetime) -> None:
        """An order is on its way out: its row is in the journal."""
        text = f"order {tag} leaves before its row is in the journal"
        self._hold(Invariant.JOURNALED_FIRST, tag in self.journaled, at, text)

    def _doubts(self, desk: Desk, state: TradingState) -> list[str]:
        doubts = [] if state is TradingState.ACTIVE else [f"trading is {state.value}"]
        doubts += [f"{link} is down" for link in desk.links_down]
        doubts += ["the kill switch is on"] * desk.kill_switch
        doubts += ["everything is to be closed"] * bool(desk.flatten_reason)
        unknown = [o.request.tag for o in desk.book.orders if o.state is OrderState.UNKNOWN]
        return doubts + [f"{tag} may or may not live" for tag in unknown]

    def _judge_short(self, desk: Desk, request: OrderRequest, at: datetime) -> None:
        # All shorts of a kind that this trade has ever sent, against what it holds of the hedges.
        trade = desk.book.trade(request.trade_id)
        hedges = sum(
            f.quantity for f in trade.fills if f.side is Side.BUY and _is_same_kind(f.contract, request)
        )
        sent = request.quantity + sum(
            o.filled_quantity + units_to_come(o)
            for o in desk.book.orders
            if o.request.trade_id == request.trade_id
            and o.request.side is Side.SELL
            and o.request.purpose is Purpose.OPEN
            and o.request.tag != request.tag
            and _is_same_kind(o.request.contract, request)
        )
        text = f"short {request.tag}: {sent} units are sent, {hedges} of its hedge are filled"
        self._hold(Invariant.HEDGE_FIRST, sent <= hedges, at, text)

    def _judge_exit(self, desk: Desk, request: OrderRequest, at: datetime) -> None:
        trade = desk.book.trade(request.trade_id)
        held = positions_of(trade.fills)
        mine = sum(p.quantity for p in held if p.contract == request.contract)
        under_way = sum(
            units_to_come(o)
            for o in desk.book.orders
            if o.request.purpose is Purpose.CLOSE
            and o.request.trade_id == request.trade_id
            and o.request.contract == request.contract
            and o.request.side is request.side  # one of the other side opens what this one closes
            and o.request.tag != request.tag
        )
        most = max(0, -request.side.sign * mine) - under_way
        text = f"exit {request.tag} closes {request.quantity}, {mine} are held and {under_way} on their way"
        self._hold(Invariant.NEVER_BEYOND_FLAT, request.quantity <= most, at, text)
        if request.side is Side.SELL:
            after = [*held, Position(contract=request.contract, quantity=-request.quantity)]
            is_covered = uncovered_units(after) <= uncovered_units(held)
            text = f"hedge {request.tag} is sold while its short is open"
            self._hold(Invariant.SHORTS_OUT_FIRST, is_covered, at, text)

    def judge_known(self, desk: Desk, tag: str, what: str, event: Event) -> None:
        """A request about an order that was sent: not for one that may or may not live."""
        order = desk.book.order(tag)
        is_news = isinstance(event, OrderUpdated | OrderFilled) and event.tag == tag
        is_blind = order is not None and order.state is OrderState.UNKNOWN and not is_news
        text = f"order {tag} is {what} though nobody knows whether it lives"
        self._hold(Invariant.UNKNOWN_IS_LEFT_ALONE, not is_blind, event.ts, text)

    # --- what becomes of it -----------------------------------------------------------------------

    def note_absent(self, desk: Desk, event: OrderAbsent) -> None:
        """The broker's book was read and does not have the order."""
        order = desk.book.order(event.tag)
        if order is not None and order.state is OrderState.UNKNOWN:
            self._absent_at.setdefault(event.tag, []).append(event.ts)

    def after_step(self, desk: Desk) -> None:
        """The book adds up, nothing is forgotten, nothing is believed too soon."""
        now = desk.now
        fills = [fill for trade in desk.book.trades for fill in trade.fills]
        booked = [fill.fill_id for fill in fills]
        is_once = len(booked) == len(set(booked))
        self._hold(Invariant.BOOKED_ONCE, is_once, now, "an execution was booked twice")
        sums: dict[str, int] = {}
        for fill in fills:
            sums[fill.tag] = sums.get(fill.tag, 0) + fill.quantity
        working = {line.tag for basket in desk.baskets for wave in basket.waves for line in wave}
        held = {trade.trade_id: positions_of(trade.fills) for trade in desk.book.live_trades}
        unknown: list[str] = []
        for order in desk.book.orders:
            tag = order.request.tag
            text = f"order {tag}: {order.filled_quantity} filled, {sums.get(tag, 0)} booked"
            is_sum = sums.get(tag, 0) == order.filled_quantity
            self._hold(Invariant.BOOK_IS_ITS_FILLS, is_sum, now, text)
            self._judge_resting(order, now, is_worked=tag in working)
            self._judge_absent(order, now)
            if not desk.awaits_book:  # a new process acts only once it has read the broker's book
                self._judge_closing(order, held.get(order.request.trade_id, ()), now)
            if order.state is OrderState.UNKNOWN:
                unknown.append(tag)
            else:
                self._unknown_since.pop(tag, None)
        text = f"trading is {desk.trading_state.value} while {', '.join(unknown)} may or may not live"
        is_stopped = desk.trading_state not in (TradingState.ACTIVE, TradingState.READY)
        self._hold(Invariant.UNKNOWN_STOPS_RISK, not unknown or is_stopped, now, text)
        for tag in unknown:
            self._judge_sought(tag, now)

    def _judge_resting(self, order: Order, now: datetime, *, is_worked: bool) -> None:
        if order.state not in (OrderState.OPEN, OrderState.PARTIAL):
            return
        tag = order.request.tag
        is_left = not is_worked and order.cancel_requested_at is None
        self._hold(Invariant.NOTHING_UNWORKED, not is_left, now, f"order {tag} rests and nothing works it")
        asked = self.cancelled_at.get(tag)
        is_given_up = asked is not None and (now - asked).total_seconds() > CANCEL_AGAIN_S
        text = f"order {tag} still rests long after its last cancel"
        self._hold(Invariant.NOTHING_UNWORKED, not is_given_up, now, text)

    def judge_forgotten(self, desk: Desk) -> None:
        """What rests at the exchange is not over in our book for long: somebody must know of it."""
        over = {order.request.tag for order in desk.book.orders if order.state.is_final}
        resting = [o for o in self.broker.exchange.orders.values() if o.word in RESTING]
        tags = {o.ticket.tag for o in resting if o.ticket.tag in over}
        self._forgotten_since = {tag: self._forgotten_since.get(tag, desk.now) for tag in tags if tag}
        for tag, since in self._forgotten_since.items():
            text = f"order {tag} rests at the exchange and is over in our book since {since:%H:%M:%S}"
            is_known = (desk.now - since).total_seconds() <= FORGOTTEN_S
            self._hold(Invariant.NOTHING_UNWORKED, is_known, desk.now, text)

    def _judge_closing(self, order: Order, held: Sequence[Position], now: datetime) -> None:
        # An exit at the exchange that would close more than is held must be on its way out.
        is_resting = (
            order.state in (OrderState.OPEN, OrderState.PARTIAL) and order.cancel_requested_at is None
        )
        if order.request.purpose is not Purpose.CLOSE or not is_resting:
            return
        mine = sum(p.quantity for p in held if p.contract == order.request.contract)
        most = max(0, -order.request.side.sign * mine)
        text = f"exit {order.request.tag} rests for {order.open_quantity}, {mine} are held"
        self._hold(Invariant.NEVER_BEYOND_FLAT, order.open_quantity <= most, now, text)

    def has_appeared(self, trade_id: str, contract: OptionContract) -> bool:
        """Whether an order of a trade in a contract was counted as absent and reached the exchange."""
        return any(
            request.trade_id == trade_id and request.contract == contract and self.broker.truth_of(tag)
            for tag, request in self._counted_absent.items()
        )

    def _judge_sought(self, tag: str, now: datetime) -> None:
        since = self._unknown_since.setdefault(tag, now)
        last = max(since, self.sought_at.get(tag, since))
        text = f"order {tag} may or may not live, and nobody asks since {last:%H:%M:%S}"
        is_sought = (now - last).total_seconds() <= SEEK_AGAIN_S
        self._hold(Invariant.UNKNOWN_IS_SOUGHT, is_sought, now, text)

    def _judge_absent(self, order: Order, now: datetime) -> None:
        tag = order.request.tag
        if order.state is not OrderState.DENIED:
            self._denied.discard(tag)
            return
        if tag in self._denied:
            return
        self._denied.add(tag)
        self._counted_absent[tag] = order.request
        reads = self._absent_at.pop(tag, [])
        delay_s = self.engine.settings.execution.absence_delay_s
        apart_s = (reads[-1] - reads[0]).total_seconds() if reads else 0.0
        text = f"order {tag} counts as absent after {len(reads)} readings within {apart_s:.1f} s"
        self._hold(Invariant.ABSENT_TWICE, len(reads) >= 2 and apart_s >= delay_s, now, text)
        truth = self.broker.truth_of(tag)
        is_there = truth is not None and (now - truth.placed_at).total_seconds() > delay_s + REPLY_S
        text = f"order {tag} counts as absent, the exchange has had it for long"
        self._hold(Invariant.ABSENT_TWICE, not is_there, now, text)

    def restarted(self, desk: Desk) -> None:
        """What the journal lost with the power was not known to the new process."""
        for tag, reads in self._absent_at.items():
            order = desk.book.order(tag)
            del reads[order.absent_reads if order is not None else 0 :]
        self._denied &= {o.request.tag for o in desk.book.orders if o.state is OrderState.DENIED}

    def truth_is_kept(self, at: datetime) -> None:
        """No tag was ever accepted twice, nothing was accepted that no journal row announced."""
        tags = [tag for tag in self.broker.exchange.accepted_tags if tag]
        twice = sorted({tag for tag in tags if tags.count(tag) > 1})
        text = f"order {', '.join(twice)} was accepted twice by the exchange"
        self._hold(Invariant.SENT_ONCE, not twice, at, text)
        unsaid = sorted(set(tags) - self.journaled)
        text = f"order {', '.join(unsaid)} reached the exchange without a journal row"
        self._hold(Invariant.JOURNALED_FIRST, not unsaid, at, text)

    def _hold(self, invariant: Invariant, is_true: bool, at: datetime, text: str) -> None:
        self.ledger.hold(invariant, is_true, at, text)


def _is_same_kind(contract: OptionContract, request: OrderRequest) -> bool:
    other = request.contract
    return (contract.expiry, contract.option_type) == (other.expiry, other.option_type)
