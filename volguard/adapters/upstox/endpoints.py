"""Every call to the broker as one row: method, host, path, rate band, whether it needs a token or writes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Host(StrEnum):
    """Which of the broker's hosts serves a call."""

    API = "api"
    ORDER = "order"  # the fast one: place, modify, cancel
    ASSETS = "assets"  # files


class Band(StrEnum):
    """Which rate budget a call is counted in."""

    ORDER = "order"
    STANDARD = "standard"
    LOGIN = "login"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call; `path` may hold {places}. A write is never sent twice."""

    name: str
    method: str
    path: str
    host: Host = Host.API
    band: Band = Band.STANDARD
    needs_token: bool = True
    is_write: bool = False


def _order(name: str, method: str, path: str, host: Host = Host.ORDER) -> Endpoint:
    return Endpoint(name=name, method=method, path=path, host=host, band=Band.ORDER, is_write=True)


def _get(name: str, path: str, *, needs_token: bool = True, host: Host = Host.API) -> Endpoint:
    return Endpoint(name=name, method="GET", path=path, needs_token=needs_token, host=host)


def _login(name: str, method: str, path: str) -> Endpoint:
    return Endpoint(name=name, method=method, path=path, band=Band.LOGIN, needs_token=False, is_write=True)


EXCHANGE_CODE: Final = _login("exchange_code", "POST", "/v2/login/authorization/token")
REQUEST_TOKEN: Final = _login("request_token", "POST", "/v3/login/auth/token/request/{client_id}")
LOGOUT: Final = Endpoint(name="logout", method="DELETE", path="/v2/logout", is_write=True)

PLACE: Final = _order("place", "POST", "/v3/order/place")
MODIFY: Final = _order("modify", "PUT", "/v3/order/modify")
CANCEL: Final = _order("cancel", "DELETE", "/v3/order/cancel")
MULTI_PLACE: Final = _order("multi_place", "POST", "/v2/order/multi/place", Host.API)
MULTI_CANCEL: Final = _order("multi_cancel", "DELETE", "/v2/order/multi/cancel", Host.API)
EXIT_ALL: Final = _order("exit_all", "POST", "/v2/order/positions/exit", Host.API)

ORDER_DETAILS: Final = _get("order_details", "/v2/order/details")
ORDER_HISTORY: Final = _get("order_history", "/v2/order/history")
ORDER_BOOK: Final = _get("order_book", "/v2/order/retrieve-all")
TRADES: Final = _get("trades", "/v2/order/trades/get-trades-for-day")
ORDER_TRADES: Final = _get("order_trades", "/v2/order/trades")
POSITIONS: Final = _get("positions", "/v2/portfolio/short-term-positions")

PROFILE: Final = _get("profile", "/v2/user/profile")
FUNDS: Final = _get("funds", "/v3/user/get-funds-and-margin")
MARGIN: Final = Endpoint(name="margin", method="POST", path="/v2/charges/margin")
BROKERAGE: Final = _get("brokerage", "/v2/charges/brokerage")
KILL_SWITCH: Final = _get("kill_switch", "/v2/user/kill-switch")
SET_KILL_SWITCH: Final = Endpoint(
    name="set_kill_switch", method="POST", path="/v2/user/kill-switch", is_write=True
)
STATIC_IP: Final = _get("static_ip", "/v2/user/ip")

HOLIDAYS: Final = _get("holidays", "/v2/market/holidays", needs_token=False)
TIMINGS: Final = _get("timings", "/v2/market/timings/{date}", needs_token=False)
MARKET_STATUS: Final = _get("market_status", "/v2/market/status/{exchange}")
QUOTES: Final = _get("quotes", "/v2/market-quote/quotes")
LTP: Final = _get("ltp", "/v3/market-quote/ltp")
OPTION_GREEKS: Final = _get("option_greeks", "/v3/market-quote/option-greek")
OPTION_CONTRACTS: Final = _get("option_contracts", "/v2/option/contract")
OPTION_CHAIN: Final = _get("option_chain", "/v2/option/chain")
CANDLES: Final = _get(
    "candles", "/v3/historical-candle/{key}/{unit}/{interval}/{to_date}/{from_date}", needs_token=False
)
INTRADAY_CANDLES: Final = _get(
    "intraday_candles", "/v3/historical-candle/intraday/{key}/{unit}/{interval}", needs_token=False
)
EXPIRED_EXPIRIES: Final = _get("expired_expiries", "/v2/expired-instruments/expiries")
EXPIRED_CONTRACTS: Final = _get("expired_contracts", "/v2/expired-instruments/option/contract")
EXPIRED_CANDLES: Final = _get(
    "expired_candles", "/v2/expired-instruments/historical-candle/{key}/{interval}/{to_date}/{from_date}"
)
INSTRUMENT_FILE: Final = _get(
    "instrument_file",
    "/market-quote/instruments/exchange/{exchange}.json.gz",
    needs_token=False,
    host=Host.ASSETS,
)
FEED_AUTHORIZE: Final = _get("feed_authorize", "/v3/feed/market-data-feed/authorize")
PORTFOLIO_AUTHORIZE: Final = _get("portfolio_authorize", "/v2/feed/portfolio-stream-feed/authorize")
