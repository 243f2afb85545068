"""The look-alike as a whole: repeatable to the byte, money conserved, readable by our own wire formats."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fakes import NIFTY, shipped_rules
from tests.simulator.upstox_server.desk import (
    API,
    CALL,
    FAR_CALL,
    OPTIONS,
    ORDERS,
    PUT,
    START,
    Desk,
    fair,
    market,
    open_desk,
    shot,
)
from tests.simulator.upstox_server.serving import make_core
from volguard.adapters.replay import ReplayMarket
from volguard.adapters.upstox.endpoints import FUNDS, OPTION_CHAIN, ORDER_BOOK, POSITIONS, QUOTES, TRADES
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.wire import data_of
from volguard.adapters.upstox.wire_account import PositionRow, funds_of, position_of
from volguard.adapters.upstox.wire_funds import FundsData
from volguard.adapters.upstox.wire_options import ChainRow, chain_quotes
from volguard.adapters.upstox.wire_orders import OrderRow, TradeRow, order_of, trade_of
from volguard.adapters.upstox.wire_quotes import FullQuote, by_key
from volguard.model.errors import DataError
from volguard.model.instrument import Side
from volguard.model.order import OrderState
from volguard.simulator.upstox_server.clock import RunningClock, VirtualClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.in_process import transport
from volguard.simulator.upstox_server.server import LookAlike

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "nifty_chain_2025-08-29.parquet"
UNLUCKY = (
    FaultRule(name=FaultName.DROPPED_REPLY, probability=0.1),
    FaultRule(name=FaultName.SERVER_ERROR_AFTER, probability=0.1),
    FaultRule(name=FaultName.SERVER_ERROR_BEFORE, probability=0.1),
    FaultRule(name=FaultName.LATE_FILL, probability=0.5),
    FaultRule(name=FaultName.DUPLICATE_UPDATES, probability=0.2),
    FaultRule(name=FaultName.REORDERED_UPDATES, probability=0.2),
    FaultRule(name=FaultName.LATENCY, probability=0.1, size=0.4),
)


def busy(desk: Desk, seed: int) -> list[bytes]:
    """A few minutes of a restless trader; everything that was heard, as bytes."""
    rng = np.random.default_rng(seed)
    heard: list[bytes] = []

    def send(method: str, url: str, **body: Any) -> None:
        try:
            reply = desk.http.request(method, url, **body)
            heard.append(f"{reply.status_code} ".encode() + reply.content)
        except httpx.ReadError:
            heard.append(b"nothing")

    for turn in range(60):
        contract = (CALL, PUT, FAR_CALL)[int(rng.integers(3))]
        side = Side.BUY if rng.random() < 0.5 else Side.SELL
        price = round(fair(contract) * float(rng.choice([0.9, 1.0, 1.1])), 1)
        body = desk.body(contract, side, price=price, quantity=65 * int(rng.integers(1, 8)), tag=f"t{turn}")
        send("POST", f"{ORDERS}/v3/order/place", json=body)
        known = list(desk.core.exchange.orders)
        if known and rng.random() < 0.4:
            send(
                "DELETE",
                f"{ORDERS}/v3/order/cancel",
                params={"order_id": known[int(rng.integers(len(known)))]},
            )
        send("GET", f"{API}/v2/order/retrieve-all")
        desk.wait(float(rng.choice([0.1, 1.0, 7.0, 15.0])))
        heard += [repr(update).encode() for update in desk.core.drain_updates()]
    send("GET", f"{API}/v2/portfolio/short-term-positions")
    send("GET", f"{API}/v3/user/get-funds-and-margin")
    return heard


def test_the_same_seeds_and_requests_give_the_same_bytes() -> None:
    """Faults included; another seed of faults gives others."""
    runs = []
    for seed in (11, 11, 12):
        with open_desk(faults=Faults(UNLUCKY, seed=seed)) as desk:
            runs.append(busy(desk, seed=4))
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("seed", range(6))
def test_cash_and_positions_are_the_sum_of_executions(seed: int) -> None:
    """To the last digit, whatever went wrong on the way."""
    shots = [shot(15.0 * n, spot=24500.0 + 15.0 * ((n * 7) % 5), size=130) for n in range(41)]
    with open_desk(*shots, faults=Faults(UNLUCKY, seed=seed)) as desk:
        busy(desk, seed)
        exchange = desk.core.exchange
        trades = exchange.trades
        assert len(trades) > 10
        cash = OPTIONS.capital_inr
        units: dict[Any, int] = {}
        for trade in trades:
            ticket = trade.order.ticket
            cash += trade.cash_inr - trade.charges_inr
            units[ticket.contract] = units.get(ticket.contract, 0) + ticket.side.sign * trade.quantity
        assert exchange.account.cash_inr == cash
        assert exchange.account.units == {contract: count for contract, count in units.items() if count}
        working = [order for order in exchange.orders.values() if order.live_at and not order.word.is_final]
        promised = sum(
            order.open_quantity * order.limit_price for order in working if order.ticket.side is Side.BUY
        )
        assert exchange.money.promised_inr == promised
        for order in exchange.orders.values():
            filled = sum(trade.quantity for trade in trades if trade.order is order)
            assert order.filled_quantity == filled <= order.quantity
        assert len({trade.trade_id for trade in trades}) == len(trades)
        assert exchange.accepted_tags == [order.ticket.tag for order in exchange.orders.values()]


def test_our_own_wire_formats_read_every_reply() -> None:
    """Orders, trades, positions, funds, quotes, chain and file come back as the values that they were."""
    with open_desk() as desk:
        desk.place(CALL, Side.SELL, quantity=130)
        desk.wait()
        file = desk.http.get("https://assets.upstox.com/market-quote/instruments/exchange/NSE.json.gz")
        master = InstrumentMaster.of(file.content, underlying=NIFTY, source="NSE.json.gz")

        def raw(path: str, **query: str) -> bytes:
            return desk.get(path, **query).content

        (order,) = data_of(raw("/v2/order/retrieve-all"), list[OrderRow], ORDER_BOOK)
        (trade,) = data_of(raw("/v2/order/trades/get-trades-for-day"), list[TradeRow], TRADES)
        (held,) = data_of(raw("/v2/portfolio/short-term-positions"), list[PositionRow], POSITIONS)
        quotes = data_of(
            raw("/v2/market-quote/quotes", instrument_key=desk.key(CALL)), dict[str, FullQuote], QUOTES
        )
        chain = data_of(
            raw("/v2/option/chain", instrument_key="NSE_INDEX|Nifty 50", expiry_date="2026-09-22"),
            list[ChainRow],
            OPTION_CHAIN,
        )
        funds = funds_of(data_of(raw("/v3/user/get-funds-and-margin"), FundsData, FUNDS))
        money_now = desk.core.exchange.money
    book = order_of(order, master.contract_of)
    assert (book.contract, book.state, book.filled_quantity) == (CALL, OrderState.FILLED, 130)
    done = trade_of(trade, master.contract_of)
    assert (done.contract, done.quantity, done.traded_at) == (CALL, 130, START + timedelta(seconds=15))
    position = position_of(held, master.contract_of)
    assert (position.contract, position.quantity) == (CALL, -130)
    assert position.sell_value_inr == 130 * done.price
    assert set(by_key(quotes)) == {desk.key(CALL)}
    assert len(chain_quotes(chain)) == 22
    assert funds.available_inr == Decimal(str(money_now.available_inr.quantize(Decimal("0.01"))))


def test_the_file_of_the_made_up_day_agrees_with_the_contract_rules() -> None:
    """Lots, ticks, freeze quantity, strike step and expiries: no difference."""
    core = make_core(VirtualClock(START))
    with httpx.Client(transport=transport(core)) as http:
        file = http.get("https://assets.upstox.com/market-quote/instruments/exchange/NSE.json.gz")
    master = InstrumentMaster.of(file.content, underlying=NIFTY, source="NSE.json.gz")
    assert master.differences(shipped_rules().contracts, START.date()) == ()
    assert len(master.options) == len(core.board.listing)


def test_a_trade_of_another_channel_shows_everywhere() -> None:
    """In book, trades, positions and stream: without a tag of ours, not among what we had accepted."""
    with open_desk() as desk:
        desk.wait()
        desk.core.exchange.trade_outside(CALL, Side.BUY, 65, Decimal("100.00"), desk.clock.now())
        desk.wait()
        (row,) = desk.data("/v2/order/retrieve-all")
        (held,) = desk.data("/v2/portfolio/short-term-positions")
        updates = [one["update_type"] for one in desk.core.drain_updates()]
        assert desk.core.exchange.accepted_tags == []
    assert (row["tag"], row["status"], held["quantity"]) == (None, "complete", 65)
    assert updates == ["order", "order", "position"]


def test_a_market_without_snapshots_serves_nothing() -> None:
    """It is refused at the start, by name."""
    empty = replace(market(), shots=())
    with pytest.raises(DataError, match=r"day\.parquet has no snapshot"):
        LookAlike(
            market=empty,
            history=None,
            rules=shipped_rules(),
            clock=VirtualClock(START),
            options=OPTIONS,
            faults=Faults.none(),
        )


def test_without_a_history_nothing_is_said_of_the_past() -> None:
    """No previous close, no candles; margins at the floor of the scan."""
    core = LookAlike(
        market=market(),
        history=None,
        rules=shipped_rules(),
        clock=VirtualClock(START),
        options=OPTIONS,
        faults=Faults.none(),
    )
    core.advance()
    assert core.board.index is not None and core.board.index.previous_close is None
    assert core.exchange.margin_of({CALL: -65}).total_inr > 0.0


def test_in_process_it_runs_on_a_clock_that_can_be_moved() -> None:
    """Another host is not reachable, another clock is refused."""
    with open_desk() as desk, pytest.raises(httpx.ConnectError):
        desk.http.get("https://example.org/")
    running = LookAlike(
        market=market(),
        history=None,
        rules=shipped_rules(),
        clock=RunningClock(START, speed=1.0, ticker=VirtualClock(START)),
        options=OPTIONS,
        faults=Faults.none(),
    )
    with pytest.raises(ValueError, match="RunningClock"):
        transport(running)


def test_a_reply_has_the_date_of_the_look_alikes_clock() -> None:
    """As any HTTP server's has: GMT to the second."""
    with open_desk() as desk:
        assert desk.get("/lookalike/clock").headers["date"] == "Wed, 16 Sep 2026 04:30:00 GMT"


@pytest.mark.skipif(not RECORDED.is_file(), reason="no recorded day beside the project")
def test_a_recorded_day_is_served() -> None:
    """The index from parity, no VIX; an order fills at the recorded touch."""
    rules = shipped_rules()
    source = ReplayMarket(RECORDED, lot_size=lambda day, expiry: rules.contracts.lot_size(NIFTY, day, expiry))
    clock = VirtualClock(START.replace(year=2025, month=8, day=29, hour=9, minute=30))
    core = LookAlike(
        market=source, history=None, rules=rules, clock=clock, options=OPTIONS, faults=Faults.none()
    )
    headers = {"authorization": f"Bearer {core.issue_token()}"}
    with httpx.Client(transport=transport(core), headers=headers) as http:
        desk = Desk(core=core, clock=clock, http=http)
        keys = "NSE_INDEX|Nifty 50,NSE_INDEX|India VIX"
        levels = desk.data("/v3/market-quote/ltp", instrument_key=keys)
        assert set(levels) == {"NSE_INDEX:Nifty 50"}
        level = levels["NSE_INDEX:Nifty 50"]["last_price"]
        expiry = core.board.listing.expiries[0].isoformat()
        rows = desk.data("/v2/option/chain", instrument_key="NSE_INDEX|Nifty 50", expiry_date=expiry)
        row = min(rows, key=lambda one: abs(one["strike_price"] - level))
        side = row["call_options"]
        assert abs(row["strike_price"] - level) <= 25.0 and 5.0 < side["option_greeks"]["iv"] < 30.0
        instrument = core.instruments.of_key(side["instrument_key"])
        assert instrument is not None
        body = {
            **{"product": "D", "validity": "DAY", "order_type": "LIMIT", "disclosed_quantity": 0},
            **{"trigger_price": 0, "is_amo": False, "transaction_type": "BUY", "tag": "replayed"},
            "instrument_token": side["instrument_key"],
            "quantity": instrument.lot_size,
            "price": round(side["market_data"]["ask_price"] * 1.2 * 20) / 20,
        }
        reply = http.post(f"{ORDERS}/v3/order/place", json=body).json()
        desk.wait(90.0)
        assert desk.status(reply["data"]["order_ids"][0]) == "complete"
