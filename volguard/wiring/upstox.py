"""The broker as a session's market: one token, one rate budget, one clock for everything that talks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from threading import Event
from typing import Final

from volguard.adapters.upstox.broker import UpstoxBroker
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.errands import ThreadErrands
from volguard.adapters.upstox.instrument_files import todays_master
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.kept_socket import KeptSocket, SocketPlan, opener_of
from volguard.adapters.upstox.market import Edge, UpstoxMarket
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.portfolio_stream import PortfolioStream, StreamEdge
from volguard.adapters.upstox.quote_board import QuoteReport
from volguard.adapters.upstox.quote_reports import reports_of
from volguard.adapters.upstox.reconnect import ReconnectRules
from volguard.adapters.upstox.rehearsal import clock_for
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.adapters.upstox.token_holder import TokenHolder
from volguard.adapters.upstox.token_push import token_taker
from volguard.adapters.upstox.token_store import TokenFile
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.broker import InstrumentKey
from volguard.model.errors import TokenError, TryLater
from volguard.model.instrument import OptionContract, Underlying
from volguard.nse.calendar import Session
from volguard.nse.rules import Rules
from volguard.ports import Clock
from volguard.wiring.sources import DATA, Source, data_folder_of, history_of

LOGIN_HINT: Final = "volguard token"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstoxLink:
    """All that this process talks to the broker with. Close it."""

    settings: UpstoxSettings
    account: str
    clock: Clock
    holder: TokenHolder
    client: UpstoxClient
    reads: MarketReads

    @property
    def read_clock(self) -> Callable[[], datetime]:
        """Tells the time: the machine's, or the look-alike's."""
        return self.clock.now

    def close(self) -> None:
        """Let the connections go."""
        self.client.close()


def open_link(settings: Settings, root: Root, stopping: Event) -> UpstoxLink:
    """The way to the broker, or to a look-alike on this machine with its clock; logged in or not.

    Raises TryLater when the look-alike does not answer.
    """
    upstox, account = settings.upstox, settings.account.name
    clock = clock_for(upstox, stopping)
    holder = TokenHolder(TokenFile(root.resolve(DATA), account, upstox), clock.now)
    client = UpstoxClient(upstox, token=holder.current, clock=clock, on_token_refused=holder.refused)
    return UpstoxLink(
        settings=upstox,
        account=account,
        clock=clock,
        holder=holder,
        client=client,
        reads=MarketReads(client),
    )


def open_live(
    settings: Settings,
    root: Root,
    rules: Rules,
    *,
    history: Path | None,
    held: Callable[[], Iterable[OptionContract]],
    stopping: Event,
    note: Callable[[str], None],
    takes_orders: bool = False,
) -> Source:
    """Today's live market.

    Raises TokenError when nobody is logged in, TryLater when the exchange is closed for today or the broker
    is away, DataError when the instrument file disagrees with the dated contract rules.
    """
    with ExitStack() as opened:
        link = open_link(settings, root, stopping)
        opened.callback(link.close)
        began_at = link.read_clock()
        session = _session_of_today(rules, began_at.date(), link)
        if link.holder.current() is None:
            raise TokenError("no live token: nobody is logged in", hint=LOGIN_HINT)
        underlying = Underlying(settings.market.underlying)
        master = todays_master(
            data_folder_of(settings, root),
            link.reads.instrument_file,
            underlying=underlying,
            contracts=rules.contracts,
            now=began_at,
            note=note,
        )
        market = UpstoxMarket(
            link.settings,
            underlying=underlying,
            account=link.account,
            master=master,
            session=session,
            edge=_edge(link, note),
            held=held,
        )
        opened.callback(market.close)
        broker = _broker(link, master, opened, note) if takes_orders else None
        return Source(
            market=market,
            history=history_of(history, settings, root),
            seed=None,
            clock=link.clock,
            began_at=began_at,
            broker=broker,
            on_token=token_taker(link.holder, account=link.account, settings=link.settings),
            close=opened.pop_all().close,
        )


def _broker(
    link: UpstoxLink, master: InstrumentMaster, opened: ExitStack, note: Callable[[str], None]
) -> UpstoxBroker:
    errands, margin_errands = ThreadErrands("order books"), ThreadErrands("margin calculator")
    for each in (errands, margin_errands):
        opened.callback(each.close)
    streams: list[PortfolioStream] = []
    broker = UpstoxBroker(
        link.client,
        master,
        link.clock,
        errands=errands,
        margin_errands=margin_errands,
        has_stream=lambda: bool(streams) and streams[0].is_open,
    )
    edge = StreamEdge(
        authorise=link.reads.portfolio_address,
        on_message=broker.hear,
        on_gap=broker.gap,
        on_lost=lambda news: note(f"portfolio stream: {news.text}; the order book is read instead"),
        token_generation=lambda: link.holder.generation,
    )
    stream = PortfolioStream(edge, _connector(link))
    streams.append(stream)
    opened.callback(stream.close)
    stream.start()
    return broker


def _connector(link: UpstoxLink) -> Callable[[SocketPlan], KeptSocket]:
    def connect(plan: SocketPlan) -> KeptSocket:
        rules = ReconnectRules.of(link.settings)
        return KeptSocket(plan, rules, link.clock, opener_of(link.settings))

    return connect


def _session_of_today(rules: Rules, day: date, link: UpstoxLink) -> Session:
    session = rules.calendar.session(day)
    if session is not None and link.read_clock() < session.windows[-1][1]:
        return session
    upcoming = rules.calendar.next_trading_day(day)
    why = "a holiday" if session is None else "over"
    raise TryLater(
        f"the session of {day.isoformat()} is {why}", hint=f"the next one is on {upcoming.isoformat()}"
    )


def _edge(link: UpstoxLink, note: Callable[[str], None]) -> Edge:
    def fetch(keys: Sequence[InstrumentKey]) -> Iterable[QuoteReport]:
        return reports_of(link.reads.quotes(keys).values())

    return Edge(
        clock=link.clock,
        fetch=fetch,
        authorise=link.reads.feed_address,
        connect=_connector(link),
        errands=lambda: ThreadErrands("quotes by REST"),
        token_generation=lambda: link.holder.generation,
        note=note,
    )
