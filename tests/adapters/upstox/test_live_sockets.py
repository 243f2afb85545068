"""The live market over real sockets of a look-alike whose feed is torn, cut or silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import numpy as np

from tests.adapters.upstox.feed_samples import NIFTY
from tests.adapters.upstox.live_parts import HOUR
from tests.adapters.upstox.test_kept_socket import wait_for
from tests.adapters.upstox.test_market import links, shots
from tests.fakes import shipped, shipped_rules
from tests.simulator.test_market import DAY, OPEN
from volguard.adapters.clock import SystemClock
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.errands import ThreadErrands
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.kept_socket import KeptSocket, SocketPlan, opener_of
from volguard.adapters.upstox.live_market import Told
from volguard.adapters.upstox.market import Edge, UpstoxMarket
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.quote_board import QuoteReport
from volguard.adapters.upstox.quote_reports import reports_of
from volguard.adapters.upstox.reconnect import ReconnectRules
from volguard.adapters.upstox.settings import rehearsal_overrides
from volguard.model.broker import InstrumentKey
from volguard.model.event import Link, LinkChanged
from volguard.model.market import ChainSnapshot
from volguard.simulator.market import SyntheticMarket
from volguard.simulator.upstox_server.clock import RunningClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.serve import Listeners, LookAlikeServer
from volguard.simulator.upstox_server.server import LookAlike

SPEED = 20.0
STALL_S = 40.0  # two seconds of a busy machine
MARKET_STREAM = frozenset({"market_stream"})


class RealStage:
    """A look-alike served in a thread, and a live market on it with threads and sockets of its own."""

    def __init__(self, clock: RunningClock, look_alike: LookAlike, url: str) -> None:
        settings = shipped(*rehearsal_overrides(url), f"upstox.stall_s={STALL_S}").upstox
        self.clock, self.look_alike = clock, look_alike
        self.notes: list[str] = []
        self.token = look_alike.issue_token()
        self.client = UpstoxClient(settings, token=lambda: self.token, clock=clock)
        reads = MarketReads(self.client)
        session = shipped_rules().calendar.session(DAY)
        assert session is not None

        def fetch(keys: Sequence[InstrumentKey]) -> Iterator[QuoteReport]:
            return reports_of(reads.quotes(keys).values())

        def connect(plan: SocketPlan) -> KeptSocket:
            return KeptSocket(plan, ReconnectRules.of(settings), clock, opener_of(settings))

        self.market = UpstoxMarket(
            settings,
            underlying=NIFTY,
            account="VG0001",
            master=InstrumentMaster.of(reads.instrument_file(), underlying=NIFTY, source="the look-alike"),
            session=session,
            edge=Edge(
                clock=clock,
                fetch=fetch,
                authorise=reads.feed_address,
                connect=connect,
                errands=lambda: ThreadErrands("quotes"),
                token_generation=lambda: 0,
                note=self.notes.append,
            ),
            held=tuple,
        )

    def told_for(self, stream: Iterator[Told], seconds: float) -> list[Told]:
        """What is told until so much of the market's time has gone by."""
        until, told = self.clock.now() + timedelta(seconds=seconds), []
        for one in stream:
            told.append(one)
            if self.clock.now() >= until:
                break
        return told


@contextmanager
def served(*faults: FaultRule) -> Iterator[RealStage]:
    """A look-alike on loopback, twenty times as fast as the market."""
    clock = RunningClock(OPEN, speed=SPEED, ticker=SystemClock(threading.Event()))
    simulated = SyntheticMarket(seed=3, rules=HOUR, cadence_s=3.0)
    core = LookAlike(
        market=simulated,
        history=simulated.history,
        rules=shipped_rules(),
        clock=clock,
        options=LookAlikeOptions(api_key="key", api_secret="secret", redirect_uris=("http://127.0.0.1/",)),
        faults=Faults(faults, seed=1),
    )
    listeners, stop = Listeners(0), threading.Event()
    server = LookAlikeServer(core, listeners)
    thread = threading.Thread(target=server.run, args=(stop.is_set,))
    thread.start()
    try:
        stage = RealStage(clock, core, listeners.address.http)
        yield stage
        stage.market.close()
        stage.client.close()
    finally:
        stop.set()
        thread.join()
        listeners.close()


def oldest_s(shot: ChainSnapshot) -> float:
    assert shot.quote_age_s is not None
    return float(np.nanmax(shot.quote_age_s))


def test_a_morning_without_faults_breaks_no_tie() -> None:
    """A minute of market: snapshots on the grid, all quoted, young, and a clean end within a second."""
    before = set(threading.enumerate())
    with served() as stage:
        told = stage.told_for(stage.market.snapshots(), 60.0)
        began = time.monotonic()
        stage.market.close()
        assert time.monotonic() - began < 1.0
        assert links(told) == [] and len(shots(told)) >= 8
        # Real threads on a busy machine: what is late by a second of its own is twenty here.
        assert np.median([oldest_s(shot) for shot in shots(told)]) < STALL_S
        assert stage.market.figures["bad_frames"] == 0 and stage.look_alike.rate_violations == 0
    wait_for(lambda: set(threading.enumerate()) <= before)


def test_torn_frames_are_counted_and_the_rest_is_read() -> None:
    """Every fifth message is cut in half: nothing of it is believed, the operator reads of it."""
    with served(FaultRule(name=FaultName.TORN_FRAME, every=5, where=MARKET_STREAM)) as stage:
        told = stage.told_for(stage.market.snapshots(), 50.0)
        assert stage.market.figures["bad_frames"] >= 2 and len(shots(told)) >= 8
        assert any("cannot be read" in note for note in stage.notes)


def test_a_dead_socket_is_replaced() -> None:
    """Cut without a word: told down, opened again with a new code, told up."""
    rule = FaultRule(name=FaultName.DEAD_SOCKET, every=8, where=MARKET_STREAM, times_max=1)
    with served(rule) as stage:
        told = stage.told_for(stage.market.snapshots(), 70.0)
        assert links(told) == [(Link.FEED, False), (Link.FEED, True)]
        assert stage.market.figures["feed_losses"] == 1 and len(shots(told)) >= 8


def test_a_socket_that_only_pings_is_dropped() -> None:
    """Open and silent: after the limit it is replaced, and REST carries the prices until then."""
    rule = FaultRule(name=FaultName.STALLED_SOCKET, every=8, size=600.0, where=MARKET_STREAM, times_max=1)
    with served(rule) as stage:
        told = stage.told_for(stage.market.snapshots(), 120.0)
        assert links(told)[:2] == [(Link.FEED, False), (Link.FEED, True)]
        (down, _) = [one for one in told if isinstance(one, LinkChanged)][:2]
        assert down.text.startswith("no frame for")
        assert stage.market.figures["confirmations"] > 0 and len(shots(told)) >= 12


def test_a_dead_token_breaks_both_ties_over_sockets() -> None:
    """The look-alike closes the socket of a dead token and refuses the next."""
    with served(FaultRule(name=FaultName.TOKEN_DEATH, at=(OPEN + timedelta(seconds=20),))) as stage:
        told = stage.told_for(stage.market.snapshots(), 45.0)
        assert set(links(told)) == {(Link.FEED, False), (Link.TOKEN, False)}
