"""The live market over the look-alike, in process and on one clock that moves when the session waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from urllib.parse import parse_qs, urlsplit

from tests.adapters.upstox.feed_samples import NIFTY
from tests.adapters.upstox.test_market import Inline
from tests.fakes import shipped, shipped_rules
from tests.simulator.test_market import DAY, OPEN, RULES
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.kept_socket import SocketNews, SocketPlan, SocketState
from volguard.adapters.upstox.live_market import Told
from volguard.adapters.upstox.market import Edge, UpstoxMarket
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.quote_board import QuoteReport
from volguard.adapters.upstox.quote_reports import reports_of
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.model.broker import InstrumentKey
from volguard.simulator.market import SyntheticMarket
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultRule, Faults
from volguard.simulator.upstox_server.feeds import FeedClient, MarketFeed
from volguard.simulator.upstox_server.in_process import transport
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.server import LookAlike
from volguard.simulator.upstox_server.subscriptions import caps_of

HOUR = replace(RULES, close_at=time(10, 15), expiries=RULES.expiries[:2])


class HandFeed:
    """The market feed of a look-alike without a socket: frames are handed over when the clock moves.

    `is_cut` says that no connection can be had.
    """

    def __init__(self, look_alike: LookAlike, plan: SocketPlan) -> None:
        self._look_alike, self._plan = look_alike, plan
        board, instruments = look_alike.board, look_alike.instruments
        levels = (instruments.index_key, instruments.vix_key)
        self._feed = MarketFeed(
            board,
            caps=caps_of(look_alike.options),
            exists=lambda key: key in levels or instruments.of_key(key) is not None,
            statuses=look_alike.segment_status,
            now=look_alike.clock.now,
        )
        self._client: FeedClient | None = None
        self._token = ""
        self._generation = -1
        self._is_started = False
        self.is_cut = False

    def start(self) -> None:
        """Connect, as a socket's thread would."""
        self._is_started = True
        self._connect()

    def close(self) -> None:
        """Nothing is pushed any more."""
        self._client, self._is_started = None, False

    def push(self) -> None:
        """What is new on the feed; a connection that was lost is made again with a new token, or uncut."""
        if self._client is not None and (self.is_cut or not self._look_alike.is_token_alive(self._token)):
            self._lose("the server closed the connection (1000)")
        if self._client is None:
            if self._is_started and not self.is_cut and self._plan.token_generation() != self._generation:
                self._connect()
            return
        self._feed.refresh()
        for message in self._feed.news(self._client):
            self._plan.on_message(message)

    def uncut(self) -> None:
        """A connection can be had again."""
        self.is_cut = False
        self._connect()

    def _connect(self) -> None:
        self._generation = self._plan.token_generation()
        try:
            address = self._plan.authorise()
        except ApiFailure as failure:
            self._plan.on_news(SocketNews(state=SocketState.REFUSED, text=failure.message))
            return
        ticket = self._look_alike.redeem_ticket(parse_qs(urlsplit(address).query)["code"][0])
        assert ticket is not None
        self._token, self._client = ticket.token, self._feed.join()
        answers = [self._feed.take(self._client, frame) for frame in self._plan.hello()]
        self._plan.on_news(SocketNews(state=SocketState.OPEN, text="connected"))
        for frames in answers:
            for frame in frames:
                self._plan.on_message(frame)

    def _lose(self, text: str) -> None:
        self._client = None
        self._plan.on_news(SocketNews(state=SocketState.LOST, text=text))


class MovingClock(VirtualClock):
    """Waiting lets the look-alike's market go on, and its feed speak."""

    stage: Stage

    def sleep(self, seconds: float) -> None:
        """Move on, then everything that happened meanwhile."""
        super().sleep(seconds)
        self.stage.move()


class Stage:
    """A look-alike of one simulated hour and a live market on it, from `start`."""

    def __init__(
        self,
        *,
        start: datetime = OPEN,
        faults: Sequence[FaultRule] = (),
        settings: UpstoxSettings | None = None,
        cadence_s: float = 3.0,
    ) -> None:
        self.clock = MovingClock(start)
        self.clock.stage = self
        simulated = SyntheticMarket(seed=3, rules=HOUR, cadence_s=cadence_s)
        self.look_alike = LookAlike(
            market=simulated,
            history=simulated.history,
            rules=shipped_rules(),
            clock=self.clock,
            options=LookAlikeOptions(
                api_key="key", api_secret="secret", redirect_uris=("http://127.0.0.1/",)
            ),
            faults=Faults(faults, seed=1),
        )
        self.token, self.generation = self.look_alike.issue_token(), 0
        self.settings = settings or shipped().upstox
        self.notes: list[str] = []
        self.feed: HandFeed | None = None
        self.client = UpstoxClient(
            self.settings,
            token=lambda: self.token,
            clock=self.clock,
            transport=transport(self.look_alike),
        )
        self.reads = MarketReads(self.client)
        self.market = self._market()

    def move(self) -> None:
        """The look-alike at the clock's moment."""
        self.look_alike.advance()
        if self.feed is not None:
            self.feed.push()

    def log_in_again(self) -> None:
        """A new token is in place."""
        self.token, self.generation = self.look_alike.issue_token(), self.generation + 1

    def told_for(self, stream: Iterator[Told], seconds: float) -> list[Told]:
        """What is told until so much time has gone by."""
        until, told = self.clock.now() + timedelta(seconds=seconds), []
        for one in stream:
            told.append(one)
            if self.clock.now() >= until:
                break
        return told

    def _market(self) -> UpstoxMarket:
        session = shipped_rules().calendar.session(DAY)
        assert session is not None
        payload = self.reads.instrument_file()
        return UpstoxMarket(
            self.settings,
            underlying=NIFTY,
            account="VG0001",
            master=InstrumentMaster.of(payload, underlying=NIFTY, source="the look-alike"),
            session=session,
            edge=Edge(
                clock=self.clock,
                fetch=self._fetch,
                authorise=self.reads.feed_address,
                connect=self._connect,
                errands=Inline,
                token_generation=lambda: self.generation,
                note=self.notes.append,
            ),
            held=tuple,
        )

    def _fetch(self, keys: Sequence[InstrumentKey]) -> Iterator[QuoteReport]:
        return reports_of(self.reads.quotes(keys).values())

    def _connect(self, plan: SocketPlan) -> HandFeed:
        self.feed = HandFeed(self.look_alike, plan)
        return self.feed
