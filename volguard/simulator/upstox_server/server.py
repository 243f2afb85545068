"""The look-alike: the broker's protocol over the simulator's exchange, one request or one moment at a time.

It does no input or output and has one owner. What carries it brings requests to `handle`, calls `advance` as
time passes, and takes away what is to be pushed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from volguard.model.errors import DataError
from volguard.model.instrument import OptionContract
from volguard.model.market import ChainSnapshot
from volguard.nse.rules import Rules
from volguard.ports import History, MarketData
from volguard.simulator.exchange import Exchange, ExchangeSettings
from volguard.simulator.exchange_book import OrderChanged
from volguard.simulator.priced_chain import ChainPricer
from volguard.simulator.upstox_server.board import MarketBoard
from volguard.simulator.upstox_server.calls import Desks, all_routes
from volguard.simulator.upstox_server.candles import Candles
from volguard.simulator.upstox_server.chain import Chain
from volguard.simulator.upstox_server.charges import ChargeDesk
from volguard.simulator.upstox_server.expired import Expired
from volguard.simulator.upstox_server.faults import FaultName, Faults
from volguard.simulator.upstox_server.gates import Gates
from volguard.simulator.upstox_server.instruments import Instrument, Instruments
from volguard.simulator.upstox_server.instruments_file import InstrumentsFile
from volguard.simulator.upstox_server.limits import RateGate
from volguard.simulator.upstox_server.login import Login, Notice
from volguard.simulator.upstox_server.market_info import MarketInfo
from volguard.simulator.upstox_server.messages import Request, Response
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.order_batches import OrderBatches
from volguard.simulator.upstox_server.order_bodies import OrderReader
from volguard.simulator.upstox_server.order_rows import OrderRows
from volguard.simulator.upstox_server.orders import Orders
from volguard.simulator.upstox_server.past import Past
from volguard.simulator.upstox_server.portfolio import Portfolio
from volguard.simulator.upstox_server.quotes import Quotes
from volguard.simulator.upstox_server.routes import RouteTable
from volguard.simulator.upstox_server.safety import KillSwitch, StaticIp
from volguard.simulator.upstox_server.socket_entry import SocketEntry
from volguard.simulator.upstox_server.tokens import Mint, Ticket, TicketKind, Tickets, Tokens
from volguard.simulator.upstox_server.updates import UpdateQueue

FROZEN_AROUND_MONEY: Final = 10  # rows near the money, of which one freezes


class ServerClock(Protocol):
    """What the look-alike asks of its clock; `speed` is its seconds in a real one."""

    speed: float

    def now(self) -> datetime:
        """Its time, IST."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much has happened."""

    requests: int
    orders_accepted: int
    trades: int
    faults_fired: int


class LookAlike:
    """One account at one made-up broker, over one session's market.

    Raises DataError for a market without a snapshot, DateNotCovered outside the exchange's tables.
    """

    def __init__(
        self,
        *,
        market: MarketData,
        history: History | None,
        rules: Rules,
        clock: ServerClock,
        options: LookAlikeOptions,
        faults: Faults,
    ) -> None:
        self.clock, self.options, self.faults = clock, options, faults
        self._now = clock.now
        self._upcoming = (seen for seen in market.snapshots() if isinstance(seen, ChainSnapshot))
        self._next = next(self._upcoming, None)
        if self._next is None:
            raise DataError(f"{market.info.label} has no snapshot to serve")
        underlying, day = market.info.underlying, market.info.trading_date
        mint = Mint(options.seed)
        self.tokens = Tokens(account=options.account, has_plus=options.has_plus, mint=mint)
        self.sockets = SocketEntry(self.tokens, Tickets(mint), options.ws_base_url)
        self.instruments = Instruments(rules.contracts, underlying, day)
        self._past = Past(history, underlying, day, rules.calendar, ChainPricer(rules.calendar, day))
        self.exchange = Exchange(
            rules=rules,
            underlying=underlying,
            trading_date=day,
            settings=_exchange_settings(options, market.info.capabilities.cadence_s),
            capital_inr=options.capital_inr,
            index=self._past.index_days(),
            overnight=options.overnight,
        )
        self.board = MarketBoard(
            self.instruments,
            self._next.listing,
            before=(self._past.last_bar("index"), self._past.last_bar("vix")),
        )
        self._info = MarketInfo(rules.calendar)
        self._rows = OrderRows(self._instrument_of, options.account)
        self._updates = UpdateQueue(faults)
        self._login = Login(options, self.tokens, mint)
        self.static_ip = StaticIp(options, self.tokens, options.registered_ips)
        self._gates = Gates(
            routes=RouteTable(all_routes(self._desks(rules, day))),
            gate=RateGate(options.limits),
            tokens=self.tokens,
            static_ip=self.static_ip,
            options=options,
            faults=faults,
        )

    # --- what carries it ----------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer one request at the clock's moment. `path` and `query` are decoded."""
        self.advance()
        response = self._gates.answer(request, self._now())
        self._publish()
        return response

    def advance(self) -> None:
        """Bring market, exchange and scheduled faults to the clock's moment."""
        now = self._now()
        while self._next is not None and self._next.ts <= now:
            self._look(self._next)
            self._next = next(self._upcoming, None)
        self.exchange.step(now)
        self._publish()
        self._strike(now)
        self._login.approve_due(now)

    def drain_updates(self) -> list[dict[str, Any]]:
        """Updates of the portfolio stream since the last call, in the order of sending."""
        return [made() for made in self._updates.drain()]

    def drain_unmade(self) -> list[Callable[[], dict[str, Any]]]:
        """The same, each made by calling it: most are, when nobody listens, of no use to anyone."""
        return self._updates.drain()

    @property
    def updates_waiting(self) -> int:
        """How many updates the next of these calls gives."""
        return self._updates.waiting

    def drain_notices(self) -> list[Notice]:
        """What is to be posted to the app's notifier."""
        notices, self._login.notices = self._login.notices, []
        return notices

    def segment_status(self) -> dict[str, str]:
        """The word of every segment now."""
        return self._info.segment_status(self._now())

    # --- tokens and sockets ---------------------------------------------------------------------------

    @property
    def ws_base_url(self) -> str:
        """Where the sockets are, as addresses of the feeds begin."""
        return self.sockets.base_url

    @ws_base_url.setter
    def ws_base_url(self, url: str) -> None:
        self.sockets.base_url = url

    def issue_token(self) -> str:
        """A live token, without the login."""
        return self.tokens.issue(self._now())

    def approve_token_requests(self) -> int:
        """The user approves what was asked for; gives how many requests that were."""
        return self._login.approve(self._now())

    def is_token_alive(self, token: str) -> bool:
        """Whether a token opens anything now."""
        return self.tokens.is_alive(token, self._now())

    def open_ticket(
        self, kind: TicketKind, authorization: str | None, update_types: tuple[str, ...] = ()
    ) -> str | None:
        """The address that a socket asked for directly is sent to; None without a live token."""
        return self.sockets.open_ticket(kind, authorization, self._now(), update_types)

    def redeem_ticket(self, code: str) -> Ticket | None:
        """The ticket of a code, once."""
        return self.sockets.tickets.redeem(code)

    # --- what it knows of itself ------------------------------------------------------------------------

    @property
    def counts(self) -> Counts:
        """Requests, orders, executions and faults so far."""
        return Counts(
            requests=self._gates.requests,
            orders_accepted=len(self.exchange.accepted_tags),
            trades=len(self.exchange.trades),
            faults_fired=len(self.faults.fired),
        )

    @property
    def misrouted(self) -> int:
        """Order calls that came to another host than they belong to, and the other way round."""
        return self._gates.misrouted

    @property
    def rate_violations(self) -> int:
        """Requests that were over a budget: faults not among them."""
        return self._gates.rate_violations

    # --- inside -------------------------------------------------------------------------------------

    def _look(self, snapshot: ChainSnapshot) -> None:
        self.exchange.look(snapshot)
        self._publish()
        if self.exchange.chain is not None:
            self.board.thaw(snapshot.ts)
            self.exchange.frozen = frozenset(self.board.frozen)
            self.board.take(self.exchange.chain)

    def _publish(self) -> None:
        happenings = self.exchange.drain()
        if not happenings:
            return
        now = self._now()
        for happened in happenings:
            if isinstance(happened, OrderChanged):
                self._updates.add(partial(self._rows.update, happened.order, happened.image), now)
            else:
                row = self._rows.position_update(happened.holding)  # at once: a holding goes on changing
                self._updates.add(partial(dict, row), now)

    def _strike(self, now: datetime) -> None:
        if self.faults.strikes(FaultName.TOKEN_DEATH, now):
            self.tokens.revoke_all()
        if self.board.shown is not None and self.faults.strikes(FaultName.FROZEN_INSTRUMENT, now):
            for_s = self.faults.size_of(FaultName.FROZEN_INSTRUMENT)
            self.freeze(self._near_the_money(), for_s=for_s)

    def freeze(self, contract: OptionContract, *, for_s: float) -> None:
        """The quotes of a contract stand still for so many seconds, and nothing trades in it."""
        now = self._now()
        self.board.freeze(contract, now=now, until=now + timedelta(seconds=for_s))
        self.exchange.frozen = frozenset(self.board.frozen)

    def _near_the_money(self) -> OptionContract:
        index, listing = self.board.index, self.board.listing
        rows = range(int(listing.offsets[0]), int(listing.offsets[1]))
        level = index.ltp if index is not None else float(listing.strike[rows].mean())
        near = sorted(rows, key=lambda row: (abs(float(listing.strike[row]) - level), row))
        choice = self.faults.choose(FaultName.FROZEN_INSTRUMENT, min(FROZEN_AROUND_MONEY, len(near)))
        return listing.contract(near[choice])

    def _instrument_of(self, contract: OptionContract) -> Instrument:
        found = self.instruments.of_contract(contract)
        if found is None:
            raise DataError(f"{contract.symbol} is not listed by this market")
        return found

    def _desks(self, rules: Rules, day: date) -> Desks:
        options, faults, info = self.options, self.faults, self._info
        reader = OrderReader(self.instruments, options)
        orders = Orders(self.exchange, reader, self._rows, faults)
        candles = Candles(self.board, self._past, info.opens_at)
        return Desks(
            login=self._login,
            sockets=self.sockets,
            clock=self.clock,
            orders=orders,
            batches=OrderBatches(
                exchange=self.exchange,
                instruments=self.instruments,
                reader=reader,
                orders=orders,
                options=options,
                faults=faults,
                is_open=info.is_open,
            ),
            portfolio=Portfolio(self.exchange, self.board, self._instrument_of),
            charges=ChargeDesk(
                self.exchange, self.instruments, rules.charges, day, options.caps.margin_lines
            ),
            kill_switch=KillSwitch(self.exchange, self.tokens),
            static_ip=self.static_ip,
            quotes=Quotes(self.board, options.caps, self.exchange.checks.band_of),
            chain=Chain(self.board),
            candles=candles,
            expired=Expired(
                instruments=self.instruments,
                contracts=rules.contracts,
                past=self._past,
                candles=candles,
                today=lambda: self._now().date(),
                plus_status=None if options.has_plus else options.plus_status,
            ),
            info=info,
            file=InstrumentsFile(self.instruments),
        )


def _exchange_settings(options: LookAlikeOptions, cadence_s: float) -> ExchangeSettings:
    cadences = options.gap_cadences
    return ExchangeSettings(
        delay_s=options.order_delay_s,
        gap_s=None if cadences is None else cadences * cadence_s,
        trade_units_max=options.trade_units_max,
    )


__all__ = ["LookAlike", "LookAlikeOptions", "Notice", "ServerClock"]
