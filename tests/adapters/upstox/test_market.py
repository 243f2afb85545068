"""The live market as a source: its clock, its universe, REST beside the feed, and a clean end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice, pairwise

import numpy as np
import pytest
from websockets.sync.server import ServerConnection

from tests.adapters.upstox.feed_samples import (
    EXPIRY,
    INDEX_KEY,
    NIFTY,
    TS,
    VIX_KEY,
    frame_of,
    full_feed,
    index_feed,
)
from tests.adapters.upstox.socket_parts import HandClock
from tests.adapters.upstox.test_kept_socket import serving, wait_for
from tests.fakes import shipped, shipped_rules
from volguard.adapters.clock import RehearsalClock
from volguard.adapters.upstox.errands import ThreadErrands
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.kept_socket import KeptSocket, SocketNews, SocketPlan, SocketState, opener_of
from volguard.adapters.upstox.live_market import Told
from volguard.adapters.upstox.market import Edge, UpstoxMarket
from volguard.adapters.upstox.quote_board import QuoteReport
from volguard.adapters.upstox.reconnect import ReconnectRules
from volguard.adapters.upstox.settings import UpstoxSettings, rehearsal_overrides
from volguard.model.broker import ErrorClass, InstrumentKey
from volguard.model.errors import DataError
from volguard.model.event import Link, LinkChanged
from volguard.model.instrument import OptionContract, OptionType
from volguard.model.market import ChainSnapshot, Silence
from volguard.model.units import IST

DAY = date(2026, 9, 16)
OPEN, CLOSE = datetime(2026, 9, 16, 9, 15, tzinfo=IST), datetime(2026, 9, 16, 15, 40, tzinfo=IST)
MONTHLY = date(2026, 9, 29)
REFUSED = ApiFailure("401", error_class=ErrorClass.AUTH, endpoint="quotes")
AWAY = ApiFailure("no answer", error_class=ErrorClass.NETWORK, endpoint="quotes")


def contract(strike: int, kind: OptionType = OptionType.CALL, expiry: date = EXPIRY) -> OptionContract:
    return OptionContract(underlying=NIFTY, expiry=expiry, strike=strike, option_type=kind)


@dataclass
class Master:
    """The instruments that the market needs to know: two expiries, strikes every 50 points."""

    contracts: tuple[OptionContract, ...] = tuple(
        contract(strike, kind, expiry)
        for expiry in (EXPIRY, MONTHLY)
        for strike in range(20000, 29001, 50)
        for kind in OptionType
    )
    index_key: InstrumentKey = INDEX_KEY
    vix_key: InstrumentKey = VIX_KEY

    @dataclass
    class Row:
        contract: OptionContract

    def __post_init__(self) -> None:
        self._listed = frozenset(self.contracts)

    @property
    def options(self) -> tuple[Row, ...]:
        return tuple(self.Row(one) for one in self.contracts)

    def key_of(self, one: OptionContract) -> InstrumentKey | None:
        return InstrumentKey(f"NSE_FO|{one.symbol}") if one in self._listed else None


@dataclass
class Inline:
    """Runs each job at once."""

    is_free: bool = True
    is_closed: bool = False

    def run(self, job: Callable[[], None]) -> None:
        job()

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Broker:
    """REST and the feed of a broker, both moved by hand on one clock; `level` is where the index stands."""

    clock: HandClock
    level: float = 24_510.0
    failure: ApiFailure | None = None
    feeds_s: float = 1.0  # seconds between frames; 0: the feed is silent
    generation: int = 0
    asked: list[Sequence[InstrumentKey]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errands: list[Inline] = field(default_factory=list)
    plan: SocketPlan | None = None
    is_started: bool = False
    is_closed: bool = False
    keys: tuple[str, ...] = ()

    def fetch(self, keys: Sequence[InstrumentKey]) -> Iterable[QuoteReport]:
        self.asked.append(keys)
        if self.failure is not None:
            raise self.failure
        return [self._report(key) for key in keys]

    def connect(self, plan: SocketPlan) -> Broker:
        self.plan = plan
        return self

    def start(self) -> None:
        assert self.plan is not None
        self.is_started = True
        self.open()

    def close(self) -> None:
        self.is_closed = True

    def open(self) -> None:
        """The socket opens and the whole subscription is answered."""
        assert self.plan is not None
        self.keys = tuple(key for frame in self.plan.hello() for key in _keys(frame))
        self.news(SocketState.OPEN)
        self.frame()

    def news(self, state: SocketState, text: str = "") -> None:
        assert self.plan is not None
        self.plan.on_news(SocketNews(state=state, text=text))

    def frame(self) -> None:
        assert self.plan is not None
        for frame in self.plan.changes():
            document = _read(frame)
            self.keys = tuple(key for key in self.keys if key not in document["data"]["instrumentKeys"])
            if document["method"] == "sub":
                self.keys = (*self.keys, *document["data"]["instrumentKeys"])
        feeds = {key: full_feed() for key in self.keys}
        levels = {INDEX_KEY: index_feed(self.level), VIX_KEY: index_feed(13.2)}
        self.plan.on_message(frame_of({**feeds, **levels}, at=self.clock.at))

    def make_errands(self) -> Inline:
        self.errands.append(Inline())
        return self.errands[-1]

    def _report(self, key: InstrumentKey) -> QuoteReport:
        price = self.level if key == INDEX_KEY else 13.2 if key == VIX_KEY else 50.0
        return QuoteReport(
            key=key,
            told_at=self.clock.at,
            bid=price - 0.1,
            bid_qty=65,
            ask=price + 0.1,
            ask_qty=65,
            ltp=price,
            volume=65,
            oi=65.0,
        )


class LiveClock(HandClock):
    """A clock whose sleep lets the feed speak."""

    broker: Broker

    def sleep(self, seconds: float) -> None:
        until = self.at + timedelta(seconds=seconds)
        super().sleep(seconds)
        self.at = until
        if self.broker.is_started and self.broker.feeds_s:
            self.broker.frame()


def _read(frame: bytes) -> dict[str, dict[str, list[str]]]:
    document: dict[str, dict[str, list[str]]] = json.loads(frame)
    return document


def _keys(frame: bytes) -> list[str]:
    return _read(frame)["data"]["instrumentKeys"]


def made(
    at: datetime = TS,
    *,
    settings: UpstoxSettings | None = None,
    master: Master | None = None,
    held: Iterable[OptionContract] = (),
) -> tuple[UpstoxMarket, Broker]:
    clock = LiveClock(at=at)
    broker = clock.broker = Broker(clock=clock)
    session = shipped_rules().calendar.session(DAY)
    assert session is not None
    market = UpstoxMarket(
        settings or shipped().upstox,
        underlying=NIFTY,
        account="VG0001",
        master=master or Master(),  # type: ignore[arg-type]
        session=session,
        edge=Edge(
            clock=clock,
            fetch=broker.fetch,
            authorise=lambda: "wss://unused",
            connect=broker.connect,
            errands=broker.make_errands,
            token_generation=lambda: broker.generation,
            note=broker.notes.append,
        ),
        held=lambda: held,
    )
    return market, broker


def told_for(stream: Iterator[Told], broker: Broker, seconds: float) -> list[Told]:
    """What is told until so much time has gone by."""
    until, told = broker.clock.at + timedelta(seconds=seconds), []
    for one in stream:
        told.append(one)
        if broker.clock.at >= until:
            break
    return told


def shots(told: list[Told]) -> list[ChainSnapshot]:
    return [one for one in told if isinstance(one, ChainSnapshot)]


def links(told: list[Told]) -> list[tuple[Link, bool]]:
    return [(one.link, one.is_up) for one in told if isinstance(one, LinkChanged)]


def test_a_session_waits_for_the_open_then_looks_every_cadence() -> None:
    """Silence about every second before it, so that a stop is heard; snapshots three seconds apart after."""
    market, broker = made(OPEN - timedelta(seconds=5))
    told = told_for(market.snapshots(), broker, 20.0)
    assert all(isinstance(one, Silence) for one in told if one.ts < OPEN)
    assert sum(one.ts < OPEN for one in told) == 5
    times = [(shot.ts - OPEN).total_seconds() for shot in shots(told)]
    assert times == [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]
    gaps = np.diff([one.ts.timestamp() for one in told])
    assert gaps.max() <= 1.0


def test_a_session_ends_with_the_market() -> None:
    """At the close nothing more is told, and nothing is left open."""
    market, broker = made(CLOSE - timedelta(seconds=7))
    told = list(market.snapshots())
    assert all(one.ts < CLOSE for one in told) and len(shots(told)) >= 2
    assert broker.is_closed and broker.errands[0].is_closed


def test_the_universe_is_chosen_around_the_index() -> None:
    """Nearest expiries, strikes within 8 %, index and VIX: all subscribed, and the operator is told."""
    market, broker = made()
    (shot,) = shots(list(islice(market.snapshots(), 1)))
    strikes = sorted(set(shot.listing.strike.tolist()))
    assert (strikes[0], strikes[-1]) == (22550.0, 26450.0)
    assert shot.listing.expiries == (EXPIRY, MONTHLY)
    assert len(broker.keys) == len(shot.listing) + 2 and {INDEX_KEY, VIX_KEY} <= set(broker.keys)
    assert broker.notes == [f"{len(shot.listing)} contracts of 2 expiries around 24510.00 are looked at"]


def test_a_snapshot_holds_spot_vix_and_ages() -> None:
    """What the source says it can give, it gives."""
    market, broker = made()
    shot = shots(told_for(market.snapshots(), broker, 6.0))[-1]
    assert (shot.underlying_ltp, shot.vix) == (24_510.0, 0.132)
    assert shot.quote_age_s is not None and shot.quote_age_s.max() <= 1.0
    assert (shot.bid == 219.1).all() and (shot.vendor_iv == 0.1488).all()


def test_what_is_held_is_in_sight() -> None:
    """However far from the index."""
    far = contract(20000, OptionType.PUT)
    market, _ = made(held=[far])
    (shot,) = shots(list(islice(market.snapshots(), 1)))
    row = shot.listing.row(far)
    assert row is not None and shot.bid[row] == 219.1


def test_the_cap_of_subscriptions_is_kept() -> None:
    """Index and VIX count; the operator reads how many contracts there was no room for."""
    market, broker = made(settings=replace(shipped().upstox, full_keys_max=100))
    (shot,) = shots(list(islice(market.snapshots(), 1)))
    assert len(shot.listing) == 98 and len(broker.keys) == 100
    assert broker.notes[0].endswith("left out")


def test_strikes_follow_the_index_when_it_leaves_their_middle() -> None:
    """A fall of five percent: other strikes, on the same connection, and never more than the cap."""
    market, broker = made()
    stream = market.snapshots()
    told_for(stream, broker, 6.0)
    broker.level = 23_280.0
    told = shots(told_for(stream, broker, 12.0))
    strikes = sorted(set(told[-1].listing.strike.tolist()))
    assert (strikes[0], strikes[-1]) == (21450.0, 25100.0)
    assert set(broker.keys) >= {INDEX_KEY, VIX_KEY} and len(broker.keys) == len(told[-1].listing) + 2
    assert not np.isnan(told[-1].bid).any() and links(told) == []
    assert len(broker.notes) == 2 and market.figures["frames"] > 15


def test_one_wrong_tick_moves_no_strikes() -> None:
    """Only a level that stays is followed; one where nothing is listed never is."""
    market, broker = made()
    stream = market.snapshots()
    first = shots(told_for(stream, broker, 3.0))[-1]
    broker.level = 21_000.0
    told_for(stream, broker, 1.0)
    broker.level = 24_510.0
    told_for(stream, broker, 6.0)
    broker.level = 1_000.0
    last = shots(told_for(stream, broker, 12.0))[-1]
    assert last.listing is first.listing
    assert [note for note in broker.notes[1:]] == [
        "strikes stay as they are: no NIFTY option within 8% of the level 1000.00"
    ]


def test_a_master_without_the_underlying_ends_the_session_at_once() -> None:
    """There is nothing to trade: the error says which file to fetch."""
    market, _ = made(master=Master(contracts=()))
    with pytest.raises(DataError, match="no NIFTY option within 8%") as refused:
        list(islice(market.snapshots(), 5))
    assert "volguard data instruments" in refused.value.hint


def test_without_a_network_there_is_silence_until_it_is_back() -> None:
    """Neither level nor feed: asked again every few seconds, and the session knows that the feed is down."""
    market, broker = made()
    broker.failure = AWAY
    stream = market.snapshots()
    told = told_for(stream, broker, 30.0)
    assert shots(told) == [] and links(told) == [(Link.FEED, False)]
    assert 6 <= len(broker.asked) <= 7
    broker.failure = None
    told = told_for(stream, broker, 12.0)
    assert shots(told) and links(told) == [(Link.FEED, True)]


def test_rest_carries_the_session_while_the_feed_is_down() -> None:
    """All rows by REST in chunks, told down once and up again once."""
    market, broker = made()
    stream = market.snapshots()
    told_for(stream, broker, 6.0)
    broker.feeds_s = 0.0
    broker.news(SocketState.LOST, "the connection broke off (1006)")
    broker.asked.clear()
    told = told_for(stream, broker, 40.0)
    assert links(told) == [(Link.FEED, False)]
    assert max(map(len, broker.asked)) <= 500 and len(shots(told)) >= 7
    assert all((shot.bid == 49.9).all() for shot in shots(told)[1:])
    assert max(np.diff([shot.ts.timestamp() for shot in shots(told)])) <= 6.0
    broker.feeds_s = 1.0
    broker.open()
    assert links(told_for(stream, broker, 6.0)) == [(Link.FEED, True)]


def test_a_frozen_instrument_is_confirmed_by_rest() -> None:
    """The feed speaks of all the others: one row is asked for, and its age stays small."""
    market, broker = made()
    stream = market.snapshots()
    told_for(stream, broker, 3.0)
    frozen = broker.keys[0]
    broker.keys = broker.keys[1:]
    broker.asked.clear()
    told = told_for(stream, broker, 30.0)
    assert {tuple(keys) for keys in broker.asked} == {(frozen,)}
    ages = [float(shot.quote_age_s[0]) for shot in shots(told) if shot.quote_age_s is not None]
    assert max(ages) <= 5.0 and links(told) == []


def test_nothing_is_asked_for_while_an_answer_is_awaited() -> None:
    """One round at a time: a slow REST is not made slower. The session goes on meanwhile."""
    market, broker = made()
    stream = market.snapshots()
    told_for(stream, broker, 3.0)
    broker.keys = broker.keys[1:]
    broker.errands[0].is_free = False
    broker.asked.clear()
    assert len(shots(told_for(stream, broker, 30.0))) >= 9 and broker.asked == []
    broker.errands[0].is_free = True
    told_for(stream, broker, 1.0)
    assert len(broker.asked) == 1


def test_a_dead_token_is_told_and_a_new_one_is_proven_before_it_counts() -> None:
    """The open socket is read on meanwhile; REST is asked again with the new token."""
    market, broker = made()
    stream = market.snapshots()
    told_for(stream, broker, 3.0)
    broker.keys = broker.keys[1:]
    broker.failure = REFUSED
    told = told_for(stream, broker, 30.0)
    assert links(told) == [(Link.TOKEN, False)] and len(shots(told)) >= 9
    broker.failure, broker.generation = None, 1
    assert links(told_for(stream, broker, 6.0)) == [(Link.TOKEN, True)]


def test_coalescing_can_be_seen() -> None:
    """Frames each second, a look every three: two of three updates are overwritten before it."""
    market, broker = made()
    told_for(market.snapshots(), broker, 60.0)
    figures = market.figures
    assert figures["bad_frames"] == 0 and figures["frames"] >= 60
    assert 0.6 < figures["coalesced"] / figures["updates"] < 0.7


def test_what_a_source_says_of_itself_is_the_same_all_day() -> None:
    """The digest names underlying, date, address and cadence: a restart continues the session."""
    market, _ = made()
    other, _ = made(OPEN + timedelta(hours=5))
    info = market.info
    assert info == other.info and info.kind == "upstox" and info.label == "Upstox VG0001"
    assert (info.underlying, info.trading_date) == (NIFTY, DAY)
    capabilities = info.capabilities
    assert capabilities.spot and capabilities.vix and capabilities.quote_time and not capabilities.depth
    assert capabilities.cadence_s == 3.0
    slower, _ = made(settings=replace(shipped().upstox, cadence_s=5.0))
    assert slower.info.digest != info.digest


def test_a_rehearsal_is_named_as_one() -> None:
    """The label says that it is a look-alike, and where."""
    rehearsal, _ = made(settings=shipped(*rehearsal_overrides("http://127.0.0.1:8765")).upstox)
    live, _ = made()
    assert rehearsal.info.label == "look-alike 127.0.0.1:8765"
    assert rehearsal.info.digest != live.info.digest


def test_a_source_can_be_read_again_after_a_moment() -> None:
    """Strictly later than it, with threads and board of its own."""
    market, broker = made()
    told_for(market.snapshots(), broker, 6.0)
    after = broker.clock.at + timedelta(seconds=4)
    told = told_for(market.snapshots(after), broker, 12.0)
    assert shots(told)[0].ts > after and len(broker.errands) == 2


def test_threads_and_a_real_socket_do_the_same_and_end_within_a_second() -> None:
    """Frames over loopback, REST in its own thread, at sixty times the speed: snapshots, then a clean end."""
    settings = shipped(*rehearsal_overrides("http://127.0.0.1:1")).upstox
    clock = RehearsalClock(threading.Event(), now=TS, speed=60.0)
    broker = Broker(clock=HandClock())
    subscribed: list[str] = []

    def handler(connection: ServerConnection) -> None:
        while True:
            with suppress(TimeoutError):
                subscribed.extend(_keys(bytes(connection.recv(timeout=0.02))))
            feeds = {key: full_feed() for key in subscribed}
            levels = {INDEX_KEY: index_feed(24_510.0), VIX_KEY: index_feed(13.2)}
            connection.send(frame_of({**feeds, **levels}, at=clock.now()))

    def fetch(keys: Sequence[InstrumentKey]) -> Iterable[QuoteReport]:
        broker.clock.at = clock.now()
        return broker.fetch(keys)

    before = set(threading.enumerate())
    with serving(handler) as (_, address):
        session = shipped_rules().calendar.session(DAY)
        assert session is not None
        market = UpstoxMarket(
            settings,
            underlying=NIFTY,
            account="VG0001",
            master=Master(),  # type: ignore[arg-type]
            session=session,
            edge=Edge(
                clock=clock,
                fetch=fetch,
                authorise=lambda: address,
                connect=lambda plan: KeptSocket(
                    plan, ReconnectRules.of(settings), clock, opener_of(settings)
                ),
                errands=lambda: ThreadErrands("quotes"),
                token_generation=lambda: 0,
                note=broker.notes.append,
            ),
            held=tuple,
        )
        stream = market.snapshots()
        found = list(islice((one for one in stream if isinstance(one, ChainSnapshot)), 8))
        began = time.monotonic()
        market.close()
        assert time.monotonic() - began < 1.0
    assert all(a.ts < b.ts for a, b in pairwise(found)) and not np.isnan(found[-1].bid).any()
    assert market.figures["updates"] > 0 and market.figures["bad_frames"] == 0
    wait_for(lambda: set(threading.enumerate()) <= before)
