"""The broker over the look-alike, in process or over sockets: one virtual clock, snapshots that are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tests.adapters.upstox.client_parts import upstox_settings
from tests.fakes import NIFTY, TS
from tests.simulator.upstox_server.desk import market, shot
from tests.simulator.upstox_server.serving import Served, make_core, serving
from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.broker import UpstoxBroker
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.wire_stream import stream_message
from volguard.model.decision import Approved
from volguard.model.market import ChainSnapshot
from volguard.runner import Answer
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultRule
from volguard.simulator.upstox_server.in_process import transport
from volguard.simulator.upstox_server.server import LookAlike

DELAY = timedelta(seconds=0.25)  # from a decision to its sending


class OverLookAlike:
    """An UpstoxBroker whose exchange sees the snapshots that the test shows."""

    def __init__(
        self,
        *faults: FaultRule,
        seed: int = 1,
        poll_s: float = 0.0,
        has_stream: bool = False,
        **settings: Any,
    ) -> None:
        self.clock = VirtualClock(TS)
        self.core = make_core(
            self.clock, market=market(shot(-15.0)), cadence_s=15.0, gap_cadences=3.0, seed=seed
        )
        self.core.advance()
        token = self.core.issue_token()
        self.client = self._connect(lambda: token, **settings)
        payload = MarketReads(self.client).instrument_file()
        self.master = InstrumentMaster.of(payload, underlying=NIFTY, source="the look-alike")
        self.has_stream = has_stream
        self.broker = self.new_broker(poll_s)
        self.reads = AccountReads(self.client, self.master.contract_of)
        self.arm(*faults, seed=seed)

    def _connect(self, token: Callable[[], str], **settings: Any) -> UpstoxClient:
        return UpstoxClient(
            upstox_settings(**settings), token=token, clock=self.clock, transport=transport(self.core)
        )

    def ask(self, question: Callable[[LookAlike], Any]) -> Any:
        """Do something with the look-alike."""
        return question(self.core)

    def arm(self, *faults: FaultRule, seed: int = 1) -> None:
        """From now on these go wrong, and no others."""
        fresh = type(self.core.faults)(faults, seed=seed)
        self.core.faults._armed = fresh._armed

    def new_broker(self, poll_s: float = 0.0) -> UpstoxBroker:
        """A broker object that knows of nothing: as after a restart."""
        return UpstoxBroker(
            self.client, self.master, self.clock, poll_s=poll_s, has_stream=lambda: self.has_stream
        )

    # --- runner.Exchange --------------------------------------------------------------------------

    def place(self, approved: Approved) -> None:
        self.reach(approved.approved_at + DELAY)
        self.broker.place(approved)

    def multi_place(self, approvals: list[Approved]) -> None:
        self.reach(approvals[0].approved_at + DELAY)
        self.broker.multi_place(approvals)

    def modify(self, approved: Approved) -> None:
        self.reach(approved.approved_at + DELAY)
        self.broker.modify(approved)

    def cancel(self, tag: str, ts: datetime) -> None:
        self.reach(ts)
        self.broker.cancel(tag, ts)

    def query(self, tag: str, ts: datetime) -> None:
        self.reach(ts)
        self.broker.query(tag, ts)

    def read_book(self, ts: datetime) -> None:
        self.reach(ts)
        self.broker.read_book(ts)

    def due(self, until: datetime) -> Iterator[Answer]:
        self.reach(until)
        yield from self.broker.due(until)

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[Answer]:
        self.reach(snapshot.ts)
        self.ask(lambda core: core.exchange.look(snapshot))
        yield from self.broker.fills_at(snapshot)

    def close(self, ts: datetime) -> Iterator[Answer]:
        self.reach(ts)
        self.ask(lambda core: core.exchange.close(self.clock.now()))
        yield from self.broker.close(ts)

    # --- of the test ------------------------------------------------------------------------------

    def reach(self, ts: datetime) -> None:
        """Let time pass up to a moment, if it has not."""
        self.ask(lambda core: self._move(core, ts))

    def _move(self, core: LookAlike, ts: datetime) -> None:
        self.clock.set(max(self.clock.now(), ts))
        core.advance()

    def deliver(self) -> None:
        """Let the broker hear what the portfolio stream has for it."""
        for update in self.core.drain_updates():
            self.broker.hear(stream_message(msgspec.json.encode(update)))

    def shut(self) -> None:
        """Close the client."""
        self.client.close()


class OverSockets(OverLookAlike):
    """The same with an HTTP server in between, in a thread of its own."""

    def _connect(self, token: Callable[[], str], **settings: Any) -> UpstoxClient:
        self._opened = ExitStack()
        self._served: Served = self._opened.enter_context(serving(self.core))
        base = self._served.address.http
        addresses = {"base_url": base, "order_url": f"{base}/hft", "assets_url": f"{base}/assets"}
        return UpstoxClient(upstox_settings(**addresses, **settings), token=token, clock=self.clock)

    def ask(self, question: Callable[[LookAlike], Any]) -> Any:
        """Do something with the look-alike, in the thread that it belongs to."""
        return self._served.ask(question)

    def shut(self) -> None:
        """Close the client, then stop the server."""
        super().shut()
        self._opened.close()
