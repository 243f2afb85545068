"""Whole sessions over loopback sockets: engine, loop and UpstoxBroker against the look-alike, judged.

`python -m tests.simulation.socket_sessions SEED [COUNT]` plays seeds and leaves with 1 when one is not true.
The session moves the clock of both sides; a thread that lags may still hear an update a look later.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import RLock
from time import monotonic, sleep
from typing import Any, Final

from tests.adapters.upstox.client_parts import upstox_settings
from tests.fakes import FakeMarket, shipped_rules
from tests.simulation.fault_days import days
from tests.simulator.upstox_server.serving import KEY, REDIRECT, SECRET, serving
from volguard.adapters.upstox.broker import UpstoxBroker
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.kept_socket import KeptSocket, opener_of
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.portfolio_stream import PortfolioStream, StreamEdge
from volguard.adapters.upstox.reconnect import ReconnectRules
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.execution.basket import uncovered_units
from volguard.execution.settings import ExecutionSettings
from volguard.model.book import Position
from volguard.model.decision import Approved
from volguard.model.instrument import OptionContract
from volguard.model.market import ChainSnapshot
from volguard.model.order import TAG_LENGTH_MAX, Order
from volguard.operations.drill_days import CADENCE_S, Occasion, plan_of
from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_orders import SimOrder
from volguard.simulator.fault_session import EdgedBroker, FaultDay, FaultResult, run_fault_session
from volguard.simulator.lies import Liar, Lie
from volguard.simulator.lying_broker import Answer, LyingBroker
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.messages import Request, Response
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.server import LookAlike

LOOKS: Final = 26  # entries, the move, the exits
SPEED: Final = 50.0  # of the look-alike's delays
READ_TIMEOUT_S: Final = 0.25
SLOW_S: Final = 0.2  # a call that took longer took the client's whole patience of market time
PATIENCE_S: Final = 7.0
HEARD_S: Final = 0.03  # how long the stream is given to tell what has happened
CRASH_EDGES: Final = 500  # somewhat fewer than a session has
ORDER_CALLS: Final = frozenset({"place", "modify", "cancel"})
READ_CALLS: Final = frozenset({"order_book", "order_history", "order_trades", "trades", "positions"})
WIRE_FAULTS: Final = (
    FaultName.RATE_LIMIT,
    FaultName.RATE_LIMIT_IN_200,
    FaultName.SERVER_ERROR_BEFORE,
    FaultName.SERVER_ERROR_AFTER,
    FaultName.DROPPED_REPLY,
    FaultName.HTML_403,
    FaultName.EMPTY_400,
)
STREAM_FAULTS: Final = (
    FaultName.DUPLICATE_UPDATES,
    FaultName.REORDERED_UPDATES,
    FaultName.LOST_UPDATES,
    FaultName.TORN_FRAME,
)
# What the exchange, the market and people do; the line's own trouble is real here.
RATES: Final = {
    Lie.REJECTED: 0.04,
    Lie.THIN_BOOK: 0.25,
    Lie.TAKEN_OFF: 0.04,
    Lie.LEG_FROZEN: 0.03,
    Lie.SNAPSHOT_LOST: 0.02,
    Lie.QUOTES_BAD: 0.01,
    Lie.KILL_SWITCH: 0.004,
    Lie.OPERATOR_FLATTENS: 0.01,
    Lie.OUTSIDE_TRADE: 0.004,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketPlan:
    """One session of a seed: its occasion, the look-alike's faults, the edge at which the process ends."""

    seed: int
    occasion: Occasion
    faults: tuple[FaultRule, ...]
    rates: dict[Lie, float]
    crash_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketResult:
    """What a session came to: the judge's result, what was seen at the exchange, the faults that struck."""

    judged: FaultResult
    outside: tuple[str, ...]
    faults: Counter[str]
    heard: int  # messages of the portfolio stream
    seconds: float

    @property
    def problems(self) -> list[str]:
        """Everything that was not true, each with how to see it again."""
        again = f"python -m tests.simulation.socket_sessions {self.judged.seed}"
        return [
            f"seed {self.judged.seed}: {text} ({again})" for text in (*self.judged.violations, *self.outside)
        ]


def plan_of_sockets(seed: int) -> SocketPlan:
    """The session that a seed names; every other one ends once at an edge and goes on from its journal."""
    rng = random.Random(seed)
    occasion = replace(
        plan_of(2 * seed).occasion, looks=LOOKS, reads_books=True, has_tight_stops=seed % 4 == 3
    )
    return SocketPlan(
        seed=seed,
        occasion=occasion,
        faults=tuple(_rules(rng)),
        rates=RATES,
        crash_at=rng.randint(1, CRASH_EDGES) if seed % 2 else None,
    )


def _rules(rng: random.Random) -> Iterator[FaultRule]:
    for name in rng.sample(WIRE_FAULTS, 4):
        yield FaultRule(name=name, probability=rng.uniform(0.02, 0.10), where=ORDER_CALLS)
        yield FaultRule(name=name, probability=rng.uniform(0.005, 0.03), where=READ_CALLS)
    for name in rng.sample(STREAM_FAULTS, 3):
        yield FaultRule(name=name, probability=rng.uniform(0.05, 0.25))
    yield FaultRule(name=FaultName.LATE_FILL, probability=rng.uniform(0.1, 0.5))
    yield FaultRule(name=FaultName.DEAD_SOCKET, every=rng.randint(20, 60))
    yield FaultRule(name=FaultName.STALLED_SOCKET, every=rng.randint(30, 90), size=45.0)
    yield FaultRule(name=FaultName.LATENCY, probability=0.1, where=ORDER_CALLS, size=20.0, times_max=2)


def run_over_sockets(plan: SocketPlan) -> SocketResult:
    """One session from its opening to the close, over sockets of this machine."""
    began_s = monotonic()
    engine = days().engine(days().changes(plan.occasion))
    day = days().day(plan.occasion.scenario, plan.occasion.market_seed)
    day = replace(day, shots=day.shots[: plan.occasion.looks])
    capital_inr = engine.settings.account_inr
    clock = SharedClock(day.shots[0].ts - timedelta(seconds=CADENCE_S))
    faults = Faults(plan.faults, seed=plan.seed)
    core = LockedLookAlike(
        market=FakeMarket(info=day.info, shots=(replace(day.shots[0], ts=clock.now()),)),
        history=None,
        rules=shipped_rules(),
        clock=clock,
        options=LookAlikeOptions(
            api_key=KEY, api_secret=SECRET, redirect_uris=(REDIRECT,), capital_inr=capital_inr
        ),
        faults=faults,
    )
    core.advance()
    liar = Liar(seed=plan.seed, rates=plan.rates)
    with ExitStack() as opened:
        line = opened.enter_context(serving(core)).address.http
        made: list[EdgedSocketBroker] = []

        def broker_of(
            exchange: Exchange, liar: Liar, edge: Callable[[str], None], leaves: Callable[[str], None]
        ) -> EdgedBroker:
            made.append(EdgedSocketBroker(exchange, liar, edge, leaves))
            made[0].connect(core, clock, line, day)
            opened.callback(made[0].disconnect)
            return made[0]

        judged = run_fault_session(
            engine,
            day,
            liar=liar,
            exchange=core.exchange,
            capital_inr=capital_inr,
            crash_at=plan.crash_at,
            broker_of=broker_of,
        )
        outside = tuple(seen_outside(core.exchange, judged, engine.settings.execution))
    struck = Counter(fired.name.value for fired in faults.fired) + Counter(
        told.lie.value for told in judged.lies
    )
    return SocketResult(
        judged=judged, outside=outside, faults=struck, heard=made[0].heard, seconds=monotonic() - began_s
    )


def seen_outside(exchange: Exchange, judged: FaultResult, execution: ExecutionSettings) -> Iterator[str]:
    """What the exchange's own lists show to be wrong, whatever the session believes."""
    for tag in exchange.accepted_tags:
        if not 0 < len(tag) <= TAG_LENGTH_MAX:
            yield f"order {tag!r} reached the exchange, tags are 1 to {TAG_LENGTH_MAX} characters"
    ours = [trade for trade in exchange.trades if trade.order.ticket.tag]
    cash = exchange.account.capital_inr + sum(t.cash_inr - t.charges_inr for t in exchange.trades)
    if cash != exchange.account.cash_inr:
        yield f"cash is {exchange.account.cash_inr}, the trades come to {cash}"
    units: dict[OptionContract, int] = {}
    since: datetime | None = None
    budget_s = max(execution.partial_fill_timeout_s, 2.0 * CADENCE_S)
    for trade in ours:
        ticket = trade.order.ticket
        units[ticket.contract] = units.get(ticket.contract, 0) + ticket.side.sign * trade.quantity
        held = [Position(contract=contract, quantity=count) for contract, count in units.items() if count]
        if since is not None and (trade.at - since).total_seconds() > budget_s and not judged.was_emergency:
            yield f"{trade.at:%H:%M:%S} a short stood alone at the exchange since {since:%H:%M:%S}"
        since = (since or trade.at) if uncovered_units(held) else None
    if since is not None:
        yield f"a short is alone at the exchange since {since:%H:%M:%S}, to the end"
    if any(order.ticket.tag and not order.word.is_final for order in exchange.orders.values()):
        yield "an order of ours lives at the exchange after the close"


class SharedClock(VirtualClock):
    """The clock of both sides: the session moves it, whoever waits moves it too."""

    speed = SPEED

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._moving = RLock()

    def advance(self, seconds: float) -> None:
        """Move on."""
        with self._moving:
            super().advance(seconds)

    def reach(self, ts: datetime) -> None:
        """Move on to a moment, unless it has passed."""
        with self._moving:
            self.set(max(self.now(), ts))


class LockedLookAlike(LookAlike):
    """A look-alike that its server and a session in another thread may touch, one at a time."""

    def __init__(self, **parts: Any) -> None:
        self.lock = RLock()
        self.turns = 0
        super().__init__(**parts)

    def handle(self, request: Request) -> Response:
        """One request."""
        with self.lock:
            return super().handle(request)

    def advance(self) -> None:
        """To the clock's moment."""
        with self.lock:
            super().advance()

    def drain_unmade(self) -> list[Callable[[], dict[str, Any]]]:
        """What is to be pushed, as each turn of the server asks."""
        with self.lock:
            self.turns += 1
            return super().drain_unmade()


class Process:
    """What dies with a process: its connections, its stream, and all it has heard."""

    def __init__(self, settings: UpstoxSettings, token: str, clock: SharedClock, day: FaultDay) -> None:
        self.client = UpstoxClient(settings, token=lambda: token, clock=clock)
        reads = MarketReads(self.client)
        self.broker = UpstoxBroker(
            self.client, _master(reads, day), clock, has_stream=lambda: self.stream.is_open
        )
        edge = StreamEdge(
            authorise=reads.portfolio_address,
            on_message=self.broker.hear,
            on_gap=self.broker.gap,
            on_lost=lambda _news: None,
            token_generation=lambda: 0,
        )
        rules = ReconnectRules.of(settings)
        self.stream = PortfolioStream(edge, lambda plan: KeptSocket(plan, rules, clock, opener_of(settings)))
        self.stream.start()
        _until(lambda: self.stream.is_open, 2.0)

    @property
    def heard(self) -> int:
        """Messages of the stream so far."""
        return self.stream.counts.messages + self.stream.counts.unreadable

    def end(self) -> None:
        """It is gone."""
        self.stream.close()
        self.client.close()


MASTERS: Final[dict[bytes, InstrumentMaster]] = {}


def _master(reads: MarketReads, day: FaultDay) -> InstrumentMaster:
    payload = reads.instrument_file()  # a market of another seed has other keys
    if payload not in MASTERS:
        MASTERS[payload] = InstrumentMaster.of(
            payload, underlying=day.info.underlying, source="the look-alike"
        )
    return MASTERS[payload]


def _until(holds: Callable[[], bool], patience_s: float) -> None:
    ends_s = monotonic() + patience_s
    while not holds() and monotonic() < ends_s:
        sleep(0.001)


class SocketBroker(LyingBroker):
    """An UpstoxBroker over sockets; the exchange behind them is meddled with as in process: the truth."""

    def connect(self, core: LockedLookAlike, clock: SharedClock, line: str, day: FaultDay) -> None:
        """The first process begins."""
        self._core, self._clock, self._day = core, clock, day
        self._settings = upstox_settings(
            base_url=line,
            order_url=f"{line}/hft",
            assets_url=f"{line}/assets",
            read_timeout_s=READ_TIMEOUT_S,
        )
        self._token = core.issue_token()
        self._heard_before = 0
        self._looked_at = clock.now()
        self._process = Process(self._settings, self._token, clock, day)

    def disconnect(self) -> None:
        """The process is over."""
        self._heard_before += self._process.heard
        self._process.end()

    @property
    def heard(self) -> int:
        """Messages of the stream in all processes."""
        return self._heard_before

    # --- runner.Exchange --------------------------------------------------------------------------

    def place(self, approved: Approved) -> None:
        """Send one; sometimes the exchange will not have it."""
        is_refused = self._liar.tells(Lie.REJECTED, approved.approved_at, approved.request.tag)
        self.exchange.closed_to_orders = "margin exceeds: Rs. 1 more are needed" if is_refused else ""
        self._timed(lambda: self._process.broker.place(approved))
        if is_refused:
            self._clock.advance(0.5)
            self._core.advance()
            self.exchange.closed_to_orders = ""

    def modify(self, approved: Approved) -> None:
        """Re-price one."""
        self._timed(lambda: self._process.broker.modify(approved))

    def cancel(self, tag: str, ts: datetime) -> None:
        """Take one off."""
        self._timed(lambda: self._process.broker.cancel(tag, ts))

    def query(self, tag: str, ts: datetime) -> None:
        """Look for one."""
        self._process.broker.query(tag, ts)

    def read_book(self, ts: datetime) -> None:
        """Read the books at the next turn."""
        self._process.broker.read_book(ts)

    def due(self, until: datetime) -> Iterator[Answer]:
        """What is heard by a moment."""
        self._reach(until)
        yield from self._timed(lambda: tuple(self._process.broker.due(until)))

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[Answer]:
        """The exchange sees a snapshot; what it makes is heard over the wire."""
        truth, self._truth = self._truth, None
        self._look(snapshot if truth is None else truth)
        self._reach(snapshot.ts)
        yield from self._timed(lambda: tuple(self._process.broker.fills_at(snapshot)))

    def show(self, truth: ChainSnapshot, *, is_seen: bool) -> None:
        """What the market is where the session sees something else, or nothing."""
        if is_seen:
            self._truth = truth
        else:
            self._look(truth)

    def close(self, ts: datetime) -> Iterator[Answer]:
        """The line is good at last: what rests is taken off, and the books are read whole."""
        self._core.faults.end()
        self._reach(ts)
        yield from self._process.broker.close(ts)

    def restore(self, orders: Sequence[Order], fill_ids: Any, ts: datetime) -> None:
        """Another process, which knows what the journal says."""
        del ts
        self.disconnect()
        self._process = Process(self._settings, self._token, self._clock, self._day)
        self._process.broker.restore(orders, tuple(fill_ids))

    def truth_of(self, tag: str) -> SimOrder | None:
        """The order as the exchange has it."""
        return next((one for one in self.exchange.orders.values() if one.ticket.tag == tag), None)

    # --- the time of both sides -------------------------------------------------------------------

    def _look(self, shot: ChainSnapshot) -> None:
        if shot.ts <= self._looked_at:
            return  # a process that began again sees it once more, the exchange does not
        self._looked_at = shot.ts
        self._clock.reach(shot.ts)
        with self._core.lock:
            self._core.advance()
            self._order_ids = {
                o.ticket.tag: o.order_id for o in self.exchange.orders.values() if o.ticket.tag
            }
            self._meddle(shot.ts)
            self.exchange.look(shot)
            self._core.advance()

    def _reach(self, ts: datetime) -> None:
        self._clock.reach(ts)
        with self._core.lock:
            self._core.advance()
            waiting, turn = self._core.updates_waiting, self._core.turns
        if waiting:
            expected = self._process.heard + waiting
            _until(lambda: self._core.turns > turn + 1, 1.0)
            _until(lambda: self._process.heard >= expected or not self._process.stream.is_open, HEARD_S)

    def _timed(self, act: Callable[[], Any]) -> Any:
        began_s = monotonic()
        done = act()
        if monotonic() - began_s > SLOW_S:
            self._clock.advance(PATIENCE_S)
        return done


class EdgedSocketBroker(EdgedBroker, SocketBroker):
    """The same, whose process may end at each request."""


def main() -> int:
    """Plays the seeds that are asked for; the first that is not true ends it."""
    first, count = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for seed in range(first, first + count):
        result = run_over_sockets(plan_of_sockets(seed))
        sys.stdout.write(
            f"seed {seed}: {result.judged.orders} orders, {result.judged.trades} trades, "
            f"{result.judged.crashes} crashes, {result.judged.edges} edges, {result.heard} heard, "
            f"{result.seconds:.1f} s\n  {dict(result.faults)}\n"
        )
        if result.problems:
            sys.stdout.write("\n".join(result.problems) + "\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
