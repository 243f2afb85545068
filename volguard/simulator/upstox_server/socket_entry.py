"""The way to the sockets: the authorize calls, and addresses with a code that works once."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.tokens import TicketKind, Tickets, Tokens, bearer_of

UPDATE_TYPES: Final = ("order", "gtt_order", "position", "holding")


class SocketEntry:
    """Gives out tickets; `base_url` is where the sockets are."""

    def __init__(self, tokens: Tokens, tickets: Tickets, base_url: str) -> None:
        self._tokens, self.tickets, self.base_url = tokens, tickets, base_url

    def market(self, call: Call) -> Response:
        """An address of the market feed."""
        return self._authorized(call, TicketKind.MARKET, ())

    def portfolio(self, call: Call) -> Response:
        """An address of the portfolio stream, for the updates asked for."""
        text = call.query("update_types")
        wanted = tuple(text.split(",")) if text else UPDATE_TYPES[:1]
        if any(kind not in UPDATE_TYPES for kind in wanted):
            raise CallRefused("UDAPI100036")
        return self._authorized(call, TicketKind.PORTFOLIO, wanted)

    def open_ticket(
        self, kind: TicketKind, authorization: str | None, now: datetime, update_types: tuple[str, ...]
    ) -> str | None:
        """The address for a socket that was asked for directly; None without a live token."""
        token = bearer_of(authorization)
        if token is None or not self._tokens.is_alive(token, now):
            return None
        wanted = update_types or UPDATE_TYPES[:1]
        return self.tickets.address(self.base_url, kind, token, wanted)

    def _authorized(self, call: Call, kind: TicketKind, update_types: tuple[str, ...]) -> Response:
        if call.token is None:
            raise CallRefused("UDAPI100050")
        uri = self.tickets.address(self.base_url, kind, call.token, update_types)
        return success({"authorized_redirect_uri": uri, "authorizedRedirectUri": uri})
