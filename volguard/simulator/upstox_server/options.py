"""How one look-alike is set up: the app, the account, the caps and hours of its broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from volguard.model.instrument import Side
from volguard.simulator.exchange_account import Overnight
from volguard.simulator.upstox_server.limits import UNREGISTERED, RateClass, RateLimit

WEBSOCKET_URL: Final = "wss://wsfeeder-api.upstox.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCap:
    """Most instruments of one mode on one connection: alone, and beside other modes."""

    alone: int
    combined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most of each that one call, or one connection, may carry."""

    multi_lines: int = 10
    cancel_orders: int = 10
    exit_positions: int = 10
    slices: int = 10
    margin_lines: int = 20
    quote_keys: int = 500
    greek_keys: int = 50
    connections: int = 2
    ltpc: StreamCap = StreamCap(alone=5000, combined=2000)
    option_greeks: StreamCap = StreamCap(alone=3000, combined=2000)
    full: StreamCap = StreamCap(alone=2000, combined=1500)
    full_d30: StreamCap = StreamCap(alone=50, combined=1500)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlikeOptions:
    """What the look-alike is told at its start.

    `registered_ips` empty: writes are taken from anywhere. `peer_ip` is where calls come from unless they
    say so in x-forwarded-for. `approve_after_s` None: token requests wait for `approve_token_requests`.
    `order_delay_s` passes between a request and its effect at the exchange. Codes and HTTP statuses that the
    broker's own pages disagree on can be set.
    """

    api_key: str
    api_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    account: str = "VG0001"
    user_name: str = "REHEARSAL TRADER"
    email: str = "trader@example.org"
    capital_inr: Decimal = Decimal(2_000_000)
    overnight: tuple[Overnight, ...] = ()
    seed: int = 1
    has_plus: bool = False
    is_sandbox: bool = False
    notifier_url: str = ""
    approve_after_s: float | None = None
    ws_base_url: str = WEBSOCKET_URL
    caps: Caps = field(default_factory=Caps)
    limits: Mapping[RateClass, RateLimit] = field(default_factory=lambda: UNREGISTERED)
    counts_lines: bool = False  # each line of a multi order counts for the order budget
    order_delay_s: float = 0.25
    gap_cadences: float | None = 3.0  # after a longer gap nothing fills on the first snapshot
    trade_units_max: int | None = None
    exit_first: Side = Side.BUY  # of exit-all: positions that were bought go first
    registered_ips: tuple[str, ...] = ()
    peer_ip: str = "127.0.0.1"
    static_ip_status: int = 403
    order_window_status: int = 423
    plus_status: int = 403
    nothing_to_cancel: str = "UDAPI1108"
    nothing_to_exit: str = "UDAPI1111"
