"""A look-alike over a small market of one expiry, on a clock that the tests move, and a signed client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
import numpy as np

from tests.fakes import NIFTY, FakeMarket, call, chain, put, shipped_rules, source_info
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.market import ChainSnapshot, DailyBar
from volguard.model.units import IST
from volguard.pricing.black76 import price
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import Faults
from volguard.simulator.upstox_server.in_process import transport
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.server import LookAlike

DAY = date(2026, 9, 16)
OPEN = datetime(2026, 9, 16, 9, 15, tzinfo=IST)
START = OPEN + timedelta(minutes=45)
STRIKES = range(24000, 25001, 100)
SPOT, VIX, SIGMA = 24500.0, 0.13, 0.12
YEARS = 6.0 / 365.0
CADENCE_S = 15.0
SIZE = 650
API, ORDERS, ASSETS = "https://api.upstox.com", "https://api-hft.upstox.com", "https://assets.upstox.com"
SECRET = "a-secret-of-the-app"
REDIRECT = "http://127.0.0.1:5055/callback"
OPTIONS = LookAlikeOptions(api_key="an-api-key", api_secret=SECRET, redirect_uris=(REDIRECT,))
CALL, PUT = call(24500), put(24500)
FAR_CALL, FAR_PUT = call(24900), put(24100)


@dataclass(frozen=True)
class Bars:
    """A short history: one bar a weekday, the last of them the day before."""

    origin: str = "tests"

    def daily(self, name: str, before: date) -> tuple[DailyBar, ...]:
        days = [before - timedelta(days=back) for back in range(200, 0, -1)]
        level = {NIFTY: 24_000.0, "INDIA_VIX": 12.0}.get(name)
        if level is None:
            return ()
        return tuple(_bar(day, level, place) for place, day in enumerate(days) if day.weekday() < 5)


def _bar(day: date, level: float, place: int) -> DailyBar:
    opened, close = level * (1 + 0.001 * (place % 7)), level * (1 + 0.001 * (place % 5))
    high, low = max(opened, close) * 1.002, min(opened, close) * 0.998
    return DailyBar(
        day=day, open=round(opened, 2), high=round(high, 2), low=round(low, 2), close=round(close, 2)
    )


@cache
def fair(contract: OptionContract, spot: float = SPOT) -> float:
    """Mid of a contract, on the tick."""
    is_call = contract.option_type is OptionType.CALL
    worth = float(price(spot, float(contract.strike), YEARS, SIGMA, is_call, 1.0))
    return max(round(worth * 20) / 20, 0.15)


def shot(
    seconds: float = 0.0,
    *,
    spot: float = SPOT,
    size: int = SIZE,
    quotes: Mapping[OptionContract, tuple[float, int, float, int]] | None = None,
    with_levels: bool = True,
) -> ChainSnapshot:
    """A snapshot so many seconds after START: a tick or two around fair, or what `quotes` says."""
    given = dict(quotes or {})
    table = {}
    for strike in STRIKES:
        for contract in (call(strike), put(strike)):
            mid = fair(contract, spot)
            table[contract] = given.get(contract, (round(mid - 0.1, 2), size, round(mid + 0.1, 2), size))
    made = chain(START + timedelta(seconds=seconds), table)
    rows = range(len(made.listing))
    mids = np.array([fair(made.listing.contract(row), spot) for row in rows])
    traded = np.full(len(rows), 65 * (100 + int(seconds // CADENCE_S)), dtype=np.int64)
    return replace(
        made,
        ltp=mids,
        volume=traded,
        oi=traded * 4,
        vendor_iv=np.full(len(rows), SIGMA),
        underlying_ltp=spot if with_levels else None,
        vix=VIX if with_levels else None,
    )


def market(*shots: ChainSnapshot) -> FakeMarket:
    """A source of given snapshots; without any, one every 15 s for ten minutes."""
    return FakeMarket(info=source_info(CADENCE_S), shots=shots or _ten_minutes())


@cache
def _ten_minutes() -> tuple[ChainSnapshot, ...]:
    return tuple(shot(CADENCE_S * n) for n in range(41))


@dataclass
class Desk:
    """A look-alike with its clock, and a client that carries a live token."""

    core: LookAlike
    clock: VirtualClock
    http: httpx.Client

    def key(self, contract: OptionContract) -> str:
        """The broker's key of a contract."""
        found = self.core.instruments.of_contract(contract)
        assert found is not None
        return found.key

    def get(self, path: str, host: str = API, **query: Any) -> httpx.Response:
        return self.http.get(host + path, params=query)

    def data(self, path: str, **query: Any) -> Any:
        """What a successful GET gives."""
        reply = self.get(path, **query)
        assert reply.status_code == 200, reply.text
        assert reply.json()["status"] == "success"
        return reply.json()["data"]

    def body(self, contract: OptionContract = CALL, side: Side = Side.BUY, **changes: Any) -> dict[str, Any]:
        """A place body of one lot, at a price that the market gives."""
        offset = 0.1 if side is Side.BUY else -0.1
        return {
            "quantity": 65,
            "product": "D",
            "validity": "DAY",
            "price": round(fair(contract) + offset, 2),
            "tag": "VG-1",
            "instrument_token": self.key(contract),
            "order_type": "LIMIT",
            "transaction_type": side.value,
            "disclosed_quantity": 0,
            "trigger_price": 0.0,
            "is_amo": False,
            **changes,
        }

    def place(self, contract: OptionContract = CALL, side: Side = Side.BUY, **changes: Any) -> str:
        """Place an order that must be taken; gives its number."""
        reply = self.http.post(f"{ORDERS}/v3/order/place", json=self.body(contract, side, **changes))
        assert reply.status_code == 200, reply.text
        (order_id,) = reply.json()["data"]["order_ids"]
        return str(order_id)

    def refused(self, reply: httpx.Response) -> tuple[int, str]:
        """HTTP status and code of an error, both spellings alike."""
        (error,) = reply.json()["errors"]
        assert reply.json()["status"] == "error"
        assert error["errorCode"] == error["error_code"]
        return reply.status_code, error["error_code"]

    def status(self, order_id: str) -> str:
        """The order's word in the book."""
        return str(self.data("/v2/order/details", order_id=order_id)["status"])

    def words(self, order_id: str) -> list[str]:
        """The words of an order's history."""
        return [row["status"] for row in self.data("/v2/order/history", order_id=order_id)]

    def wait(self, seconds: float = CADENCE_S) -> None:
        """Let time pass, and the market with it."""
        self.clock.advance(seconds)
        self.core.advance()


@contextmanager
def open_desk(
    *shots: ChainSnapshot, at: datetime = START, faults: Faults | None = None, **options: Any
) -> Iterator[Desk]:
    """A desk at a moment."""
    clock = VirtualClock(at)
    core = LookAlike(
        market=market(*shots),
        history=Bars(),
        rules=shipped_rules(),
        clock=clock,
        options=replace(OPTIONS, **options),
        faults=faults or Faults.none(),
    )
    headers = {"authorization": f"Bearer {core.issue_token()}", "accept": "application/json"}
    with httpx.Client(transport=transport(core), headers=headers, timeout=7.0) as http:
        yield Desk(core=core, clock=clock, http=http)


def rupees(text: str | float) -> Decimal:
    """A float of the wire as money."""
    return Decimal(str(text))
