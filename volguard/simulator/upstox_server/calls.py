"""The table of calls: which desk answers what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from volguard.simulator.upstox_server.call import Call, Handler
from volguard.simulator.upstox_server.candles import Candles
from volguard.simulator.upstox_server.chain import Chain
from volguard.simulator.upstox_server.charges import ChargeDesk
from volguard.simulator.upstox_server.envelope import json_response
from volguard.simulator.upstox_server.expired import Expired
from volguard.simulator.upstox_server.instruments_file import InstrumentsFile
from volguard.simulator.upstox_server.login import Login
from volguard.simulator.upstox_server.market_info import MarketInfo
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.order_batches import OrderBatches
from volguard.simulator.upstox_server.orders import Orders
from volguard.simulator.upstox_server.portfolio import Portfolio
from volguard.simulator.upstox_server.quotes import Quotes
from volguard.simulator.upstox_server.routes import Hours, Route
from volguard.simulator.upstox_server.safety import KillSwitch, StaticIp
from volguard.simulator.upstox_server.socket_entry import SocketEntry


class Speed(Protocol):
    """A clock that says how fast it goes."""

    speed: float

    def now(self) -> datetime:
        """Its time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """Everything that answers calls."""

    login: Login
    sockets: SocketEntry
    clock: Speed
    orders: Orders
    batches: OrderBatches
    portfolio: Portfolio
    charges: ChargeDesk
    kill_switch: KillSwitch
    static_ip: StaticIp
    quotes: Quotes
    chain: Chain
    candles: Candles
    expired: Expired
    info: MarketInfo
    file: InstrumentsFile


def all_routes(desks: Desks) -> Iterator[Route]:
    """Every call; of two that could take a path the first one does."""
    yield from _login_routes(desks)
    yield from _order_routes(desks)
    yield from _account_routes(desks)
    yield from _market_routes(desks)
    yield from _candle_routes(desks)
    yield from _control_routes(desks)


def _login_routes(desks: Desks) -> Iterator[Route]:
    login = desks.login
    dialog = "/v2/login/authorization/dialog"
    for name, method, path, handler in (
        ("dialog", "GET", dialog, login.dialog),
        ("dialog", "POST", dialog, login.dialog),
        ("exchange_code", "POST", "/v2/login/authorization/token", login.exchange_code),
        ("request_token", "POST", "/v3/login/auth/token/request/{client_id}", login.request_token),
    ):
        yield Route(name=name, method=method, path=path, handler=handler, needs_token=False, is_login=True)
    yield Route(name="logout", method="DELETE", path="/v2/logout", handler=login.log_out, is_login=True)


def _order_routes(desks: Desks) -> Iterator[Route]:
    orders, batches = desks.orders, desks.batches
    yield _write("place", "POST", "/v3/order/place", orders.place, on_order_host=True)
    yield _write("modify", "PUT", "/v3/order/modify", orders.modify, on_order_host=True)
    yield _write("cancel", "DELETE", "/v3/order/cancel", orders.cancel, on_order_host=True)
    yield _write("place", "POST", "/v2/order/place", orders.place_old, on_order_host=True)
    yield _write("modify", "PUT", "/v2/order/modify", orders.modify_old, on_order_host=True)
    yield _write("cancel", "DELETE", "/v2/order/cancel", orders.cancel_old, on_order_host=True)
    yield _write("multi_place", "POST", "/v2/order/multi/place", batches.place)
    yield _write("multi_cancel", "DELETE", "/v2/order/multi/cancel", batches.cancel)
    yield _write("exit_all", "POST", "/v2/order/positions/exit", batches.exit_all)
    for name, path, handler in (
        ("order_details", "/v2/order/details", orders.details),
        ("order_history", "/v2/order/history", orders.history),
        ("order_book", "/v2/order/retrieve-all", orders.book),
        ("trades", "/v2/order/trades/get-trades-for-day", orders.trades_of_day),
        ("order_trades", "/v2/order/trades", orders.trades_of_order),
    ):
        yield _get(name, path, handler, hours=Hours.ORDERS)


def _account_routes(desks: Desks) -> Iterator[Route]:
    portfolio, charges, funds = desks.portfolio, desks.charges, Hours.FUNDS
    yield _get("positions", "/v2/portfolio/short-term-positions", portfolio.positions)
    yield _get("holdings", "/v2/portfolio/long-term-holdings", portfolio.holdings)
    yield _get("profile", "/v2/user/profile", desks.login.user_profile)
    yield _get("funds", "/v3/user/get-funds-and-margin", portfolio.funds, hours=funds)
    yield _get("funds", "/v2/user/get-funds-and-margin", portfolio.funds_old, hours=funds)
    yield Route(name="margin", method="POST", path="/v2/charges/margin", handler=charges.margin, hours=funds)
    yield _get("brokerage", "/v2/charges/brokerage", charges.brokerage)
    yield _get("kill_switch", "/v2/user/kill-switch", desks.kill_switch.read)
    yield Route(
        name="set_kill_switch",
        method="POST",
        path="/v2/user/kill-switch",
        handler=desks.kill_switch.change,
    )
    yield _get("static_ip", "/v2/user/ip", desks.static_ip.read)
    yield Route(name="set_static_ip", method="PUT", path="/v2/user/ip", handler=desks.static_ip.change)


def _market_routes(desks: Desks) -> Iterator[Route]:
    quotes, chain, info, sockets = desks.quotes, desks.chain, desks.info, desks.sockets
    yield _get("quotes", "/v2/market-quote/quotes", quotes.full)
    yield _get("ltp", "/v3/market-quote/ltp", quotes.ltp)
    yield _get("ltp", "/v2/market-quote/ltp", quotes.ltp_old)
    yield _get("ohlc", "/v3/market-quote/ohlc", quotes.ohlc)
    yield _get("ohlc", "/v2/market-quote/ohlc", quotes.ohlc_old)
    yield _get("option_greeks", "/v3/market-quote/option-greek", quotes.greeks)
    yield _get("option_contracts", "/v2/option/contract", chain.contracts)
    yield _get("option_chain", "/v2/option/chain", chain.chain)
    yield _get("holidays", "/v2/market/holidays", info.holidays, is_open=True)
    yield _get("holidays", "/v2/market/holidays/{date}", info.holiday, is_open=True)
    yield _get("timings", "/v2/market/timings/{date}", info.timings, is_open=True)
    yield _get("market_status", "/v2/market/status/{exchange}", info.status)
    yield _get("feed_authorize", "/v3/feed/market-data-feed/authorize", sockets.market)
    yield _get("portfolio_authorize", "/v2/feed/portfolio-stream-feed/authorize", sockets.portfolio)
    file = "/market-quote/instruments/exchange/{exchange}.json.gz"
    yield _get("instrument_file", file, desks.file.file, is_open=True)


def _candle_routes(desks: Desks) -> Iterator[Route]:
    candles, expired = desks.candles, desks.expired
    new, old = "/v3/historical-candle", "/v2/historical-candle"
    bare = "/v2/expired-instruments"
    for name, path, handler in (
        ("intraday_candles", f"{new}/intraday/{{key}}/{{unit}}/{{interval}}", candles.intraday),
        ("candles", f"{new}/{{key}}/{{unit}}/{{interval}}/{{to_date}}/{{from_date}}", candles.historical),
        ("candles", f"{new}/{{key}}/{{unit}}/{{interval}}/{{to_date}}", candles.historical),
        ("intraday_candles", f"{old}/intraday/{{key}}/{{interval}}", candles.intraday_old),
        ("candles", f"{old}/{{key}}/{{interval}}/{{to_date}}/{{from_date}}", candles.historical_old),
        ("candles", f"{old}/{{key}}/{{interval}}/{{to_date}}", candles.historical_old),
    ):
        yield _get(name, path, handler, is_open=True)
    yield _get("expired_expiries", f"{bare}/expiries", expired.expiries)
    yield _get("expired_contracts", f"{bare}/option/contract", expired.option_contracts)
    yield _get("expired_futures", f"{bare}/future/contract", expired.future_contracts)
    path = f"{bare}/historical-candle/{{key}}/{{interval}}/{{to_date}}/{{from_date}}"
    yield _get("expired_candles", path, expired.candles)


def _control_routes(desks: Desks) -> Iterator[Route]:
    # Of the look-alike itself: nothing like them is at the broker.
    def clock(call: Call) -> Response:
        return json_response({"now": call.now.isoformat(), "speed": desks.clock.speed, "is_lookalike": True})

    def approve(call: Call) -> Response:
        return json_response({"approved": desks.login.approve(call.now)})

    yield Route(
        name="clock",
        method="GET",
        path="/lookalike/clock",
        handler=clock,
        needs_token=False,
        is_login=True,
    )
    yield Route(
        name="approve",
        method="POST",
        path="/lookalike/approve",
        handler=approve,
        needs_token=False,
        is_login=True,
    )


def _get(
    name: str, path: str, handler: Handler, *, hours: Hours = Hours.ALWAYS, is_open: bool = False
) -> Route:
    return Route(name=name, method="GET", path=path, handler=handler, hours=hours, needs_token=not is_open)


def _write(name: str, method: str, path: str, handler: Handler, *, on_order_host: bool = False) -> Route:
    return Route(
        name=name,
        method=method,
        path=path,
        handler=handler,
        is_write=True,
        wants_order_host=on_order_host,
        hours=Hours.ORDERS,
    )
