"""The broker's own safety switches: the kill switch by segment, and the registered static addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final

from volguard.adapters.upstox.times import iso_text
from volguard.simulator.exchange import Exchange
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.instruments import SEGMENT
from volguard.simulator.upstox_server.messages import Request, Response
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.tokens import Tokens

KILL_SEGMENTS: Final = (
    *("NSE_EQ", "BSE_EQ", "NSE_FO", "BSE_FO", "NCD_FO", "BCD_FO"),
    *("MCX_FO", "NSE_COM", "BSE_MF"),
)
COOLING: Final = timedelta(hours=12)
KILLED: Final = "Orders of this segment are blocked by the kill switch"


class KillSwitch:
    """One switch per segment; a change kills every token."""

    def __init__(self, exchange: Exchange, tokens: Tokens) -> None:
        self._exchange, self._tokens = exchange, tokens
        self._since: dict[str, datetime] = {}  # segments that are switched off

    def read(self, _call: Call) -> Response:
        """Every segment's state."""
        return success([self._row(segment) for segment in KILL_SEGMENTS])

    def change(self, call: Call) -> Response:
        """All changes or none; refused with open positions, and for 12 hours after it was switched on."""
        wanted = call.json()
        if not isinstance(wanted, list) or not wanted:
            raise CallRefused("UDAPI100036")
        changes = [_change_of(item) for item in wanted]
        for segment, is_on in changes:
            self._check(segment, is_on=is_on, now=call.now)
        for segment, is_on in changes:
            self._apply(segment, is_on=is_on, now=call.now)
        self._tokens.revoke_all()
        return success([self._row(segment) for segment, _ in changes])

    def _check(self, segment: str, *, is_on: bool, now: datetime) -> None:
        if is_on and segment == SEGMENT and any(self._exchange.account.open_holdings()):
            raise CallRefused("UDAPI1184")
        since = self._since.get(segment)
        if not is_on and since is not None and now < since + COOLING:
            raise CallRefused("UDAPI1185")

    def _apply(self, segment: str, *, is_on: bool, now: datetime) -> None:
        if is_on:
            self._since.setdefault(segment, now)
        else:
            self._since.pop(segment, None)
        if segment != SEGMENT:
            return
        self._exchange.closed_to_orders = KILLED if is_on else ""
        if is_on:
            for order in self._exchange.orders.values():
                self._exchange.cancel(order, now)

    def _row(self, segment: str) -> dict[str, Any]:
        is_on = segment in self._since
        status = "INACTIVE" if is_on else "ACTIVE"
        return {"segment": segment, "segment_status": status, "kill_switch_enabled": is_on}


@dataclass(slots=True)
class StaticIp:
    """The addresses that may write; a change kills every token, and one is allowed in a calendar week."""

    options: LookAlikeOptions
    tokens: Tokens
    addresses: tuple[str, ...]
    changed_at: datetime | None = None

    def refuses(self, request: Request) -> bool:
        """Whether a write comes from an address that is not registered."""
        peer = request.headers.get("x-forwarded-for", self.options.peer_ip)
        return bool(self.addresses) and peer not in self.addresses

    def read(self, _call: Call) -> Response:
        """What is registered."""
        return success(self._row(invalidated=False))

    def change(self, call: Call) -> Response:
        """Register other addresses."""
        body = call.json()
        primary = body.get("primary_ip") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not _is_address(primary):
            raise CallRefused("UDAPI100036")
        secondary = body.get("secondary_ip")
        if secondary is not None and not _is_address(secondary):
            raise CallRefused("UDAPI100036")
        if self.changed_at is not None and _week(self.changed_at) == _week(call.now):
            raise CallRefused("UDAPI1179")
        self.addresses = tuple(address for address in (primary, secondary) if isinstance(address, str))
        self.changed_at = call.now
        self.tokens.revoke_all()
        return success(self._row(invalidated=True))

    def _row(self, *, invalidated: bool) -> dict[str, Any]:
        primary, secondary = (*self.addresses, None, None)[:2]
        at = iso_text(self.changed_at) if self.changed_at is not None else None
        return {
            "primary_ip": primary,
            "secondary_ip": secondary,
            "primary_ip_updated_at": at if primary is not None else None,
            "secondary_ip_updated_at": at if secondary is not None else None,
            "access_tokens_invalidated": invalidated,
            "primary_ip_family_members": [],
            "secondary_ip_family_members": [],
        }


def _change_of(item: object) -> tuple[str, bool]:
    if not isinstance(item, dict) or item.get("segment") not in KILL_SEGMENTS:
        raise CallRefused("UDAPI1186")
    if item.get("action") not in ("ENABLE", "DISABLE"):
        raise CallRefused("UDAPI1188")
    return item["segment"], item["action"] == "ENABLE"


def _is_address(text: object) -> bool:
    try:
        ip_address(str(text))
    except ValueError:
        return False
    return isinstance(text, str)


def _week(ts: datetime) -> tuple[int, int]:
    calendar = ts.isocalendar()
    return calendar.year, calendar.week
