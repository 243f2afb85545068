"""The simulator's exchange with two options and a clock in seconds, for the tests of exchange and account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.fakes import NIFTY, TS, Touch, call, chain, put, shipped_rules
from volguard.model.instrument import OptionContract, Side
from volguard.simulator.exchange import Exchange, ExchangeSettings
from volguard.simulator.exchange_orders import SimOrder, SimTrade, Ticket

CALL, PUT = call(24800), put(24200)
QUOTES: dict[OptionContract, Touch] = {CALL: (9.9, 650, 10.0, 650), PUT: (8.0, 650, 8.2, 650)}


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return TS + timedelta(seconds=seconds)


def make_exchange(*, capital: int = 2_000_000, **settings: Any) -> Exchange:
    """An exchange on the day of TS."""
    return Exchange(
        rules=shipped_rules(),
        underlying=NIFTY,
        trading_date=TS.date(),
        settings=ExchangeSettings(**settings),
        capital_inr=Decimal(capital),
    )


@dataclass
class Floor:
    """An exchange that has shown one snapshot at second 0."""

    exchange: Exchange = field(default_factory=make_exchange)

    def __post_init__(self) -> None:
        self.look(0)

    def look(self, seconds: float, quotes: Mapping[OptionContract, Touch] = QUOTES) -> list[SimTrade]:
        """A snapshot; gives the executions that it made."""
        return self.exchange.look(chain(at(seconds), {**QUOTES, **quotes}))

    def place(self, seconds: float = 0.0, limit: str = "10.00", **changes: Any) -> SimOrder:
        """Buy a lot of the call, unless told otherwise."""
        given = {"contract": CALL, "side": Side.BUY, "quantity": 65, "tag": "VG-1", **changes}
        return self.exchange.place(Ticket(limit_price=Decimal(limit), **given), at(seconds))

    def words(self, order: SimOrder) -> list[str]:
        """The words of an order so far."""
        return [image.word.value for image in order.images]
