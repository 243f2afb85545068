"""The broker in this process for a self-test: a look-alike on a clock that is moved, sockets included."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.http11 import Response as HandshakeReply

from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.endpoints import INSTRUMENT_FILE
from volguard.adapters.upstox.kept_socket import Socket
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.rehearsal import API_KEY, API_SECRET
from volguard.adapters.upstox.token_holder import TokenHolder
from volguard.adapters.upstox.token_store import StoredToken, TokenFile
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.nse.rules import Rules
from volguard.operations.validate_live import Live, no_contract
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.feeds import MarketFeed
from volguard.simulator.upstox_server.in_process import transport
from volguard.simulator.upstox_server.messages import Request
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.server import LookAlike
from volguard.simulator.upstox_server.subscriptions import caps_of
from volguard.simulator.upstox_server.tokens import Ticket, TicketKind
from volguard.wiring import SourceRequest, open_source
from volguard.wiring.upstox import UpstoxLink

CADENCE_S: Final = 300.0
ADDRESS_OF_OURS: Final = "203.0.113.7"  # reserved for documentation: nobody's
DATA: Final = "data"


class StandIn:
    """A look-alike at a moment of a made-up day, with the faults that are asked for."""

    def __init__(
        self,
        *,
        settings: Settings,
        rules: Rules,
        root: Root,
        at: datetime,
        faults: Iterable[FaultRule] = (),
        **options: Any,
    ) -> None:
        """`options` are those of the look-alike that differ from a sound account's."""
        source = open_source(
            SourceRequest(trading_date=at.date(), cadence_s=CADENCE_S), settings, root, rules
        )
        self.clock = VirtualClock(at)
        sound = LookAlikeOptions(
            api_key=API_KEY,
            api_secret=API_SECRET,
            redirect_uris=(settings.upstox.redirect_uri,),
            capital_inr=settings.account.capital_inr,
            registered_ips=(ADDRESS_OF_OURS,),
            peer_ip=ADDRESS_OF_OURS,
        )
        self.look_alike = LookAlike(
            market=source.market,
            history=source.history,
            rules=rules,
            clock=self.clock,
            options=replace(sound, **options),
            faults=Faults(faults, seed=1),
        )
        self.token = self.look_alike.issue_token()

    @property
    def user_id(self) -> str:
        """Whose account it is."""
        return self.look_alike.options.account

    def instrument_file(self) -> bytes:
        """The instrument file of its day."""
        path = INSTRUMENT_FILE.path.format(exchange="NSE")
        return self.look_alike.handle(Request(method="GET", host="assets", path=path)).body

    def stored_token(self, settings: Settings) -> StoredToken:
        """Its token as the operator's file would hold it."""
        read_clock = self.clock.now
        return StoredToken.of(
            Secret(self.token),
            account=settings.account.name,
            base_url=settings.upstox.base_url,
            user_id=self.user_id,
            user_name=None,
            issued_at=read_clock(),
        )

    @contextmanager
    def opened(self, settings: Settings, root: Root) -> Iterator[Live]:
        """A link to it, with the token that lies in the root."""
        upstox, account = settings.upstox, settings.account.name
        holder = TokenHolder(TokenFile(root.resolve(DATA), account, upstox), self.clock.now)
        client = UpstoxClient(
            upstox,
            token=holder.current,
            clock=self.clock,
            transport=self._transport(),
            on_token_refused=holder.refused,
        )
        link = UpstoxLink(
            settings=upstox,
            account=account,
            clock=self.clock,
            holder=holder,
            client=client,
            reads=MarketReads(client),
        )
        try:
            yield Live(
                link=link, account=AccountReads(client, contract_of=no_contract), open_socket=self.open_socket
            )
        finally:
            link.close()

    @contextmanager
    def open_socket(self, address: str) -> Iterator[Socket]:
        """Connect as a websocket would; refused as the look-alike refuses."""
        query = parse_qs(urlsplit(address).query)
        ticket = self.look_alike.redeem_ticket(query.get("code", [""])[0])
        if ticket is None:
            raise _refused(HTTPStatus.FORBIDDEN)
        if not self.look_alike.is_token_alive(ticket.token):
            raise _refused(HTTPStatus.UNAUTHORIZED)
        yield _InProcessSocket(self.look_alike, self.clock, ticket)

    def _transport(self) -> httpx.BaseTransport:
        return transport(self.look_alike)


class _InProcessSocket:
    # What a client sees of one connection, with the socket faults of the look-alike.
    def __init__(self, core: LookAlike, clock: VirtualClock, ticket: Ticket) -> None:
        self._core, self._clock, self._ticket = core, clock, ticket
        self._waiting: deque[str | bytes] = deque()
        instruments = core.instruments
        levels = (instruments.index_key, instruments.vix_key)
        core.advance()
        self._feed = MarketFeed(
            core.board,
            caps=caps_of(core.options),
            exists=lambda key: key in levels or instruments.of_key(key) is not None,
            statuses=core.segment_status,
            now=clock.now,
        )
        self._client = self._feed.join()

    def send(self, message: bytes) -> None:
        self._waiting += self._feed.news(self._client)
        self._waiting += self._feed.take(self._client, message)

    def recv(self, timeout: float | None = None) -> str | bytes:
        self._core.advance()
        if self._strikes(FaultName.DEAD_SOCKET):
            raise ConnectionClosedError(None, None)
        if self._ticket.kind is TicketKind.PORTFOLIO:
            self._waiting += [msgspec.json.encode(each).decode() for each in self._core.drain_updates()]
        if not self._waiting or self._strikes(FaultName.STALLED_SOCKET):
            self._clock.sleep(timeout or 0.0)
            raise TimeoutError
        message = self._waiting.popleft()
        return message[: len(message) // 2] if self._strikes(FaultName.TORN_FRAME) else message

    def _strikes(self, fault: FaultName) -> bool:
        read_clock = self._clock.now
        return self._core.faults.strikes(fault, read_clock(), f"{self._ticket.kind}_stream")


def _refused(status: HTTPStatus) -> InvalidStatus:
    return InvalidStatus(HandshakeReply(status.value, status.phrase, Headers()))
