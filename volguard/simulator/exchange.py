"""The simulator's exchange on virtual time: orders step from word to word, and fill at the touch shown.

An order fills only against snapshots at or after the moment it is live, at their touch and for no more than
their size: what was shown before is gone. Between snapshots nothing trades. No chance and no clock in here:
the same calls give the same book, to the last byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import OptionContract, Side, Underlying
from volguard.model.market import ChainSnapshot, DailyBar
from volguard.nse.rules import Rules
from volguard.simulator.exchange_account import Account, Overnight
from volguard.simulator.exchange_book import Happening, OrderBook
from volguard.simulator.exchange_checks import ContractChecks, Money, Terms, money_of, shortfall
from volguard.simulator.exchange_margin import Blocked, MarginDesk
from volguard.simulator.exchange_market import MarketInForce, PriceBand, Touch, protected_limit
from volguard.simulator.exchange_orders import (
    Change,
    SimOrder,
    SimTrade,
    Ticket,
    Validity,
    Word,
)
from volguard.simulator.priced_chain import ChainPricer, PricedChain

NO_QUOTE: Final = "16343 : there is no quote to price a market order by"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """Delays in seconds of virtual time, sizes in units.

    `delay_s` passes between a request and its effect (live, changed, gone). After a gap of more than `gap_s`
    between snapshots nothing fills on the first one: nobody knows what traded in the hole (None: no limit).
    A fill above `trade_units_max` comes as several trades. `protection_percent` is the exchange's own.
    """

    delay_s: float = 0.25
    gap_s: float | None = None
    trade_units_max: int | None = None
    protection_percent: float = 5.0
    band: PriceBand = field(default_factory=PriceBand)

    def __post_init__(self) -> None:
        if self.delay_s <= 0.0:
            raise ValueError(f"delay_s was {self.delay_s}, must be above 0")


class Exchange:
    """Takes orders for option contracts of one underlying on one date, and keeps the account.

    `index` are daily bars of the underlying before the date, for margins. Raises DateNotCovered outside the
    exchange's tables.
    """

    def __init__(
        self,
        *,
        rules: Rules,
        underlying: Underlying,
        trading_date: date,
        settings: ExchangeSettings,
        capital_inr: Decimal,
        index: tuple[DailyBar, ...] = (),
        overnight: Iterable[Overnight] = (),
    ) -> None:
        self._rules, self._day = rules, trading_date
        self._settings = settings
        self._delay = timedelta(seconds=settings.delay_s)
        self._market = MarketInForce()
        self._pricer = ChainPricer(rules.calendar, trading_date)
        self._margin = MarginDesk(rules.margin, underlying, trading_date, index)
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._due_count = 0
        self._book = OrderBook(
            charges=rules.charges,
            trading_date=trading_date,
            trade_units_max=settings.trade_units_max,
            capital_inr=capital_inr,
            overnight=overnight,
        )
        self.checks = ContractChecks(rules.contracts, underlying, trading_date, settings.band, self._market)
        self.accepted_tags: list[str] = []
        self.frozen: frozenset[OptionContract] = frozenset()  # nothing trades in these
        self.closed_to_orders = ""  # why every order is refused; empty: it is not
        self.chain: PricedChain | None = None
        session = rules.calendar.session(trading_date)
        if session is not None:
            self._at(session.windows[-1][1], self._end_day)

    # --- requests ---------------------------------------------------------------------------------

    def place(self, ticket: Ticket, now: datetime) -> SimOrder:
        """Accept an order; whether the exchange takes it is seen from the words that follow."""
        order = self._book.new_order(ticket, now)
        self.accepted_tags.append(ticket.tag or "")
        if self._is_open(now):
            self._receive(order, now)
            return order
        self._book.move(order, Word.AMO_RECEIVED, now)
        opens = self._next_open(now)
        if opens is not None:
            self._at(opens, lambda at: self._receive(order, at))
        return order

    def cancel(self, order: SimOrder, now: datetime, *, fills_first: bool = False) -> None:
        """Take an order off after the delay, until which it may fill; nothing for one that is gone.

        `fills_first`: all of it trades at its limit while the cancel is on its way.
        """
        if order.word.is_final or order.dies_at is not None:
            return
        if order.word.is_waiting_for_open:
            self._book.move(order, Word.AMO_CANCELLED, now)
            return
        order.dies_at = now + self._delay
        if not order.word.is_in_flight:
            self._book.move(order, Word.CANCELLING, now)
        if fills_first:
            self._at(now + self._delay, lambda at: self._fill_late(order, at))
        self._at(order.dies_at, lambda at: self._die(order, at))

    def modify(self, order: SimOrder, change: Change, now: datetime) -> None:
        """Change an order after the delay; nothing for one that is gone or on its way out."""
        if order.word.is_final or order.dies_at is not None:
            return
        order.request_number += 1
        if order.word.is_waiting_for_open:
            _apply(order, change)
            self._book.move(order, Word.AMO_MODIFIED, now)
            self._book.move(order, Word.AMO_RECEIVED, now)
            return
        if not order.word.is_in_flight:
            self._book.move(order, Word.MODIFY_VALIDATING, now)
        number = order.request_number
        self._at(now + self._delay / 2, lambda at: self._pass_on(order, at, number))
        self._at(now + self._delay, lambda at: self._change(order, change, at, number))

    def trade_outside(
        self, contract: OptionContract, side: Side, quantity: int, price: Decimal, now: datetime
    ) -> SimOrder:
        """An order from another channel of the account, done at once: no tag, not asked of our checks."""
        ticket = Ticket(contract=contract, side=side, quantity=quantity, limit_price=price)
        order = self._book.new_order(ticket, now)
        order.exchange_at = now
        self._book.move(order, Word.RECEIVED, now)
        self._book.trade(order, now, quantity, price, None)
        return order

    # --- time -------------------------------------------------------------------------------------

    def step(self, until: datetime) -> None:
        """Let everything happen that is due up to a moment, in order of time."""
        while self._due and self._due[0][0] <= until:
            at, _, act = heapq.heappop(self._due)
            act(at)

    def look(self, snapshot: ChainSnapshot) -> list[SimTrade]:
        """A new snapshot: what is due before it happens first, then orders fill. Gives the trades."""
        self.step(snapshot.ts)
        last, before = self._market.snapshot, len(self.trades)
        self._market.show(snapshot)
        self.chain = self._pricer.price(snapshot)
        gap_s = self._settings.gap_s
        is_after_hole = (
            gap_s is not None and last is not None and (snapshot.ts - last.ts).total_seconds() > gap_s
        )
        for order in list(self._book.asleep.values()):
            self._wake(order, snapshot.ts)
        for order in list(self._book.resting.values()):
            if order.live_at is None or order.live_at > snapshot.ts:
                continue
            if not is_after_hole:
                self._match(order, snapshot.ts)
            if order.validity is Validity.IOC and not order.word.is_final:
                self._book.move(order, Word.CANCELLED, snapshot.ts)
        return self._book.trades[before:]

    def close(self, ts: datetime) -> None:
        """The day is over: every order that the exchange has ends."""
        self.step(ts)
        self._end_day(ts)

    def drain(self) -> list[Happening]:
        """What happened since the last call, in order."""
        return self._book.drain()

    # --- answers ----------------------------------------------------------------------------------

    @property
    def orders(self) -> Mapping[str, SimOrder]:
        """Every order by its number, in the order of acceptance."""
        return self._book.orders

    @property
    def trades(self) -> Sequence[SimTrade]:
        """Every execution, in order."""
        return self._book.trades

    @property
    def account(self) -> Account:
        """Cash and holdings."""
        return self._book.account

    @property
    def money(self) -> Money:
        """Cash, margin blocked, premiums promised, on the market in force."""
        return money_of(self.account, self._book.promises, self.margin_of)

    def margin_of(self, units: dict[OptionContract, int]) -> Blocked:
        """Margin of signed units on the market in force."""
        return self._margin.of(units, self.chain)

    def touch(self, contract: OptionContract) -> Touch | None:
        """The touch in force."""
        return self._market.touch(contract)

    # --- from word to word ------------------------------------------------------------------------

    def _receive(self, order: SimOrder, at: datetime) -> None:
        if order.word.is_final:
            return
        self._book.move(order, Word.RECEIVED, at)
        self._at(at + self._delay / 4, lambda ts: self._validate(order, ts))
        self._at(at + self._delay / 2, lambda ts: self._check(order, ts))
        self._at(at + self._delay, lambda ts: self._open(order, ts))

    def _validate(self, order: SimOrder, at: datetime) -> None:
        if order.word is Word.RECEIVED:
            self._book.move(order, Word.VALIDATING, at)

    def _check(self, order: SimOrder, at: datetime) -> None:
        if order.word is not Word.VALIDATING:
            return
        fault = self.closed_to_orders or self.checks.fault(Terms.of(order)) or self._money_fault(order)
        if fault:
            self._book.move(order, Word.REJECTED, at, fault)
            return
        self._book.promises.put(order)
        self._book.move(order, Word.OPENING, at)

    def _open(self, order: SimOrder, at: datetime) -> None:
        if order.word is not Word.OPENING:
            return
        order.live_at = order.exchange_at = at
        if order.order_type.has_trigger:
            self._book.asleep[order.order_id] = order
            self._book.move(order, Word.TRIGGER_PENDING, at)
        elif not self._priced(order):
            self._book.move(order, Word.REJECTED, at, NO_QUOTE)
        else:
            self._book.resting[order.order_id] = order
            self._book.move(order, Word.OPEN, at)

    def _wake(self, order: SimOrder, at: datetime) -> None:
        touch = self._market.touch(order.ticket.contract)
        if order.ticket.contract in self.frozen or touch is None or touch.last is None:
            return
        sign = order.ticket.side.sign
        if order.word is not Word.TRIGGER_PENDING or sign * (touch.last - order.trigger_price) < 0:
            return
        if self._priced(order):
            del self._book.asleep[order.order_id]
            self._book.resting[order.order_id] = order
            order.live_at = at + self._delay
            self._book.move(order, Word.OPEN, at)

    def _pass_on(self, order: SimOrder, at: datetime, number: int) -> None:
        if order.word is Word.MODIFY_VALIDATING and order.request_number == number:
            self._book.move(order, Word.MODIFYING, at)

    def _change(self, order: SimOrder, change: Change, at: datetime, number: int) -> None:
        if order.word.is_final or order.dies_at is not None or order.request_number != number:
            return  # it was filled, it is leaving, or a later change overtook this one
        fault = self.checks.fault(Terms.of(order, change))
        if fault:
            self._book.move(order, Word.NOT_MODIFIED, at, fault)
        else:
            _apply(order, change)
            order.exchange_at = at
            self._priced(order)
            self._book.move(order, Word.MODIFIED, at)
        is_asleep = order.order_id in self._book.asleep
        self._book.move(order, Word.TRIGGER_PENDING if is_asleep else Word.OPEN, at)

    def _die(self, order: SimOrder, at: datetime) -> None:
        if not order.word.is_final:
            self._book.move(order, Word.CANCELLED, at)

    def _fill_late(self, order: SimOrder, at: datetime) -> None:
        if order.order_id in self._book.resting and not order.word.is_final:
            self._book.trade(order, at, order.open_quantity, order.limit_price, None)

    def _end_day(self, at: datetime) -> None:
        for order in self.orders.values():
            if not order.word.is_final and not order.word.is_waiting_for_open:
                self._book.move(order, Word.CANCELLED, at)

    # --- executions -------------------------------------------------------------------------------

    def _match(self, order: SimOrder, at: datetime) -> None:
        contract, side = order.ticket.contract, order.ticket.side
        touch = self._market.touch(contract)
        price = touch.price_for(side) if touch is not None else None
        if touch is None or price is None or contract in self.frozen:
            return
        if side.sign * (price - order.limit_price) > 0:
            return
        lot = self.checks.lot_size(contract)
        shown = self._market.size_left(contract, side, touch)
        quantity = min(order.open_quantity, shown // lot * lot)
        if quantity > 0:
            self._market.take(contract, side, quantity)
            self._book.trade(order, at, quantity, price, touch)

    def _priced(self, order: SimOrder) -> bool:
        # An order without a limit gets one from the touch in force; False where there is none.
        if not order.order_type.is_unpriced:
            return True
        touch = self._market.touch(order.ticket.contract)
        own = order.protection_percent
        percent = self._settings.protection_percent if own < 0.0 else own
        side = order.ticket.side
        limit = protected_limit(touch, side, percent, self.checks.tick) if touch is not None else None
        if limit is None:
            return False
        order.limit_price = limit
        return True

    def _money_fault(self, order: SimOrder) -> str:
        price = order.limit_price
        if order.order_type.is_unpriced:
            touch = self._market.touch(order.ticket.contract)
            best = touch.price_for(order.ticket.side) if touch is not None else None
            if best is None:
                return NO_QUOTE
            price = best
        missing = shortfall(order, price, self.account, self._book.promises, self.margin_of)
        return f"You need to add Rs. {missing} in your account to place this trade." if missing else ""

    # --- hours ------------------------------------------------------------------------------------

    def _at(self, when: datetime, act: Callable[[datetime], None]) -> None:
        self._due_count += 1
        heapq.heappush(self._due, (when, self._due_count, act))

    def _is_open(self, now: datetime) -> bool:
        session = self._rules.calendar.session(now.date())
        return session is not None and any(start <= now < end for start, end in session.windows)

    def _next_open(self, now: datetime) -> datetime | None:
        try:
            today = self._rules.calendar.session(now.date())
            if today is not None and now < today.windows[0][0]:
                return today.windows[0][0]
            later = self._rules.calendar.session(self._rules.calendar.next_trading_day(now.date()))
        except DateNotCovered:
            return None
        return later.windows[0][0] if later is not None else None


def _apply(order: SimOrder, change: Change) -> None:
    for name in (
        *("limit_price", "trigger_price", "quantity"),
        *("order_type", "validity", "disclosed_quantity", "protection_percent"),
    ):
        wanted = getattr(change, name)
        if wanted is not None:
            setattr(order, name, wanted)
