"""Drive the baskets: what they want becomes reviewed orders, re-pricings and cancels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from volguard.engine.breakers import note_order_sent
from volguard.engine.expiring import left_to_expire
from volguard.engine.orders import put_order, put_trade
from volguard.engine.reconciling import may_send
from volguard.engine.reviewing import credit_at, review_orders
from volguard.engine.state import Turn
from volguard.engine.supervisor import decide
from volguard.execution.basket import (
    LOOKS_MIN,
    Basket,
    BasketState,
    Completed,
    Line,
    NextWave,
    TimedOut,
    Want,
    WantCancel,
    WantPlace,
    WantReprice,
    Withdrawn,
    advance,
    exit_basket,
)
from volguard.execution.ladder import ladder_price, rungs
from volguard.measure.payoff import max_loss_points
from volguard.measure.touch import quote_of
from volguard.model.book import ZERO, Position, Trade, TradeState, positions_of
from volguard.model.decision import Action, Approved, Breach, Decision, Refused
from volguard.model.errors import InvariantBroken
from volguard.model.event import Alert, Cancel, Modify, Place, Severity, TradeChanged
from volguard.model.instrument import OptionType, Side
from volguard.model.order import Order, OrderRequest, OrderState, Purpose, Urgency
from volguard.model.units import figure, rupees
from volguard.risk.breaker import Circuit
from volguard.strategy.structure import wing_width


def drive(turn: Turn, *, is_fresh: bool) -> None:
    """Advance every basket once, and at once again where a wave or an unwinding has just ended.

    Nothing moves on a book that is not known to be the broker's.
    """
    if turn.desk.is_yielding or not may_send(turn.desk):
        return
    for basket_id in [basket.basket_id for basket in turn.desk.baskets]:
        for _ in range(4):  # a wave that ends may start the next one in the same step; never more than that
            basket = next((b for b in turn.desk.baskets if b.basket_id == basket_id), None)
            if basket is None:
                break
            if is_fresh:
                basket = _escalated(turn, basket)
            wants = advance(
                basket,
                _orders_of(turn, basket),
                now=turn.now,
                is_fresh=is_fresh,
                cadence_s=turn.cadence_s,
                settings=turn.settings.execution,
            )
            if not any([_serve(turn, basket, want) for want in wants]):
                break


def _escalated(turn: Turn, basket: Basket) -> Basket:
    # A patient exit that did not fill in its time turns urgent; a profit that nobody pays for may wait as
    # long as none of its legs is closed.
    started, execution = basket.wave_started_at, turn.settings.execution
    if basket.purpose is Purpose.OPEN or basket.urgency is Urgency.HIGH or started is None:
        return basket
    is_begun = any(
        order.filled_quantity and order.request.purpose is Purpose.CLOSE
        for order in turn.desk.book.orders
        if order.request.trade_id == basket.trade_id
    )
    limit_s = max(execution.basket_timeout_s, LOOKS_MIN * turn.cadence_s)
    if (turn.now - started).total_seconds() < limit_s or (basket.reason == "profit" and not is_begun):
        return basket
    urgent = replace(basket, urgency=Urgency.HIGH)
    put_basket(turn, urgent)
    text = f"{basket.trade_id}: exit ({basket.reason}) not filled in {limit_s:.0f} s, now urgent"
    turn.effects.append(Alert(ts=turn.now, severity=Severity.WARNING, code="exit_slow", text=text))
    return urgent


def close_trade(turn: Turn, trade: Trade, *, urgency: Urgency, reason: str) -> None:
    """Make sure a trade is on its way out: unwind its entry, or work an exit of at least this urgency."""
    working = [
        b for b in turn.desk.baskets if b.trade_id == trade.trade_id and b.state is not BasketState.DONE
    ]
    for basket in working:
        if basket.purpose is Purpose.OPEN and basket.state is BasketState.WORKING:
            put_basket(turn, replace(basket, state=BasketState.UNWINDING, reason=reason))
        elif basket.purpose is Purpose.CLOSE and urgency is Urgency.HIGH:
            put_basket(turn, replace(basket, urgency=urgency, reason=reason))
    _move_trade(turn, trade, TradeState.CLOSING, reason)
    if not working:
        start_exit(turn, trade.trade_id, urgency=urgency, reason=reason)
    elif urgency is Urgency.HIGH and _waits_for_unknown(turn, working):
        start_exit(turn, trade.trade_id, urgency=urgency, reason=reason, shorts_only=True)


# An entry that cannot be withdrawn for nobody knows what became of an order: its longs stay for that order's
# sake, the shorts that did fill need not wait.
def _waits_for_unknown(turn: Turn, working: Sequence[Basket]) -> bool:
    alive = [order for basket in working for order in _orders_of(turn, basket) if order.may_fill]
    is_entry = all(
        basket.purpose is Purpose.OPEN and basket.state is BasketState.UNWINDING for basket in working
    )
    return is_entry and bool(alive) and all(order.state is OrderState.UNKNOWN for order in alive)


def unwind_entries(turn: Turn, *, reason: str) -> None:
    """Take every entry that is still being filled off the exchange; what was filled is closed again."""
    for basket in turn.desk.baskets:
        if basket.purpose is Purpose.OPEN and basket.state is BasketState.WORKING:
            put_basket(turn, replace(basket, state=BasketState.UNWINDING, reason=reason))


def close_late_fills(turn: Turn) -> None:
    """Take back under management what filled after its trade was settled: it is closed again."""
    for trade in turn.desk.book.trades:
        if not trade.state.is_live and positions_of(trade.fills):
            text = f"{trade.trade_id}: filled after it was settled; closing what is held"
            turn.effects.append(Alert(ts=turn.now, severity=Severity.WARNING, code="late_fill", text=text))
            put_trade(turn, replace(trade, closed_at=None))
            _move_trade(turn, turn.desk.book.trade(trade.trade_id), TradeState.CLOSING, "late_fill")
            start_exit(turn, trade.trade_id, urgency=Urgency.HIGH, reason="late_fill")


def put_basket(turn: Turn, basket: Basket) -> None:
    """Store a new or changed basket; one that is done is dropped, its orders tell its story."""
    others = tuple(b for b in turn.desk.baskets if b.basket_id != basket.basket_id)
    known = len(others) < len(turn.desk.baskets)
    if basket.state is BasketState.DONE:
        baskets = others
    elif known:
        baskets = tuple(basket if old.basket_id == basket.basket_id else old for old in turn.desk.baskets)
    else:
        baskets = (*others, basket)
    turn.desk = replace(turn.desk, baskets=baskets)


def slice_units(turn: Turn, trade: Trade) -> int:
    """The largest order below the freeze quantity, in whole lots; never 0.

    A trade whose own lot is above the freeze quantity leaves in lots of the trading date.
    """
    contract, contracts, today = trade.legs[0].contract, turn.rules.contracts, turn.desk.trading_date
    freeze = contracts.freeze_quantity(contract.underlying, today)
    lot = trade.lot_size
    if lot > freeze:
        lot = contracts.lot_size(contract.underlying, today, contract.expiry)
    # Below one lot the exchange takes no order at all: what is sent then it refuses, and the others go on.
    return freeze // lot * lot or freeze


def _serve(turn: Turn, basket: Basket, want: Want) -> bool:
    """Carry out one want; True when the basket itself moved on and should be asked again."""
    match want:
        case WantPlace(lines=lines):
            _place(turn, basket, lines)
        case WantReprice(order=order, rung=rung):
            _reprice(turn, basket, order, rung)
        case WantCancel(order=order, reason=reason):
            put_order(turn, replace(order, cancel_requested_at=turn.now), reason=reason)
            turn.effects.append(Cancel(tag=order.request.tag, ts=turn.now, reason=reason))
        case NextWave() if _leaves_hedges(turn, basket):
            _complete(turn, basket)
        case NextWave():
            put_basket(turn, replace(basket, wave=basket.wave + 1, wave_started_at=None))
            return True
        case Completed():
            _complete(turn, basket)
        case TimedOut():
            put_basket(turn, replace(basket, state=BasketState.UNWINDING, reason="not filled in time"))
            return True
        case Withdrawn():
            _withdrawn(turn, basket)
    return False


def _place(turn: Turn, basket: Basket, lines: Sequence[Line]) -> None:
    trade = turn.desk.book.trade(basket.trade_id)
    breaker = turn.desk.order_breaker
    if basket.purpose is Purpose.OPEN and breaker.circuit is Circuit.HALF_OPEN:
        if breaker.probe:
            return  # one order is tried; the others wait for its answer
        lines = lines[:1]
    requests = [request for line in lines if (request := _request(turn, basket, line)) is not None]
    if basket.wave_started_at is None:  # the clock of an entry runs while it waits for a price, too
        basket = replace(basket, wave_started_at=turn.now)
        put_basket(turn, basket)
    if not requests:
        return
    if len(requests) < len(lines) and basket.purpose is Purpose.OPEN:
        return  # an entry goes whole or waits: its other legs have no price now
    if basket.purpose is Purpose.OPEN and not _still_pays(turn, trade, requests):
        _give_up_late_wave(turn, basket)
        return
    verdicts = _review_wave(turn, basket, trade, requests)
    for approved in verdicts:
        request = approved.request
        order = Order(
            request=request,
            state=OrderState.SENT,
            sent_at=turn.now,
            limit_price=request.limit_price,
            priced_at=turn.now,
            rung=0,
        )
        put_order(turn, order, reason=basket.reason)
        if basket.purpose is Purpose.OPEN:
            note_order_sent(turn, request.tag)
        turn.effects.append(Place(approved=approved))


def _review_wave(
    turn: Turn, basket: Basket, trade: Trade, requests: Sequence[OrderRequest]
) -> tuple[Approved, ...]:
    if basket.purpose is Purpose.OPEN:
        verdict = review_orders(turn, trade, requests)
        if isinstance(verdict, Refused):
            _refused(turn, trade, verdict)
            _give_up_late_wave(turn, basket)
            return ()
        return verdict
    approved: list[Approved] = []
    for request in requests:  # an exit that is refused for one leg still closes the others
        verdict = review_orders(turn, trade, [request])
        if isinstance(verdict, Refused):
            _refused(turn, trade, verdict)
        else:
            approved += verdict
    return tuple(approved)


def _still_pays(turn: Turn, trade: Trade, requests: Sequence[OrderRequest]) -> bool:
    # The hedges are paid for: what the shorts would bring now, at the touch as when it was proposed, decides
    # whether this is still the trade.
    credit = credit_at(turn, trade, [_at_touch(turn, request) for request in requests])
    if credit is None:
        return True
    share = figure(credit / wing_width(trade.legs))
    limit = turn.settings.policy.credit_share_of_width_min
    if share >= limit:
        return True
    text = f"credit is {share:.3f} of the width now, limit {limit:.3f}"
    breach = Breach(rule="credit_thin", value=share, limit=limit, text=text)
    _refused(turn, trade, Refused(breaches=(breach,)))
    return False


def _at_touch(turn: Turn, request: OrderRequest) -> OrderRequest:
    contract, view = request.contract, turn.market
    tick = turn.rules.contracts.tick(contract.underlying, turn.desk.trading_date)
    quote = quote_of(view, contract, tick) if view is not None else None
    touch = None if quote is None else quote.ask if request.side is Side.BUY else quote.bid
    return request if touch is None else replace(request, limit_price=touch)


def _give_up_late_wave(turn: Turn, basket: Basket) -> None:
    # Hedges alone are not a trade: when the shorts are refused the hedges are sold again.
    put_basket(turn, replace(basket, state=BasketState.UNWINDING, reason="refused by risk"))


def _reprice(turn: Turn, basket: Basket, order: Order, rung: int) -> None:
    line = Line(
        tag=order.request.tag,
        contract=order.request.contract,
        side=order.request.side,
        quantity=order.request.quantity,
    )
    request = _request(turn, basket, line, rung=rung)
    if request is None:
        return
    again = replace(order, rung=rung, priced_at=turn.now)
    if request.limit_price == order.limit_price:
        put_order(turn, again, reason="kept")
        return
    trade = turn.desk.book.trade(basket.trade_id)
    # Only what is still open is at stake: what was filled is in the book already.
    verdict = review_orders(turn, trade, [replace(request, quantity=order.open_quantity)])
    if isinstance(verdict, Refused):
        _refused(turn, trade, verdict)
        if basket.purpose is Purpose.OPEN:
            _give_up_late_wave(turn, basket)
        return
    put_order(turn, replace(again, limit_price=request.limit_price), reason=f"rung {rung}")
    turn.effects.extend(Modify(approved=approved) for approved in verdict)


def _request(turn: Turn, basket: Basket, line: Line, rung: int = 0) -> OrderRequest | None:
    if turn.market is None:
        return None
    tick = turn.rules.contracts.tick(line.contract.underlying, turn.desk.trading_date)
    quote = quote_of(turn.market, line.contract, tick)
    if quote is None:
        return None
    execution = turn.settings.execution
    price: Decimal | None = ladder_price(
        quote,
        side=line.side,
        purpose=basket.purpose,
        urgency=basket.urgency,
        rung=rung,
        rung_count=rungs(basket.urgency, turn.cadence_s, execution),
        tick=tick,
        settings=execution,
    )
    if price is None:
        return None
    return OrderRequest(
        tag=line.tag,
        trade_id=basket.trade_id,
        contract=line.contract,
        side=line.side,
        quantity=line.quantity,
        limit_price=price,
        purpose=basket.purpose,
        urgency=basket.urgency,
    )


def _refused(turn: Turn, trade: Trade, verdict: Refused) -> None:
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.REFUSED,
            reason=verdict.breaches[0].rule,
            text=verdict.text,
            bucket=trade.bucket,
            trade_id=trade.trade_id,
            structure=trade.structure,
            breaches=verdict.breaches,
        ),
    )


def _leaves_hedges(turn: Turn, basket: Basket) -> bool:
    # The shorts of an exit are out: hedges that nobody pays for may stay until they expire.
    if basket.purpose is Purpose.OPEN or turn.desk.book.trade(basket.trade_id).opened_at is None:
        return False
    rest = [line for wave in basket.waves[basket.wave + 1 :] for line in wave]
    held = [Position(contract=line.contract, quantity=-line.side.sign * line.quantity) for line in rest]
    return left_to_expire(turn, held)


def _complete(turn: Turn, basket: Basket) -> None:
    put_basket(turn, replace(basket, state=BasketState.DONE))
    trade = turn.desk.book.trade(basket.trade_id)
    if basket.purpose is Purpose.OPEN:
        put_trade(turn, replace(_at_real_cost(trade), opened_at=turn.now))
        _move_trade(turn, turn.desk.book.trade(trade.trade_id), TradeState.OPEN, "filled")
    else:
        _settle(turn, trade, basket.reason)


def _at_real_cost(trade: Trade) -> Trade:
    # What was received, not what was proposed, says what can be lost.
    credit = float(trade.entry_credit_inr) / trade.units
    loss = max_loss_points(trade.legs, credit)
    if loss is None:
        raise InvariantBroken(f"{trade.trade_id}: the loss of its legs has no bound")
    costs = trade.reserved_inr - trade.max_loss_inr
    max_loss = rupees(loss * trade.units)
    return replace(trade, max_loss_inr=max_loss, reserved_inr=max_loss + costs)


def _withdrawn(turn: Turn, basket: Basket) -> None:
    put_basket(turn, replace(basket, state=BasketState.DONE))
    trade = turn.desk.book.trade(basket.trade_id)
    _settle(turn, trade, basket.reason)


def _settle(turn: Turn, trade: Trade, reason: str) -> None:
    # Once nothing works for this trade any more: it is flat, never was, or still holds something to close.
    others = [basket for basket in turn.desk.baskets if basket.trade_id == trade.trade_id]
    if any(basket.purpose is Purpose.OPEN for basket in others):
        return
    if trade.opened_at is not None and left_to_expire(turn, positions_of(trade.fills)):
        if not others:
            put_trade(turn, replace(trade, reserved_inr=ZERO, margin_inr=ZERO))  # nothing more to lose
            _move_trade(turn, turn.desk.book.trade(trade.trade_id), TradeState.OPEN, "left_to_expire")
        return
    if positions_of(trade.fills):
        _move_trade(turn, trade, TradeState.CLOSING, reason)
        if trade.state is not TradeState.CLOSING:
            code = "basket_flattened"
            text = f"{trade.trade_id}: {reason}; closing what was filled"
            turn.effects.append(Alert(ts=turn.now, severity=Severity.WARNING, code=code, text=text))
        holds_short = any(position.quantity < 0 for position in positions_of(trade.fills))
        urgency = Urgency.HIGH if turn.desk.flatten_reason or holds_short else Urgency.MEDIUM
        start_exit(turn, trade.trade_id, urgency=urgency, reason=reason)
        return
    if others:
        return
    final = TradeState.CLOSED if trade.fills else TradeState.ABANDONED
    put_trade(turn, replace(trade, closed_at=turn.now))
    _move_trade(turn, turn.desk.book.trade(trade.trade_id), final, reason)


def start_exit(
    turn: Turn, trade_id: str, *, urgency: Urgency, reason: str, shorts_only: bool = False
) -> None:
    """Work an exit for each option type that the trade holds and that none of its exits closes already."""
    trade = turn.desk.book.trade(trade_id)
    positions = [p for p in positions_of(trade.fills) if p.quantity < 0 or not shorts_only]
    if not positions:
        return
    tags = [order.request.tag for order in turn.desk.book.orders]
    prefix = f"VG{turn.desk.session_code}-{trade_id}-X"
    made = {tag.removeprefix(prefix).split("-")[0][:-1] for tag in tags if tag.startswith(prefix)}
    # Calls and puts leave side by side: a hedge waits for the shorts of its own kind, not for the others.
    busy = {
        line.contract.option_type
        for basket in turn.desk.baskets
        if basket.trade_id == trade_id and basket.purpose is Purpose.CLOSE
        for wave in basket.waves
        for line in wave
    }
    for part, kind in (("C", OptionType.CALL), ("P", OptionType.PUT)):
        mine = [p for p in positions if p.contract.option_type is kind and kind not in busy]
        if mine and not (trade.opened_at is not None and left_to_expire(turn, mine)):
            basket = exit_basket(
                trade_id,
                mine,
                attempt=1 + len(made),
                urgency=urgency,
                session_code=turn.desk.session_code,
                freeze=slice_units(turn, trade),
                reason=reason,
                part=part,
            )
            put_basket(turn, basket)


def _move_trade(turn: Turn, trade: Trade, state: TradeState, reason: str) -> None:
    if trade.state is state:
        return
    exit_reason = reason if state is TradeState.CLOSING and not trade.exit_reason else trade.exit_reason
    put_trade(turn, replace(trade, state=state, exit_reason=exit_reason))
    turn.records.append(TradeChanged(ts=turn.now, trade_id=trade.trade_id, state=state.value, reason=reason))


def _orders_of(turn: Turn, basket: Basket) -> list[Order]:
    tags = {line.tag for wave in basket.waves for line in wave}
    return [order for order in turn.desk.book.orders if order.request.tag in tags]
