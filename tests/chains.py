"""Synthetic option chains with known answers, and the shipped rules and settings, for tests of any part.

A chain is Black-76 at one forward and one volatility, quoted around its theoretical price, so that forward,
volatility and flags of a view have values that the test knows beforehand.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from volguard.measure.market_view import MarketView, view_market
from volguard.measure.quality import QualitySettings
from volguard.measure.stress_settings import StressSettings
from volguard.model.book import Leg
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying
from volguard.model.market import Capabilities, ChainSnapshot, FloatArray, Listing
from volguard.model.units import IST
from volguard.nse.calendar import CalendarTables
from volguard.nse.charges import ChargeTables
from volguard.nse.contracts import ContractTables
from volguard.nse.margin_rules import MarginTables
from volguard.nse.rules import Rules, make_rules
from volguard.pricing.black76 import price
from volguard.pricing.quote_flags import FlagSettings
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.volatility.event_calendar import EventTables
from volguard.volatility.iv_rv import IvRvSettings
from volguard.volatility.models import ModelSettings

ROOT: Final = Path(__file__).resolve().parents[1]
NIFTY: Final = Underlying("NIFTY")
DAY: Final = date(2025, 9, 3)  # a Wednesday without holidays near it
NOW: Final = datetime(2025, 9, 3, 11, 0, tzinfo=IST)
WEEKLY: Final = date(2025, 9, 9)
MONTHLY: Final = date(2025, 9, 30)
LOT: Final = 75
FORWARD: Final = 24_800.0
SIGMA: Final = 0.12
RATE: Final = 0.065
CAPABILITIES: Final = Capabilities(spot=False, vix=False, quote_time=False, depth=True, cadence_s=60.0)
STRIKES: Final[Mapping[date, Iterable[int]]] = {
    WEEKLY: range(24_000, 25_601, 50),
    MONTHLY: range(23_000, 26_601, 50),
}

SettingsT = TypeVar("SettingsT")


@lru_cache(maxsize=1)
def shipped_rules() -> Rules:
    """The exchange's rules from the shipped tables."""
    return make_rules(
        msgspec.convert(_toml("calendar.toml"), CalendarTables),
        msgspec.convert(_toml("contracts.toml"), ContractTables),
        msgspec.convert(_toml("charges.toml"), ChargeTables),
        msgspec.convert(_toml("margin.toml"), MarginTables),
    )


def shipped_events() -> EventTables:
    """events.toml as shipped."""
    return msgspec.convert(_toml("events.toml"), EventTables)


def shipped_policy() -> Policy:
    """[strategy] as shipped."""
    return _shipped(Policy, "strategy")


def shipped_bucket(name: str) -> BucketPolicy:
    """[bucket.<name>] as shipped."""
    return _shipped(BucketPolicy, "bucket", name)


def shipped_flags() -> FlagSettings:
    """[quotes] as shipped."""
    return _shipped(FlagSettings, "quotes")


def shipped_stress() -> StressSettings:
    """stress.toml as shipped."""
    return msgspec.convert(_toml("stress.toml"), StressSettings)


def shipped_quality() -> QualitySettings:
    """[quality] as shipped."""
    return _shipped(QualitySettings, "quality")


def shipped_models() -> ModelSettings:
    """[models] as shipped."""
    return _shipped(ModelSettings, "models")


def shipped_iv_rv() -> IvRvSettings:
    """[iv_rv] as shipped."""
    return _shipped(IvRvSettings, "iv_rv")


def at(text: str) -> datetime:
    """An instant in Indian time: `at("2025-09-03 11:00")`."""
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def call(strike: int, expiry: date = WEEKLY) -> OptionContract:
    """A NIFTY call."""
    return OptionContract(underlying=NIFTY, expiry=expiry, strike=strike, option_type=OptionType.CALL)


def put(strike: int, expiry: date = WEEKLY) -> OptionContract:
    """A NIFTY put."""
    return OptionContract(underlying=NIFTY, expiry=expiry, strike=strike, option_type=OptionType.PUT)


def sold(contract: OptionContract) -> Leg:
    """A short leg."""
    return Leg(contract=contract, side=Side.SELL)


def bought(contract: OptionContract) -> Leg:
    """A long leg."""
    return Leg(contract=contract, side=Side.BUY)


def condor(low: int, short_put: int, short_call: int, high: int, expiry: date = WEEKLY) -> tuple[Leg, ...]:
    """An iron condor from its four strikes, lowest first."""
    return (
        bought(put(low, expiry)),
        sold(put(short_put, expiry)),
        sold(call(short_call, expiry)),
        bought(call(high, expiry)),
    )


def make_listing(strikes: Mapping[date, Iterable[int]] = STRIKES, underlying: Underlying = NIFTY) -> Listing:
    """A call and a put at every strike of every expiry, rows in the order that a listing needs."""
    expiries = tuple(sorted(strikes))
    ladders = [sorted(strikes[expiry]) for expiry in expiries]
    rows = [(strike, is_call) for ladder in ladders for strike in ladder for is_call in (True, False)]
    return Listing(
        underlying=underlying,
        expiries=expiries,
        offsets=np.concatenate(([0], np.cumsum([2 * len(ladder) for ladder in ladders]))).astype(np.int64),
        strike=np.array([strike for strike, _ in rows], dtype=np.float64),
        is_call=np.array([is_call for _, is_call in rows], dtype=np.bool_),
    )


def years_of(listing: Listing, ts: datetime) -> FloatArray:
    """ACT/365 years from `ts` to the close of each expiry day, from the plain calendar."""
    closes = [_close_of(expiry) for expiry in listing.expiries]
    return np.array([(close - ts).total_seconds() / (365.0 * 86_400.0) for close in closes])


def flat_vol_snapshot(
    ts: datetime = NOW,
    forward: float = FORWARD,
    sigma: float | FloatArray = SIGMA,
    *,
    listing: Listing | None = None,
    rate: float = RATE,
    half_spread: float = 0.05,
    tick: float | None = 0.05,
    size: int = 750,
    vendor_basis: float = 0.0,
    quote_age_s: float | None = None,
    underlying_ltp: float | None = None,
    vix: float | None = None,
) -> ChainSnapshot:
    """Black-76 at one forward for all expiries and one volatility (or one per row), both sides quoted.

    The touch is the theoretical price less and plus `half_spread`, rounded outwards to the tick (None: not
    rounded, so that mids are exact); a side at or below zero is absent. `vendor_iv` is `sigma` plus
    `vendor_basis`.
    """
    listing = make_listing() if listing is None else listing
    t = years_of(listing, ts)[listing.expiry_index]
    fair = price(forward, listing.strike, t, sigma, listing.is_call, np.exp(-rate * t))
    bid, ask = fair - half_spread, fair + half_spread
    if tick is not None:
        bid, ask = np.floor(bid / tick) * tick, np.ceil(ask / tick) * tick
    rows = len(listing)
    bid = np.where(bid > 1e-9, bid, np.nan)
    ages = None if quote_age_s is None else np.full(rows, quote_age_s)
    return ChainSnapshot(
        ts=ts,
        listing=listing,
        bid=bid,
        bid_qty=np.where(np.isfinite(bid), size, 0),
        ask=ask,
        ask_qty=np.full(rows, size),
        ltp=fair.copy(),
        volume=np.full(rows, 10 * size),
        oi=np.full(rows, 100 * size),
        vendor_iv=np.broadcast_to(np.asarray(sigma) + vendor_basis, (rows,)).copy(),
        quote_age_s=ages,
        underlying_ltp=underlying_ltp,
        vix=vix,
    )


def with_cells(snapshot: ChainSnapshot, contract: OptionContract, **cells: float) -> ChainSnapshot:
    """The snapshot with some columns of one contract changed: `with_cells(s, put(24400), bid=nan)`."""
    row = snapshot.listing.row(contract)
    if row is None:
        raise KeyError(contract)
    columns: dict[str, Any] = {}
    for name, value in cells.items():
        column = getattr(snapshot, name).copy()
        column[row] = value
        columns[name] = column
    return replace(snapshot, **columns)


def with_column(snapshot: ChainSnapshot, **columns: FloatArray) -> ChainSnapshot:
    """The snapshot with whole columns replaced."""
    return replace(snapshot, **columns)


def view_of(
    snapshot: ChainSnapshot,
    previous: MarketView | None = None,
    *,
    capabilities: Capabilities = CAPABILITIES,
) -> MarketView:
    """The view of a snapshot under the shipped rules and quote settings."""
    return view_market(
        snapshot,
        previous,
        trading_date=snapshot.ts.date(),
        capabilities=capabilities,
        rules=shipped_rules(),
        settings=shipped_flags(),
    )


def _close_of(expiry: date) -> datetime:
    session = shipped_rules().calendar.session(expiry)
    if session is None:
        raise ValueError(f"{expiry} has no session, a chain cannot expire on it")
    return session.windows[-1][1]


def _shipped(settings_class: type[SettingsT], *path: str) -> SettingsT:
    table = _toml("volguard.toml")
    for name in path:
        table = table[name]
    return msgspec.convert(table, settings_class)


@lru_cache(maxsize=8)
def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "config" / name).read_text())
