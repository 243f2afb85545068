"""The paper exchange: fills only against quotes that the market showed, late, at the touch, up to its size.

It holds nothing that the journal does not: `restore` rebuilds it from the book after a restart.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from volguard.model.book import ZERO, Fill
from volguard.model.decision import Approved
from volguard.model.event import OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.instrument import OptionContract, Side
from volguard.model.market import ChainSnapshot, SourceInfo
from volguard.model.order import Order, OrderState
from volguard.model.units import PAISA, tick_price
from volguard.nse.contracts import Contracts


@dataclass(slots=True, kw_only=True)
class _Resting:
    tag: str
    contract: OptionContract
    side: Side
    limit_price: Decimal
    open_quantity: int
    filled_quantity: int
    live_at: datetime
    dies_at: datetime | None = None
    last_fill_at: datetime | None = None
    looks: int = 0  # since it is live


class PaperExchange:
    """Implements ports.Broker; answers are fetched in event time by `due` and `fills_at`.

    To see what worse fills would leave: `slippage` in rupees a unit is paid beyond the touch, within the
    limit; for the first `late_looks` looks an order does not fill, counted anew after `restore`.
    """

    def __init__(
        self,
        *,
        delay_s: float,
        cadence_s: float,
        gap_cadences: float,
        lot_size: Callable[[date], int],
        slippage: Decimal = ZERO,
        late_looks: int = 0,
    ) -> None:
        self._lot_size = lot_size
        self._slippage, self._late_looks = slippage, late_looks
        self._delay = timedelta(seconds=delay_s)
        self._gap_s = gap_cadences * cadence_s
        self._resting: dict[str, _Resting] = {}
        self._answers: list[tuple[datetime, int, OrderUpdated | OrderAbsent]] = []
        self._answer_count = 0
        self._used: set[tuple[str, int]] = set()
        self._taken: dict[tuple[datetime, OptionContract, Side], int] = {}
        self._last_snapshot_at: datetime | None = None

    @classmethod
    def of_session(
        cls,
        info: SourceInfo,
        contracts: Contracts,
        *,
        delay_s: float,
        gap_cadences: float,
        slippage_ticks: int = 0,
        late_looks: int = 0,
    ) -> PaperExchange:
        """An exchange in the lots and ticks of a session's date."""
        underlying, day = info.underlying, info.trading_date
        return cls(
            delay_s=delay_s,
            cadence_s=info.capabilities.cadence_s,
            gap_cadences=gap_cadences,
            lot_size=lambda expiry: contracts.lot_size(underlying, day, expiry),
            slippage=slippage_ticks * contracts.tick(underlying, day),
            late_looks=late_looks,
        )

    def place(self, approved: Approved) -> None:
        """Take an order; it can fill from the first snapshot after the delay."""
        request, refusal = approved.request, self._refusal(approved)
        if refusal:
            self._answer(approved.approved_at + self._delay, request.tag, OrderState.REJECTED, 0, refusal)
            return
        live_at = approved.approved_at + self._delay
        self._resting[request.tag] = _Resting(
            tag=request.tag,
            contract=request.contract,
            side=request.side,
            limit_price=request.limit_price,
            open_quantity=request.quantity,
            filled_quantity=0,
            live_at=live_at,
        )
        self._answer(live_at, request.tag, OrderState.OPEN, 0)

    def modify(self, approved: Approved) -> None:
        """Re-price a resting order; one that is gone stays gone."""
        order = self._resting.get(approved.request.tag)
        if order is None or self._refusal(approved):
            return
        order.limit_price = approved.request.limit_price
        order.live_at = approved.approved_at + self._delay

    def cancel(self, tag: str, ts: datetime) -> None:
        """Take an order off after the delay; until then it may still fill."""
        order = self._resting.get(tag)
        if order is not None and order.dies_at is None:
            order.dies_at = ts + self._delay

    def query(self, tag: str, ts: datetime) -> None:
        """Say again that an order rests, or that there is none; after the delay."""
        order = self._resting.get(tag)
        if order is not None:
            self._answer(ts + self._delay, tag, OrderState.OPEN, order.filled_quantity)
        else:
            self._push(OrderAbsent(ts=ts + self._delay, tag=tag))

    def read_book(self, ts: datetime) -> None:
        """Nothing: a paper book is our own."""

    def due(self, until: datetime) -> Iterator[OrderUpdated | OrderAbsent]:
        """Answers up to a moment, in event-time order; ends of orders included."""
        self._kill(until)
        while self._answers and self._answers[0][0] <= until:
            yield heapq.heappop(self._answers)[2]
            self._kill(until)

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[OrderFilled]:
        """Executions that this snapshot makes: at its touch, for no more than its size."""
        last, self._last_snapshot_at = self._last_snapshot_at, snapshot.ts
        if last is not None and (snapshot.ts - last).total_seconds() > self._gap_s:
            return  # nobody knows what traded in a hole of the feed
        for order in list(self._resting.values()):
            fill = self._fill(order, snapshot)
            if fill is not None:
                yield fill

    def close(self, ts: datetime) -> Iterator[OrderUpdated | OrderAbsent]:
        """The day is over: every resting order ends."""
        for order in self._resting.values():
            order.dies_at = ts
        yield from self.due(ts)

    def restore(
        self, orders: Sequence[Order], fills: Sequence[Fill], last_snapshot_at: datetime | None
    ) -> None:
        """Stand as the book says: resting orders, answers not given yet, sizes already taken."""
        self._last_snapshot_at = last_snapshot_at
        last_fill = {fill.tag: fill.ts for fill in fills}
        for order in orders:
            if order.state.may_fill:
                self._restore_order(order, last_fill.get(order.request.tag))
        for fill in fills:
            key = (fill.ts, fill.contract, fill.side)
            self._taken[key] = self._taken.get(key, 0) + fill.quantity

    def _restore_order(self, order: Order, last_fill_at: datetime | None) -> None:
        request = order.request
        cancelled_at = order.cancel_requested_at
        self._resting[request.tag] = _Resting(
            tag=request.tag,
            contract=request.contract,
            side=request.side,
            limit_price=order.limit_price,
            open_quantity=order.open_quantity,
            filled_quantity=order.filled_quantity,
            live_at=order.priced_at + self._delay,
            dies_at=cancelled_at + self._delay if cancelled_at is not None else None,
            last_fill_at=last_fill_at,
        )
        if order.state is OrderState.SENT:
            self._answer(order.sent_at + self._delay, request.tag, OrderState.OPEN, 0)

    def _fill(self, order: _Resting, snapshot: ChainSnapshot) -> OrderFilled | None:
        row = snapshot.listing.row(order.contract)
        is_live = snapshot.ts >= order.live_at
        order.looks += is_live
        too_early = not is_live or order.looks <= self._late_looks or order.last_fill_at == snapshot.ts
        if row is None or too_early or (order.dies_at is not None and order.dies_at <= snapshot.ts):
            return None
        is_buy = order.side is Side.BUY
        bid, ask = _touch(float(snapshot.bid[row])), _touch(float(snapshot.ask[row]))
        price = _worse(ask, self._slippage) if is_buy else _worse(bid, -self._slippage)
        if price is None or (price > order.limit_price if is_buy else price < order.limit_price):
            return None
        key = (snapshot.ts, order.contract, order.side)
        shown = int((snapshot.ask_qty if is_buy else snapshot.bid_qty)[row]) - self._taken.get(key, 0)
        lot = self._lot_size(order.contract.expiry)
        quantity = min(order.open_quantity, shown // lot * lot)
        if quantity <= 0:
            return None
        self._book(order, key, quantity)
        return OrderFilled(
            ts=snapshot.ts,
            tag=order.tag,
            fill_id=f"{order.tag}@{snapshot.ts:%H%M%S%f}",
            quantity=quantity,
            price=price,
            touch_bid=bid,
            touch_ask=ask,
        )

    def _book(self, order: _Resting, key: tuple[datetime, OptionContract, Side], quantity: int) -> None:
        self._taken[key] = self._taken.get(key, 0) + quantity
        order.open_quantity -= quantity
        order.filled_quantity += quantity
        order.last_fill_at = key[0]
        if not order.open_quantity:
            del self._resting[order.tag]

    def _kill(self, until: datetime) -> None:
        for order in list(self._resting.values()):
            if order.dies_at is not None and order.dies_at <= until:
                del self._resting[order.tag]
                self._answer(order.dies_at, order.tag, OrderState.CANCELLED, order.filled_quantity)

    def _answer(self, ts: datetime, tag: str, state: OrderState, filled: int, reason: str = "") -> None:
        self._push(
            OrderUpdated(
                ts=ts,
                tag=tag,
                state=state,
                filled_quantity=filled,
                broker_order_id=f"P-{tag}",
                reason=reason,
            )
        )

    def _push(self, answer: OrderUpdated | OrderAbsent) -> None:
        self._answer_count += 1
        heapq.heappush(self._answers, (answer.ts, self._answer_count, answer))

    def _refusal(self, approved: Approved) -> str:
        use = (approved.request.tag, approved.review_sequence)
        if use in self._used:
            return "this approval was used already"
        self._used.add(use)
        if approved.approved_at + self._delay > approved.valid_until:
            return f"the approval expired at {approved.valid_until.isoformat()}"
        return ""


def _worse(touch: Decimal | None, by: Decimal) -> Decimal | None:
    return None if touch is None or touch + by <= 0 else touch + by


def _touch(price: float) -> Decimal | None:
    return tick_price(price, PAISA) if math.isfinite(price) and price > 0.0 else None
