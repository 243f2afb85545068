"""An account at the look-alike that holds three iron condors, and a flatten over it on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.adapters.upstox.client_parts import upstox_settings
from tests.fakes import NIFTY, call, put, shipped, shipped_rules
from tests.simulator.upstox_server.desk import START, fair, market, shot
from tests.simulator.upstox_server.serving import make_core
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.execution.settings import FlattenSettings
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.market import ChainSnapshot
from volguard.operations.flatten_edge import FlattenEdge
from volguard.operations.flatten_loop import FlattenOutcome, FlattenRun
from volguard.operations.flatten_record import FlattenRecord
from volguard.simulator.exchange_orders import SimOrder, Ticket
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule
from volguard.simulator.upstox_server.in_process import transport
from volguard.simulator.upstox_server.messages import Request, Response

LOT = 65
CADENCE_S = 3.0
BOOKS = ("/short-term-positions", "/order/retrieve-all")
SHORT_CALLS, LONG_CALLS = (call(24500), call(24600), call(24700)), (call(24800), call(24900), call(25000))
SHORT_PUTS, LONG_PUTS = (put(24500), put(24400), put(24300)), (put(24200), put(24100), put(24000))
SHORTS, LONGS = (*SHORT_CALLS, *SHORT_PUTS), (*LONG_CALLS, *LONG_PUTS)
CONDORS: Mapping[OptionContract, int] = {**dict.fromkeys(SHORTS, -LOT), **dict.fromkeys(LONGS, LOT)}


@cache
def ten_minutes() -> tuple[ChainSnapshot, ...]:
    """The same market every three seconds."""
    return tuple(shot(CADENCE_S * n - 15.0, size=6500) for n in range(260))


@dataclass
class FlattenScene:
    """The look-alike, the edge over it, and what was said."""

    folder: Path
    options: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    shots: tuple[ChainSnapshot, ...] = ()
    client_settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = VirtualClock(START)
        self.core = make_core(
            self.clock, market=market(*(self.shots or ten_minutes())), cadence_s=CADENCE_S, **self.options
        )
        self.core.advance()
        self.token: str | None = self.core.issue_token()
        self.client = UpstoxClient(
            upstox_settings(read_attempts=1, **self.client_settings),
            token=lambda: self.token,
            clock=self.clock,
            transport=transport(self.core),
        )
        payload = MarketReads(self.client).instrument_file()
        self.master: InstrumentMaster | None = InstrumentMaster.of(
            payload, underlying=NIFTY, source="the look-alike"
        )
        self.edge = self.new_edge()

    def new_edge(self) -> FlattenEdge:
        """The broker as a process that has just started sees it."""
        self.edge = FlattenEdge(
            client=self.client, clock=self.clock, master=self.master, contracts=shipped_rules().contracts
        )
        return self.edge

    def hold(self, held: Mapping[OptionContract, int] = CONDORS) -> None:
        """Positions that came from another channel."""
        for contract, units in held.items():
            side = Side.BUY if units > 0 else Side.SELL
            price = Decimal(str(fair(contract)))
            self.core.exchange.trade_outside(contract, side, abs(units), price, self.clock.now())

    def rest(self, contract: OptionContract, side: Side, quantity: int, price: str, **more: Any) -> SimOrder:
        """An order of another channel that rests."""
        ticket = Ticket(contract=contract, side=side, quantity=quantity, limit_price=Decimal(price), **more)
        order = self.core.exchange.place(ticket, self.clock.now())
        self.clock.advance(1.0)
        self.core.advance()
        return order

    def lag(self, rng: np.random.Generator, probability: float) -> None:
        """From now on each of the books is now and then that of the question before."""
        handle, before = self.core.handle, dict[str, Response]()

        def answer(request: Request) -> Response:
            fresh = handle(request)
            if not request.path.endswith(BOOKS) or fresh.status != 200:
                return fresh
            old, before[request.path] = before.get(request.path, fresh), fresh
            return old if rng.random() < probability else fresh

        self.core.handle = answer  # type: ignore[method-assign]

    def arm(self, *faults: FaultRule) -> None:
        """From now on these go wrong, and no others."""
        self.core.faults._armed = type(self.core.faults)(faults, seed=1)._armed

    def run(
        self,
        *,
        deadline_s: float = 60.0,
        order_budget_s: float = 20.0,
        stopped: Callable[[], bool] = lambda: False,
    ) -> FlattenOutcome:
        """One flatten to its end."""
        record = FlattenRecord(self.folder / "paper.db", self.clock.now, self.said.append)
        self.side_file = record.path
        self.last = FlattenRun(
            self.new_edge(),
            shipped().execution,
            FlattenSettings(deadline_s=600.0, order_budget_s=order_budget_s, poll_s=1.0),
            record,
            f"FL{self.clock.now():%m%d%H%M%S}",
            deadline_s,
            stopped,
            self.pages.append,
        )
        try:
            return self.last.run()
        finally:
            record.close()

    @property
    def held(self) -> dict[OptionContract, int]:
        """What the exchange itself says is held."""
        return {one.contract: one.quantity for one in self.core.exchange.account.open_holdings()}

    def uncovered(self) -> list[str]:
        """Moments at which a short stood without its long: after each trade of the day, per option type."""
        units: dict[OptionContract, int] = {}
        found = []
        was_covered = False
        for trade in self.core.exchange.trades:
            contract = trade.order.ticket.contract
            side = trade.order.ticket.side
            units[contract] = units.get(contract, 0) + side.sign * trade.quantity
            is_covered = all(
                sum(count for held, count in units.items() if held.option_type is kind) >= 0
                for kind in OptionType
            )
            if was_covered and not is_covered:
                found.append(f"{trade.at:%H:%M:%S} {side} {trade.quantity} {contract.symbol}")
            was_covered = was_covered or is_covered
        return found

    def close(self) -> None:
        """Let the client go."""
        self.client.close()


def dead(*calls: str, name: FaultName = FaultName.SERVER_ERROR_BEFORE, **more: Any) -> FaultRule:
    """A call that fails for ever."""
    return FaultRule(name=name, probability=1.0, where=frozenset(calls), **more)
