"""The paper exchange: only quotes that the market showed, late, at the touch, for no more than was shown."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import TS, Touch, approval, call, chain, paper, put
from volguard.adapters.paper import PaperExchange
from volguard.execution.lifecycle import booked, told
from volguard.model.book import Fill
from volguard.model.event import OrderFilled, OrderUpdated
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import Order, OrderState

CALL, PUT = call(24800), put(24200)
NOBODY = math.nan


def at(seconds: float) -> datetime:
    """A moment of the session."""
    return TS + timedelta(seconds=seconds)


def look(
    exchange: PaperExchange, seconds: float, *touch: float, of: OptionContract = CALL
) -> list[OrderFilled]:
    """One snapshot of one contract (bid, size, ask, size): the fills that it makes."""
    bid, bid_qty, ask, ask_qty = touch
    snapshot = chain(at(seconds), {of: (bid, int(bid_qty), ask, int(ask_qty))})
    list(exchange.due(snapshot.ts))
    return list(exchange.fills_at(snapshot))


def with_order(*, delay_s: float = 0.25, seconds: float = 0.0, **wanted: object) -> PaperExchange:
    """An exchange that has seen the market at the start and was then given one order."""
    exchange = paper(delay_s=delay_s)
    look(exchange, 0, 9.9, 650, 10.1, 650)
    exchange.place(approval(at(seconds), **{"contract": CALL, "limit_price": "10.00", **wanted}))  # type: ignore[arg-type]
    return exchange


def test_never_at_mid() -> None:
    """A buy above mid and below the ask waits; at the ask it pays the ask, not its own limit."""
    exchange = with_order(limit_price="10.05")
    assert look(exchange, 15, 9.9, 650, 10.1, 650) == []
    (fill,) = look(exchange, 30, 9.8, 650, 10.0, 650)
    assert (fill.price, fill.touch_bid, fill.touch_ask) == (
        Decimal("10.00"),
        Decimal("9.80"),
        Decimal("10.00"),
    )


def test_a_sell_takes_the_bid() -> None:
    """The bid is what somebody pays; a sell never gets more, and never less than its limit."""
    exchange = with_order(side=Side.SELL, limit_price="9.50")
    (fill,) = look(exchange, 15, 9.7, 650, 10.1, 650)
    assert fill.price == Decimal("9.70")
    assert look(with_order(side=Side.SELL, limit_price="9.75"), 15, 9.7, 650, 10.1, 650) == []


@pytest.mark.parametrize("missing", [NOBODY, 0.0, -1.0])
@pytest.mark.parametrize("side", list(Side))
def test_never_on_a_missing_quote(side: Side, missing: float) -> None:
    """Where nobody offers there is nothing to buy, where nobody bids nothing to sell."""
    exchange = with_order(side=side, limit_price="0.05" if side is Side.SELL else "99.00")
    touch = (9.9, 650, missing, 650) if side is Side.BUY else (missing, 650, 10.1, 650)
    assert look(exchange, 15, *touch) == []


def test_an_unlisted_contract_waits() -> None:
    """A snapshot that does not list the contract fills nothing."""
    exchange = with_order()
    assert look(exchange, 15, 8.0, 650, 8.2, 650, of=PUT) == []
    assert len(look(exchange, 30, 9.8, 650, 10.0, 650)) == 1


@pytest.mark.parametrize(("shown", "filled"), [(0, 0), (64, 0), (65, 65), (129, 65), (130, 130), (9000, 195)])
def test_up_to_the_shown_size_in_whole_lots(shown: int, filled: int) -> None:
    """The rest waits for another snapshot."""
    exchange = with_order(quantity=195)
    first = look(exchange, 15, 9.9, 650, 10.0, shown)
    assert sum(fill.quantity for fill in first) == filled
    rest = look(exchange, 30, 9.9, 650, 10.0, 9000)
    assert filled + sum(fill.quantity for fill in rest) == 195


def test_orders_on_one_contract_share_the_shown_size() -> None:
    """130 units shown are 130 units for all orders of that side together, first come first served."""
    exchange = with_order(tag="a", quantity=65)
    for tag in ("b", "c"):
        exchange.place(approval(at(0), tag=tag, contract=CALL, limit_price="10.00", quantity=65))
    exchange.place(approval(at(0), tag="s", contract=CALL, side=Side.SELL, limit_price="9.00"))
    assert [fill.tag for fill in look(exchange, 15, 9.9, 65, 10.0, 130)] == ["a", "b", "s"]
    assert [fill.tag for fill in look(exchange, 30, 9.9, 65, 10.0, 130)] == ["c"]


@pytest.mark.parametrize(("seconds", "is_filled"), [(0.0, False), (0.2499, False), (0.25, True), (5.0, True)])
def test_the_delay_is_respected(seconds: float, is_filled: bool) -> None:
    """The first snapshot at least 250 ms after the order."""
    exchange = with_order()
    assert bool(look(exchange, seconds, 9.9, 650, 10.0, 650)) is is_filled


def test_a_modify_waits_its_delay_again() -> None:
    """A new price is not at the exchange before it could be."""
    exchange = with_order(limit_price="9.00", delay_s=5.0)
    look(exchange, 15, 9.9, 650, 10.0, 650)
    exchange.modify(approval(at(15), contract=CALL, limit_price="10.00"))
    assert look(exchange, 19, 9.9, 650, 10.0, 650) == []
    assert len(look(exchange, 20, 9.9, 650, 10.0, 650)) == 1


@pytest.mark.parametrize(("seconds", "is_filled"), [(45.0, True), (45.1, False)])
def test_a_gap_leaves_orders_unfilled(seconds: float, is_filled: bool) -> None:
    """After more than three cadences of silence the first look fills nothing, the second one does."""
    exchange = with_order()
    assert bool(look(exchange, seconds, 9.9, 650, 10.0, 650)) is is_filled
    assert bool(look(exchange, seconds + 15, 9.9, 650, 10.0, 650)) is not is_filled


def test_the_cancel_race() -> None:
    """Until the cancel is there the order may fill; after it, it does not."""
    early = with_order()
    early.cancel("VG-1", at(15))
    assert len(look(early, 15.2, 9.9, 650, 10.0, 650)) == 1
    late = with_order()
    late.cancel("VG-1", at(15))
    assert look(late, 15.25, 9.9, 650, 10.0, 650) == []


def test_a_second_cancel_does_not_prolong_the_first() -> None:
    """Asking twice ends the order once, at the first moment."""
    exchange = with_order()
    list(exchange.due(at(1)))
    exchange.cancel("VG-1", at(15))
    exchange.cancel("VG-1", at(20))
    words = list(exchange.due(at(60)))
    assert [(word.state, word.ts) for word in words] == [(OrderState.CANCELLED, at(15.25))]


def test_a_modify_that_expired_changes_nothing() -> None:
    """The resting price stays."""
    exchange = with_order(limit_price="9.00")
    exchange.modify(approval(at(0), contract=CALL, limit_price="10.00", valid_s=0.1))
    assert look(exchange, 15, 9.9, 650, 10.0, 650) == []


# --- restart: restored from the book, it goes on as if it had never stopped ---------------------------


@dataclass(frozen=True, kw_only=True)
class Beat:
    """One snapshot after some seconds, and what is asked of the exchange after it."""

    wait_s: int
    quotes: dict[OptionContract, Touch]
    asks: tuple[
        tuple[str, int, OptionContract, Side, int, int], ...
    ]  # act, which, contract, side, ticks, lots


@dataclass
class Account:
    """The book as the engine keeps it, and the exchange that it talks to; cut and restored on demand."""

    cut: int | None
    delay_s: float
    exchange: PaperExchange = field(init=False)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    log: list[OrderFilled | OrderUpdated] = field(default_factory=list)
    commits: int = 0
    last_at: datetime | None = None
    reviews: int = 0

    def __post_init__(self) -> None:
        self.exchange = paper(delay_s=self.delay_s)

    def take(self, snapshot_at: datetime, beat: Beat) -> None:
        snapshot = chain(snapshot_at, beat.quotes)
        while self._answers(snapshot):
            pass
        self.last_at = snapshot_at
        submits = [submit for ask in beat.asks if (submit := self._ask(ask, snapshot_at)) is not None]
        if not self._commit():  # what was committed and not submitted is in the book: restore knows it
            for submit in submits:
                submit()

    def _answers(self, snapshot: object) -> bool:
        for event in itertools.chain(
            self.exchange.due(snapshot.ts),  # type: ignore[attr-defined]
            self.exchange.fills_at(snapshot),  # type: ignore[arg-type]
        ):
            self.log.append(event)
            before = self.orders[event.tag]
            if isinstance(event, OrderUpdated):
                self.orders[event.tag] = told(before, event)
            else:
                self.orders[event.tag] = booked(before, event.quantity)
                self.fills.append(_fill(before, event))
            if self._commit():
                return True
        return False

    def _commit(self) -> bool:
        self.commits += 1
        if self.commits != self.cut:
            return False
        self.exchange = paper(delay_s=self.delay_s)
        self.exchange.restore(tuple(self.orders.values()), self.fills, self.last_at)
        return True

    def _ask(self, ask: tuple[str, int, OptionContract, Side, int, int], now: datetime):  # type: ignore[no-untyped-def]
        act, which, contract, side, ticks, lots = ask
        price = Decimal(ticks) * Decimal("0.05")
        self.reviews += 1
        if act == "place":
            given = approval(
                now,
                sequence=self.reviews,
                tag=f"t{len(self.orders)}",
                contract=contract,
                side=side,
                limit_price=price,
                quantity=65 * lots,
            )
            self.orders[given.request.tag] = Order(
                request=given.request,
                state=OrderState.SENT,
                sent_at=now,
                limit_price=price,
                priced_at=now,
                rung=0,
            )
            return lambda: self.exchange.place(given)
        resting = [o for o in self.orders.values() if o.state.may_fill and o.cancel_requested_at is None]
        if not resting:
            return None
        chosen = resting[which % len(resting)]
        tag = chosen.request.tag
        if act == "cancel":
            self.orders[tag] = replace(chosen, cancel_requested_at=now)
            return lambda: self.exchange.cancel(tag, now)
        again = replace(
            approval(now, sequence=self.reviews), request=replace(chosen.request, limit_price=price)
        )
        self.orders[tag] = replace(chosen, limit_price=price, priced_at=now)
        return lambda: self.exchange.modify(again)


def _fill(order: Order, event: OrderFilled) -> Fill:
    return Fill(
        fill_id=event.fill_id,
        tag=event.tag,
        ts=event.ts,
        contract=order.request.contract,
        side=order.request.side,
        quantity=event.quantity,
        price=event.price,
        charges_inr=Decimal(0),
        touch_bid=event.touch_bid,
        touch_ask=event.touch_ask,
    )


def live(beats: list[Beat], cut: int | None = None, delay_s: float = 0.25) -> Account:
    """A day of beats, cut after so many commits."""
    account, now = Account(cut=cut, delay_s=delay_s), TS
    for beat in beats:
        now += timedelta(seconds=beat.wait_s)
        account.take(now, beat)
    account.log += account.exchange.close(now)
    return account


PRICES = st.sampled_from([NOBODY, 9.8, 9.9, 10.0, 10.1])
SIZES = st.sampled_from([0, 65, 130, 650])
TOUCHES = st.tuples(PRICES, SIZES, PRICES, SIZES)
ASKS = st.tuples(
    st.sampled_from(["place", "place", "modify", "cancel"]),
    st.integers(0, 3),
    st.sampled_from([CALL, PUT]),
    st.sampled_from(list(Side)),
    st.integers(195, 205),
    st.integers(1, 4),
)
BEATS = st.builds(
    Beat,
    wait_s=st.sampled_from([5, 15, 15, 60]),
    quotes=st.fixed_dictionaries({CALL: TOUCHES, PUT: TOUCHES}),
    asks=st.lists(ASKS, max_size=3).map(tuple),
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(beats=st.lists(BEATS, min_size=2, max_size=6), delay_s=st.sampled_from([0.25, 20.0]))
def test_restored_from_the_book_it_goes_on_as_if_it_had_never_stopped(
    beats: list[Beat], delay_s: float
) -> None:
    """Stopped after any commit, acknowledgement, fill or snapshot: the same words and fills follow."""
    whole = live(beats, delay_s=delay_s)
    for cut in range(1, whole.commits + 1):
        assert live(beats, cut, delay_s).log == whole.log, f"cut after commit {cut} of {whole.commits}"


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(BEATS, min_size=2, max_size=8))
def test_no_snapshot_gives_more_than_it_showed(beats: list[Beat]) -> None:
    """Per snapshot, contract and side: no more than the shown size, at the touch, in whole lots."""
    account, now = live(beats), TS
    shown = {}
    for beat in beats:
        now += timedelta(seconds=beat.wait_s)
        shown[now] = beat.quotes
    taken: dict[tuple[datetime, OptionContract, Side], int] = {}
    for fill in account.fills:
        bid, bid_qty, ask, ask_qty = shown[fill.ts][fill.contract]
        is_buy = fill.side is Side.BUY
        assert float(fill.price) == (ask if is_buy else bid) and fill.quantity % 65 == 0
        key = (fill.ts, fill.contract, fill.side)
        taken[key] = taken.get(key, 0) + fill.quantity
        assert taken[key] <= (ask_qty if is_buy else bid_qty)


def test_worse_fills_pay_beyond_the_touch_within_the_limit() -> None:
    """Two ticks beyond the ask: filled at that price where the limit reaches it, and else not."""
    for side, seen, missed, price in (
        (Side.BUY, (9.7, 650, 9.9, 650), (9.7, 650, 9.95, 650), "10.00"),
        (Side.SELL, (10.1, 650, 10.3, 650), (10.05, 650, 10.3, 650), "10.00"),
    ):
        exchange = paper(slippage="0.10")
        look(exchange, 0, *seen)
        exchange.place(approval(at(0), contract=CALL, limit_price="10.00", side=side))
        assert look(exchange, 15, *missed) == []
        (fill,) = look(exchange, 30, *seen)
        assert fill.price == Decimal(price)
        assert (fill.touch_bid, fill.touch_ask) == (Decimal(str(seen[0])), Decimal(str(seen[2])))


def test_a_bid_that_slippage_would_eat_is_none() -> None:
    exchange = paper(slippage="0.10")
    look(exchange, 0, 0.1, 650, 0.2, 650)
    exchange.place(approval(at(0), contract=CALL, limit_price="0.05", side=Side.SELL))
    assert look(exchange, 15, 0.1, 650, 0.2, 650) == []


@pytest.mark.parametrize("late", [0, 1, 2])
def test_late_looks_are_looks_at_which_an_order_could_have_filled(late: int) -> None:
    exchange = paper(late_looks=late)
    look(exchange, 0, 9.9, 650, 10.0, 650)
    exchange.place(approval(at(0), contract=CALL, limit_price="10.00"))
    filled = [bool(look(exchange, 15 * n, 9.9, 650, 10.0, 650)) for n in range(1, 5)]
    assert filled == [n == late for n in range(4)]


def test_a_new_price_is_not_filled_before_it_arrives_however_long_the_order_rested() -> None:
    exchange = with_order(limit_price="9.00")
    assert look(exchange, 15, 9.9, 650, 10.0, 650) == []
    exchange.modify(approval(at(15), contract=CALL, limit_price="10.00"))
    assert look(exchange, 15.2, 9.9, 650, 10.0, 650) == []
    assert look(exchange, 15.3, 9.9, 650, 10.0, 650)
